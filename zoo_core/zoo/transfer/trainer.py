"""The trainer: it runs any list of phases on a model, and knows no strategy by name."""

from __future__ import annotations

import math
import os
import signal
import statistics
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from zoo.data import Dataset, Split
from zoo.data.pipeline import batches, stream
from zoo.errors import PluginError, RunError, ZooError, asked, one_line
from zoo.inference.evaluation import OutputsOf
from zoo.models.build_info import Build
from zoo.plugins import resolve_reference
from zoo.runs.metrics import readable
from zoo.transfer.compilation import class_weights_of, compile_for, learning_rate_of, penalised
from zoo.transfer.feature_cache import Cut, cached_batches, cut_below, cut_of, extract, outputs_above
from zoo.transfer.options import TrainingOptions
from zoo.transfer.phases import ALL, Phase, freeze, leaf_layers
from zoo.transfer.target_scaling import Scale, scale_of
from zoo.transfer.training_state import State, put, save_state, updated_variables, values_of

History = list[dict[str, Any]]


@dataclass(frozen=True)
class Trained:
    """What a training has come to: a record of each epoch, and whether Ctrl-C ended it.

    ``outputs_of`` gives the trained model's outputs for validation samples out of their cached features, where there
    are such.
    """

    history: History
    interrupted: bool
    outputs_of: OutputsOf | None


class Interrupted(Exception):  # noqa: N818 (it is no error: the user asks for the end)
    """The user has pressed Ctrl-C: training ends after the batch."""


def train(
    model: keras.Model,
    build: Build,
    phases: Sequence[Phase],
    data: Dataset,
    *,
    batch_size: int,
    seed: int,
    progress: bool,
    options: TrainingOptions | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    state: State | None = None,
    folder: Path | None = None,
) -> Trained:
    """Run ``phases`` on ``model`` in place and return what was measured in each epoch.

    An epoch's record has ``epoch`` (from 1 on, through all phases), ``phase``, ``learning_rate``, ``seconds``,
    ``loss`` and ``accuracy``, or for a regression ``mae`` in the target's unit; with a validation split also those with
    ``val_``. A regression's loss is that of targets divided by their standard deviation. In the end all layers can
    learn again and the model is not compiled, as one that was built or opened.

    Where the frozen layers see the same input in every epoch, their outputs are computed once: the same seed gives the
    same weights as without that. After each epoch the state goes to ``folder``; a ``state`` that was found there is
    gone on from, and training ends with the weights that it would have ended with. Ctrl-C ends it after the batch.

    Raises:
        RunError: if the loss becomes infinite or no number, or the state cannot be written.
        PluginError: if a phase names a layer that the model has not.
    """
    check_layers(model, phases)
    assert data.train is not None  # transfer() has seen to it
    options, state = options or TrainingOptions(), state or State()
    training, validation, scale = data.train, data.validation, Scale()
    output = model.get_layer(build.spec.head[-1])
    if data.task == "regression" and any(phase.trains(output.name) for phase in phases):
        scale = scale_of(training, output)
        training, validation = scale.apply(training), scale.apply(validation) if validation else None
        if _was_loaded(build, output.name):
            scale.fold_out(output)
    weights = class_weights_of(data, options.class_weights)

    variables = list(updated_variables(model, phases))
    if state.weights:
        put(variables, state.weights)
    feed = _Feed(build, training, validation, batch_size, seed, options)
    shown = _Shown(state.history, sum(phase.epochs for phase in phases), len(feed.steps), progress)
    interrupted, cut = False, None
    with shown.bar, _interruptible(progress) as stop:
        try:
            for number, phase in enumerate(phases):
                if number < state.phase:
                    continue
                freeze(model, phase)
                cut = cut_below(model, phase.trainable[0]) if phase.solver else cut_for(model, phase, options)
                cut = cut and feed.cut_at(cut, shown, stop)
                fitted = cut.rest if cut else model
                compile_for(fitted, build, data, phase, options, len(feed.steps))
                fitted.optimizer.build(fitted.trainable_variables)
                if state.optimizer:
                    put(fitted.optimizer.variables, state.optimizer)
                rate = learning_rate_of(phase, options, len(feed.steps))
                keeper = _Keeper(scale, state, phase, options, variables, folder, rate)
                if phase.solver:
                    if cut is None:
                        found = f"the features that the phase {phase.name!r} needs have no room"
                        raise RunError(asked(), found, "set TMPDIR to a larger disk, or choose the strategy head")
                    _solve(model, phase, cut, feed, keeper, shown)
                    continue
                if not keeper.is_over():
                    steps, checks = feed.of(cut, training, at=len(state.history)), feed.checks(cut)
                    boards = _tensorboard(options, number, phase)
                    with penalised(model, phase, options), stream(steps) as learnt, stream(checks) as held_out:
                        fitted.fit(
                            learnt,
                            validation_data=held_out,
                            initial_epoch=state.epoch,
                            epochs=phase.epochs,
                            shuffle=False,
                            class_weight=weights,
                            verbose=0,
                            callbacks=[_Epochs(steps), stop, keeper, shown, *boards, *callbacks],
                        )
                keeper.end_of_phase()
        except Interrupted:
            interrupted = True
        finally:
            feed.close()
    if scale != Scale():
        scale.fold_in(output)
    freeze(model, None)
    # Adam's memory is twice the size of the model, and would be saved with it.
    model.compiled, model.optimizer = False, None
    has_features = feed.features[1] is not None
    # Features in 16 bits are not those of the model that is kept, which computes in 32.
    answers = feed.outputs_above(cut) if cut and has_features and not options.mixed_precision else None
    return Trained(state.history, interrupted, answers)


