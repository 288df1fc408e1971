"""Downloading over HTTP: a download that was cut is resumed, and one that failed is tried again if that can help.

Part of a file is never taken for the whole file. Whether it is the right file is decided in :mod:`zoo.weights.store`,
by its digest.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urljoin, urlsplit

from zoo.errors import WeightsFileError, asked, one_line
from zoo.plugins import CORE, version_of
from zoo.settings import write_json

if TYPE_CHECKING:
    import requests

log = logging.getLogger("zoo")

#: Seconds to wait for a connection, and for the next piece of a response.
TIMEOUTS = (10.0, 30.0)

#: A download is given up after this many attempts in a row without a new byte, and after this many in all.
ATTEMPTS = 5
MOST_ATTEMPTS = 100

#: Seconds before the second attempt, doubled before each further one, and the longest wait.
FIRST_WAIT = 0.5
LONGEST_WAIT = 60.0

_PIECE = 2**16

#: Status codes after which the same request may succeed later.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class MissingFileError(WeightsFileError):
    """The server answered that it has no such file."""


@dataclass(frozen=True)
class Address:
    """Where a file can be downloaded: its URL, and the headers that the server needs."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    advice_if_denied: str = "check that you may read it, or download it by hand"


def without_password(url: str) -> str:
    """Return a URL without the user name and password, as it may be shown and written to files.

    >>> without_password("https://me:secret@example.org/a.h5")
    'https://example.org/a.h5'
    >>> without_password("https://me:p@ss@example.org?by=me@home")
    'https://example.org?by=me@home'
    """
    return re.sub(r"(?<=://)[^/?#]*@", "", url)


def download(address: Address, partial: Path, *, trusting: bool, label: str) -> bool:
    """Download the file at ``address`` into ``partial``; return whether it consists of parts from several responses.

    If ``partial`` has the first part of the file, the download is resumed, provided that the server says that the file
    is still the same; a JSON file beside ``partial`` keeps what is needed for that. ``trusting`` says that the caller
    knows no digest: then a part is only completed if the server can tell one version of the file from another.

    Raises:
        MissingFileError: if the server has no such file.
        WeightsFileError: if it cannot be downloaded, or cannot be written to the disk.
    """
    part = _Part(partial, without_password(address.url), trusting)
    if part.is_whole():
        return True
    most, fruitless = part.usable(), 0
    with _session() as session, _progress(label) as report:
        for _ in range(MOST_ATTEMPTS):
            try:
                return _attempt(session, address, part, report)
            except _CutError as cut:
                reason, asked_wait = cut.reason, cut.wait
            fruitless = 1 if part.usable() > most else fruitless + 1
            most = max(most, part.usable())
            if fruitless == ATTEMPTS:
                break
            log.warning("%s: %s; trying again from byte %s", part.url, reason, f"{part.usable():,}")
            time.sleep(min(max(FIRST_WAIT * 2 ** (fruitless - 1), asked_wait), LONGEST_WAIT))
    kept = f"; the {part.usable():,} bytes downloaded so far are kept" if part.usable() else ""
    advice = f"check the connection and try again later{kept}"
    raise WeightsFileError(asked(), f"{part.url} cannot be fetched: {reason}", advice)


def discard(partial: Path) -> None:
    """Delete ``partial`` and the JSON file beside it."""
    partial.unlink(missing_ok=True)
    _notes_of(partial).unlink(missing_ok=True)


# -- one attempt


