"""Downloads over a bad network: each ends in the right file or in a clear error, and nothing partial is ever used."""

from __future__ import annotations

import email.utils
import hashlib
import io
import random
import time
from pathlib import Path

import pytest

from zoo.errors import WeightsFileError
from zoo.settings import weights_folder
from zoo.weights import downloads
from zoo.weights.downloads import Address, download
from zoo.weights.store import fetch

from .http_server import Server, answer, serve, weights_file

WEIGHTS = weights_file(seed=1)
OTHER = weights_file(seed=2)
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()
PAGE = b"<!DOCTYPE html><title>Sign in to the hotel's network</title>"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "FIRST_WAIT", 0.01)


@pytest.fixture
def url(server: Server) -> str:
    server.files["/a.safetensors"] = WEIGHTS
    return f"{server.url}/a.safetensors"


def get(url: str, *, sha256: str | None = DIGEST) -> bytes:
    return fetch(url, file_name="a.safetensors", sha256=sha256).path.read_bytes()


def in_store() -> list[bytes]:
    """The contents of all the files that the store would ever hand out."""
    return [path.read_bytes() for path in weights_folder().glob("files/**/*") if path.is_file()]


@pytest.mark.parametrize("sha256", [DIGEST, DIGEST[:8], None])
def test_a_file_is_downloaded_once_and_then_held(server: Server, url: str, sha256: str | None) -> None:
    fetched = fetch(url, file_name="a.safetensors", sha256=sha256)
    assert fetched.path == weights_folder() / "files" / DIGEST / "a.safetensors"
    assert (fetched.path.read_bytes(), fetched.sha256) == (WEIGHTS, DIGEST)
    assert fetch(url, file_name="a.safetensors", sha256=sha256) == fetched
    assert len(server.requests) == 1
    assert list(weights_folder().glob("partial/*")) == []


@pytest.mark.parametrize("sha256", [DIGEST, None])
def test_a_download_that_is_cut_many_times_goes_on_where_it_stopped(
    server: Server, url: str, sha256: str | None
) -> None:
    server.script.extend(serve(cut_after=1500) for _ in range(8))
    assert get(url, sha256=sha256) == WEIGHTS
    starts = [request.first_byte for request in server.requests]
    assert starts == list(range(0, 8 * 1500 + 1, 1500))


def test_a_download_that_another_call_began_goes_on_where_it_stopped(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "ATTEMPTS", 1)
    server.script.append(serve(cut_after=5000))
    with pytest.raises(WeightsFileError, match=r"try again later; the 5,000 bytes downloaded so far are kept"):
        get(url)
    assert in_store() == []
    assert get(url) == WEIGHTS
    assert server.requests[-1].first_byte == 5000


def test_a_whole_file_that_was_not_yet_put_in_its_place_is_not_fetched_again(server: Server, url: str) -> None:
    partial = weights_folder() / "partial" / "a"
    assert download(Address(url), partial, trusting=False, label="a") is False
    assert download(Address(url), partial, trusting=False, label="a") is True
    assert partial.read_bytes() == WEIGHTS
    assert len(server.requests) == 1


def test_a_server_without_ranges_sends_the_file_again_from_the_start(server: Server, url: str) -> None:
    server.script.extend([serve(cut_after=1000), serve(ranges=False, cut_after=3000), serve(ranges=False)])
    assert get(url) == WEIGHTS
    assert [request.first_byte for request in server.requests] == [0, 1000, 3000]


@pytest.mark.parametrize("sha256", [DIGEST, None])
def test_a_body_that_changed_between_cut_and_resume_is_fetched_anew(
    server: Server, url: str, sha256: str | None
) -> None:
    server.script.append(serve(body=OTHER, cut_after=1000))
    assert get(url, sha256=sha256) == WEIGHTS
    assert [request.first_byte for request in server.requests] == [0, 1000]


