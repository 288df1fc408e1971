"""The folder of a run: how it comes into being in one step, and what it says of itself without its model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from zoo.atomic import absolute, folder_in_one_step, is_free
from zoo.errors import RunError, asked, asking

RECORD = "run.json"
HISTORY = "history.json"

#: The layout of a run folder; one of a higher number was written by a later Zoo.
FORMAT = 1

#: What to do about a damaged folder.
ADVICE = "copy the folder again, or train it again"


def read_record(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what ``run.json`` in ``folder`` holds.

    Raises:
        RunError: if it is no run's folder, ``run.json`` is damaged, or a later Zoo has written it.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        found = "it is a file" if folder.exists() else "there is no such folder"
        raise RunError(asked(), found, "pass the folder that a training was written to with out=")
    if not (folder / RECORD).is_file():
        raise RunError(asked(), f"it holds no {RECORD}, so it is no run", "pass the folder that out= named")
    record = read_json(folder / RECORD)
    if not isinstance(record, dict) or not isinstance(record.get("format"), int):
        raise RunError(asked(), f"{RECORD} is damaged (it names no format)", ADVICE)
    if record["format"] > FORMAT:
        found = f"it has the format {record['format']}, and this Zoo reads up to {FORMAT}"
        raise RunError(asked(), found, "install a later zoo-core")
    return record


def read_json(path: Path) -> Any:
    """Return what a file of a run's folder holds.

    Raises:
        RunError: if it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(asked(), f"{path.name} is missing", ADVICE) from error
    except (OSError, ValueError) as error:
        raise RunError(asked(), f"{path.name} is damaged ({error})", ADVICE) from error


def free_folder(folder: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a folder for a run.

    Raises:
        RunError: if it exists and is not empty, or cannot be read.
    """
    final = absolute(folder)
    try:
        if is_free(final):
            return final
        found = "the folder exists and is not empty" if final.is_dir() else "there is a file of that name"
    except OSError as error:
        found = f"it cannot be read ({error.strerror})"
    raise RunError(f"write the run {str(folder)!r}", found, "pass another folder, or remove it")


@contextmanager
def new_folder(folder: str | os.PathLike[str], *, replace: bool = False) -> Iterator[tuple[Path, Path]]:
    """Give a temporary folder to write into, and the final path that it gets in one step if nothing fails.

    ``replace`` lets it take the place of a folder that is there, and of what processes that were killed have left.

    Raises:
        RunError: at once if ``folder`` exists and is not empty, or cannot be created or written.
    """
    final = absolute(folder) if replace else free_folder(folder)
    request = f"write the run {str(folder)!r}"
    with ExitStack() as stack:
        try:
            temporary = stack.enter_context(folder_in_one_step(final, replace=replace))
        except OSError as error:
            found = f"it cannot be created ({error.strerror})"
            raise RunError(request, found, "pass another folder, one that you may write to") from error
        yield temporary, final
        with asking(request), writing():
            stack.close()


@contextmanager
def writing() -> Iterator[None]:
    """Turn what the system says while a run is written into a RunError."""
    try:
        yield
    except OSError as error:
        raise RunError(asked(), f"it cannot be written ({error})", "make room, or pass another folder") from error