class _CutError(Exception):
    """An attempt that failed and may succeed when it is repeated, after ``wait`` seconds at least."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


def _attempt(
    session: requests.Session, address: Address, part: _Part, report: Callable[[int, int | None], None]
) -> bool:
    """Send one request and write the response to the disk. Return whether it was added to an earlier part."""
    import ssl

    import requests
    import urllib3

    headers = {**address.headers, "Accept-Encoding": "identity", **part.conditions()}
    try:
        with session.get(
            address.url,
            headers=headers,
            stream=True,
            timeout=TIMEOUTS,
            hooks={"response": lambda answer, **_: _check_redirect(part, answer)},
        ) as answer:
            _check_status(part, address, answer)
            if answer.status_code == 206:
                part.check_continues(answer)
            else:
                part.begin(answer)
            part.check_space()
            for piece in part.written(_pieces(answer)):
                report(piece, part.total)
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        # When requests refuses a URL it raises a ValueError, whose message can show a password.
        if isinstance(error, (ValueError, requests.TooManyRedirects)):
            _give_up(part, f"the requests library refuses the address ({type(error).__name__})", "check the address")
        # The messages of the errors around the cause are long, and can show parts of the URL as well.
        cause: BaseException = error
        while isinstance(cause, (requests.RequestException, urllib3.exceptions.HTTPError)) and cause.__context__:
            cause = cause.__context__
        if isinstance(cause, ssl.SSLCertVerificationError):
            _give_up(part, one_line(cause), "check the address, and whether a proxy replaces the server's certificate")
        raise _CutError(f"the connection failed ({one_line(cause)})") from error
    part.check_length()
    return answer.status_code == 206


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    # Each piece as it arrives: requests waits for full pieces and would lose the last one if the connection is cut.
    while piece := answer.raw.read1(_PIECE, decode_content=True):
        yield piece


def _check_redirect(part: _Part, answer: requests.Response) -> None:
    # requests calls this for each response, before it follows a redirect.
    if not answer.is_redirect or urlsplit(answer.url).scheme != "https":
        return
    target = urlsplit(urljoin(answer.url, answer.headers["Location"]))
    if target.scheme != "https":
        found = f"it redirects from https to plain {target.scheme}, at {target.hostname}"
        _give_up(part, found, "ask its publisher for an https address, or download the file by hand")


def _check_status(part: _Part, address: Address, answer: requests.Response) -> None:
    status = f"the server answers {answer.status_code} {answer.reason or ''}".rstrip()
    if answer.status_code in (404, 410):
        raise MissingFileError(
            asked(), f"there is no {part.url} ({status})", "check the address, or search for the file's new place"
        )
    if answer.status_code in (401, 403):
        _give_up(part, status, address.advice_if_denied)
    if answer.status_code == 416:
        part.forget()
        raise _CutError("the part on this disk does not fit the file of the server")
    if answer.status_code in _PASSING:
        asked_for = answer.headers.get("Retry-After", "")
        raise _CutError(status, float(asked_for) if re.fullmatch(r"\d{1,9}", asked_for) else 0.0)
    if answer.status_code not in (200, 206):
        _give_up(part, status, "check the address in a browser, or download the file by hand")


def _give_up(part: _Part, reason: str, advice: str) -> NoReturn:
    raise WeightsFileError(asked(), f"{part.url} cannot be fetched: {reason}", advice)


@contextmanager
def _session() -> Iterator[requests.Session]:
    import requests

    with requests.Session() as session:
        session.headers["User-Agent"] = f"zoo/{version_of(CORE)}"
        yield session


# -- the part on the disk


@dataclass(frozen=True)
class _Notes:
    """What the server said about the file with its first bytes: enough to ask for the rest of the same file."""

    url: str
    validator: str | None
    total: int | None


def _notes_of(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")


class _Part:
    """The bytes of a file that were downloaded so far, and the notes about where they come from."""

    def __init__(self, path: Path, url: str, trusting: bool) -> None:
        self.path = path
        self.url = url
        self.trusting = trusting
        self.notes = self._read_notes()

    @property
    def total(self) -> int | None:
        return self.notes.total if self.notes else None

    def usable(self) -> int:
        """Return how many bytes can be kept: none if nothing would show that the rest is of another version."""
        if self.notes is None or not self.path.exists() or (self.trusting and not self.notes.validator):
            return 0
        size = self.path.stat().st_size
        return size if self.total is None or size <= self.total else 0

    def is_whole(self) -> bool:
        return 0 < self.usable() == self.total

    def forget(self) -> None:
        self.notes = None
        with self._disk():
            discard(self.path)

    def conditions(self) -> dict[str, str]:
        """Return the headers that ask for the rest of the file if it has not changed."""
        if self.notes is None or not self.usable():
            return {}
        same = {"If-Range": self.notes.validator} if self.notes.validator else {}
        return {"Range": f"bytes={self.usable()}-", **same}

    def begin(self, answer: requests.Response) -> None:
        """Start again with a response that sends the file from its first byte."""
        coded = _is_coded(answer)
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() and not coded else None
        # The bytes of a compressed response are not those of the file, so it cannot be resumed.
        self.notes = _Notes(self.url, None if coded else _validator(answer), total)
        with self._disk():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # The old bytes are deleted before the new notes are written: new notes never stand beside old bytes.
            self.path.open("wb").close()
            write_json(_notes_of(self.path), asdict(self.notes))

    def check_continues(self, answer: requests.Response) -> None:
        """Check that a response is the rest of this very file; if not, the next attempt starts from the beginning."""
        content_range = answer.headers.get("Content-Range", "").strip()
        match = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", content_range)
        total = int(match[2]) if match and match[2] != "*" else self.total
        validator = _validator(answer)
        if (
            self.notes is None
            or match is None
            or not 0 < self.usable() == int(match[1])
            or total != (self.total or total)
            or validator not in (None, self.notes.validator or validator)
            or _is_coded(answer)
        ):
            self.forget()
            raise _CutError("the server sends another part of the file than the one that was asked for")
        self.notes = replace(self.notes, total=total)

    def check_space(self) -> None:
        with self._disk():
            missing = (self.total or 0) - self.path.stat().st_size
            free = shutil.disk_usage(self.path.parent).free
        if missing > free:
            found = f"{self.path.parent} has {free:,} bytes of free space, and {missing:,} are needed"
            raise WeightsFileError(asked(), found, "free some space, or set ZOO_HOME to a folder on another disk")

    def written(self, pieces: Iterator[bytes]) -> Iterator[int]:
        """Append the pieces to the file; yield its size after each piece."""
        with self._disk():
            file = self.path.open("ab", buffering=0)
        with file:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    with self._disk():
                        rest = rest[file.write(rest) :]
                yield file.tell()

    def check_length(self) -> None:
        size = self.path.stat().st_size
        if self.total is not None and size != self.total:
            raise _CutError(f"only {size:,} of {self.total:,} bytes arrived")

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """Turn an error of the disk into one that names the folder."""
        try:
            yield
        except OSError as error:
            raise WeightsFileError(
                asked(),
                f"{self.path.parent} cannot be written ({error})",
                "free some space there, allow yourself to write to it, or set ZOO_HOME to another folder",
            ) from error

    def _read_notes(self) -> _Notes | None:
        try:
            notes = _Notes(**json.loads(_notes_of(self.path).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return notes if notes.url == self.url else None


def _is_coded(answer: requests.Response) -> bool:
    return answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity")


def _validator(answer: requests.Response) -> str | None:
    """Return what identifies this version of the file byte for byte, or None if the server sends nothing that does.

    A weak ETag does not; a date does if the file did not change within the second of the response (RFC 9110, 8.8.2.2).
    """
    etag = answer.headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    modified, date = answer.headers.get("Last-Modified"), answer.headers.get("Date")
    try:
        if modified and date and parsedate_to_datetime(date) > parsedate_to_datetime(modified):
            return modified
    except (TypeError, ValueError):
        pass
    return None


# -- progress


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a function that shows the progress in bytes on a terminal, and does nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda size, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda size, total: progress.update(task, completed=size, total=total)