def test_a_changed_body_is_known_by_its_etag_also_where_the_server_does_not_know_if_range(
    server: Server, url: str
) -> None:
    server.script.extend([serve(body=OTHER, cut_after=1000), serve(if_range=False)])
    assert get(url, sha256=None) == WEIGHTS
    assert [request.first_byte for request in server.requests] == [0, 1000, 0]


def test_parts_of_two_versions_that_nothing_tells_apart_are_fetched_once_more_from_the_start(
    server: Server, url: str
) -> None:
    server.script.extend([serve(body=OTHER, cut_after=1000, etag=None), serve(etag=None)])
    assert get(url) == WEIGHTS
    assert [request.first_byte for request in server.requests] == [0, 1000, 0]


def test_parts_are_not_put_together_if_neither_etag_nor_digest_says_that_they_belong_together(
    server: Server, url: str
) -> None:
    server.script.extend([serve(body=OTHER, cut_after=1000, etag=None), serve(etag=None)])
    assert get(url, sha256=None) == WEIGHTS
    assert [request.first_byte for request in server.requests] == [0, 0]


def test_a_weak_etag_does_not_say_that_parts_belong_together(server: Server, url: str) -> None:
    server.script.append(serve(cut_after=1000, etag='W/"1"'))
    assert get(url, sha256=None) == WEIGHTS
    assert [request.first_byte for request in server.requests] == [0, 0]


def test_the_date_of_a_change_says_that_parts_belong_together_unless_it_is_the_present_second(
    server: Server, url: str
) -> None:
    long_ago, now = "Sat, 21 Nov 2020 10:00:00 GMT", email.utils.formatdate(time.time() + 5, usegmt=True)
    for modified in (long_ago, now):
        server.script.extend(serve(cut_after=end, etag=None, modified=modified) for end in (1000, None))
        assert fetch(f"{url}", file_name="a", sha256=None).path.read_bytes() == WEIGHTS
        for path in weights_folder().glob("pins/*.json"):
            path.unlink()
    assert [request.first_byte for request in server.requests] == [0, 1000, 0, 0]
    assert server.requests[1].headers["If-Range"] == long_ago


@pytest.mark.parametrize("content_range", ["bytes 0-9/20", "bytes 1000-1999/7", "bytes */20", "nonsense"])
def test_another_part_than_was_asked_for_is_not_taken(server: Server, url: str, content_range: str) -> None:
    server.script.extend([serve(cut_after=1000), serve(content_range=content_range)])
    assert get(url) == WEIGHTS
    assert [request.first_byte for request in server.requests] == [0, 1000, 0]


def test_a_part_that_nobody_asked_for_is_not_taken(server: Server, url: str) -> None:
    server.script.append(answer(206, WEIGHTS[10:], {"Content-Range": f"bytes 10-{len(WEIGHTS) - 1}/{len(WEIGHTS)}"}))
    assert get(url, sha256=None) == WEIGHTS


def test_a_range_that_the_server_refuses_starts_anew(server: Server, url: str) -> None:
    server.script.extend([serve(cut_after=1000), answer(416)])
    assert get(url) == WEIGHTS
    assert [request.first_byte for request in server.requests] == [0, 1000, 0]


def test_a_length_that_is_always_wrong_ends_in_an_error(server: Server, url: str) -> None:
    server.script.extend(serve(more_promised=10, ranges=False) for _ in range(20))
    with pytest.raises(WeightsFileError, match="cannot be fetched: the connection failed") as caught:
        get(url)
    assert f"IncompleteRead({len(WEIGHTS)} bytes read" in caught.value.found or "10 more expected" in caught.value.found
    assert in_store() == []
    assert len(server.requests) == downloads.ATTEMPTS


def test_a_file_that_is_cut_short_without_a_length_is_no_file_of_weights(server: Server, url: str) -> None:
    server.script.append(serve(with_length=False, cut_after=1000))
    with pytest.raises(WeightsFileError, match="is not a weights file: the file is damaged or cut short"):
        get(url, sha256=None)
    assert in_store() == []


