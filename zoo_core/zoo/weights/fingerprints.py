"""The fingerprint of a model with its weights: its outputs for an input that anybody can compute again."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from zoo.data.preprocessing import normalise
from zoo.specs import Fingerprint, Preprocessing

#: The number of outputs in a fingerprint.
_OUTPUTS = 8


def made_up_input(shape: tuple[int, ...], preprocessing: Preprocessing | None, seed: int = 0) -> NDArray[np.float32]:
    """Return a batch of one input, ``(1, *shape)``, which is the same on every machine: a Weyl sequence of integers.

    Its values are bytes, which ``preprocessing`` brings to the model's scale as if they were pixels. Without a
    preprocessing, as for the rows of a table, they are spread from -1 to 1.
    """
    places = np.arange(np.prod(shape, dtype=np.int64), dtype=np.uint64)
    values = (places * np.uint64(2_654_435_761) + np.uint64(seed * 40_503)) % np.uint64(2**32) >> np.uint64(24)
    pixels = values.astype(np.uint8).reshape(1, *shape)
    if preprocessing is None:
        return pixels.astype(np.float32) / np.float32(127.5) - 1
    return normalise(pixels, preprocessing)


def take_fingerprint(
    model: keras.Model, preprocessing: Preprocessing | None, *, seed: int = 0, tolerance: float = 1e-4
) -> Fingerprint:
    """Return the fingerprint of ``model``; its last layer should have no activation."""
    shape = tuple(size or 224 for size in model.input_shape[1:])
    outputs = _outputs(model, made_up_input(shape, preprocessing, seed))[:_OUTPUTS]
    return Fingerprint(tuple(round(float(value), 6) for value in outputs), seed, shape, tolerance)


def deviation(model: keras.Model, fingerprint: Fingerprint, preprocessing: Preprocessing | None) -> float:
    """Return how far ``model`` is from ``fingerprint``: the largest difference divided by the largest output."""
    shape = fingerprint.input_shape or tuple(size or 224 for size in model.input_shape[1:])
    expected = np.asarray(fingerprint.outputs, np.float64)
    found = _outputs(model, made_up_input(shape, preprocessing, fingerprint.seed))[: len(expected)]
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _outputs(model: keras.Model, inputs: Any) -> NDArray[np.float64]:
    outputs = model(inputs, training=False)
    while not hasattr(outputs, "shape"):  # of several outputs, the main one comes first
        outputs = next(iter(outputs.values() if isinstance(outputs, dict) else outputs))
    return np.asarray(keras.ops.convert_to_numpy(outputs), np.float64).ravel()
