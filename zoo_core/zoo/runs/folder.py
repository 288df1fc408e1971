"""The folder of a run: creating it in one step, and reading its record without opening its model."""

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

#: The version of the layout of a run folder; a higher number was written by a later Zoo.
FORMAT = 1

#: The advice for a damaged folder.
ADVICE = "copy the folder again, or train it again"


def read_record(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the content of ``run.json`` in ``folder``.

    Raises:
        RunError: if the folder is not that of a run, ``run.json`` is damaged, or it was written by a later Zoo.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        found = "it is a file" if folder.exists() else "there is no such folder"
        raise RunError(asked(), found, "pass the folder that a training was written to with out=")
    if not (folder / RECORD).is_file():
        raise RunError(
            asked(),
            f"it holds no {RECORD}, so it is not a run",
            "pass the folder that a training was written to with out=",
        )
    record = read_json(folder / RECORD)
    if not isinstance(record, dict) or not isinstance(record.get("format"), int):
        raise RunError(asked(), f"{RECORD} is damaged (it does not say its format)", ADVICE)
    if record["format"] > FORMAT:
        found = f"its format is {record['format']}, and this version of Zoo reads formats up to {FORMAT}"
        raise RunError(asked(), found, "install a later version of zoo-core")
    return record


def read_json(path: Path) -> Any:
    """Return the content of a JSON file in a run's folder.

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
    """Return ``folder``, which a run is to be written to, as an absolute path.

    Raises:
        RunError: if the folder exists and is not empty, or cannot be read.
    """
    final = absolute(folder)
    try:
        if is_free(final):
            return final
        found = "the folder exists and is not empty" if final.is_dir() else "there is a file with that name"
    except OSError as error:
        found = f"it cannot be read ({error.strerror})"
    raise RunError(f"write the run {str(folder)!r}", found, "pass another folder, or remove this one")


@contextmanager
def new_folder(folder: str | os.PathLike[str], *, replace: bool = False) -> Iterator[tuple[Path, Path]]:
    """Give a temporary folder to write into, and the final path that it is moved to if nothing fails.

    With ``replace``, the new folder may take the place of an existing one and of what killed processes left behind.

    Raises:
        RunError: before anything is written, if ``folder`` exists and is not empty, or cannot be created.
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
    """Turn an error of the operating system while a run is written into a RunError."""
    try:
        yield
    except OSError as error:
        raise RunError(asked(), f"it cannot be written ({error})", "free some space, or pass another folder") from error
