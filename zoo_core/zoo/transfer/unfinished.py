"""The folder of a training that is under way, with all that is needed to go on if the process is killed."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.atomic import absolute
from zoo.data import Dataset
from zoo.data.dataset import digest_of_samples
from zoo.errors import RunError, asked, asking
from zoo.runs.folder import RECORD, free_folder, read_json
from zoo.transfer.recipes import RECIPE, Recipe, load_recipe, save_recipe
from zoo.transfer.request import Request
from zoo.transfer.training_state import STATE, State, load_state

log = logging.getLogger("zoo")

#: What is appended to the name of a run's folder while the training is under way.
SUFFIX = ".unfinished"

#: The file that says which samples the training began with.
SAMPLES = "samples.json"

#: The folder inside an interrupted run from which it can be resumed.
INSIDE = "resume"


class Unfinished:
    """The folder of a training under way, as a context: it is removed if training fails, and stays if it is broken off.

    Ctrl-C breaks a training off, and so does a full disk: then nothing has to be learnt a second time.

    ``folder`` is None for a training that cannot be resumed: one that is not written to a folder, or whose model, data
    or callbacks exist only in this process.
    """

    def __init__(self, folder: Path | None, recipe: Recipe | None = None, state: State | None = None) -> None:
        self.folder = folder
        self.recipe = recipe
        self.state = state

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier process began the training."""
        return self.state is not None

    @property
    def seconds(self) -> float:
        """The seconds that the epochs of earlier processes took."""
        return sum(each["seconds"] for each in self.state.history) if self.state else 0.0

    @classmethod
    def begin(cls, request: Request, callbacks: Sequence[Any]) -> Unfinished:
        """Return the folder of a training that is about to begin; entering the context creates it.

        Raises:
            RunError: as :func:`refuse_taken`.
        """
        if request.out is None:
            return cls(None)
        refuse_taken(request.out)
        model, data = getattr(request.model, "folder", None) or request.model, request.data
        origin = data.origin if isinstance(data, Dataset) else {"name_or_folder": os.fspath(data)}
        if callbacks or not origin or not isinstance(model, (str, os.PathLike)):
            return cls(None)
        recipe = Recipe(os.fspath(model), dict(origin), request.arguments)
        return cls(Path(request.out + SUFFIX), recipe) if _is_json(recipe) else cls(None)

    @classmethod
    def found(cls, out: str | os.PathLike[str]) -> tuple[Unfinished, Recipe]:
        """Return the unfinished training of the run ``out``, and its recipe.

        Raises:
            RunError: if there is none, or its files are damaged.
        """
        # A user who sees the folder run.unfinished may well pass that name.
        path = Path(str(absolute(out)).removesuffix(SUFFIX))
        with asking(f"resume the training of {os.fspath(out)!r}"):
            places = [Path(f"{path}{SUFFIX}"), path / INSIDE]
            folder = next((each for each in places if (each / RECIPE).is_file()), None)
            if folder is None:
                if (path / RECORD).is_file():
                    advice = "to train it further, pass it as the model, with a strategy that keeps its head: full"
                    raise RunError(asked(), "it is finished", advice)
                found = "there is no unfinished training of that run"
                raise RunError(asked(), found, "pass the folder that out= or --out named")
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
            command = f"zoo train --resume {shlex.quote(os.path.relpath(run))}"
            log.warning("the training is unfinished; `%s` goes on with it", command)

    def check_data(self, dataset: Dataset) -> None:
        """Record the samples of a training that begins; compare them when a training goes on.

        Raises:
            RunError: if the data has changed since the training began.
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
            raise RunError(asked(), "the data has changed since it began", "restore it, or train again from the start")

    def keep_in(self, run: Path) -> None:
        """Copy what is needed to resume into the folder of an interrupted run."""
        if self.folder is not None:
            shutil.copytree(self.folder, run / INSIDE)

    def remove(self) -> None:
        """Remove the folder; one inside a run has already gone with the run that was replaced."""
        if self.folder is not None and self.folder.name != INSIDE:
            shutil.rmtree(self.folder, ignore_errors=True)


def refuse_taken(out: str) -> None:
    """Raise unless a run can be written to ``out``.

    Raises:
        RunError: if the folder exists and is not empty, or there is an unfinished training of that run.
    """
    unfinished = Path(f"{free_folder(out)}{SUFFIX}")
    if unfinished.exists():
        found = f"an earlier training of that run is unfinished, in {unfinished}"
        advice = f"go on with `zoo train --resume {shlex.quote(out)}`, or delete that folder"
        raise RunError(f"write the run {out!r}", found, advice)


def _is_json(recipe: Recipe) -> bool:
    try:
        json.dumps(vars(recipe))
    except (TypeError, ValueError):
        return False
    return True