def cut_for(model: keras.Model, phase: Phase, options: TrainingOptions) -> Cut | None:
    """Return where to cut the model for a phase, or None if features would not be the same or not be used again."""
    changes = options.augment is not None and not options.views
    once = phase.epochs <= max(1, options.views)
    return None if options.cache == "off" or changes or once else cut_of(model, phase)


def _solve(model: keras.Model, phase: Phase, cut: Cut, feed: _Feed, keeper: _Keeper, shown: _Shown) -> None:
    """Let the solver of a phase set the weights of its layer, and measure what came of it as an epoch."""
    assert phase.solver is not None
    keeper.on_epoch_begin(0)
    features, labels = feed.everything()
    try:
        resolve_reference(phase.solver)(model.get_layer(phase.trainable[0]), features, labels, **phase.options)
    except ZooError:
        raise
    except Exception as error:
        found = f"the solver {phase.solver} of the phase {phase.name!r} raised {one_line(error)}"
        raise PluginError(asked(), found, "tell the authors of the strategy") from error
    logs: dict[str, float] = {}
    for prefix, steps in (("", feed.of_features(0)), ("val_", feed.checks(cut))):
        if steps is not None:
            with stream(steps) as items:
                figures = cut.rest.evaluate(items, verbose=0, return_dict=True)
            logs |= {f"{prefix}{name}": value for name, value in figures.items()}
    keeper.set_model(cut.rest)
    keeper.on_epoch_end(0, logs)
    shown.on_epoch_end(0)
    keeper.end_of_phase()


def check_layers(model: keras.Model, phases: Sequence[Phase]) -> None:
    """Raise unless every layer that a phase names is one of the model's.

    Raises:
        PluginError: naming the first that is not.
    """
    names = {layer.name for layer in leaf_layers(model)}
    for phase in phases:
        unknown = [name for name in phase.trainable if name not in names and phase.trainable != ALL]
        if unknown:
            found = f"the phase {phase.name!r} trains {unknown[0]!r}, which is no layer of {model.name!r}"
            raise PluginError(asked(), found, "tell the authors of the strategy")


def _was_loaded(build: Build, layer: str) -> bool:
    """Return whether ``layer`` already puts out targets, because it got weights."""
    return build.report is not None and any(name.partition("/")[0] == layer for name in build.report.loaded)


