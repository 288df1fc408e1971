"""What the folder of a run says of itself, read without building its model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from zoo.errors import RunError

RECORD = "run.json"
HISTORY = "history.json"

#: The layout of a run folder; one of a higher number was written by a later Zoo.
FORMAT = 1

#: What to do about a damaged folder.
ADVICE = "copy the folder again, or train it again"


def read_record(asked: str, folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what ``run.json`` in ``folder`` holds.

    Raises:
        RunError: if it is no run's folder, ``run.json`` is damaged, or a later Zoo has written it.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        found = "it is a file" if folder.exists() else "there is no such folder"
        raise RunError(asked, found, "pass the folder that a training was written to with out=")
    if not (folder / RECORD).is_file():
        raise RunError(asked, f"it holds no {RECORD}, so it is no run", "pass the folder that out= named")
    record = read_json(asked, folder / RECORD)
    if not isinstance(record, dict) or not isinstance(record.get("format"), int):
        raise RunError(asked, f"{RECORD} is damaged (it names no format)", ADVICE)
    if record["format"] > FORMAT:
        found = f"it has the format {record['format']}, and this Zoo reads up to {FORMAT}"
        raise RunError(asked, found, "install a later zoo-core")
    return record


def read_json(asked: str, path: Path) -> Any:
    """Return what a file of a run's folder holds.

    Raises:
        RunError: if it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(asked, f"{path.name} is missing", ADVICE) from error
    except (OSError, ValueError) as error:
        raise RunError(asked, f"{path.name} is damaged ({error})", ADVICE) from error
