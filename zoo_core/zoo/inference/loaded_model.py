"""A model that can be asked, with what Zoo knows of it: from a model, a run, a run's folder or a model's name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from zoo import registry
from zoo.building import build
from zoo.data.pipeline import stream
from zoo.errors import ArgumentError, UnknownNameError, asked
from zoo.models.build_info import Build, is_linear, require_build
from zoo.runs.folder import RECORD
from zoo.runs.run import Run, load as open_run


@dataclass(frozen=True)
class LoadedModel:
    """A model that Zoo has built, and what Zoo knows of it."""

    model: keras.Model
    build: Build

    @property
    def is_regression(self) -> bool:
        """Whether the model predicts a number: its output is one linear unit, and no class names were given for it."""
        options = self.build.options
        return options["classes"] == 1 and is_linear(options["classifier_activation"]) and not self.build.class_names

    @property
    def class_count(self) -> int:
        """The number of classes; a model with a single output unit tells two classes apart."""
        return max(2, int(self.build.options["classes"]))

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes, or their indices as text if they have no names."""
        return self.build.class_names or tuple(map(str, range(self.class_count)))

    def outputs(self, inputs: Any) -> NDArray[np.float32]:
        """Return the model's outputs, ``(N, outputs)``, for one batch of inputs or for a ``keras.utils.PyDataset``."""
        if isinstance(inputs, np.ndarray):
            # Not predict_on_batch, which compiles the network again for every new batch size.
            return np.asarray(self.model.predict(inputs, batch_size=len(inputs), verbose=0))
        with stream(inputs) as batches:
            return np.asarray(self.model.predict(batches, verbose=0))

    def probabilities(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Return the ``(N, classes)`` probabilities for the model's outputs; of a single unit, two columns."""
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
    """Return the model that ``given`` names or holds, ready to be asked.

    ``weights`` are the tag or file for a model's name. A name needs weights, there or after its dot, since the outputs
    of random weights mean nothing.

    Raises:
        ArgumentError: if Zoo has not built the model, a name comes without weights, or something other than a name
            comes with them.
        UnknownNameError: if a text is neither the name of a model nor the folder of a run.
        RunError: if a folder is not a run, or cannot be opened.
    """
    model = existing_model(given, weights)
    if model is None:
        model = _built_with_weights(str(given), weights)
    return LoadedModel(model, require_build(model))


def existing_model(given: Any, weights: str | os.PathLike[str] | None) -> keras.Model | None:
    """Return the model that need not be built: the model given, or that of a run or a run's folder; None for a name.

    Raises:
        ArgumentError: if ``given`` is none of these, or weights came with a model that has its own.
        UnknownNameError, RunError: as :func:`load_model`.
    """
    model = given if isinstance(given, keras.Model) else getattr(given, "model", None)
    if model is None and isinstance(given, (str, os.PathLike)):
        if not _is_run_folder(given):
            return None
        model = open_run(given).model
    if not isinstance(model, keras.Model):
        raise ArgumentError(
            asked(),
            f"a value of type {type(given).__name__} is not a model",
            "pass a model, a run, a run's folder or a model's name",
        )
    if weights is not None:
        found = f"weights={str(weights)!r} came with a model that already has weights"
        raise ArgumentError(asked(), found, "leave weights out")
    return model


def display_name(given: Any) -> str:
    """Return what an error message calls a model, a run or a name: in quotation marks, a run by its folder."""
    if not isinstance(given, (str, os.PathLike)):
        given = getattr(given, "folder", None) or getattr(given, "name", "the model")
    return repr(os.fspath(given))


def _is_run_folder(given: str | os.PathLike[str]) -> bool:
    """Return whether to open ``given`` as a run; the name of a model wins over a folder that is not a run."""
    if (Path(given) / RECORD).is_file() or not isinstance(given, str):
        return True
    try:
        registry.find_model(given)
    except UnknownNameError:
        if not Path(given).exists():
            raise
        return True
    return False


def _built_with_weights(name: str, weights: str | os.PathLike[str] | None) -> keras.Model:
    if weights is None and registry.find_model(name)[1] is None:
        advice = f"pass weights= (a tag or a file), or a tag in the name such as '{name}.<tag>'"
        raise ArgumentError(asked(), f"{name!r} without weights has random values", advice)
    model = build(name, weights=None if weights is None else os.fspath(weights))
    report = require_build(model).report
    if report and report.missing:
        variable, reason = report.missing[0]
        found = f"{report.source} has no classifier that fits {name!r} ({variable}: {reason})"
        raise ArgumentError(asked(), found, "build the model with the classes= of the file, and pass that model")
    return model
