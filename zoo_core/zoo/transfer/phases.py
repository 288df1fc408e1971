"""What a strategy is made of: phases, each saying which layers learn, how fast and for how long."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import keras

from zoo.errors import ArgumentError

#: In place of the names of layers: every layer.
ALL: Final = ("*",)


@dataclass(frozen=True)
class Phase:
    """One stretch of training: the layers named in ``trainable`` learn for ``epochs`` and all others are frozen.

    Frozen is frozen: neither the weights nor the moving statistics of a frozen layer change, by a single bit.

    ``optimizer`` is what ``keras.optimizers.serialize`` returns for the optimiser wanted; without it, it is Adam at
    ``learning_rate``. With it, ``learning_rate`` is what the history records.

    ``solver`` (``"package.module:function"``) takes the place of training by gradients: it gets the layer that learns,
    the only one, the features that come into it for every training sample, the labels, and ``options`` as keywords,
    and sets the layer's weights. Such a phase has one epoch.
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
            raise ArgumentError(request, "it trains no layer", "name one at least, or ALL")
        if self.solver is not None and (self.trainable == ALL or len(self.trainable) != 1 or self.epochs != 1):
            raise ArgumentError(request, "a solver trains one layer in one epoch", "name one layer")

    def trains(self, layer: str) -> bool:
        """Return whether the layer of that name learns in this phase."""
        return self.trainable == ALL or layer in self.trainable


def leaf_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers of ``model`` in order, those of a nested model in its place."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaf_layers(layer)
        else:
            yield layer


def freeze(model: keras.Model, phase: Phase | None) -> None:
    """Let the layers of ``phase`` learn and no other; None lets all learn again.

    Layer by layer, because a BatchNorm of a frozen model goes on moving its statistics unless it is itself frozen.
    """
    model.trainable = True
    for layer in leaf_layers(model):
        layer.trainable = phase is None or phase.trains(layer.name)
