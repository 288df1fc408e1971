"""From a model, a dataset and the name of a strategy to a trained run."""

from __future__ import annotations

import inspect
import logging
import math
import os
import platform
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any

import keras
import numpy as np

from zoo import registry
from zoo.atomic import absolute
from zoo.data import Dataset, load_data
from zoo.devices.hardware import on
from zoo.devices.placement import place
from zoo.errors import ArgumentError, DataError, PluginError, ZooError, asked, one_line
from zoo.inference.evaluation import held_out, measure, outputs_of
from zoo.inference.loaded_model import LoadedModel, display_name
from zoo.models.build_info import Build, annotate, require_build
from zoo.plugins import CORE, load_plugins, resolve_reference
from zoo.registry import Entry
from zoo.reporting.run_report import render
from zoo.runs.folder import new_folder
from zoo.runs.metrics import Metrics
from zoo.runs.run import Run, to_json, write
from zoo.specs import StrategySpec
from zoo.transfer.lr_finder import find_learning_rate
from zoo.transfer.mixed_precision import computing_in, in_float32
from zoo.transfer.options import NAMES, check_options, training_options
from zoo.transfer.phases import Phase, leaf_layers
from zoo.transfer.run_pictures import count_parameters, run_pictures
from zoo.transfer.starting_model import adapted, base_of, fitting_options
from zoo.transfer.trainer import Trained, check_layers, train
from zoo.transfer.unfinished import Unfinished

