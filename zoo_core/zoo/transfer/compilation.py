"""How a phase is compiled: the loss and metric of the task, the optimizer with its schedule, and the penalties."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.data import Dataset
from zoo.errors import ArgumentError, asked, did_you_mean
from zoo.models.build_info import Build, is_linear
from zoo.transfer.options import TrainingOptions
from zoo.transfer.phases import Phase, leaf_layers


def compile_for(
    model: keras.Model, build: Build, data: Dataset, phase: Phase, options: TrainingOptions, steps: int
) -> None:
    """Compile ``model`` for a phase whose epochs have ``steps`` batches."""
    linear = is_linear(build.options["classifier_activation"])
    smoothing = options.label_smoothing
    loss: Any
    metric: Any
    if data.task == "regression":
        loss, metric = keras.losses.MeanSquaredError(), keras.metrics.MeanAbsoluteError(name="mae")
    elif build.options["classes"] == 1:
        loss = keras.losses.BinaryCrossentropy(from_logits=linear, label_smoothing=smoothing)
        metric = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0 if linear else 0.5)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=linear)
        if smoothing:
            loss = SmoothedCrossentropy(build.options["classes"], linear, smoothing)
        metric = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    model.compile(optimizer=_optimizer(phase, options, steps), loss=loss, metrics=[metric])


class SmoothedCrossentropy(keras.losses.Loss):  # type: ignore[misc]
    """The cross-entropy of class indices, where a share of each label is spread over all classes.

    Source: Szegedy et al. 2015, https://arxiv.org/abs/1512.00567, section 7.
    """

    def __init__(self, classes: int, from_logits: bool, smoothing: float) -> None:
        super().__init__(name="smoothed_crossentropy")
        self.classes, self.from_logits, self.smoothing = classes, from_logits, smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sample, ``(batch,)``."""
        labels = ops.one_hot(ops.reshape(ops.cast(y_true, "int32"), (-1,)), self.classes, dtype=y_pred.dtype)
        return keras.losses.categorical_crossentropy(
            labels, y_pred, from_logits=self.from_logits, label_smoothing=self.smoothing
        )


class Warmup(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A learning rate that rises evenly from 0 for ``steps`` steps, and then follows ``schedule``."""

    def __init__(self, schedule: Any, steps: int) -> None:
        super().__init__()
        self.schedule, self.steps = schedule, steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        step = ops.cast(step, "float32")
        later = self.schedule(ops.maximum(step - self.steps, 0)) if callable(self.schedule) else self.schedule
        first = self.schedule(0) if callable(self.schedule) else self.schedule
        return ops.where(step < self.steps, first * (step + 1) / self.steps, later)


def learning_rate_of(phase: Phase, options: TrainingOptions, steps: int) -> Any:
    """Return the learning rate of a phase, a number or a Keras schedule; ``steps`` are the batches of an epoch."""
    steps = max(1, steps // options.gradient_accumulation_steps)
    rate, warmup = phase.learning_rate, round(options.warmup * steps)
    every = max(1, phase.epochs * steps - warmup)
    schedules = keras.optimizers.schedules
    schedule: Any = rate
    if options.schedule == "cosine":
        schedule = schedules.CosineDecay(rate, every, alpha=options.lr_decay)
    elif options.schedule == "exponential":
        schedule = schedules.ExponentialDecay(rate, every, max(options.lr_decay, 1e-12))
    elif options.schedule == "step":
        schedule = schedules.ExponentialDecay(rate, options.lr_decay_every * steps, options.lr_decay, staircase=True)
    return Warmup(schedule, warmup) if warmup else schedule


def _optimizer(phase: Phase, options: TrainingOptions, steps: int) -> Any:
    more: dict[str, Any] = {}
    if options.ema is not None:
        more |= {"use_ema": True, "ema_momentum": options.ema}
    if options.gradient_accumulation_steps > 1:
        more["gradient_accumulation_steps"] = options.gradient_accumulation_steps
    if phase.optimizer is None:
        return keras.optimizers.Adam(learning_rate_of(phase, options, steps), **more)
    if more or options.schedule != "constant" or options.warmup:
        found = f"the phase {phase.name!r} has an optimizer of its own"
        raise ArgumentError(
            "train with a schedule, ema or gradient_accumulation_steps",
            found,
            "leave them out, or choose another strategy",
        )
    return keras.optimizers.deserialize(dict(phase.optimizer))


def class_weights_of(data: Dataset, wanted: Any) -> dict[int, float] | None:
    """Return the weight of each class by its index.

    ``"balanced"`` gives a class the weight ``samples / (classes * samples of the class)``, as scikit-learn does.

    Raises:
        ArgumentError: if the data has no classes, a name is not one of them, or a weight is not 0 or more.
    """
    if wanted is None:
        return None
    request = asked(f"with class_weights={wanted!r}")
    if data.task == "regression" or data.train is None:
        raise ArgumentError(request, "the data has no classes", "leave class_weights out")
    names = data.class_names
    if wanted == "balanced":
        counts = np.bincount(data.train.labels, minlength=len(names))
        return {index: len(data.train) / (len(names) * int(count)) for index, count in enumerate(counts) if count}
    unknown = [name for name in wanted if name not in names]
    if unknown:
        advice = did_you_mean(str(unknown[0]), names) or f"the classes are {', '.join(names[:10])}"
        raise ArgumentError(request, f"no class is called {unknown[0]!r}", advice)
    for name, weight in wanted.items():
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight < math.inf:
            raise ArgumentError(request, f"the weight of {name!r} is {weight!r}", "pass 0 or more")
    return {index: float(wanted.get(name, 1.0)) for index, name in enumerate(names)}


@contextmanager
def penalised(model: keras.Model, phase: Phase, options: TrainingOptions) -> Iterator[None]:
    """Put the L1 and L2 penalties on the kernels that learn in ``phase`` while the context lasts."""
    if not (options.l1 or options.l2):
        yield
        return
    penalty = keras.regularizers.L1L2(options.l1, options.l2)
    kernels = [
        variable
        for layer in leaf_layers(model)
        if phase.trains(layer.name)
        for variable in layer.weights
        if "kernel" in variable.name
    ]
    before = [variable.regularizer for variable in kernels]
    try:
        for variable in kernels:
            variable.regularizer = penalty
        yield
    finally:
        for variable, own in zip(kernels, before, strict=True):
            variable.regularizer = own
