"""A real HTTP server on loopback that serves files well, and badly where a test says so."""

from __future__ import annotations

import gzip
import json
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class QuietHTTPServer(ThreadingHTTPServer):
    """A server to which it is no news that a client hangs up."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing."""


@dataclass
class Request:
    """A request as the server saw it."""

    path: str
    headers: dict[str, str]

    @property
    def first_byte(self) -> int:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(match[1]) if match else 0


@dataclass
class Server:
    """Files by path, ``{"/a.h5": b"..."}``; ``script`` holds what to do with the next requests, one entry each.

    When the script is at its end, the server serves ``files`` in earnest: ranges, If-Range and ETags.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    script: deque[Callable[[Any, Server], None]] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)
    pause: float = 0.0


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server in threads of this process until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.requests.append(Request(self.path, dict(self.headers)))
            act = server.script.popleft() if server.script else serve()
            try:
                act(self, server)
            except ConnectionError:  # the other side was killed, as some tests do
                self.close_connection = True

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with QuietHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server = Server(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


# -- what a server can do with a request


def serve(
    *,
    cut_after: int | None = None,
    more_promised: int = 0,
    ranges: bool = True,
    etag: str | None = "",
    modified: str | None = None,
    if_range: bool = True,
    content_range: str | None = None,
    with_length: bool = True,
    body: bytes | None = None,
    coded: bool = False,
    pause: float | None = None,
) -> Callable[[Any, Server], None]:
    """Send the file, whole or from the byte asked for.

    The connection ends after ``cut_after`` bytes. ``more_promised`` is added to the Content-Length. An ``etag`` of None
    is left out; the default is that of the content. ``modified`` is the date of the last change. ``if_range`` False
    ignores that header. After each 4 KiB, ``pause`` seconds go by.
    """

    def act(handler: Any, server: Server) -> None:
        content = server.files.get(handler.path) if body is None else body
        if content is None:
            return answer(404)(handler, server)
        tag = f'"{hash(content) & 0xFFFFFFFF:08x}"' if etag == "" else etag
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", "")) if ranges else None
        if asked and if_range and handler.headers.get("If-Range", tag or modified) != (tag or modified):
            asked = None
        start = int(asked[1]) if asked else 0
        if asked and start >= len(content):
            return answer(416, headers={"Content-Range": f"bytes */{len(content)}"})(handler, server)
        part = gzip.compress(content) if coded else content[start:]
        handler.send_response(206 if asked else 200)
        if tag:
            handler.send_header("ETag", tag)
        if modified:
            handler.send_header("Last-Modified", modified)
        if coded:
            handler.send_header("Content-Encoding", "gzip")
        if asked:
            promised = f"bytes {start}-{len(content) - 1}/{len(content)}"
            handler.send_header("Content-Range", content_range or promised)
        if with_length:
            handler.send_header("Content-Length", str(len(part) + more_promised))
        handler.close_connection = not with_length or more_promised > 0 or cut_after is not None
        handler.end_headers()
        wait = server.pause if pause is None else pause
        part = part[:cut_after]
        step = 4096 if wait else max(1, len(part))
        for offset in range(0, len(part), step):
            handler.wfile.write(part[offset : offset + step])
            time.sleep(wait)

    return act


def answer(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Callable[[Any, Server], None]:
    """Send a status, with a body and headers."""

    def act(handler: Any, server: Server) -> None:
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return act


def answer_json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Callable[..., None]:
    """Send an object as JSON."""
    return answer(status, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})


def weights_file(seed: int, count: int = 4000) -> bytes:
    """Return a safetensors file of one array of ``count`` floats, made without any library."""
    array = {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}
    header = json.dumps({"dense/kernel": array}).encode()
    return len(header).to_bytes(8, "little") + header + random.Random(seed).randbytes(4 * count)


def hold(gate: threading.Event) -> Callable[[Any, Server], None]:
    """Send the file once the gate is open."""

    def act(handler: Any, server: Server) -> None:
        gate.wait(60)
        serve()(handler, server)

    return act
