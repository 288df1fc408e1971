"""From a model, a dataset and the name of a strategy to a trained run."""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import platform
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from zoo import registry
from zoo.building import Build, annotate
from zoo.data import Dataset, load_data
from zoo.errors import ArgumentError, DataError, PluginError, ZooError, one_line
from zoo.evaluation import evaluate
from zoo.plugins import CORE, load_plugins
from zoo.registry import Entry
from zoo.specs import StrategySpec
from zoo.subject import Subject, known_build, name_of
from zoo.transfer.adapting import adapted, base_of, fitting_options
from zoo.transfer.phases import Phase, leaf_layers
from zoo.transfer.reports import drawings
from zoo.transfer.runs import Run, new_folder, to_json, write
from zoo.transfer.trainer import check_layers, train

log = logging.getLogger("zoo")


def transfer(
    model_or_name: keras.Model | Run | str | os.PathLike[str],
    data: Dataset | str | os.PathLike[str],
    strategy: str = "head",
    *,
    weights: str | os.PathLike[str] | None = None,
    epochs: int = 10,
    batch_size: int = 32,
    learning_rate: float | None = None,
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
        learning_rate: of Adam; by default what the strategy finds sensible.
        out: the folder to write the run to, new or empty. It appears in one step at the end, or not at all.
        seed: of the initial weights, the order of the samples and the dropout; drawn, and kept in the run, if None.
        progress: whether to print a line for each epoch to stderr, and a bar on a terminal.
        callbacks: further Keras callbacks; one that stops training ends the phase.
        options: those of the strategy, such as ``layers=3`` or ``from_layer=...``; all others are those of
            :func:`zoo.build`, such as ``input_shape`` or ``dropout``.

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
    started = time.perf_counter()
    _check_numbers(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed)
    seed = secrets.randbelow(2**31) if seed is None else seed
    with ExitStack() as stack:
        temporary, folder = stack.enter_context(new_folder(out)) if out is not None else (None, None)
        chosen = registry.find_strategy(strategy)
        dataset = load_data(data)
        asked = f"train {name_of(model_or_name)} on {dataset.name!r}"
        if dataset.train is None or not len(dataset.train):
            raise DataError(asked, "the data has no training split", "pass data that has one")
        make_phases = _phases_function(chosen)
        own = _strategy_options(make_phases)
        strategy_options = {**chosen.spec.config, **{key: options.pop(key) for key in own & options.keys()}}
        base = base_of(asked, model_or_name, weights)
        build_options = fitting_options(asked, base, dataset, options, own)

        keras.utils.set_random_seed(seed)
        model, head = adapted(base, build_options, dataset, chosen.spec.new_head)
        build = known_build(asked, model)
        phases = _phases(asked, chosen, make_phases, model, epochs, learning_rate, strategy_options)
        check_layers(asked, model, phases)
        warning = _random_frozen(model, build, phases)
        if warning:
            log.warning("%s: %s", asked, warning)
        info = {
            "data": {"name": dataset.name, "description": dataset.describe(), "origin": dict(dataset.origin)},
            "strategy": {
                "name": chosen.qualified,
                "options": strategy_options,
                "phases": [_known(asdict(phase)) for phase in phases],
            },
            "head": head,
            "warning": warning,
            "batch_size": batch_size,
            "seed": seed,
            "versions": _versions(),
        }
        _check_is_data(asked, build, info)

        training = time.perf_counter()
        history = train(
            asked,
            model,
            build,
            phases,
            dataset,
            batch_size=batch_size,
            seed=seed,
            progress=progress,
            callbacks=callbacks,
        )
        trained = time.perf_counter()
        annotate(model, class_names=dataset.class_names, table=dataset.table)
        is_held_out = dataset.validation is not None or dataset.test is not None
        metrics = evaluate(model, dataset, batch_size=batch_size) if is_held_out else None
        pictures = drawings(Subject(model, known_build(asked, model)), dataset, history, metrics)
        info["seconds"] = {"training": trained - training, "total": time.perf_counter() - started}
        run = Run(model, history, build.report, metrics, info, folder, pictures)
        if temporary is not None:
            write(run, temporary)
    return run


# -- phases


def _phases_function(strategy: Entry[StrategySpec]) -> Callable[..., Any]:
    module, _, function = strategy.spec.phases.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
        inspect.signature(found)
    except Exception as error:
        raise _broken(strategy, f"{strategy.spec.phases} cannot be imported ({one_line(error)})") from error
    return found  # type: ignore[no-any-return]


def _strategy_options(make_phases: Callable[..., Any]) -> set[str]:
    parameters = list(inspect.signature(make_phases).parameters.values())[1:]
    named = {each.name for each in parameters if each.kind is not each.VAR_KEYWORD}
    return named - {"epochs", "learning_rate"}


def _phases(
    asked: str,
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


def _known(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a record says, without what it leaves open."""
    return {key: value for key, value in record.items() if value is not None}


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
    if learning_rate is not None and not (isinstance(learning_rate, (int, float)) and learning_rate > 0):
        raise ArgumentError(
            f"train with learning_rate={learning_rate!r}", "it is no positive number", "pass 0.001, for example"
        )


def _check_is_data(asked: str, build: Build, info: dict[str, Any]) -> None:
    """Raise now, and not after training, if a record of the run could not be written."""
    try:
        to_json([build.options, info])
    except TypeError as error:
        raise ArgumentError(asked, f"its options cannot be kept with the run: {error}", "pass plain values") from error