log = logging.getLogger("zoo")


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
    **options: Any,
) -> Run:
    """Train a model on ``data`` and return the run: the trained model, its history, its figures.

    The model gets as many outputs as the data has classes; for two classes, one sigmoid unit where the model is
    declared so. Its head is kept only if the strategy allows, the number of classes is the same, and the weights' class
    names are the data's or unknown. Training begins with a copy: a model or run that is passed stays as it is.

    The same seed on the same data gives the same run, on a CPU to the last bit; the seed becomes that of Python, NumPy
    and Keras as well.

    Args:
        model_or_name: a model's name, with a weights tag or not, a model built by Zoo, a run or its folder.
        data: a dataset, the name of one, or a folder of class folders.
        strategy: the name of a strategy: ``"head"``, ``"last_layers"``, ``"full"`` or one that a plugin adds.
        weights: for a name, a weights tag or file.
        epochs: how often the training data is gone through, in all phases.
        batch_size: samples in a step.
        learning_rate: of Adam; by default what the strategy finds sensible; ``"find"`` tries rates first and takes one,
            as :func:`zoo.transfer.lr_finder.find_learning_rate` says; of several phases, in the first that the rate is
            for, on the model as it is then before any training.
        out: the folder to write the run to, new or empty. It appears in one step at the end, or not at all. Meanwhile
            the state after each epoch stands in ``<out>.unfinished``, and :func:`resume` goes on from there after the
            process was killed; Ctrl-C ends training after the batch, with a run that can be used and resumed.
        seed: of the initial weights, the order of the samples and the dropout; drawn, and kept in the run, if None.
        progress: whether to print a line for each epoch to stderr, and a bar on a terminal.
        callbacks: further Keras callbacks; one that stops training ends the phase.
        options: those of :class:`zoo.transfer.TrainingOptions`, such as ``early_stopping=5`` or ``augment=True``; those
            of the strategy, such as ``layers=3`` or ``from_layer=...``; all others are those of :func:`zoo.build`, such
            as ``input_shape`` or ``dropout``.

    Raises:
        ArgumentError: if the model, the data, the strategy and the options do not go together, found before training.
        DataError: if the data cannot be used.
        RunError: if ``out`` exists or cannot be written, or the loss becomes infinite; nothing is left there.
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
    _check_numbers(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed)
    unfinished = Unfinished.begin(model_or_name, data, arguments, callbacks)
    return _transfer(model_or_name, data, progress=progress, callbacks=callbacks, unfinished=unfinished, **arguments)


def resume(
    folder: str | os.PathLike[str], *, progress: bool = True, callbacks: Iterable[keras.callbacks.Callback] = ()
) -> Run:
    """Go on with a training that was killed or interrupted, and return its run.

    It ends with the weights of a training that nobody stopped; on a CPU to the last bit.

    Args:
        folder: what ``out=`` named.
        progress, callbacks: as for :func:`transfer`.

    Raises:
        RunError: if nothing unfinished is there, or it is damaged.
        ZooError: as :func:`transfer`; what is there stays.
    """
    unfinished, recipe = Unfinished.found(folder)
    assert recipe.model is not None
    assert recipe.data is not None
    return _transfer(
        recipe.model,
        load_data(**recipe.data),
        progress=progress,
        callbacks=callbacks,
        unfinished=unfinished,
        **recipe.arguments,
    )


def _transfer(
    model_or_name: keras.Model | Run | str | os.PathLike[str],
    data: Dataset | str | os.PathLike[str],
    *,
    strategy: str,
    weights: str | None,
    epochs: int,
    batch_size: int,
    learning_rate: float | str | None,
    out: str | None,
    seed: int,
    progress: bool,
    callbacks: Iterable[keras.callbacks.Callback],
    unfinished: Unfinished,
    **options: Any,
) -> Run:
    # As if the epochs of processes that were stopped had been run just now.
    earlier = sum(each["seconds"] for each in unfinished.state.history) if unfinished.state else 0.0
    started = time.perf_counter() - earlier
    with ExitStack() as stack:
        temporary, folder = (None, None)
        if out is not None:
            temporary, folder = stack.enter_context(new_folder(out, replace=unfinished.is_resumed))
        stack.enter_context(unfinished)
        chosen = registry.find_strategy(strategy)
        dataset = load_data(data)
        asked = f"train {display_name(model_or_name)} on {dataset.name!r}"
        if dataset.train is None or not len(dataset.train):
            raise DataError(asked, "the data has no training split", "pass data that has one")
        unfinished.check_data(dataset)
        make_phases = _phases_function(chosen)
        own = _strategy_options(make_phases)
        # What both have, as the penalty l1 of wide_and_deep, is the strategy's.
        strategy_options = {**chosen.spec.config, **{key: options.pop(key) for key in own & options.keys()}}
        training = training_options({name: options.pop(name) for name in NAMES if name in options})
        check_options(training, dataset.task, epochs)
        base = base_of(model_or_name, weights)
        build_options = fitting_options(base, dataset, options, own | set(NAMES))

        if isinstance(training.device, str):
            stack.enter_context(on(training.device))
        keras.utils.set_random_seed(seed)
        with computing_in(training.mixed_precision):
            model, head = adapted(base, build_options, dataset, chosen.spec.new_head)
        if training.device is not None and not isinstance(training.device, str):
            place(model, training.device)
        build = require_build(model)
        if build.preprocessing is not None:
            annotate(model, preprocessing=replace(build.preprocessing, exact=training.exact))
            build = require_build(model)
        pictures: dict[str, bytes] = {}

        def phases_at(rate: float | None) -> list[Phase]:
            phases = _phases(chosen, make_phases, model, epochs, rate, strategy_options)
            check_layers(model, phases)
            return phases

        asked_rate = learning_rate
        if isinstance(learning_rate, str):
            phase = _phase_of_rate(phases_at)
            search = find_learning_rate(model, phase, dataset, batch_size=batch_size, seed=seed)
            learning_rate, pictures["learning_rate.png"] = search.rate, search.picture()
        phases = phases_at(learning_rate)
        warning = _random_frozen(model, build, phases)
        if warning:
            log.warning("%s: %s", asked, warning)
        info = {
            "data": {
                "name": dataset.name,
                "description": dataset.describe(),
                "origin": dict(dataset.origin),
                "samples": {part: len(split) for part, split in dataset.splits.items()},
            },
            "strategy": {
                "name": chosen.qualified,
                "options": strategy_options,
                "phases": [_known(asdict(phase)) for phase in phases],
            },
            "head": head,
            "warning": warning,
            "training": training.as_dict(),
            "learning_rate": asked_rate,
            "batch_size": batch_size,
            "seed": seed,
            "versions": _versions(),
        }
        _check_is_data(build, info)

        began = time.perf_counter() - earlier
        trained = train(
            model,
            build,
            phases,
            dataset,
            batch_size=batch_size,
            seed=seed,
            progress=progress,
            options=training,
            callbacks=callbacks,
            state=unfinished.state,
            folder=unfinished.folder,
        )
        info["interrupted"] = trained.interrupted
        seconds = time.perf_counter() - began
        if training.mixed_precision:
            model = in_float32(model)
        annotate(model, class_names=dataset.class_names, table=dataset.table)
        metrics, drawn = _judged(LoadedModel(model, require_build(model)), dataset, trained, batch_size)
        pictures |= drawn
        info["parameters"] = count_parameters(model, [asdict(phase) for phase in phases])
        info["seconds"] = {"training": seconds, "total": time.perf_counter() - started}
        run = Run(model, trained.history, build.report, metrics, info, folder, pictures)
        run = replace(run, documents=render(run))
        if temporary is not None:
            write(run, temporary)
            if info["interrupted"]:
                unfinished.keep_in(temporary)
    unfinished.remove()  # not before the run is there: a process that is killed in between loses nothing
    return run


# -- phases


def _phases_function(strategy: Entry[StrategySpec]) -> Callable[..., Any]:
    try:
        found = resolve_reference(strategy.spec.phases)
        inspect.signature(found)
    except Exception as error:
        raise _broken(strategy, f"{strategy.spec.phases} cannot be imported ({one_line(error)})") from error
    return found  # type: ignore[no-any-return]


def _strategy_options(make_phases: Callable[..., Any]) -> set[str]:
    parameters = list(inspect.signature(make_phases).parameters.values())[1:]
    resolve_reference = {each.name for each in parameters if each.kind is not each.VAR_KEYWORD}
    return resolve_reference - {"epochs", "learning_rate"}


def _phases(
    strategy: Entry[StrategySpec],
    make_phases: Callable[..., Any],
    model: keras.Model,
    epochs: int,
    learning_rate: float | None,
    options: dict[str, Any],
) -> list[Phase]:
    try:
        phases = make_phases(model, epochs=epochs, learning_rate=learning_rate, **options)
    except ZooError:
        raise
    except Exception as error:
        raise _broken(strategy, f"it raised {one_line(error)}") from error
    if not isinstance(phases, list) or not phases or not all(isinstance(phase, Phase) for phase in phases):
        raise _broken(strategy, f"it returned {phases!r}, not a list of zoo.transfer.Phase")
    return phases


def _phase_of_rate(phases_at: Callable[[float | None], list[Phase]]) -> Phase:
    """Return the first phase whose learning rate is the user's to choose."""
    for phase, other in zip(phases_at(None), phases_at(1e-9), strict=True):
        if phase.learning_rate != other.learning_rate:
            return phase
    raise ArgumentError(asked("with learning_rate='find'"), "its strategy has no rate to choose", "leave it out")


