"""The jobs that are done while Keras trains, a callback for each."""

from __future__ import annotations

import math
import os
import signal
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from zoo.data.pipeline import BatchSource
from zoo.errors import RunError, asked
from zoo.runs.metrics import readable
from zoo.transfer.phases import Phase
from zoo.transfer.training_state import History, State, put, save_state, values_of

#: What an epoch's record says besides the figures that were measured.
_NOT_MEASURED = ("epoch", "phase", "learning_rate", "seconds")

_MEASURED = ("loss", "accuracy", "mae", "val_loss", "val_accuracy", "val_mae")


class EpochOrder(keras.callbacks.Callback):  # type: ignore[misc]
    """Gives each epoch its order of samples and its augmentation."""

    def __init__(self, source: BatchSource) -> None:
        super().__init__()
        self.source = source

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin the next epoch of the batches."""
        self.source.on_epoch_begin()


class Interrupted(Exception):  # noqa: N818 (not an error: the user asked for the end)
    """The user has pressed Ctrl-C, so training ends after this batch."""


class StopWhenInterrupted(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends training after the batch in which the user has pressed Ctrl-C."""

    is_interrupted = False

    def check(self) -> None:
        """Raise Interrupted if the user has pressed Ctrl-C."""
        if self.is_interrupted:
            raise Interrupted

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """End training if the user has pressed Ctrl-C."""
        self.check()


@contextmanager
def interruptible(*, announced: bool) -> Iterator[StopWhenInterrupted]:
    """Let the first Ctrl-C end training after the batch; the second Ctrl-C ends the process as it always does.

    With ``announced``, a line on stderr says so when the user presses Ctrl-C.
    """
    stop = StopWhenInterrupted()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def handle(*_: Any) -> None:
        stop.is_interrupted = True
        if announced:  # not through sys.stderr: the signal may have come in the middle of a write to it
            os.write(2, b"\nending after this batch; the run is then written. Ctrl-C again ends at once.\n")
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, handle)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


class StopAtInfiniteLoss(keras.callbacks.Callback):  # type: ignore[misc]
    """Raises RunError when the loss is infinite or not a number."""

    def __init__(self, phase: Phase, history: History) -> None:
        super().__init__()
        self.phase, self.history = phase, history

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Raise if the loss so far is infinite or not a number."""
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise RunError(
                asked(),
                f"the loss became {loss} in epoch {len(self.history) + 1}, phase {self.phase.name!r}",
                f"pass a learning_rate below {self.phase.learning_rate:g}; nothing was written",
            )


class RecordHistory(keras.callbacks.Callback):  # type: ignore[misc]
    """Appends a record of each epoch to the history.

    ``rate`` is the phase's learning rate or its schedule, and ``unit`` is what a mean absolute error of 1 means in the
    unit of the target.
    """

    def __init__(self, state: State, phase: Phase, rate: Any, unit: float) -> None:
        super().__init__()
        self.state, self.phase, self.rate, self.unit = state, phase, rate, unit

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note when the epoch began."""
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Append the epoch's record and count the epoch as done."""
        record = {
            "epoch": len(self.state.history) + 1,
            "phase": self.phase.name,
            "learning_rate": self._rate(),
            "seconds": round(time.perf_counter() - self.started, 3),
        }
        for name in _MEASURED:
            if name in logs:
                record[name] = float(logs[name]) * (self.unit if name.endswith("mae") else 1)
        self.state.history.append(record)
        self.state.epoch = epoch + 1

    def _rate(self) -> float:
        """Return the learning rate at the end of the epoch; for a phase's own optimizer, the rate that the phase says.

        An optimizer of the phase's own may have several rates.
        """
        if self.phase.optimizer is not None or not callable(self.rate):
            return self.phase.learning_rate
        step = max(0, int(keras.ops.convert_to_numpy(self.model.optimizer.iterations)) - 1)
        return float(keras.ops.convert_to_numpy(self.rate(step)))


class KeepBestWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the weights of the epoch with the best value of ``monitor``, and restores them when the phase ends."""

    def __init__(self, state: State, monitor: str, variables: Sequence[keras.Variable]) -> None:
        super().__init__()
        self.state, self.monitor, self.variables = state, monitor, variables

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare the epoch with the best one, and keep its weights if it is better."""
        record = self.state.history[-1]
        name = self.monitor if self.monitor in record else self.monitor.removeprefix("val_")
        if name not in record:
            known = ", ".join(key for key in record if key not in _NOT_MEASURED)
            raise RunError(asked(), f"no figure called {name!r} is measured", f"monitor one of {known}")
        value = record[name] * (-1 if name.endswith("accuracy") else 1)
        if self.state.best is None or value < self.state.best:
            self.state.best, self.state.waited = value, 0
            self.state.best_weights = values_of(self.variables)
        else:
            self.state.waited += 1

    def restore(self) -> None:
        """Give the model the weights of the best epoch."""
        if self.state.best_weights:
            put(self.variables, self.state.best_weights)


class StopEarly(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the phase after ``patience`` epochs without a better value; stands behind :class:`KeepBestWeights`."""

    def __init__(self, state: State, patience: int) -> None:
        super().__init__()
        self.state, self.patience = state, patience

    def is_over(self) -> bool:
        """Return whether the phase has ended early, perhaps in a process that was stopped right after that."""
        return self.state.waited >= self.patience

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop training once the patience is used up."""
        if self.is_over():
            self.model.stop_training = True


class SaveState(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes the state of the training after each epoch; stands behind all callbacks that change the state."""

    def __init__(self, state: State, variables: Sequence[keras.Variable], folder: Path | None) -> None:
        super().__init__()
        self.state, self.variables, self.folder = state, variables, folder

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the state, with the values of the optimizer."""
        self.save(self.model.optimizer.variables)

    def save(self, optimizer: Sequence[keras.Variable] = ()) -> None:
        """Write the state; between two phases there are no variables of an ``optimizer`` to keep.

        Raises:
            RunError: if there is no room for it.
        """
        if self.folder is None:
            return
        complete = replace(self.state, weights=values_of(self.variables), optimizer=values_of(optimizer))
        try:
            save_state(complete, self.folder)
        except OSError as error:
            advice = "make room, or train without out="
            raise RunError(asked(), f"the state of the training cannot be written ({error})", advice) from error


class ShowProgress(keras.callbacks.Callback):  # type: ignore[misc]
    """Prints a line for each epoch to stderr and, on a terminal, a bar with the time left below these lines.

    ``epochs`` are those of all phases; ``batches`` is the number of batches in each.
    """

    def __init__(self, history: History, epochs: int, batches: int, *, shown: bool) -> None:
        super().__init__()
        self.history, self.epochs = history, epochs
        self.console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=not shown)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not (shown and self.console.is_terminal),
        )
        done = len(history)
        self.task = self.bar.add_task(f"epoch {done + 1}/{epochs}", total=epochs * batches, completed=done * batches)

    def begin_features(self, batches: int) -> None:
        """Show that the features of the frozen layers are computed, which takes ``batches`` batches."""
        self.started = time.perf_counter()
        self.features = self.bar.add_task("features of the frozen layers", total=batches)

    def advance_features(self) -> None:
        """Show that the features of one more batch are computed."""
        self.bar.advance(self.features)

    def end_features(self) -> None:
        """Say how long the features took."""
        self.bar.remove_task(self.features)
        seconds = time.perf_counter() - self.started
        self.console.print(f"features of the frozen layers, computed once: {seconds:.1f} s", markup=False)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the bar on by a batch."""
        self.bar.advance(self.task)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Print the epoch's figures and about how long the remaining epochs take."""
        last, count = self.history[-1], len(self.history)
        figures = ", ".join(f"{name} {readable(value)}" for name, value in last.items() if name not in _NOT_MEASURED)
        left = (self.epochs - count) * statistics.median(each["seconds"] for each in self.history[-5:])
        when = f"{last['seconds']:.1f} s" + (f", about {_duration(left)} left" if count < self.epochs else "")
        self.console.print(f"epoch {count}/{self.epochs} ({last['phase']}): {figures}; {when}", markup=False)
        self.bar.update(self.task, description=f"epoch {min(count + 1, self.epochs)}/{self.epochs}")


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
