"""The layers of a wide & deep network that Keras lacks; they run on every backend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="zoo")
class Select(keras.layers.Layer):  # type: ignore[misc]
    """Take some features: from ``(batch, features)`` those at ``positions``, in that order."""

    def __init__(self, positions: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.positions = list(positions)

    def call(self, inputs: Any) -> Any:
        """Return ``(batch, len(positions))``."""
        return ops.take(inputs, self.positions, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is made again from."""
        return {**super().get_config(), "positions": self.positions}


@keras.saving.register_keras_serializable(package="zoo")
class Cross(keras.layers.Layer):  # type: ignore[misc]
    """Encode which combination of buckets and words a row has, as a one-hot vector ``(batch, cells)``.

    Numbers are put into buckets; those below the first boundary are in the lowest. A column of words has one feature
    for each word, and one more cell for any other word. If there are more than ``most_cells`` combinations, some share
    a cell, as with the hashing of TensorFlow's crossed columns. A cross of one column is that column in buckets.

    Args:
        starts: for each column, the position of its first feature.
        parts: for each column, the boundaries of its buckets, or the number of its words.
        most_cells: the length of the vector, at most; best a prime, which spreads combinations evenly.

    Source: Cheng et al. 2016, https://arxiv.org/abs/1606.07792, equation 1.
    """

    def __init__(
        self, starts: Sequence[int], parts: Sequence[int | Sequence[float]], most_cells: int = 10_007, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.starts = list(starts)
        self.parts = [part if isinstance(part, int) else list(part) for part in parts]
        self.most_cells = most_cells
        self.sizes = [1 + (part if isinstance(part, int) else len(part)) for part in self.parts]
        self.cells = min(math.prod(self.sizes), most_cells)

    def call(self, inputs: Any) -> Any:
        """Return the one-hot vectors of the rows ``(batch, features)``."""
        index: Any = 0
        for start, part, size in zip(self.starts, self.parts, self.sizes, strict=True):
            if isinstance(part, int):  # the number of the word: 1, 2, ...; 0 for an unknown word
                digit = ops.sum(inputs[:, start : start + part] * ops.arange(1, size, dtype=inputs.dtype), axis=1)
            else:
                digit = ops.digitize(inputs[:, start], part)
            index = (index * size + ops.cast(digit, "int32")) % self.cells
        return ops.one_hot(index, self.cells, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is made again from."""
        own = {"starts": self.starts, "parts": self.parts, "most_cells": self.most_cells}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="zoo")
class JointOutput(keras.layers.Layer):  # type: ignore[misc]
    """A dense layer on the wide and on the deep features together: ``activation(wide @ w + deep @ d + bias)``.

    The same as a dense layer on the two concatenated, but with two variables where that has one kernel, so that each
    part can have its own optimiser. As in any linear model, the wide weights begin at 0.

    Input: ``[(batch, wide), (batch, deep)]``; output: ``(batch, units)``.

    Source: Cheng et al. 2016, https://arxiv.org/abs/1606.07792, equation 3.
    """

    use_bias = True

    def __init__(self, units: int, activation: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        """Make the weights; the order is that of :meth:`get_weights`."""
        wide, deep = (shape[-1] for shape in input_shape)
        self.wide_kernel = self.add_weight((wide, self.units), initializer="zeros", name="wide_kernel")
        self.deep_kernel = self.add_weight((deep, self.units), initializer="glorot_uniform", name="deep_kernel")
        self.bias = self.add_weight((self.units,), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """Return the outputs."""
        wide, deep = inputs
        return self.activation(ops.matmul(wide, self.wide_kernel) + ops.matmul(deep, self.deep_kernel) + self.bias)

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is made again from."""
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "units": self.units, "activation": activation}
