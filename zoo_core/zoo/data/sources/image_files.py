"""The image files in a folder: which files count, and whether each can be decoded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from zoo.data.dataset import Skipped
from zoo.data.decoding import digest_of_image
from zoo.data.thread_pool import in_threads
from zoo.errors import DataError, asked

#: Files and folders that operating systems leave behind.
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


def is_ignored(name: str) -> bool:
    """Say whether a file or folder of this name is left out without a word: it is hidden, or a system's own."""
    return name.startswith(".") or name.lower() in _SYSTEM_FILES


def looks_like_image(file: Path) -> bool:
    """Say whether the suffix is one of an image format."""
    return file.suffix.lower() in Image.registered_extensions() and not is_ignored(file.name)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below ``folder`` in the order of their paths; links are followed, and no folder is read twice."""
    visited = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not is_ignored(name))
        yield from (Path(here, name) for name in sorted(files) if not is_ignored(name))


def check_images(files: Sequence[Path]) -> list[str | Skipped]:
    """Return, for each file, the digest of its bytes, or why it is skipped if it is not a complete image."""
    return in_threads(_digest_or_reason, files)


def refuse_skipped(skipped: Sequence[Skipped], on_error: str) -> None:
    """Raise if files were skipped and ``on_error`` is ``"refuse"``.

    Raises:
        DataError: it lists the first ten of the files.
    """
    if skipped and on_error == "refuse":
        files = (
            "1 file is not a complete image" if len(skipped) == 1 else f"{len(skipped)} files are not complete images"
        )
        found = f"{files}: {listed(skipped)}"
        raise DataError(asked(), found, "repair or remove them")


def listed(skipped: Sequence[Skipped]) -> str:
    """Return the first ten files with the reasons, and how many more there are."""
    first = ", ".join(f"{each.path} ({each.reason})" for each in skipped[:10])
    return first + (f" and {len(skipped) - 10} more" if len(skipped) > 10 else "")


def _digest_or_reason(file: Path) -> str | Skipped:
    if not file.is_file():  # a named pipe is not opened, because that would block forever
        reason = "it is not a regular file" if file.exists() else "it is a link to a file that does not exist"
        return Skipped(file, reason)
    try:
        return digest_of_image(file)
    except DataError as error:
        return Skipped(file, error.found)