class _Feed:
    """The batches of a training: those of pictures or rows, and above a cut those of features."""

    def __init__(
        self,
        build: Build,
        training: Split,
        validation: Split | None,
        batch_size: int,
        seed: int,
        options: TrainingOptions,
    ) -> None:
        self.options, self.batch_size = options, batch_size
        self.training, self.validation = training, validation
        augmentation = options.augment if build.preprocessing else None

        def make(split: Split, **how: Any) -> Any:
            return batches(split, build.preprocessing, build.options["input_shape"], batch_size=batch_size, **how)

        self.make = make
        self.steps = make(training, shuffle=True, seed=seed, augmentation=augmentation, keep=True)
        self.in_order = make(training, seed=seed, augmentation=augmentation)
        self.validating = make(validation, keep=True) if validation else None
        self.features: list[Any] = [None, None]

    def close(self) -> None:
        """Give back what the batches hold."""
        for steps in (self.steps, self.validating):
            if steps is not None:
                steps.close()

    def cut_at(self, cut: Cut, shown: _Shown, stop: _Stop) -> Cut | None:
        """Compute the features at a cut and return it, or None if there is no room for them."""
        where = "auto" if self.options.cache == "off" else self.options.cache  # off, only a solver wants them

        def progressed() -> None:
            shown.advance()
            stop.check()

        parts = [(self.in_order, len(self.training), max(1, self.options.views))]
        if self.validation is not None:
            parts.append((self.make(self.validation), len(self.validation), 1))
        shown.extracting(sum(len(steps) * each for steps, _, each in parts))
        self.features = [None, None]
        for number, (steps, count, each) in enumerate(parts):
            self.features[number] = extract(cut, steps, count, views=each, where=where, progress=progressed)
            steps.close()
            if self.features[number] is None:
                self.features = [None, None]
                break
        shown.extracted()
        return cut if self.features[0] is not None else None

    def of(self, cut: Cut | None, split: Split, *, at: int) -> Any:
        """Return the training batches from epoch ``at`` on."""
        self.steps.start_at(at)
        if cut is None:
            return self.steps
        return cached_batches(self.features[0], split, self.steps, self.batch_size, max(1, self.options.views))

    def outputs_above(self, cut: Cut) -> OutputsOf:
        """Return what gives the outputs of validation samples out of their features."""
        return partial(outputs_above, cut, self.features[1], self.batch_size)

    def everything(self) -> tuple[Any, Any]:
        """Return the features and labels of all training samples, of all their views."""
        count = len(self.training) * max(1, self.options.views)
        labels = np.tile(self.training.labels, max(1, self.options.views))
        return self.features[0].take(np.arange(count)), labels

    def of_features(self, part: Literal[0, 1]) -> Any:
        """Return batches of the features of the training or the validation split, in the order of the samples."""
        split = self.training if part == 0 else self.validation
        assert split is not None
        return cached_batches(self.features[part], split, self.make(split), self.batch_size)

    def checks(self, cut: Cut | None) -> Any:
        """Return the validation batches, or None."""
        return self.validating if cut is None or self.validation is None else self.of_features(1)


class _Epochs(keras.callbacks.Callback):  # type: ignore[misc]
    """Gives each epoch its order and its augmentation."""

    def __init__(self, steps: Any) -> None:
        super().__init__()
        self.steps = steps

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.steps.on_epoch_begin()


class _Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the history and the best weights, writes the state, and ends what has gone astray or grows no better."""

    def __init__(
        self,
        scale: Scale,
        state: State,
        phase: Phase,
        options: TrainingOptions,
        variables: Sequence[keras.Variable],
        folder: Path | None,
        rate: Any,
    ) -> None:
        super().__init__()
        self.scale, self.state, self.phase, self.options = scale, state, phase, options
        self.variables, self.folder, self.rate = variables, folder, rate

    def is_over(self) -> bool:
        """Whether the phase has stopped early; one that was interrupted there is not begun again."""
        patience = self.options.early_stopping
        return patience is not None and self.state.waited >= patience

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise RunError(
                asked(),
                f"the loss became {loss} in epoch {len(self.state.history) + 1}, phase {self.phase.name!r}",
                f"pass a learning_rate below {self.phase.learning_rate:g}; nothing was written",
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        record = {
            "epoch": len(self.state.history) + 1,
            "phase": self.phase.name,
            "learning_rate": self._rate(),
            "seconds": round(time.perf_counter() - self.started, 3),
        }
        for name in ("loss", "accuracy", "mae", "val_loss", "val_accuracy", "val_mae"):
            if name in logs:
                record[name] = float(logs[name]) * (self.scale.std if name.endswith("mae") else 1)
        self.state.history.append(record)
        self.state.epoch = epoch + 1
        if self.options.restores_best:
            self._compare(record)
        self._save(self.model.optimizer.variables)

    def end_of_phase(self) -> None:
        """Go back to the best weights if that is wanted; the next phase begins."""
        if self.options.restores_best and self.state.best_weights:
            put(self.variables, self.state.best_weights)
        state = self.state
        state.phase, state.epoch, state.best, state.waited = state.phase + 1, 0, None, 0
        state.best_weights = []
        self._save([])

    def _rate(self) -> float:
        """Return the learning rate that the epoch ended with; an optimiser of the phase's own may have several."""
        if self.phase.optimizer is not None or not callable(self.rate):
            return self.phase.learning_rate
        optimizer = self.model.optimizer
        step = max(0, int(keras.ops.convert_to_numpy(optimizer.iterations)) - 1)
        return float(keras.ops.convert_to_numpy(self.rate(step)))

    def _compare(self, record: dict[str, Any]) -> None:
        name = self.options.monitor if self.options.monitor in record else self.options.monitor.removeprefix("val_")
        if name not in record:
            known = ", ".join(key for key in record if key not in ("epoch", "phase", "learning_rate", "seconds"))
            raise RunError(asked(), f"nothing is measured that is called {name!r}", f"monitor one of {known}")
        value = record[name] * (-1 if name.endswith("accuracy") else 1)
        if self.state.best is None or value < self.state.best:
            self.state.best, self.state.waited = value, 0
            self.state.best_weights = values_of(self.variables)
        else:
            self.state.waited += 1
        if self.is_over():
            self.model.stop_training = True

    def _save(self, optimizer: Sequence[keras.Variable]) -> None:
        self.state.weights, self.state.optimizer = [], []
        if self.folder is None:
            return
        self.state.weights, self.state.optimizer = values_of(self.variables), values_of(optimizer)
        try:
            save_state(self.state, self.folder)
        except OSError as error:
            advice = "make room, or train without out="
            raise RunError(asked(), f"its state cannot be written ({error})", advice) from error
        self.state.weights, self.state.optimizer = [], []


