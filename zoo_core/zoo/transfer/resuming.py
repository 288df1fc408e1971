"""The folder of a training that is under way: what is needed to go on if the process is killed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zoo.data import Dataset
from zoo.errors import RunError
from zoo.transfer.checkpoints import STATE, State, load_state
from zoo.transfer.recipes import RECIPE, Recipe, load_recipe, save_recipe

#: What is appended to the name of a run's folder while it is under way.
SUFFIX = ".unfinished"

#: Where an interrupted run keeps what it can be resumed from.
INSIDE = "resume"


class Unfinished:
    """A training under way; as a context, it is removed if training fails, and stays if it is broken off.

    ``folder`` is None for a training that cannot be resumed: one that is written nowhere, or whose model, data or
    callbacks exist in this process alone.
    """

    def __init__(self, folder: Path | None, recipe: Recipe | None = None, state: State | None = None) -> None:
        self.folder = folder
        self.recipe = recipe
        self.state = state

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier process has begun it."""
        return self.state is not None

    @classmethod
    def begin(cls, model: Any, data: Any, arguments: dict[str, Any], callbacks: Iterable[Any]) -> Unfinished:
        """Write down what is about to be trained, if it can be resumed.

        Raises:
            RunError: if an earlier training of that folder is unfinished.
        """
        out = arguments["out"]
        if out is None:
            return cls(None)
        asked, folder = f"write the run {out!r}", Path(out + SUFFIX)
        if folder.exists():
            found = f"an earlier training of it is unfinished, in {folder}"
            raise RunError(asked, found, f"go on with `zoo train --resume {out}`, or delete that folder")
        origin = data.origin if isinstance(data, Dataset) else {"name_or_folder": os.fspath(data)}
        folder_of_run = getattr(model, "folder", None)
        name = os.fspath(folder_of_run or model) if isinstance(folder_of_run or model, (str, os.PathLike)) else None
        recipe = Recipe(name, dict(origin), arguments)
        if name is None or not origin or list(callbacks) or not _is_json(recipe):
            return cls(None)
        return cls(folder, recipe)

    @classmethod
    def found(cls, out: str | os.PathLike[str]) -> tuple[Unfinished, Recipe]:
        """Return what was left of the training of ``out``, and its recipe.

        Raises:
            RunError: if there is nothing, or it is damaged.
        """
        path = Path(os.path.abspath(Path(out).expanduser()))
        asked = f"resume the training of {os.fspath(out)!r}"
        places = [Path(f"{path}{SUFFIX}"), path / INSIDE]
        folder = next((each for each in places if (each / RECIPE).is_file()), None)
        if folder is None:
            found = "it is finished" if (path / "run.json").is_file() else "there is no unfinished training of it"
            raise RunError(asked, found, "pass the folder that out= or --out named")
        recipe = load_recipe(asked, folder)
        return cls(folder, state=load_state(asked, folder)), recipe

    def __enter__(self) -> Unfinished:
        if self.folder is not None and self.recipe is not None:
            try:
                save_recipe(self.recipe, self.folder)
            except OSError as error:
                found = f"it cannot be created ({error.strerror})"
                raise RunError(f"write the run {self.folder}", found, "pass another folder") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or self.is_resumed or self.folder is None:
            return
        if issubclass(kind, Exception) or not (self.folder / STATE).exists():
            self.remove()

    def keep_in(self, run: Path) -> None:
        """Give the folder of an interrupted run what it can be resumed from."""
        if self.folder is not None:
            shutil.copytree(self.folder, run / INSIDE)

    def remove(self) -> None:
        """Remove what is not needed any more; what lies in a run has gone with the run that was replaced."""
        if self.folder is not None and self.folder.name != INSIDE:
            shutil.rmtree(self.folder, ignore_errors=True)


def _is_json(recipe: Recipe) -> bool:
    try:
        json.dumps(vars(recipe))
    except (TypeError, ValueError):
        return False
    return True
