"""The store of downloaded weights files, each kept under its digest so that it is never taken for another one.

In :func:`zoo.settings.weights_folder`:

- ``files/<sha256>/<file name>``: complete and verified files;
- ``pins/*.json``: for each URL, the digest of the file that it first gave;
- ``partial/``: downloads that are running or were interrupted; nothing there is ever loaded;
- ``locks/``: one file for each URL, so that one process downloads and the others wait;
- ``by_hand/``: a place for files that you downloaded by hand.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from zoo.errors import WeightsFileError, asked
from zoo.settings import WeightsSettings, weights_folder, weights_settings, write_json
from zoo.weights import downloads, hub
from zoo.weights.digests import digests_of
from zoo.weights.downloads import Address, MissingFileError, without_password

log = logging.getLogger("zoo")


@dataclass(frozen=True)
class Fetched:
    """A weights file on this machine, and the SHA-256 in hexadecimal that it must have.

    The digest was checked after the download and is not computed again here: loading checks it while it reads the file.
    """

    path: Path
    sha256: str


@dataclass(frozen=True)
class Pin:
    """What a URL first gave: the digests and the size of the file, its name in the store, and the date."""

    source: str
    sha256: str
    md5: str
    size: int
    file_name: str
    date: str


def fetch(url: str, *, file_name: str, sha256: str | None = None, md5: str | None = None) -> Fetched:
    """Return the file at ``url`` (``https://...`` or ``hf://owner/repo[@revision][/file]``), on this machine.

    The file is taken from the store; if it is not there, from the folders for files downloaded by hand, by its
    ``file_name``; and otherwise from the mirror or the URL. ``sha256`` may be only the first digits. If no digest is
    given, the file must be a readable weights file, and its digest is pinned: later downloads must have it as well.

    Args:
        url: a password in it is used and never shown.
        file_name: the usual name of the file. A file of Hugging Face is known as ``owner/repo[@revision]/file``, unless
            ``file_name`` differs from its own name.
        sha256: the digest in hexadecimal, all 64 digits or the first of them.
        md5: the digest in hexadecimal.

    Raises:
        WeightsFileError: if the file cannot be downloaded, or does not have the digest that is given or pinned.
        ArgumentError: if the user's settings file is damaged.
    """
    settings = weights_settings()
    try:
        wanted = _Wanted(url, file_name, sha256, md5)
        held = wanted.held() or _found_by_hand(wanted, settings)
        if held:
            return held
        if settings.offline:
            raise _offline(wanted, settings)
        with _only_one_process(wanted):
            return wanted.held() or _fetched(wanted, settings)
    except OSError as error:
        raise WeightsFileError(
            asked(),
            f"the store at {weights_folder()} cannot be used ({error})",
            "free some space there, allow yourself to write to it, or set ZOO_HOME to another folder",
        ) from error


class _Wanted:
    """A file that is to be fetched, and what is known about it before it is read."""

    def __init__(self, url: str, file_name: str, sha256: str | None, md5: str | None) -> None:
        self.url = url
        self.sha256 = sha256
        self.md5 = md5
        self.hub_name = hub.parse(url) if url.startswith("hf://") else None
        try:
            self.shown = without_password(url)
            if not self.hub_name and not urlsplit(url).hostname:
                raise ValueError("it has no server name")
        except ValueError as error:
            raise WeightsFileError(asked(), f"its URL cannot be read ({error})", "check the address") from error
        self.key = f"{_plain(self.shown)}-{hashlib.sha256(self.shown.encode()).hexdigest()[:16]}"
        self.file_name = _plain(file_name)
        # Most files of Hugging Face have the same name, so that the name alone would not identify them.
        self.known_as = (
            url.removeprefix("hf://")
            if self.hub_name and (not self.hub_name.file or _last(file_name) == _last(url))
            else _last(file_name)
        )
        self.pin = self._read_pin()

    @property
    def pin_path(self) -> Path:
        return weights_folder() / "pins" / f"{self.key}.json"

    @property
    def partial(self) -> Path:
        return weights_folder() / "partial" / self.key

    def promise(self) -> str:
        """Return what is known about the digest of the file, as text for a message."""
        if self.pin or self.sha256:
            digits = self.pin.sha256 if self.pin else self.sha256 or ""
            return f"SHA-256 {digits}{'' if len(digits) == 64 else '...'}"
        return f"MD5 {self.md5}" if self.md5 else "its digest is unknown"

    def _read_pin(self) -> Pin | None:
        """Return the pin of the URL, or None if there is none or its digest is not the one that is given now."""
        try:
            pin = Pin(**json.loads(self.pin_path.read_text(encoding="utf-8")))
            if not re.fullmatch(r"[0-9a-f]{64}", pin.sha256) or pin.file_name != _plain(pin.file_name):
                raise ValueError("it lacks a valid SHA-256 or file name")
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            found = f"the pin {self.pin_path} is damaged ({error})"
            raise WeightsFileError(asked(), found, "delete it; the file will then be downloaded again") from error
        fits = pin.sha256.startswith(self.sha256 or "") and self.md5 in (None, pin.md5)
        return pin if fits else None

    def held(self) -> Fetched | None:
        """Return the file if it is in the store."""
        self.pin = self._read_pin()
        if self.pin is None:
            return None
        path = _place_of(self.pin)
        return Fetched(path, self.pin.sha256) if _size(path) == self.pin.size else None

    def verified(self, path: Path, origin: str, advice: str) -> Pin:
        """Check the file at ``path``, which comes from ``origin``, and return the pin for it.

        Raises:
            WeightsFileError: if it does not have the digest that is given or pinned, or is not a weights file.
        """
        found = digests_of(path, md5=True)
        difference = None
        if self.sha256 and not found.sha256.startswith(self.sha256):
            difference = f"has the SHA-256 {found.sha256}, but {self.sha256} is expected"
        elif self.md5 and found.md5 != self.md5:
            difference = f"has the MD5 {found.md5}, but {self.md5} is expected"
        elif self.pin and found.sha256 != self.pin.sha256:
            difference = f"has the SHA-256 {found.sha256}, but {self.pin.sha256} was pinned on {self.pin.date}"
            advice = f"if the new file is the right one, delete {self.pin_path} and try again"
        if difference or not (self.sha256 or self.md5 or self.pin):
            self._check_opens(path, origin)
        if difference:
            raise WeightsFileError(asked(), f"{origin} {difference}", advice)
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        return Pin(self.shown, found.sha256, found.md5, path.stat().st_size, self.file_name, today)

    def _check_opens(self, path: Path, origin: str) -> None:
        from zoo.weights.formats import open_weights

        try:
            with open_weights(path):
                pass
        except WeightsFileError as error:
            found = f"{origin} is not a weights file: {error.found}"
            raise WeightsFileError(asked(), found, f"get {self.known_as} from another place") from error


# -- by hand


def _hand_folders(settings: WeightsSettings) -> tuple[Path, ...]:
    return (*settings.folders, weights_folder() / "by_hand")


def _found_by_hand(wanted: _Wanted, settings: WeightsSettings) -> Fetched | None:
    for folder in _hand_folders(settings):
        path = folder / wanted.known_as
        if wanted.hub_name and not wanted.hub_name.file and path.is_dir():
            path /= hub.choose(wanted.hub_name, (each.name for each in path.iterdir()))
        if not path.is_file():
            continue
        if wanted.pin and _size(path) == wanted.pin.size:
            return Fetched(path, wanted.pin.sha256)
        pin = wanted.verified(path, str(path), "remove that file, or replace it with the right one")
        if pin.sha256 != (wanted.pin and wanted.pin.sha256):
            log.info("%s is taken from %s", wanted.shown, path)
            _keep_pin(wanted, pin)
        return Fetched(path, pin.sha256)
    return None


def _keep_pin(wanted: _Wanted, pin: Pin) -> None:
    try:
        write_json(wanted.pin_path, asdict(pin))
    except OSError as error:
        log.warning(
            "the digest of %s cannot be saved, so a later change will not be noticed: %s",
            wanted.shown,
            error,
        )


def _offline(wanted: _Wanted, settings: WeightsSettings) -> WeightsFileError:
    folders = _hand_folders(settings)
    open_choice = wanted.hub_name and not wanted.hub_name.file
    target = folders[0] / wanted.known_as / ("model.safetensors" if open_choice else "")
    return WeightsFileError(
        asked(),
        f"downloads are turned off (ZOO_OFFLINE or settings.toml), and the file is neither in the store nor in "
        f"{' or '.join(str(folder) for folder in folders)}",
        f"download {wanted.shown} ({wanted.promise()}) on another machine and copy it to {target}",
    )


# -- from the network


def _fetched(wanted: _Wanted, settings: WeightsSettings) -> Fetched:
    missing = None
    for address in _addresses(wanted, settings):
        try:
            return _from(wanted, address)
        except MissingFileError as error:
            missing = error
    assert missing is not None
    raise missing


def _addresses(wanted: _Wanted, settings: WeightsSettings) -> Iterator[Address]:
    """Yield the addresses to try, the mirror first; the hub is asked only when its turn comes."""
    open_choice = wanted.hub_name is not None and not wanted.hub_name.file
    if settings.mirror and not open_choice:
        yield _of_mirror(wanted, settings.mirror)
    if wanted.hub_name is None:
        yield Address(wanted.url)
        return
    file = hub.resolve(wanted.hub_name)
    wanted.sha256 = wanted.sha256 or (None if wanted.pin else file.sha256)
    if open_choice:
        wanted.file_name = _plain(file.file)
        wanted.known_as = f"{wanted.known_as}/{file.file}"
        if settings.mirror:
            yield _of_mirror(wanted, settings.mirror)
    yield file.address


def _of_mirror(wanted: _Wanted, mirror: str) -> Address:
    return Address(f"{mirror.rstrip('/')}/{quote(wanted.known_as, safe='/@')}")


def _from(wanted: _Wanted, address: Address) -> Fetched:
    trusting = not (wanted.sha256 or wanted.md5 or wanted.pin)
    origin = f"the file from {without_password(address.url)}"
    advice = "the file there is damaged or was replaced: try again later, or get it from another place"
    for last in (False, True):
        resumed = downloads.download(
            address, wanted.partial, trusting=trusting, label=wanted.known_as.rpartition("/")[2]
        )
        try:
            pin = wanted.verified(wanted.partial, origin, advice)
            break
        except WeightsFileError as error:
            downloads.discard(wanted.partial)
            if last or not resumed:
                raise
            log.warning(
                "%s was downloaded in parts and is wrong, so it is downloaded again from the beginning: %s",
                origin,
                error,
            )
    path = _place_of(pin)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wanted.partial.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(wanted.partial, path)
    downloads.discard(wanted.partial)
    write_json(wanted.pin_path, asdict(pin))
    return Fetched(path, pin.sha256)


@contextmanager
def _only_one_process(wanted: _Wanted) -> Iterator[None]:
    from filelock import FileLock, Timeout

    folder = weights_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{wanted.key}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("waiting for another process that is downloading %s", wanted.shown)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


# -- paths


def _place_of(pin: Pin) -> Path:
    return weights_folder() / "files" / pin.sha256 / pin.file_name


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _plain(name: str) -> str:
    """Return the last part of a path or URL as a name that is valid in every file system.

    >>> _plain("https://example.org/a/resnet%2050.h5?download=1")
    'resnet_50.h5'
    """
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", _last(name))[-120:].lstrip(".") or "weights"


def _last(name: str) -> str:
    return re.split(r"[/\\]", unquote(re.sub(r"[?#].*", "", name)))[-1].lstrip(".") or "weights"
