"""The model that training begins with: one that fits the data, with its first weights and a fitting head."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np

from zoo import registry
from zoo.data import Dataset
from zoo.errors import ArgumentError, asked, did_you_mean
from zoo.inference.loaded_model import existing_model
from zoo.models.build_info import Build, annotate, is_linear, require_build
from zoo.models.network import build_from
from zoo.models.options import own_options, resolve_options
from zoo.registry import Entry
from zoo.specs import ModelSpec
from zoo.weights import Source, build_with, copy_weights, find_source

#: The options that training needs and that the caller cannot choose.
_FIXED: dict[str, Any] = {"include_top": True, "pooling": None}


@dataclass(frozen=True)
class Base:
    """The start of a training: a model's spec, the options that it is built with, and its first weights, if any.

    The weights come from the file ``source``, or from ``model``, whose build is ``build`` and which reports call
    ``name``.
    """

    entry: Entry[ModelSpec]
    options: dict[str, Any]
    source: Source | None = None
    model: keras.Model | None = None
    build: Build | None = None
    name: str = ""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The class names that belong to the weights; empty if they are not known."""
        if self.build:
            return self.build.class_names
        return self.source.record.names_of_classes() if self.source and self.source.record else ()


def base_of(given: Any, weights: str | os.PathLike[str] | None) -> Base:
    """Return the start of a training from a model's name and its weights, or from a model that Zoo has built.

    Raises:
        UnknownNameError, ArgumentError, RunError: if ``given`` is neither; see
            :func:`zoo.inference.loaded_model.existing_model`.
        WeightsFileError: if the weights cannot be found.
    """
    model = existing_model(given, weights)
    if model is None:
        entry, tag = registry.find_model(given)
        if tag and weights is not None:
            raise ArgumentError(
                asked(), f"weights={str(weights)!r} is given and the name has a tag too", "pass one of them"
            )
        chosen = tag or weights
        source = find_source(entry, chosen) if chosen is not None else None
        return Base(entry, _options_of(source), source)
    known = require_build(model)
    options = {**known.options, **known.options["config"]}
    for key in ("config", *_FIXED):
        del options[key]
    entry = Entry(known.spec, known.distribution)
    origin = given if isinstance(given, (str, os.PathLike)) else getattr(given, "folder", None) or _origin(known)
    return Base(entry, options, model=model, build=known, name=os.fspath(origin))


def _options_of(source: Source | None) -> dict[str, Any]:
    """Return the options that the weights of a tag were trained with."""
    record = source.record if source else None
    if record is None:
        return {}
    return {**record.config, **({"input_shape": record.input_shape} if record.input_shape else {})}


def _origin(known: Build) -> str:
    """Return a name for the weights of a model in memory: the file they came from, or else the model's name."""
    return known.report.source if known.report else known.qualified


def fitting_options(
    base: Base, dataset: Dataset, options: dict[str, Any], strategy_options: set[str]
) -> dict[str, Any]:
    """Return all options of a model that fits ``dataset``; an option ``columns`` is set to the columns of its table.

    Raises:
        ArgumentError: if the model cannot fit the data, or an option is unknown.
    """
    of_the_model = {*inspect.signature(resolve_options).parameters, *own_options(base.entry)}
    for name in options:
        if name in _FIXED:
            raise ArgumentError(asked(f"with {name}="), "a model is always trained with its top", "leave it out")
        advice = "" if name in of_the_model else did_you_mean(name, strategy_options)
        if advice:
            raise ArgumentError(asked(f"with {name}={options[name]!r}"), "there is no option of that name", advice)
    merged = {**base.options, **options}
    if dataset.table is not None and "columns" not in options and "columns" in own_options(base.entry):
        merged["columns"] = dataset.table.category_counts
    merged["input_shape"] = _input_shape(base.entry, dataset, merged.get("input_shape"))
    declared = merged.pop("classes", base.entry.spec.classes)
    merged["classes"] = _classes(dataset, declared, options.get("classes"))
    if "classifier_activation" not in options and merged.get("classifier_activation") in ("softmax", "sigmoid"):
        merged["classifier_activation"] = "sigmoid" if merged["classes"] == 1 else "softmax"
    if "classifier_activation" not in options and dataset.task == "regression":
        merged["classifier_activation"] = None
    complete = resolve_options(base.entry, **merged, **_FIXED)
    _check_activation(base.entry.spec, dataset, complete, is_chosen="classifier_activation" in options)
    return complete