def test_a_file_without_a_length_is_downloaded(server: Server, url: str) -> None:
    server.script.append(serve(with_length=False))
    assert get(url, sha256=None) == WEIGHTS


def test_a_slow_server_is_waited_for_as_long_as_something_comes(server: Server, url: str) -> None:
    server.pause = 0.1
    assert get(url) == WEIGHTS
    assert len(server.requests) == 1


def test_a_server_that_falls_silent_does_not_hold_the_program_up(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "TIMEOUTS", (5.0, 0.3))
    server.script.append(serve(pause=5.0))
    began = time.monotonic()
    assert get(url) == WEIGHTS
    assert time.monotonic() - began < 5
    assert [request.first_byte for request in server.requests] == [0, 4096]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_trouble_of_the_server_is_sat_out(server: Server, url: str, status: int) -> None:
    server.script.extend([answer(status), answer(status, headers={"Retry-After": "0"})])
    assert get(url) == WEIGHTS
    assert len(server.requests) == 3


def test_a_server_that_asks_for_patience_is_given_it(server: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    server.script.extend([answer(503, headers={"Retry-After": "7"}), answer(503, headers={"Retry-After": "99999"})])
    assert get(url) == WEIGHTS
    assert [wait for wait in waits if wait] == [7.0, downloads.LONGEST_WAIT]


def test_a_server_in_trouble_for_good_is_given_up(server: Server, url: str) -> None:
    server.script.extend(answer(500) for _ in range(20))
    with pytest.raises(WeightsFileError, match=r"a\.safetensors cannot be fetched: the server answers 500"):
        get(url)
    assert len(server.requests) == downloads.ATTEMPTS


@pytest.mark.parametrize(
    ("status", "found"),
    [
        (404, r"there is no http://[^ ]*/a\.safetensors"),
        (410, "answers 410"),
        (403, "answers 403"),
        (204, "answers 204"),
    ],
)
def test_an_answer_that_will_not_change_is_an_error_at_once(server: Server, url: str, status: int, found: str) -> None:
    server.script.append(answer(status))
    with pytest.raises(WeightsFileError, match=found):
        get(url)
    assert len(server.requests) == 1


def test_a_redirect_is_followed(server: Server, url: str) -> None:
    server.script.append(answer(302, headers={"Location": url}))
    assert get(f"{server.url}/latest") == WEIGHTS


def test_redirects_in_a_circle_are_an_error(server: Server) -> None:
    server.script.extend(answer(302, headers={"Location": "/again"}) for _ in range(40))
    with pytest.raises(WeightsFileError, match="TooManyRedirects"):
        get(f"{server.url}/again")


@pytest.mark.parametrize(("target", "refused"), [("http://b.org/a.h5", True), ("https://b.org/a.h5", False)])
def test_a_redirect_from_https_to_plain_http_is_refused(target: str, refused: bool, tmp_path: Path) -> None:
    requests = pytest.importorskip("requests")
    redirect = requests.Response()
    redirect.status_code, redirect.url, redirect.headers["Location"] = 302, "https://a.org/a.h5", target
    part = downloads._Part(tmp_path / "a", "https://a.org/a.h5", False)
    if refused:
        with pytest.raises(WeightsFileError, match=r"from https to plain http, at b\.org"):
            downloads._check_redirect(part, redirect)
    else:
        downloads._check_redirect(part, redirect)


def test_a_server_that_packs_what_it_sends_does_not_spoil_the_file(server: Server, url: str) -> None:
    server.script.append(serve(coded=True))
    assert get(url, sha256=None) == WEIGHTS
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


def test_a_packed_answer_that_is_cut_is_not_resumed(server: Server, url: str) -> None:
    server.script.append(serve(coded=True, cut_after=3000))
    assert get(url) == WEIGHTS


@pytest.mark.parametrize("sha256", [DIGEST, None])
def test_a_web_page_under_the_name_of_weights_is_recognised(server: Server, url: str, sha256: str | None) -> None:
    server.files["/a.safetensors"] = PAGE
    with pytest.raises(WeightsFileError, match=r"the file from http.* is not a weights file: it is a web page"):
        get(url, sha256=sha256)
    assert in_store() == []


def test_another_file_than_was_promised_is_refused_with_both_digests(server: Server, url: str) -> None:
    server.files["/a.safetensors"] = OTHER
    with pytest.raises(WeightsFileError, match=f"{hashlib.sha256(OTHER).hexdigest()}, but {DIGEST} is expected"):
        get(url)
    assert in_store() == []
    assert len(server.requests) == 1
    server.files["/a.safetensors"] = WEIGHTS
    assert get(url) == WEIGHTS


def test_nobody_at_the_address_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(WeightsFileError, match=r"the connection failed \(ConnectionRefusedError.*check the connection"):
        get("http://127.0.0.1:9/a.safetensors")


@pytest.mark.parametrize("address", ["http://", "http://[::1/a.h5", "http://127.0.0.1:port/a.h5", "http://..a../x.h5"])
def test_an_address_that_is_none_is_an_error_that_says_so(address: str) -> None:
    with pytest.raises(WeightsFileError, match="check the address"):
        get(address)


def test_an_error_that_is_being_handled_is_not_taken_for_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    try:
        raise KeyError("something else")
    except KeyError:
        with pytest.raises(WeightsFileError, match=r"the connection failed \(ConnectionRefusedError"):
            get("http://127.0.0.1:9/a.safetensors")


@pytest.mark.parametrize("on_terminal", [True, False])
def test_progress_is_shown_on_a_terminal_alone(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], on_terminal: bool
) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: on_terminal  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", terminal)
    assert get(url) == WEIGHTS
    assert ("a.safetensors" in terminal.getvalue()) == on_terminal
    assert capsys.readouterr().out == ""


