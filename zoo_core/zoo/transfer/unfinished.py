"""The folder of a training that is under way: what is needed to go on if the process is killed."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zoo.atomic import absolute
from zoo.data import Dataset
from zoo.data.dataset import digest_of_samples
from zoo.errors import RunError, asked, asking
from zoo.runs.folder import RECORD, free_folder, read_json
from zoo.transfer.recipes import RECIPE, Recipe, load_recipe, save_recipe
from zoo.transfer.training_state import STATE, State, load_state

log = logging.getLogger("zoo")

#: What is appended to the name of a run's folder while it is under way.
SUFFIX = ".unfinished"

#: What says which samples a training has begun with.
SAMPLES = "samples.json"

#: Where an interrupted run keeps what it can be resumed from.
INSIDE = "resume"


class Unfinished:
    """A training under way; as a context, it is removed if training fails, and stays if it is broken off.

    A disk that is full breaks it off as Ctrl-C does: what was learnt is not to be learnt again.

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
            RunError: as :func:`refuse_taken`.
        """
        out = arguments["out"]
        if out is None:
            return cls(None)
        refuse_taken(out)
        origin = data.origin if isinstance(data, Dataset) else {"name_or_folder": os.fspath(data)}
        folder_of_run = getattr(model, "folder", None)
        name = os.fspath(folder_of_run or model) if isinstance(folder_of_run or model, (str, os.PathLike)) else None
        recipe = Recipe(name, dict(origin), arguments)
        if name is None or not origin or list(callbacks) or not _is_json(recipe):
            return cls(None)
        return cls(Path(out + SUFFIX), recipe)

    @classmethod
    def found(cls, out: str | os.PathLike[str]) -> tuple[Unfinished, Recipe]:
        """Return what was left of the training of ``out``, and its recipe.

        Raises:
            RunError: if there is nothing, or it is damaged.
        """
        # Whoever sees the folder of what is unfinished will name that.
        path = Path(str(absolute(out)).removesuffix(SUFFIX))
        with asking(f"resume the training of {os.fspath(out)!r}"):
            places = [Path(f"{path}{SUFFIX}"), path / INSIDE]
            folder = next((each for each in places if (each / RECIPE).is_file()), None)
            if folder is None:
                if (path / RECORD).is_file():
                    advice = (
                        "to train it further, name it as the model, with a strategy that keeps its head, such as full"
                    )
                    raise RunError(asked(), "it is finished", advice)
                raise RunError(
                    asked(), "there is no unfinished training of it", "pass the folder that out= or --out named"
                )
            recipe = load_recipe(folder)
            return cls(folder, state=load_state(folder)), recipe

    def __enter__(self) -> Unfinished:
        if self.folder is not None and self.recipe is not None:
            try:
                save_recipe(self.recipe, self.folder)
            except OSError as error:
                found = f"it cannot be created ({error.strerror})"
                raise RunError(f"write the run {self.folder}", found, "pass another folder") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None or self.folder is None:
            return
        is_broken_off = not isinstance(error, Exception) or isinstance(error.__cause__, OSError)
        if not self.is_resumed and not (is_broken_off and (self.folder / STATE).exists()):
            self.remove()
        elif is_broken_off:
            run = self.folder.parent if self.folder.name == INSIDE else str(self.folder).removesuffix(SUFFIX)
            log.warning(
                "the training is unfinished; `zoo train --resume %s` goes on", shlex.quote(os.path.relpath(run))
            )

    def check_data(self, dataset: Dataset) -> None:
        """Write down what is trained on; raise unless a training that goes on has the same.

        Raises:
            RunError: if the data has changed since.
        """
        if self.folder is None:
            return
        digests = {part: digest_of_samples(samples, dataset) for part, samples in dataset.splits.items()}
        path = self.folder / SAMPLES
        if not self.is_resumed:
            try:
                path.write_text(json.dumps(digests), encoding="utf-8")
            except OSError as error:
                raise RunError(asked(), f"{path} cannot be written ({error.strerror})", "make room") from error
        elif path.is_file() and read_json(path) != digests:
            raise RunError(asked(), "its data has changed since", "put it back, or train again from the beginning")

    def keep_in(self, run: Path) -> None:
        """Give the folder of an interrupted run what it can be resumed from."""
        if self.folder is not None:
            shutil.copytree(self.folder, run / INSIDE)

    def remove(self) -> None:
        """Remove what is not needed any more; what lies in a run has gone with the run that was replaced."""
        if self.folder is not None and self.folder.name != INSIDE:
            shutil.rmtree(self.folder, ignore_errors=True)


def refuse_taken(out: str) -> None:
    """Raise unless a run may be written to ``out``.

    Raises:
        RunError: if it exists and is not empty, or an earlier training of it is unfinished.
    """
    unfinished = Path(f"{free_folder(out)}{SUFFIX}")
    if unfinished.exists():
        found = f"an earlier training of it is unfinished, in {unfinished}"
        advice = f"go on with `zoo train --resume {shlex.quote(out)}`, or delete that folder"
        raise RunError(f"write the run {out!r}", found, advice)


def _is_json(recipe: Recipe) -> bool:
    try:
        json.dumps(vars(recipe))
    except (TypeError, ValueError):
        return False
    return True