class _Stop(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends training after the batch once ``wanted``."""

    wanted = False

    def check(self) -> None:
        """End training if that is wanted."""
        if self.wanted:
            raise Interrupted

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.check()


@contextmanager
def _interruptible(said: bool) -> Iterator[_Stop]:
    """Let the first Ctrl-C end training after the batch, which is ``said`` on stderr; the second is Python's own."""
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(*_: Any) -> None:
        stop.wanted = True
        if said:  # not through a stream, in the middle of whose write the signal may have come
            os.write(2, b"\nending after this batch; the run is then written. Ctrl-C again ends at once.\n")
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _tensorboard(options: TrainingOptions, number: int, phase: Phase) -> Iterator[keras.callbacks.Callback]:
    if options.tensorboard is not None:
        yield keras.callbacks.TensorBoard(str(Path(options.tensorboard) / f"{number + 1} {phase.name}"))


class _Shown(keras.callbacks.Callback):  # type: ignore[misc]
    """Prints a line for each epoch to stderr and, on a terminal, a bar with the time left below them."""

    def __init__(self, history: History, epochs: int, steps: int, wanted: bool) -> None:
        super().__init__()
        self.history = history
        self.epochs = epochs
        self.steps = steps
        self.console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=not wanted)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not (wanted and self.console.is_terminal),
        )
        done = len(history)
        self.task = self.bar.add_task(f"epoch {done + 1}/{epochs}", total=epochs * steps, completed=done * steps)

    def extracting(self, steps: int) -> None:
        """Show the computing of features, ``steps`` batches of it."""
        self.started = time.perf_counter()
        self.features = self.bar.add_task("features of the frozen layers", total=steps)

    def advance(self) -> None:
        """One batch of features is done."""
        self.bar.advance(self.features)

    def extracted(self) -> None:
        """Say that the features are there."""
        self.bar.remove_task(self.features)
        seconds = time.perf_counter() - self.started
        self.console.print(f"features of the frozen layers, computed once: {seconds:.1f} s", markup=False)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.bar.advance(self.task)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        last, count = self.history[-1], len(self.history)
        hidden = ("epoch", "phase", "learning_rate", "seconds")
        figures = ", ".join(f"{name} {readable(value)}" for name, value in last.items() if name not in hidden)
        left = (self.epochs - count) * statistics.median(each["seconds"] for each in self.history[-5:])
        when = f"{last['seconds']:.1f} s" + (f", about {_duration(left)} left" if count < self.epochs else "")
        self.console.print(f"epoch {count}/{self.epochs} ({last['phase']}): {figures}; {when}", markup=False)
        self.bar.update(self.task, description=f"epoch {min(count + 1, self.epochs)}/{self.epochs}")


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