def _input_shape(
    entry: Entry[ModelSpec], dataset: Dataset, shape: tuple[int | None, ...] | None
) -> tuple[int | None, ...]:
    assert dataset.train is not None
    inputs, spec = dataset.train.inputs, entry.spec
    rows = isinstance(inputs, np.ndarray) and inputs.ndim == 2
    takes_pictures = len(shape or spec.input_shape) == 3
    if rows and isinstance(inputs, np.ndarray):
        if takes_pictures and not spec.takes_rows:
            raise ArgumentError(
                asked(), f"{entry.qualified!r} takes images and the data is a table", f"choose {_models_of_rows()}"
            )
        return inputs.shape[1:]
    if not takes_pictures:
        raise ArgumentError(
            asked(), f"{entry.qualified!r} takes rows and the data is images", "choose an image model (`zoo list`)"
        )
    return shape or spec.input_shape


def _models_of_rows() -> str:
    specs = {name: registry.info(name) for name in registry.list_models()}
    names = [name for name, spec in specs.items() if spec.takes_rows or len(spec.input_shape) == 1]
    return f"a model of rows: {', '.join(names)}" if names else "or install a model that takes rows"


def _classes(dataset: Dataset, declared: int, wanted: int | None) -> int:
    count = len(dataset.class_names) or 1
    possible = (1, 2) if count == 2 else (count,)
    if wanted is not None and wanted not in possible:
        raise ArgumentError(
            asked(f"with classes={wanted!r}"),
            f"the data has {count} classes" if dataset.class_names else "a regression has one output",
            "leave it out, or choose the data's classes with zoo.load_data(..., classes=...)",
        )
    return wanted or (1 if declared == 1 and count == 2 else count)


def _check_activation(spec: ModelSpec, dataset: Dataset, options: dict[str, Any], *, is_chosen: bool) -> None:
    """Raise unless the last layer gives what the data's labels are: a number, or a probability for each class."""
    activation, classes = options["classifier_activation"], options["classes"]
    if dataset.task == "regression":
        if not is_linear(activation):
            raise ArgumentError(
                asked(),
                f"the data has numbers to predict, and {spec.name!r} ends with the activation {activation}",
                "pass classifier_activation=None, or choose a model of the task regression",
            )
        return
    fitting = "sigmoid" if classes == 1 else "softmax"
    if is_linear(activation) and spec.task == "regression" and not is_chosen:
        raise ArgumentError(
            asked(),
            f"the data has classes, and {spec.name!r} predicts a number",
            f"pass classifier_activation={fitting!r}, or choose a classifier",
        )
    if not is_linear(activation) and activation != fitting:
        raise ArgumentError(
            asked(f"with classifier_activation={activation!r}"),
            f"there is no loss for that activation and {classes} outputs",
            f"pass {fitting!r}, or None for logits",
        )


def adapted(base: Base, options: dict[str, Any], dataset: Dataset, new_head: bool) -> tuple[keras.Model, str]:
    """Return the model to train, with its first weights, and whether its head was kept or is new, and why."""
    other_names = bool(base.class_names) and base.class_names != dataset.class_names
    mode: Literal["auto", "new"] = "new" if new_head or other_names else "auto"
    report = None
    if base.source is not None:
        model = build_with(base.entry, options, base.source, head=mode)
        report = require_build(model).report
    else:
        model = build_from(base.entry, options)
        if base.model is not None and base.build is not None:
            report = copy_weights(base.model, model, source=base.name, head=mode)
            annotate(model, preprocessing=base.build.preprocessing)
    if len(options["input_shape"]) == 1:
        annotate(model, preprocessing=None)
    if report is None:
        return model, "new, like all of the network"
    if not report.missing:
        return model, "kept: as far as is known, the data has the classes of the weights"
    if new_head:
        return model, "new: the strategy asks for it"
    return model, "new: the weights are for other classes"
