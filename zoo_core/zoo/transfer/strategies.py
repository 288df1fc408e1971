"""The built-in strategies: which layers of a network learn, and in which phases."""

from __future__ import annotations

from dataclasses import replace

import keras

from zoo.errors import ArgumentError, did_you_mean
from zoo.models.build_info import build_of
from zoo.models.feature_maps import features as feature_maps
from zoo.transfer.phases import ALL, Phase, leaf_layers

#: Learning rates of Adam. Training only the classifier is a convex problem, which allows a high rate: on the digits 5-9
#: with lenet5 trained on 0-4, ten epochs gave an accuracy of 0.56 at 1e-3 and 0.88 at 1e-2; on cats and dogs with
#: resnet20_cifar, five epochs gave 0.77 and 0.87.
CLASSIFIER_ALONE = 1e-2
FROM_SCRATCH = 1e-3
FINE_TUNING = 1e-4


def full(model: keras.Model, *, epochs: int, learning_rate: float | None) -> list[Phase]:
    """Train every layer, at a lower rate if weights were loaded: a high rate would destroy them."""
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

    Auxiliary classifiers do not count as last layers, but they learn together with the layers that learn from them.

    Raises:
        ArgumentError: if the model has fewer layers with weights, or no layer of that name.
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
            raise ArgumentError(asked, "the model has no such layer", advice)
        chosen = [name for name in names[names.index(from_layer) :] if name in with_weights]
        if not chosen:
            raise ArgumentError(
                asked, "no layer from there on has weights", f"the last layer with weights is {with_weights[-1]!r}"
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
    """Train the new classifier on the frozen backbone, with the layers of the head that got no weights either."""
    known = build_of(model)
    if known is None:
        raise ArgumentError(f"train the head of {model.name!r}", "it was not built by Zoo", "build it with zoo.build")
    initial = {name.partition("/")[0] for name, _ in known.report.missing} if known.report else set()
    new = tuple(name for name in known.spec.head if name in initial or name == known.spec.head[-1])
    default = CLASSIFIER_ALONE if len(new) == 1 else FROM_SCRATCH
    return [Phase("head", new, epochs, learning_rate or default)]


def features(model: keras.Model, *, epochs: int, learning_rate: float | None, c: float = 0.01) -> list[Phase]:
    """Fit the new classifier to the features of the frozen backbone, by logistic regression or ridge regression.

    ``c`` is scikit-learn's inverse strength of the penalty on the weights: on the 1,000 photographs of cats and dogs
    with mobilenet_v1_025, 0.01 gave an accuracy of 0.960, and scikit-learn's default of 1.0 gave 0.945. The problem is
    convex, so the solution does not depend on a learning rate or a seed; ``epochs`` and ``learning_rate`` are ignored.
    """
    (phase,) = head(model, epochs=epochs, learning_rate=learning_rate)
    last = phase.trainable[-1:]
    solver = "zoo.transfer.closed_form:solve_regression"
    return [Phase("features", last, 1, CLASSIFIER_ALONE, solver=solver, options={"c": c})]


def fine_tune(
    model: keras.Model,
    *,
    epochs: int,
    learning_rate: float | None,
    from_layer: str | None = None,
    head_epochs: int | None = None,
    batch_norm: bool = False,
) -> list[Phase]:
    """Train the new classifier first, then all layers from ``from_layer`` on at a lower rate.

    ``from_layer`` is by default the first layer of the last stage. ``learning_rate`` is that of the second phase;
    ``head_epochs`` are the epochs of the first, by default half of ``epochs``. Batch normalisation stays as it was
    loaded unless ``batch_norm`` is true: statistics of a few photographs are worse than those that came with the
    weights. On the 1,000 photographs of cats and dogs with mobilenet_v1_025, the seeds 0, 1 and 2 gave the accuracies
    0.953, 0.958 and 0.958; with ``batch_norm`` 0.950, 0.950 and 0.945; and the strategy ``head`` 0.950, 0.950 and
    0.958.

    Raises:
        ArgumentError: if there is no layer of that name, or there are not enough epochs for both phases.
    """
    if head_epochs is None:
        head_epochs = max(1, epochs // 2)
    if isinstance(head_epochs, bool) or not isinstance(head_epochs, int) or not 1 <= head_epochs < epochs:
        asked = f"fine-tune with head_epochs={head_epochs!r} of epochs={epochs}"
        raise ArgumentError(asked, "each phase needs at least one epoch", "pass epochs=10 and head_epochs=5")
    first = from_layer or stages_of(model)[-1][0]
    (upper,) = last_layers(model, epochs=epochs - head_epochs, learning_rate=learning_rate, from_layer=first)
    (new,) = head(model, epochs=head_epochs, learning_rate=None)
    upper = replace(upper, name="fine-tune", learning_rate=learning_rate or FINE_TUNING)
    return [new, upper if batch_norm else _without_batch_norm(model, upper)]


def gradual(
    model: keras.Model,
    *,
    epochs: int,
    learning_rate: float | None,
    stages: int = 3,
    factor: float = 0.3,
    batch_norm: bool = False,
) -> list[Phase]:
    """Train the new classifier, then in each further phase one more stage, beginning with the last stage.

    The phases share ``epochs``. The first phase that trains a stage has ``learning_rate``, and each later phase has
    ``factor`` times the rate of the phase before. ``batch_norm`` is as for ``fine_tune``.

    Source: Howard and Ruder 2018, https://arxiv.org/abs/1801.06146, section 3.3.

    Raises:
        ArgumentError: if the network has fewer stages, or there is not an epoch for each phase.
    """
    names = stages_of(model)
    if isinstance(stages, bool) or not isinstance(stages, int) or not 1 <= stages <= len(names):
        found = f"the network has {len(names)} stages"
        raise ArgumentError(f"unfreeze the last {stages!r} stages", found, f"pass stages=1 to {len(names)}")
    if epochs <= stages:
        found = f"there are {stages + 1} phases"
        raise ArgumentError(f"train gradually with epochs={epochs}", found, f"pass epochs={stages + 1} or more")
    if not isinstance(factor, (int, float)) or not 0 < factor <= 1:
        raise ArgumentError(
            f"train gradually with factor={factor!r}", "it is not a number above 0 and up to 1", "pass 0.3, for example"
        )
    each = epochs // (stages + 1)
    phases = head(model, epochs=epochs - stages * each, learning_rate=None)
    rate = learning_rate or FINE_TUNING
    for number in range(stages):
        first = names[-1 - number][0]
        (phase,) = last_layers(model, epochs=each, learning_rate=rate * factor**number, from_layer=first)
        phase = replace(phase, name=f"from {first}")
        phases.append(phase if batch_norm else _without_batch_norm(model, phase))
    return phases


def stages_of(model: keras.Model) -> list[list[str]]:
    """Return the names of the layers with weights in each stage; a stage is one resolution of the feature maps.

    Raises:
        ArgumentError: if the network has no feature maps.
    """
    ends = [each.layer for each in feature_maps(model).maps]
    stages: list[list[str]] = [[]]
    for layer in leaf_layers(model):
        if layer.weights:
            stages[-1].append(layer.name)
        if layer.name in ends:
            stages.append([])
    return [stage for stage in stages[: len(ends)] if stage]


def _without_batch_norm(model: keras.Model, phase: Phase) -> Phase:
    """Return the phase with batch normalisation frozen, so that it uses the loaded statistics and keeps them."""
    kept = {layer.name for layer in leaf_layers(model) if isinstance(layer, keras.layers.BatchNormalization)}
    return replace(phase, trainable=tuple(name for name in phase.trainable if name not in kept))


def _ends(names: list[str]) -> str:
    return ", ".join(names if len(names) <= 8 else [*names[:3], "...", *names[-4:]])
