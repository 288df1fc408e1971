"""The plan of a training: everything that is decided before the first batch."""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import keras
import numpy as np

from zoo.data import Dataset
from zoo.devices.placement import place
from zoo.errors import ArgumentError, asked
from zoo.models.build_info import Build, annotate, require_build
from zoo.plugins import CORE, load_plugins
from zoo.runs.run import to_json
from zoo.transfer.compilation import class_weights_of
from zoo.transfer.lr_finder import Search, find_learning_rate
from zoo.transfer.mixed_precision import computing_in
from zoo.transfer.options import NAMES, TrainingOptions, check_options, training_options, with_new_names
from zoo.transfer.phases import Phase, leaf_layers
from zoo.transfer.request import Request
from zoo.transfer.starting_model import Base, adapted, base_of, fitting_options
from zoo.transfer.strategy_loading import Strategy, phase_of_rate

log = logging.getLogger("zoo")


@dataclass(frozen=True)
class Settings:
    """What is decided before the model is built: the options, told apart, and what training begins with."""

    strategy: Strategy
    options: TrainingOptions
    base: Base
    model_options: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """All that is decided before the first batch.

    - ``model``: the model to train, with the weights that training begins with and a head that fits the dataset;
    - ``build``: how the model was built;
    - ``head``: whether the head was kept or is new, and why;
    - ``phases``: which layers learn at which rate, one phase after the other;
    - ``class_weights``: the weight of each class by its index, or None if all count alike;
    - ``learning_rate``: the rate that was asked for, which may be ``"find"``;
    - ``search``: how the rate was found, if it was;
    - ``warning``: what the user should know about the plan, if anything.
    """

    dataset: Dataset
    model: keras.Model
    build: Build
    head: str
    strategy: Strategy
    phases: tuple[Phase, ...]
    options: TrainingOptions
    batch_size: int
    seed: int
    class_weights: Mapping[int, float] | None = None
    learning_rate: float | str | None = None
    search: Search | None = None
    warning: str | None = None

    def record(self) -> dict[str, Any]:
        """Return what a run's ``info`` says of the plan."""
        return {
            "data": {
                "name": self.dataset.name,
                "description": self.dataset.describe(),
                "origin": dict(self.dataset.origin),
                "samples": {part: len(split) for part, split in self.dataset.splits.items()},
            },
            "strategy": {
                "name": self.strategy.entry.qualified,
                "options": dict(self.strategy.options),
                "phases": [_without_defaults(asdict(phase)) for phase in self.phases],
            },
            "head": self.head,
            "warning": self.warning,
            "training": self.options.as_dict(),
            "learning_rate": self.learning_rate,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "versions": _versions(),
        }


def settings_of(request: Request, strategy: Strategy, dataset: Dataset) -> Settings:
    """Tell the options of a request apart, check them and find the model that fits ``dataset``.

    An option that both the strategy and the training or the model have, as the penalty ``l1`` of wide_and_deep, is the
    strategy's.

    Raises:
        ArgumentError: if the model, the data, the strategy and the options do not go together.
    """
    given = with_new_names(request.options, strategy.option_names, warn=not request.is_resumed)
    strategy = strategy.with_options(given)
    given = {name: value for name, value in given.items() if name not in strategy.option_names}
    options = training_options({name: given.pop(name) for name in NAMES if name in given})
    check_options(options, dataset.task, request.epochs)
    base = base_of(request.model, request.weights)
    model_options = fitting_options(base, dataset, given, strategy.option_names | set(NAMES))
    return Settings(strategy, options, base, model_options)


def make_plan(request: Request, settings: Settings, dataset: Dataset) -> TrainingPlan:
    """Build the model, let the strategy divide the training into phases and return the plan.

    The request's seed becomes that of Python, NumPy and Keras.

    Raises:
        ArgumentError: if an option does not suit the model or the data, or could not be written with the run.
        WeightsError: if the weights do not fit the model.
        RunError: if a learning rate was to be found and the loss falls at none.
    """
    options, strategy = settings.options, settings.strategy
    class_weights = class_weights_of(dataset, options.class_weights)
    keras.utils.set_random_seed(request.seed)
    model, head = _starting_model(settings, dataset)
    phases_at = partial(strategy.phases, model, request.epochs)
    search, rate = None, request.learning_rate
    if isinstance(rate, str):
        phase = phase_of_rate(phases_at)
        search = find_learning_rate(model, phase, dataset, batch_size=request.batch_size, seed=request.seed)
        rate = search.rate
    phases = tuple(phases_at(rate))
    build = require_build(model)
    plan = TrainingPlan(
        dataset,
        model,
        build,
        head,
        strategy,
        phases,
        options,
        request.batch_size,
        request.seed,
        class_weights=class_weights,
        learning_rate=request.learning_rate,
        search=search,
        warning=_frozen_at_random(model, build, phases),
    )
    _check_record(plan)
    if plan.warning:
        log.warning("%s: %s", asked(), plan.warning)
    return plan


def _starting_model(settings: Settings, dataset: Dataset) -> tuple[keras.Model, str]:
    """Return the model to train, on the devices that were asked for, and what was done about its head."""
    options = settings.options
    with computing_in(options.mixed_precision):
        model, head = adapted(
            settings.base, dict(settings.model_options), dataset, settings.strategy.entry.spec.new_head
        )
    if options.device is not None and not isinstance(options.device, str):
        place(model, options.device)
    preprocessing = require_build(model).preprocessing
    if preprocessing is not None:
        annotate(model, preprocessing=replace(preprocessing, exact=options.exact))
    return model, head


def _frozen_at_random(model: keras.Model, build: Build, phases: tuple[Phase, ...]) -> str | None:
    """Return a warning if layers stay at the random values that they were built with: frozen, and without weights."""
    loaded = {name.partition("/")[0] for name in build.report.loaded} if build.report else set()
    loaded |= {layer for chain in build.spec.auxiliary for layer in chain}  # the main output does not depend on these
    random = [
        layer.name
        for layer in leaf_layers(model)
        if layer.weights and layer.name not in loaded and not any(phase.trains(layer.name) for phase in phases)
    ]
    if not random:
        return None
    advice = "train them too" if build.report else "pass weights=, or train everything with strategy='full'"
    return f"{len(random)} layers, the first of them {random[0]!r}, stay frozen at random values; {advice}"


def _without_defaults(record: dict[str, Any]) -> dict[str, Any]:
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


def _check_record(plan: TrainingPlan) -> None:
    """Raise now rather than after training if the run could not be written."""
    try:
        to_json([plan.build.options, plan.record()])
    except TypeError as error:
        found = f"its options cannot be kept with the run: {error}"
        raise ArgumentError(asked(), found, "pass plain values") from error