def _broken(strategy: Entry[StrategySpec], found: str) -> PluginError:
    return PluginError(
        f"use the strategy {strategy.qualified!r}", found, f"tell the authors of {strategy.distribution}"
    )


def _random_frozen(model: keras.Model, build: Build, phases: list[Phase]) -> str | None:
    """Say which layers stay at the random values that they were built with, frozen before they have learnt anything."""
    loaded = {name.partition("/")[0] for name in build.report.loaded} if build.report else set()
    loaded |= {layer for chain in build.spec.auxiliary for layer in chain}  # on which the outputs do not depend
    random = [
        layer.name
        for layer in leaf_layers(model)
        if layer.weights and layer.name not in loaded and not any(phase.trains(layer.name) for phase in phases)
    ]
    if not random:
        return None
    advice = "train them too" if build.report else "pass weights=, or train everything with strategy='full'"
    return f"{len(random)} layers, the first of them {random[0]!r}, stay frozen at random values; {advice}"


# -- what is kept


def _judged(
    loaded: LoadedModel, dataset: Dataset, trained: Trained, batch_size: int
) -> tuple[Metrics | None, dict[str, bytes]]:
    """Return how good the trained model is on what was held out, if anything was, and the drawings of the run."""
    part, samples = held_out(dataset)
    answers = trained.outputs_of if part == "validation" else None
    answers = answers or outputs_of(loaded, samples, batch_size)
    metrics = None if part == "train" else measure(loaded, dataset, part, samples, answers)
    return metrics, run_pictures(loaded, dataset, part, trained.history, metrics, answers)


def _known(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a record says, without what it leaves open."""
    return {key: value for key, value in record.items() if value is not None and value != {}}


def _versions() -> dict[str, str]:
    import tensorflow

    core = next(plugin.version for plugin in load_plugins() if plugin.distribution == CORE)
    return {
        "zoo-core": core,
        "keras": keras.__version__,
        "tensorflow": tensorflow.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _check_numbers(*, epochs: Any, batch_size: Any, learning_rate: Any, seed: Any) -> None:
    counts = {"epochs": (epochs, 1, 10), "batch_size": (batch_size, 1, 32)}
    if seed is not None:
        counts["seed"] = (seed, 0, 0)
    for name, (value, least, example) in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**32:
            raise ArgumentError(f"train with {name}={value!r}", "it is no such number", f"pass {example}, for example")
    is_number = isinstance(learning_rate, (int, float)) and not isinstance(learning_rate, bool)
    is_rate = is_number and 0 < learning_rate < math.inf
    if learning_rate not in (None, "find") and not is_rate:
        advice = "pass 0.001, for example, or 'find'"
        raise ArgumentError(f"train with learning_rate={learning_rate!r}", "it is no positive number", advice)


def _check_is_data(build: Build, info: dict[str, Any]) -> None:
    """Raise now, and not after training, if a record of the run could not be written."""
    try:
        to_json([build.options, info])
    except TypeError as error:
        raise ArgumentError(
            asked(), f"its options cannot be kept with the run: {error}", "pass plain values"
        ) from error
