"""Keras layers of the papers that Keras itself lacks, shared by several families."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="zoo")
class LocalResponseNormalization(keras.layers.Layer):  # type: ignore[misc]
    """Divide each value by a power of the energy of its neighbours in the channel axis (Krizhevsky et al. 2012, 3.3).

    ``y[c] = x[c] / (bias + alpha * sum(x[c - depth_radius : c + depth_radius + 1] ** 2)) ** beta``

    This is TensorFlow's definition: ``alpha`` multiplies the sum. Caffe and torch multiply the mean, so that their
    ``alpha`` is this one times the window's size ``2 * depth_radius + 1``.

    Args:
        depth_radius: how many channels on each side count as neighbours.
        bias: keeps the divisor from zero; the paper's k.
        alpha: weight of the neighbours' energy.
        beta: the exponent.

    Input and output: ``(batch, height, width, channels)``, or any shape with the channels last.
    """

    def __init__(
        self, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.depth_radius = depth_radius
        self.bias = bias
        self.alpha = alpha
        self.beta = beta

    def call(self, inputs: Any) -> Any:
        """Return the normalised ``inputs``."""
        channels = inputs.shape[-1]
        sides = [(0, 0)] * (len(inputs.shape) - 1) + [(self.depth_radius, self.depth_radius)]
        squares = ops.pad(ops.square(inputs), sides)
        energy = sum(squares[..., first : first + channels] for first in range(2 * self.depth_radius + 1))
        return inputs / ops.power(self.bias + self.alpha * energy, self.beta)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return ``input_shape``."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is made again from."""
        own = {"depth_radius": self.depth_radius, "bias": self.bias, "alpha": self.alpha, "beta": self.beta}
        return {**super().get_config(), **own}
