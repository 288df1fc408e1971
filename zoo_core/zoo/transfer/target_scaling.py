"""Regression targets of any unit: learnt in standard deviations, and the unit is folded into the last layer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import keras
import numpy as np

from zoo.data import Split
from zoo.models.build_info import is_linear


@dataclass(frozen=True)
class Scale:
    """A mean and a standard deviation of targets; a network learns ``(target - mean) / std``.

    The steps of Adam are about as large as the learning rate, whatever the loss: without this, a network would need
    hundreds of thousands of steps to reach targets such as the house prices of California.
    """

    mean: float = 0.0
    std: float = 1.0

    def apply(self, split: Split) -> Split:
        """Return the split with its targets scaled as the network learns them."""
        return replace(split, labels=((split.labels - self.mean) / self.std).astype(np.float32))

    def fold_in(self, layer: keras.Layer) -> None:
        """Change the weights of ``layer``, whose outputs are scaled, so that it outputs targets in their own unit."""
        *kernels, bias = layer.get_weights()
        layer.set_weights([*(kernel * self.std for kernel in kernels), bias * self.std + self.mean])

    def fold_out(self, layer: keras.Layer) -> None:
        """Undo :meth:`fold_in`."""
        *kernels, bias = layer.get_weights()
        layer.set_weights([*(kernel / self.std for kernel in kernels), (bias - self.mean) / self.std])


def scale_of(targets: Split, output: keras.Layer) -> Scale:
    """Return the scale of the training targets; it changes nothing if they are all equal or ``output`` cannot hold it.

    A layer can hold it if its outputs are linear in its weights, of which the last is the bias: a dense layer, or one
    with several kernels.
    """
    std = float(targets.labels.std(dtype=np.float64))
    activation = getattr(output, "activation", None)
    foldable = getattr(output, "use_bias", False) and is_linear(getattr(activation, "__name__", None))
    return Scale(float(targets.labels.mean(dtype=np.float64)), std) if foldable and std > 0 else Scale()
