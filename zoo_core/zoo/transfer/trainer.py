"""The trainer: it runs any list of phases on a model, and knows no strategy by name."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from zoo.building import Build
from zoo.data import Dataset
from zoo.data.pipeline import batches
from zoo.errors import PluginError, RunError
from zoo.evaluation import readable
from zoo.subject import is_linear
from zoo.transfer.phases import ALL, Phase, freeze, leaf_layers
from zoo.transfer.scaling import Scale, scale_of

History = list[dict[str, Any]]


def train(
    asked: str,
    model: keras.Model,
    build: Build,
    phases: Sequence[Phase],
    data: Dataset,
    *,
    batch_size: int,
    seed: int,
    progress: bool,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> History:
    """Run ``phases`` on ``model`` in place and return what was measured in each epoch.

    An epoch's record has ``epoch`` (from 1 on, through all phases), ``phase``, ``learning_rate``, ``seconds``,
    ``loss`` and ``accuracy``, or for a regression ``mae`` in the target's unit; with a validation split also those with
    ``val_``. A regression's loss is that of targets divided by their standard deviation. In the end all layers can
    learn again and the model is not compiled, as one that was built or opened.

    Raises:
        RunError: if the loss becomes infinite or no number.
        PluginError: if a phase names a layer that the model has not.
    """
    check_layers(asked, model, phases)
    assert data.train is not None  # transfer() has seen to it
    training, validation, scale = data.train, data.validation, Scale()
    output = model.get_layer(build.spec.head[-1])
    if data.task == "regression" and any(phase.trains(output.name) for phase in phases):
        scale = scale_of(training, output)
        training, validation = scale.apply(training), scale.apply(validation) if validation else None
        if _was_loaded(build, output.name):
            scale.fold_out(output)

    shape, preprocessing = build.options["input_shape"], build.preprocessing
    steps = batches(training, preprocessing, shape, batch_size=batch_size, shuffle=True, seed=seed)
    checks = validation and batches(validation, preprocessing, shape, batch_size=batch_size)
    recorder = _Recorder(asked, scale)
    shown = _Shown(recorder.history, sum(phase.epochs for phase in phases), len(steps), progress)
    with shown.bar:
        for phase in phases:
            freeze(model, phase)
            recorder.phase = phase
            _compile(model, build, data, phase)
            model.fit(
                steps,
                validation_data=checks,
                epochs=phase.epochs,
                verbose=0,
                callbacks=[recorder, shown, *callbacks],
            )
    if scale != Scale():
        scale.fold_in(output)
    freeze(model, None)
    # Adam's memory is twice the size of the model, and would be saved with it.
    model.compiled, model.optimizer = False, None
    return recorder.history


def check_layers(asked: str, model: keras.Model, phases: Sequence[Phase]) -> None:
    """Raise unless every layer that a phase names is one of the model's.

    Raises:
        PluginError: naming the first that is not.
    """
    names = {layer.name for layer in leaf_layers(model)}
    for phase in phases:
        unknown = [name for name in phase.trainable if name not in names and phase.trainable != ALL]
        if unknown:
            found = f"the phase {phase.name!r} trains {unknown[0]!r}, which is no layer of {model.name!r}"
            raise PluginError(asked, found, "tell the authors of the strategy")


def _was_loaded(build: Build, layer: str) -> bool:
    """Return whether ``layer`` already puts out targets, because it got weights."""
    return build.report is not None and any(name.partition("/")[0] == layer for name in build.report.loaded)


def _compile(model: keras.Model, build: Build, data: Dataset, phase: Phase) -> None:
    """Bind the phase's optimiser, and the loss that fits the task and the last layer's activation."""
    linear = is_linear(build.options["classifier_activation"])
    loss: Any
    metric: Any
    if data.task == "regression":
        loss, metric = keras.losses.MeanSquaredError(), keras.metrics.MeanAbsoluteError(name="mae")
    elif build.options["classes"] == 1:
        loss = keras.losses.BinaryCrossentropy(from_logits=linear)
        metric = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0 if linear else 0.5)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=linear)
        metric = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    optimizer: Any = keras.optimizers.Adam(phase.learning_rate)
    if phase.optimizer is not None:
        optimizer = keras.optimizers.deserialize(dict(phase.optimizer))
    model.compile(optimizer=optimizer, loss=loss, metrics=[metric])


class _Recorder(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the history, and stops a training that has gone astray."""

    phase: Phase

    def __init__(self, asked: str, scale: Scale) -> None:
        super().__init__()
        self.asked = asked
        self.scale = scale
        self.history: History = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise RunError(
                self.asked,
                f"the loss became {loss} in epoch {len(self.history) + 1}, phase {self.phase.name!r}",
                f"pass a learning_rate below {self.phase.learning_rate:g}; nothing was written",
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        record = {
            "epoch": len(self.history) + 1,
            "phase": self.phase.name,
            "learning_rate": self.phase.learning_rate,
            "seconds": round(time.perf_counter() - self.started, 3),
        }
        for name in ("loss", "accuracy", "mae", "val_loss", "val_accuracy", "val_mae"):
            if name in logs:
                record[name] = float(logs[name]) * (self.scale.std if name.endswith("mae") else 1)
        self.history.append(record)


class _Shown(keras.callbacks.Callback):  # type: ignore[misc]
    """Prints a line for each epoch to stderr and, on a terminal, a bar with the time left below them."""

    def __init__(self, history: History, epochs: int, steps: int, wanted: bool) -> None:
        super().__init__()
        self.history = history
        self.epochs = epochs
        self.console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=not wanted)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not (wanted and self.console.is_terminal),
        )
        self.task = self.bar.add_task(f"epoch 1/{epochs}", total=epochs * steps)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.bar.advance(self.task)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        last, count = self.history[-1], len(self.history)
        hidden = ("epoch", "phase", "learning_rate", "seconds")
        figures = ", ".join(f"{name} {readable(value)}" for name, value in last.items() if name not in hidden)
        left = (self.epochs - count) * sum(each["seconds"] for each in self.history) / count
        when = f"{last['seconds']:.1f} s" + (f", about {_duration(left)} left" if count < self.epochs else "")
        self.console.print(f"epoch {count}/{self.epochs} ({last['phase']}): {figures}; {when}", markup=False)
        self.bar.update(self.task, description=f"epoch {min(count + 1, self.epochs)}/{self.epochs}")


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
