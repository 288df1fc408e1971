"""The strategies that every zoo has: which layers of a network learn."""

from __future__ import annotations

import keras

from zoo.building import build_of
from zoo.errors import ArgumentError
from zoo.registry import did_you_mean
from zoo.transfer.phases import ALL, Phase, leaf_layers

#: Learning rates of Adam. A classifier alone is a convex problem and bears a high one: on the digits 5-9 after 0-4 with
#: lenet5, ten epochs gave 0.56 at 1e-3 and 0.88 at 1e-2; on cats and dogs with resnet20_cifar, five gave 0.77 and 0.87.
CLASSIFIER_ALONE = 1e-2
FROM_SCRATCH = 1e-3
FINE_TUNING = 1e-4


def full(model: keras.Model, *, epochs: int, learning_rate: float | None) -> list[Phase]:
    """Train every layer; at a lower rate if weights were loaded, which a fast start would destroy."""
    known = build_of(model)
    default = FINE_TUNING if known and known.report else FROM_SCRATCH
    return [Phase("full", ALL, epochs, learning_rate or default)]


def last_layers(
    model: keras.Model,
    *,
    epochs: int,
    learning_rate: float | None,
    layers: int = 1,
    from_layer: str | None = None,
) -> list[Phase]:
    """Train the last ``layers`` layers that have weights, or ``from_layer`` and every layer after it.

    Auxiliary classifiers are not among them, but train with the layers that learn from them.

    Raises:
        ArgumentError: if there are not so many, or there is no such layer.
    """
    leaves = list(leaf_layers(model))
    names = [layer.name for layer in leaves]
    known = build_of(model)
    auxiliary = {name for chain in known.spec.auxiliary for name in chain} if known else set()
    with_weights = [layer.name for layer in leaves if layer.weights and layer.name not in auxiliary]
    if from_layer is not None:
        asked = f"train from the layer {from_layer!r} on"
        if from_layer not in names:
            advice = did_you_mean(from_layer, names) or f"its layers with weights are {_ends(with_weights)}"
            raise ArgumentError(asked, "it has no such layer", advice)
        chosen = [name for name in names[names.index(from_layer) :] if name in with_weights]
        if not chosen:
            raise ArgumentError(
                asked, "no layer from there on has weights", f"the last to have some is {with_weights[-1]!r}"
            )
    else:
        if isinstance(layers, bool) or not isinstance(layers, int) or not 1 <= layers <= len(with_weights):
            raise ArgumentError(
                f"train the last {layers!r} layers",
                f"it has {len(with_weights)} layers with weights",
                f"pass layers=1 to {len(with_weights)}",
            )
        chosen = with_weights[-layers:]
    default = CLASSIFIER_ALONE if len(chosen) == 1 else FINE_TUNING
    if known and any(name not in known.spec.head for name in chosen):
        chosen += [layer.name for layer in leaves if layer.weights and layer.name in auxiliary]
    return [Phase("last layers", tuple(chosen), epochs, learning_rate or default)]


def head(model: keras.Model, *, epochs: int, learning_rate: float | None) -> list[Phase]:
    """Train the new classifier on the frozen backbone, and those layers before it that the weights had nothing for."""
    known = build_of(model)
    if known is None:
        raise ArgumentError(f"train the head of {model.name!r}", "it was not built by Zoo", "build it with zoo.build")
    initial = {name.partition("/")[0] for name, _ in known.report.initial} if known.report else set()
    new = tuple(name for name in known.spec.head if name in initial or name == known.spec.head[-1])
    default = CLASSIFIER_ALONE if len(new) == 1 else FROM_SCRATCH
    return [Phase("head", new, epochs, learning_rate or default)]


def _ends(names: list[str]) -> str:
    return ", ".join(names if len(names) <= 8 else [*names[:3], "...", *names[-4:]])
