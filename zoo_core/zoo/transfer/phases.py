"""The phases of a strategy: which layers learn, at which learning rate and for how many epochs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import keras

from zoo.errors import ArgumentError

#: Stands for every layer where the names of layers are expected.
ALL: Final = ("*",)


@dataclass(frozen=True)
class Phase:
    """One part of a training: the layers named in ``trainable`` learn for ``epochs``, and all others are frozen.

    Neither the weights nor the moving statistics of a frozen layer change, not even by a single bit.

    ``optimizer`` is the optimizer as ``keras.optimizers.serialize`` returns it, or None for Adam at ``learning_rate``.
    If there is one, ``learning_rate`` is only recorded in the history.

    ``solver`` (``"package.module:function"``) replaces training by gradients. It is called with the one layer that
    learns, the inputs of that layer for every training sample, the labels, and ``options`` as keyword arguments, and
    sets the layer's weights. Such a phase has one epoch.
    """

    name: str
    trainable: tuple[str, ...]
    epochs: int
    learning_rate: float
    optimizer: Mapping[str, Any] | None = field(default=None, hash=False)
    solver: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        request = f"train in the phase {self.name!r}"
        if isinstance(self.epochs, bool) or not isinstance(self.epochs, int) or self.epochs < 1:
            raise ArgumentError(request, f"epochs is {self.epochs!r}", "pass 1 or more")
        rate = self.learning_rate
        if not isinstance(rate, (int, float)) or not (math.isfinite(rate) and rate > 0):
            raise ArgumentError(request, f"learning_rate is {rate!r}", "pass a positive number such as 0.001")
        if not self.trainable:
            raise ArgumentError(request, "it trains no layer", "name at least one layer, or pass ALL")
        if self.solver is not None and (self.trainable == ALL or len(self.trainable) != 1 or self.epochs != 1):
            raise ArgumentError(request, "a solver sets one layer in one epoch", "name one layer, and pass epochs=1")

    def trains(self, layer: str) -> bool:
        """Return whether the layer of that name learns in this phase."""
        return self.trainable == ALL or layer in self.trainable


def leaf_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers of ``model`` in order; a nested model is replaced by its layers."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaf_layers(layer)
        else:
            yield layer


def freeze(model: keras.Model, phase: Phase | None) -> None:
    """Let the layers of ``phase`` learn and freeze all others; with None, all layers learn again.

    This is done layer by layer: in a frozen model, a BatchNorm updates its statistics unless it is frozen itself.
    """
    model.trainable = True
    for layer in leaf_layers(model):
        layer.trainable = phase is None or phase.trains(layer.name)
