"""Predictions of a model for images or rows without labels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.data.decoding import Picture
from zoo.data.preprocessing import prepare_all
from zoo.data.sources.csv_file import read_rows
from zoo.errors import ArgumentError, asked, asking
from zoo.inference.loaded_model import LoadedModel, load_model

if TYPE_CHECKING:
    import keras

    from zoo.runs.run import Run


@dataclass(frozen=True)
class Prediction:
    """A class and its probability or, from a regression, the name of the target and the ``value`` predicted for it."""

    index: int
    label: str
    probability: float | None = None
    value: float | None = None

    def __str__(self) -> str:
        return f"{self.label} {self.value:g}" if self.probability is None else f"{self.label} {self.probability:.1%}"


def predict(
    model_or_run: keras.Model | Run | str | os.PathLike[str],
    images: Picture | Iterable[Picture] | Iterable[Mapping[str, str]],
    top: int = 5,
    *,
    weights: str | os.PathLike[str] | None = None,
    batch_size: int = 32,
) -> list[list[Prediction]]:
    """Return for each input the ``top`` most probable classes, best first, or the one value of a regression.

    Args:
        model_or_run: a model built by Zoo, a run or its folder, or a model's name.
        images: one or many images: paths, Pillow images, or arrays ``(H, W)`` or ``(H, W, C)`` of pixel values from 0
            to 255. For a model trained on a table: the path of a CSV file, or dictionaries from column name to text.
        top: the number of classes to return for each input; all classes if the model has fewer.
        weights: for a name, a weights tag or file.
        batch_size: the number of inputs to read and compute at a time.

    Raises:
        ArgumentError: if the model was not built by Zoo, has no weights or no top, or ``top`` is less than 1.
        DataError: if an image or a row cannot be read; the message names it.
    """
    with asking(f"predict the top {top}"):
        if isinstance(top, bool) or not isinstance(top, int) or top < 1:
            raise ArgumentError(asked(), "top= is not a positive integer", "pass top=1 or more")
        if batch_size < 1:
            raise ArgumentError(
                asked(f"in batches of {batch_size}"), "the batch size is not positive", "pass batch_size=32"
            )
        loaded = load_model(model_or_run, weights)
        if not loaded.build.options["include_top"]:
            raise ArgumentError(asked(), "the model was built without its top", "build it with include_top=True")
        return [
            each
            for inputs in _batches(loaded, images, batch_size)
            for each in top_predictions(loaded, loaded.outputs(inputs), top)
        ]


def top_predictions(loaded: LoadedModel, outputs: NDArray[Any], top: int) -> list[list[Prediction]]:
    """Return the predictions for the model's ``outputs`` for one batch, as :func:`predict` does."""
    if loaded.is_regression:
        target = loaded.build.table.target if loaded.build.table else "value"
        return [[Prediction(0, target, value=float(value))] for value in np.ravel(outputs)]
    probabilities = loaded.probabilities(outputs)
    # The sort is stable, so that of classes with equal probabilities the lower index comes first.
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    return [
        [Prediction(int(index), loaded.labels[index], float(row[index])) for index in order]
        for row, order in zip(probabilities, best, strict=True)
    ]


def _batches(loaded: LoadedModel, inputs: Any, batch_size: int) -> Iterator[NDArray[np.float32]]:
    """Yield the inputs in the form that the model takes, ``batch_size`` at a time, so that not all are in memory."""
    known = loaded.build
    if known.table is not None:
        rows = read_rows(inputs) if isinstance(inputs, (str, os.PathLike)) else inputs
        yield from map(known.table.encode, _chunks([rows] if isinstance(rows, Mapping) else rows, batch_size))
    elif known.preprocessing is None:
        found = f"{known.qualified!r} takes rows of numbers, and it is not known how to encode the columns"
        raise ArgumentError(asked(), found, "train the model on a table with zoo.transfer first")
    else:
        pictures = [inputs] if _is_single_image(inputs) else inputs
        for chunk in _chunks(pictures, batch_size):
            yield prepare_all(chunk, known.preprocessing, known.options["input_shape"])


def _is_single_image(inputs: Any) -> bool:
    one = isinstance(inputs, (str, os.PathLike, bytes, Image.Image))
    return one or (isinstance(inputs, np.ndarray) and inputs.ndim < 4)


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
