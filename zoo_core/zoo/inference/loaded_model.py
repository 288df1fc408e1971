"""What is evaluated and asked for predictions: a model with what Zoo knows of it, however it was handed over."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from zoo import registry
from zoo.building import build
from zoo.data.pipeline import stream
from zoo.errors import ArgumentError, UnknownNameError, asked
from zoo.models.build_info import Build, is_linear, require_build

if TYPE_CHECKING:
    from zoo.runs.run import Run


@dataclass(frozen=True)
class LoadedModel:
    """A model that Zoo has built, and its build."""

    model: keras.Model
    build: Build

    @property
    def is_regression(self) -> bool:
        """Whether the output is a number and not the classes' share: one linear unit that nobody gave class names."""
        options = self.build.options
        return options["classes"] == 1 and is_linear(options["classifier_activation"]) and not self.build.class_names

    @property
    def class_count(self) -> int:
        """The number of classes, where one unit stands for two."""
        return max(2, int(self.build.options["classes"]))

    @property
    def labels(self) -> tuple[str, ...]:
        """What the classes are called: their names, or their indices where nobody has named them."""
        return self.build.class_names or tuple(map(str, range(self.class_count)))

    def outputs(self, inputs: Any) -> NDArray[np.float32]:
        """Return the model's outputs, ``(N, outputs)``, for one batch of inputs or for a ``keras.utils.PyDataset``."""
        if isinstance(inputs, np.ndarray):
            # Not predict_on_batch, which compiles the network once more for every other size of a batch.
            return np.asarray(self.model.predict(inputs, batch_size=len(inputs), verbose=0))
        with stream(inputs) as batches:
            return np.asarray(self.model.predict(batches, verbose=0))

    def probabilities(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Return the ``(N, classes)`` probabilities that the model's outputs mean; one unit becomes two columns."""
        values = np.asarray(outputs, np.float64).reshape(len(outputs), -1)
        linear = is_linear(self.build.options["classifier_activation"])
        if values.shape[1] == 1:
            second = 1 / (1 + np.exp(-values)) if linear else values
            return np.concatenate([1 - second, second], axis=1)
        if linear:
            values = np.exp(values - values.max(axis=1, keepdims=True))
            values /= values.sum(axis=1, keepdims=True)
        return values


def load_model(
    given: keras.Model | Run | str | os.PathLike[str], weights: str | os.PathLike[str] | None = None
) -> LoadedModel:
    """Return the subject that ``given`` means: a model that Zoo has built, a run or its folder, or a model's name.

    A name needs weights, by a tag or ``weights``; what a network of random weights says means nothing.

    Raises:
        ArgumentError: if Zoo has not built the model, or a name comes without weights, or anything else with them.
        UnknownNameError: if a name is neither that of a model nor the folder of a run.
        RunError: if it is a folder, and no run that opens.
    """
    model = model_of(given, weights)
    if model is None:
        model = _built(str(given), weights)
    return LoadedModel(model, require_build(model))


def model_of(given: Any, weights: str | os.PathLike[str] | None) -> keras.Model | None:
    """Return the model that is there already: a model itself, that of a run or of a run's folder. None for a name.

    Raises:
        ArgumentError: if it came with weights although it has its own, or is no model at all.
        UnknownNameError, RunError: as :func:`load_model`.
    """
    model = given if isinstance(given, keras.Model) else getattr(given, "model", None)
    if model is None and isinstance(given, (str, os.PathLike)):
        if not _is_folder(given):
            return None
        from zoo.runs.run import load

        model = load(given).model
    if not isinstance(model, keras.Model):
        advice = "pass a model, a run, a run's folder or a model's name"
        raise ArgumentError(asked(), f"a {type(given).__name__} is no model", advice)
    if weights is not None:
        raise ArgumentError(
            asked(), f"weights={str(weights)!r} came with a model that has its own", "leave weights out"
        )
    return model


def name_of(given: Any) -> str:
    """Return what to call a model, a run or a name in a message."""
    if not isinstance(given, (str, os.PathLike)):
        given = getattr(given, "folder", None) or getattr(given, "name", "the model")
    return repr(os.fspath(given))


def _is_folder(given: str | os.PathLike[str]) -> bool:
    """Return whether ``given`` is to be opened as a run; a model's name goes before a folder that is no run."""
    if (Path(given) / "run.json").is_file() or not isinstance(given, str):
        return True
    try:
        registry.find_model(given)
    except UnknownNameError:
        if not Path(given).exists():
            raise
        return True
    return False


def _built(name: str, weights: str | os.PathLike[str] | None) -> keras.Model:
    if weights is None and registry.find_model(name)[1] is None:
        advice = f"pass weights= (a tag or a file), or a tag in the name such as '{name}.<tag>'"
        raise ArgumentError(asked(), f"{name!r} without weights has random values", advice)
    model = build(name, weights=None if weights is None else os.fspath(weights))
    report = require_build(model).report
    if report and report.missing:
        found = f"{report.source} has no classifier for {name!r}: {report.missing[0][0]} {report.missing[0][1]}"
        raise ArgumentError(asked(), found, "build it with the classes= of the file, and pass the model")
    return model
