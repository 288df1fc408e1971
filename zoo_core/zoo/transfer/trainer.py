"""The trainer: it runs the phases of a plan one after the other, whatever strategy they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import keras

from zoo._moved import moved_names
from zoo.data.pipeline import stream
from zoo.errors import PluginError, RunError, ZooError, asked, one_line
from zoo.inference.evaluation import OutputsOf
from zoo.models.build_info import Build
from zoo.plugins import resolve_reference
from zoo.transfer.batch_feed import BatchFeed
from zoo.transfer.callbacks import (
    EpochOrder,
    Interrupted,
    KeepBestWeights,
    RecordHistory,
    SaveState,
    ShowProgress,
    StopAtInfiniteLoss,
    StopEarly,
    StopWhenInterrupted,
    interruptible,
)
from zoo.transfer.compilation import compile_for, learning_rate_of, penalised
from zoo.transfer.model_cut import Cut, cut_below, cut_of
from zoo.transfer.options import TrainingOptions
from zoo.transfer.phases import Phase, freeze
from zoo.transfer.plan import TrainingPlan
from zoo.transfer.target_scaling import Scale, scale_of
from zoo.transfer.training_state import History, State, put, updated_variables


@dataclass(frozen=True)
class Trained:
    """The outcome of a training: a record of each epoch, and whether Ctrl-C ended it.

    ``outputs_of`` gives the trained model's outputs for validation samples from their cached features; it is None if
    there are none.
    """

    history: History
    interrupted: bool
    outputs_of: OutputsOf | None


def train(
    plan: TrainingPlan,
    *,
    progress: bool = False,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    state: State | None = None,
    folder: Path | None = None,
) -> Trained:
    """Train the plan's model in place, phase by phase, and return what was measured in each epoch.

    An epoch's record has ``epoch`` (from 1 on, through all phases), ``phase``, ``learning_rate``, ``seconds``,
    ``loss`` and ``accuracy``, or ``mae`` in the target's unit for a regression; with a validation split also the same
    figures with ``val_``. The loss of a regression is that of targets divided by their standard deviation. After
    training, all layers can learn again and the model is not compiled, like a model that was just built or opened.

    Frozen layers that see the same input in every epoch are computed once; the same seed gives the same weights as
    without that. The state after each epoch is written to ``folder``. Training goes on from a ``state`` that was read
    from there, and ends with the weights that it would have ended with. Ctrl-C ends training after the batch.

    Raises:
        RunError: if the loss becomes infinite or not a number, or the state cannot be written.
        PluginError: if the solver of a phase fails.
    """
    model, dataset, state, scale = plan.model, plan.dataset, state or State(), Scale()
    assert dataset.train is not None  # a plan has training samples
    training, validation = dataset.train, dataset.validation
    output = model.get_layer(plan.build.spec.head[-1])
    if dataset.task == "regression" and any(phase.trains(output.name) for phase in plan.phases):
        scale = scale_of(training, output)
        training, validation = scale.apply(training), scale.apply(validation) if validation else None
        if _was_loaded(plan.build, output.name):
            scale.fold_out(output)

    variables = list(updated_variables(model, plan.phases))
    if state.weights:
        put(variables, state.weights)
        state.weights = []
    feed = BatchFeed(plan, training, validation)
    epochs = sum(phase.epochs for phase in plan.phases)
    show, interrupted = ShowProgress(state.history, epochs, len(feed), shown=progress), False
    with show.bar, interruptible(announced=progress) as stop:
        runner = _Runner(plan, feed, state, variables, folder, scale.std, show, stop, tuple(callbacks))
        try:
            for number in range(state.phase, len(plan.phases)):
                runner.run(number)
        except Interrupted:
            interrupted = True
        finally:
            feed.close()
    if scale != Scale():
        scale.fold_in(output)
    freeze(model, None)
    # Adam's moments take twice the memory of the model, and would be saved with it.
    model.compiled, model.optimizer = False, None
    # Features in 16 bits are not those of the model that is kept, which computes in 32.
    outputs = None if plan.options.mixed_precision else feed.validation_outputs()
    return Trained(state.history, interrupted, outputs)


def _was_loaded(build: Build, layer: str) -> bool:
    """Return whether ``layer`` got weights, and so gives targets in their own unit already."""
    return build.report is not None and any(name.partition("/")[0] == layer for name in build.report.loaded)


@dataclass(frozen=True)
class _PhaseCallbacks:
    """The callbacks that measure and keep the epochs of one phase, whether it is trained or solved for."""

    record: RecordHistory
    best: KeepBestWeights | None
    early: StopEarly | None
    save: SaveState

    def __iter__(self) -> Iterator[keras.callbacks.Callback]:
        """Yield them in the order in which they need one another: the state is saved when all have changed it."""
        return (each for each in (self.record, self.best, self.early, self.save) if each is not None)


@dataclass(frozen=True)
class _Runner:
    """Runs the phases of a plan; ``state`` is where it stands, ``unit`` the standard deviation of the targets."""

    plan: TrainingPlan
    feed: BatchFeed
    state: State
    variables: list[keras.Variable]
    folder: Path | None
    unit: float
    show: ShowProgress
    stop: StopWhenInterrupted
    callbacks: tuple[keras.callbacks.Callback, ...]

    def run(self, number: int) -> None:
        """Run the phase with that index from where the state stands to its end."""
        plan, phase = self.plan, self.plan.phases[number]
        freeze(plan.model, phase)
        self._cache_features(phase)
        fitted = self.feed.cached.cut.rest if self.feed.cached else plan.model
        compile_for(fitted, plan.build, plan.dataset, phase, plan.options, len(self.feed))
        fitted.optimizer.build(fitted.trainable_variables)
        if self.state.optimizer:
            put(fitted.optimizer.variables, self.state.optimizer)
            self.state.optimizer = []
        of_phase = self._callbacks_of(phase)
        if phase.solver is not None:
            if self.state.epoch < phase.epochs:
                self._solve(phase, phase.solver, of_phase)
        elif of_phase.early is None or not of_phase.early.is_over():
            self._fit(fitted, number, of_phase)
        if of_phase.best is not None:
            of_phase.best.restore()
        self.state.begin_next_phase()
        of_phase.save.save()

    def _cache_features(self, phase: Phase) -> None:
        """Compute the features that the phase can use, or that its solver needs."""
        self.feed.cached = None
        model, options = self.plan.model, self.plan.options
        cut = cut_below(model, phase.trainable[0]) if phase.solver else cut_for(model, phase, options)
        if cut is not None:
            self.feed.cache(cut, self.show, self.stop)
        if phase.solver and self.feed.cached is None:
            found = f"there is no room for the features that the phase {phase.name!r} needs"
            raise RunError(asked(), found, "set TMPDIR to a larger disk, or choose the strategy head")

    def _callbacks_of(self, phase: Phase) -> _PhaseCallbacks:
        options, state = self.plan.options, self.state
        patience = options.early_stopping
        return _PhaseCallbacks(
            RecordHistory(state, phase, learning_rate_of(phase, options, len(self.feed)), self.unit),
            KeepBestWeights(state, options.monitor, self.variables) if options.restores_best else None,
            StopEarly(state, patience) if patience is not None else None,
            SaveState(state, self.variables, self.folder),
        )

    def _fit(self, fitted: keras.Model, number: int, of_phase: _PhaseCallbacks) -> None:
        """Train ``fitted``, the model or its part above the cached features, for the epochs that are left."""
        plan, phase, state = self.plan, self.plan.phases[number], self.state
        source, held_out = self.feed.training_batches(epoch=len(state.history)), self.feed.validation_batches()
        callbacks = [
            EpochOrder(source),
            self.stop,
            StopAtInfiniteLoss(phase, state.history),
            *of_phase,
            self.show,
            *_tensorboard(plan.options, number, phase),
            *self.callbacks,
        ]
        with penalised(plan.model, phase, plan.options), stream(source) as training, stream(held_out) as validation:
            fitted.fit(
                training,
                validation_data=validation,
                initial_epoch=state.epoch,
                epochs=phase.epochs,
                shuffle=False,
                class_weight=plan.class_weights,
                verbose=0,
                callbacks=callbacks,
            )

    def _solve(self, phase: Phase, solver: str, of_phase: _PhaseCallbacks) -> None:
        """Let the phase's solver set the weights of its layer, and measure the outcome as one epoch."""
        assert self.feed.cached is not None
        above = self.feed.cached.cut.rest
        of_phase.record.on_epoch_begin(0)
        features, labels = self.feed.features_and_labels()
        try:
            resolve_reference(solver)(self.plan.model.get_layer(phase.trainable[0]), features, labels, **phase.options)
        except ZooError:
            raise
        except Exception as error:
            found = f"the solver {solver} of the phase {phase.name!r} raised {one_line(error)}"
            raise PluginError(asked(), found, "tell the authors of the strategy") from error
        logs: dict[str, float] = {}
        for prefix, source in (
            ("", self.feed.training_features_in_order()),
            ("val_", self.feed.validation_batches()),
        ):
            if source is not None:
                with stream(source) as items:
                    figures = above.evaluate(items, verbose=0, return_dict=True)
                logs |= {f"{prefix}{name}": value for name, value in figures.items()}
        for callback in (*of_phase, self.show):
            callback.set_model(above)
            callback.on_epoch_end(0, logs)


def cut_for(model: keras.Model, phase: Phase, options: TrainingOptions) -> Cut | None:
    """Return where to cut the model for a phase, or None if features change with every epoch or are used only once."""
    changes = options.augment is not None and not options.views
    is_used_once = phase.epochs <= max(1, options.views)
    return None if options.cache == "off" or changes or is_used_once else cut_of(model, phase)


def _tensorboard(options: TrainingOptions, number: int, phase: Phase) -> Iterator[keras.callbacks.Callback]:
    if options.tensorboard is not None:
        yield keras.callbacks.TensorBoard(str(Path(options.tensorboard) / f"{number + 1} {phase.name}"))


if not TYPE_CHECKING:
    __getattr__ = moved_names(__name__)
