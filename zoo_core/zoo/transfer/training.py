"""From a model, a dataset and the name of a strategy to a trained run."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

import keras

from zoo.atomic import absolute
from zoo.data import Dataset, load_data
from zoo.devices.hardware import on
from zoo.errors import DataError, asked, asking
from zoo.inference.evaluation import held_out, measure, outputs_of
from zoo.inference.loaded_model import LoadedModel, display_name
from zoo.models.build_info import annotate, require_build
from zoo.reporting.run_report import render
from zoo.runs.folder import new_folder
from zoo.runs.run import Run, write
from zoo.transfer.mixed_precision import in_float32
from zoo.transfer.plan import TrainingPlan, make_plan, settings_of
from zoo.transfer.request import Request
from zoo.transfer.run_pictures import count_parameters, run_pictures
from zoo.transfer.strategy_loading import load_strategy
from zoo.transfer.trainer import Trained, train
from zoo.transfer.unfinished import Unfinished

#: Draws the pictures of a run, PNGs by file name, from the arguments of ``run_pictures``.
Draw: TypeAlias = Callable[..., Mapping[str, bytes]]


# More than seven parameters: the public function names all that a training may be told, each with a default.
def transfer(
    model_or_name: keras.Model | Run | str | os.PathLike[str],
    data: Dataset | str | os.PathLike[str],
    strategy: str = "head",
    *,
    weights: str | os.PathLike[str] | None = None,
    epochs: int = 10,
    batch_size: int = 32,
    learning_rate: float | str | None = None,
    out: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    progress: bool = True,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    pictures: bool | Draw = True,
    **options: Any,
) -> Run:
    """Train a model on ``data`` and return the run: the trained model, its history, its figures.

    The model gets as many outputs as the data has classes, or one sigmoid unit for two classes if the model is declared
    with one. Its head is kept only if the strategy allows it, the number of classes is the same, and the class names of
    the weights are those of the data or unknown. Training uses a copy: a model or run that is passed stays as it is.

    The same seed on the same data gives the same run, on a CPU to the last bit. The seed is also set for Python, NumPy
    and Keras.

    Args:
        model_or_name: a model's name, with or without a weights tag; a model built by Zoo; a run or its folder.
        data: a dataset, the name of one, or a folder of class folders.
        strategy: the name of a strategy, such as ``"head"``, ``"last_layers"`` or ``"full"``; plugins may add others.
        weights: a weights tag or file, if the model is given by its name.
        epochs: how many times training goes through the data, in all phases together.
        batch_size: samples in a step.
        learning_rate: the learning rate of Adam; by default the strategy chooses it. ``"find"`` tries many rates before
            training and chooses one, see :func:`zoo.transfer.lr_finder.find_learning_rate`; if there are several
            phases, it does so for the first phase whose rate can be chosen.
        out: the folder to write the run to, new or empty. It appears in one step at the end, or not at all. Until then
            the state after each epoch is kept in ``<out>.unfinished``, from which :func:`resume` goes on if the process
            is killed. Ctrl-C ends training after the batch, with a run that can be used and resumed.
        seed: the seed of the initial weights, the order of the samples and the dropout. If it is None, one is drawn and
            recorded in the run.
        progress: whether to print a line for each epoch to stderr, and a bar on a terminal.
        callbacks: further Keras callbacks; one that stops training ends the phase.
        pictures: whether to draw the pictures of the run, which takes a few seconds; or a function that draws them, in
            place of :func:`zoo.transfer.run_pictures.run_pictures`.
        options: options of :class:`zoo.transfer.TrainingOptions`, such as ``early_stopping=5`` or ``augment=True``;
            options of the strategy, such as ``layers=3`` or ``from_layer=...``; all others are options of
            :func:`zoo.build`, such as ``input_shape`` or ``dropout``.

    Raises:
        ArgumentError: if the model, the data, the strategy and the options do not go together; this is found before
            training.
        DataError: if the data cannot be used.
        RunError: if ``out`` exists or cannot be written, or the loss becomes infinite; then nothing is left in ``out``.
        WeightsError: if the weights do not fit the model.

    >>> import zoo
    >>> digits = zoo.load_data("digits", classes=range(5, 10))
    >>> run = zoo.transfer("lenet5.digits_0_4", digits, "head", epochs=5, seed=1, progress=False)
    >>> run.metrics.top1 > 0.8
    True
    """
    arguments = {
        "strategy": strategy,
        "weights": None if weights is None else os.fspath(weights),
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "out": None if out is None else str(absolute(out)),
        "seed": secrets.randbelow(2**31) if seed is None else seed,
        **options,
    }
    request, callbacks = Request.of(model_or_name, data, arguments), tuple(callbacks)
    unfinished = Unfinished.begin(request, callbacks)
    return _carry_out(request, unfinished, progress=progress, callbacks=callbacks, pictures=pictures)


def resume(
    folder: str | os.PathLike[str],
    *,
    progress: bool = True,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    pictures: bool | Draw = True,
) -> Run:
    """Go on with a training that was killed or interrupted, and return its run.

    The run ends with the same weights as a training that was never stopped; on a CPU to the last bit.

    Args:
        folder: the folder that ``out=`` named.
        progress, callbacks, pictures: as for :func:`transfer`.

    Raises:
        RunError: if there is no unfinished training, or its files are damaged.
        ZooError: as :func:`transfer`; the unfinished training stays where it is.
    """
    unfinished, recipe = Unfinished.found(folder)
    assert recipe.data is not None  # a training can be resumed only if its data can be loaded again
    request = Request.of(recipe.model, load_data(**recipe.data), recipe.arguments, is_resumed=True)
    return _carry_out(request, unfinished, progress=progress, callbacks=tuple(callbacks), pictures=pictures)


def _carry_out(
    request: Request,
    unfinished: Unfinished,
    *,
    progress: bool,
    callbacks: tuple[keras.callbacks.Callback, ...],
    pictures: bool | Draw,
) -> Run:
    """Plan the training, run it, measure the outcome and write the run."""
    # The time counts as if the epochs of processes that were stopped had been run just now.
    earlier = unfinished.seconds
    started = time.perf_counter() - earlier
    with ExitStack() as stack:
        temporary, folder = (None, None)
        if request.out is not None:
            temporary, folder = stack.enter_context(new_folder(request.out, replace=unfinished.is_resumed))
        stack.enter_context(unfinished)
        strategy = load_strategy(request.strategy)
        dataset = load_data(request.data)
        stack.enter_context(asking(f"train {display_name(request.model)} on {dataset.name!r}"))
        if dataset.train is None or not len(dataset.train):
            raise DataError(asked(), "the data has no training split", "pass data that has one")
        unfinished.check_data(dataset)
        settings = settings_of(request, strategy, dataset)
        if isinstance(settings.options.device, str):
            stack.enter_context(on(settings.options.device))
        plan = make_plan(request, settings, dataset)
        began = time.perf_counter() - earlier
        trained = train(plan, progress=progress, callbacks=callbacks, state=unfinished.state, folder=unfinished.folder)
        seconds = {"training": time.perf_counter() - began}
        draw = run_pictures if pictures is True else pictures or None
        run = _assessed(plan, trained, folder, draw)
        seconds["total"] = time.perf_counter() - started
        run = replace(run, info={**run.info, "seconds": seconds})
        run = replace(run, documents=render(run))
        if temporary is not None:
            write(run, temporary)
            if trained.interrupted:
                unfinished.keep_in(temporary)
    unfinished.remove()  # only now that the run is there: a process that is killed before this loses nothing
    return run


def _assessed(plan: TrainingPlan, trained: Trained, folder: Path | None, draw: Draw | None) -> Run:
    """Return the run of a trained plan: its figures on what was held out, if anything was, and its pictures."""
    model, dataset = plan.model, plan.dataset
    if plan.options.mixed_precision:
        model = in_float32(model)
    annotate(model, class_names=dataset.class_names, table=dataset.table)
    loaded = LoadedModel(model, require_build(model))
    part, samples = held_out(dataset)
    outputs = trained.outputs_of if part == "validation" else None
    outputs = outputs or outputs_of(loaded, samples, plan.batch_size)
    metrics = None if part == "train" else measure(loaded, dataset, part, samples, outputs)
    drawn: dict[str, bytes] = {}
    if draw is not None:
        if plan.search is not None:
            drawn["learning_rate.png"] = plan.search.picture()
        drawn |= draw(loaded, dataset, part, trained.history, metrics, outputs)
    info = {
        **plan.record(),
        "interrupted": trained.interrupted,
        "parameters": count_parameters(model, [asdict(phase) for phase in plan.phases]),
    }
    return Run(model, trained.history, plan.build.report, metrics, info, folder, drawn)