def test_a_full_disk_is_noticed_before_the_download(server: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100}))
    with pytest.raises(WeightsFileError, match=rf"has 100 bytes of free space, and {len(WEIGHTS):,} are needed"):
        get(url)


def test_a_disk_that_fills_up_meanwhile_is_an_error_that_names_the_folder(url: str, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full, a disk without space")
    partial = tmp_path / "partial"
    partial.symlink_to("/dev/full")
    with pytest.raises(WeightsFileError, match=rf"{tmp_path} cannot be written .*No space left on device"):
        download(Address(url), partial, trusting=False, label="a")


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(url: str) -> None:
    weights_folder().parent.mkdir(parents=True, exist_ok=True)
    weights_folder().write_text("a file where the folder should be")
    with pytest.raises(WeightsFileError, match=r"the store at .*weights cannot be used .*set ZOO_HOME"):
        get(url)


def test_a_password_is_used_and_not_shown(server: Server, url: str) -> None:
    private = url.replace("http://", "http://me:secret@")
    server.script.append(answer(403))
    with pytest.raises(WeightsFileError) as caught:
        get(private)
    assert "secret" not in str(caught.value)
    assert get(private) == WEIGHTS
    assert server.requests[-1].headers["Authorization"].startswith("Basic ")
    kept = [path.read_text() for path in weights_folder().glob("pins/*")]
    assert len(kept) == 1
    assert "secret" not in kept[0]


def test_damaged_notes_beside_a_partial_file_start_it_anew(server: Server, url: str) -> None:
    partial = weights_folder() / "partial" / "a"
    partial.parent.mkdir(parents=True)
    for notes in (b"", b"[]", b"{}", b'{"url": 1}', bytes(random.Random(0).randbytes(50))):
        partial.write_bytes(b"old bytes")
        partial.with_name("a.json").write_bytes(notes)
        assert download(Address(url), partial, trusting=False, label="a") is False
        assert partial.read_bytes() == WEIGHTS
