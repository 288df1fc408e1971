"""Loading weights into a model: match every variable, read every array, and only then change the model."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import keras

from zoo.data import Table
from zoo.errors import ArgumentError, WeightsError, WeightsFileError, ZooError, asked, asking, one_line
from zoo.models.build_info import annotate, build_of
from zoo.models.load_report import LoadReport
from zoo.models.network import build_from
from zoo.registry import Entry
from zoo.specs import ModelSpec
from zoo.weights.deferred import Values, aligned, assign, built_with
from zoo.weights.formats import Array, StoredArray, WeightFile, open_weights
from zoo.weights.matching import Match, Plan, plan, targets_of
from zoo.weights.sources import Source, find_source

log = logging.getLogger("zoo")

Head = Literal["auto", "new"]

#: Gives a model the values that the function returns for it, and returns the model.
_Place = Callable[[Callable[[keras.Model], Values]], keras.Model]


def load_weights(model: keras.Model, source: str | os.PathLike[str], *, head: Head = "auto") -> LoadReport:
    """Load ``source`` into ``model`` by the names of the layers, and return what happened to each variable.

    The model is changed only if everything fits: a load that fails leaves every bit of it as it was.

    Args:
        model: a model built by Zoo, or any other Keras model whose layers have the names that are in the file.
        source: a path, ``https://...`` or ``hf://owner/repo[@revision][/file]`` of a file in any of the formats of
            :mod:`zoo.weights.formats`, with our names or those of another program. For a model built by Zoo it can be
            a weights tag as well.
        head: ``"auto"`` loads the head if it fits, and otherwise leaves it at its initial values and logs a warning;
            ``"new"`` always leaves the last layer, the classifier, at its initial values.

    Raises:
        UnknownNameError: if ``source`` is neither a tag nor a file.
        WeightsFileError: if the file cannot be downloaded, is damaged or unsafe, or has an unknown format.
        WeightsMismatchError: if anything outside the head does not fit.
    """
    if head not in ("auto", "new"):
        raise ArgumentError(f"load weights with head={head!r}", "there is no such value", "pass 'auto' or 'new'")
    known = build_of(model)
    entry = Entry(known.spec, known.distribution) if known else None
    include_top = known is None or known.options["include_top"]
    return load_from(model, find_source(entry, source, include_top=include_top), head=head)


def load_from(model: keras.Model, source: Source, *, head: Head = "auto") -> LoadReport:
    """Load the weights of a :class:`Source`; see :func:`load_weights`."""
    known = build_of(model)

    def place(values_for: Callable[[keras.Model], Values]) -> keras.Model:
        assign(values_for(model))
        return model

    return _load(source, known.qualified if known else model.name, head, place)[1]


def build_with(entry: Entry[ModelSpec], options: dict[str, Any], source: Source, *, head: Head = "auto") -> keras.Model:
    """Build the model of ``entry`` with the weights of ``source``, without drawing random values for them first.

    ``options`` are those of :func:`zoo.models.network.build_from`; the errors are those of it and :func:`load_weights`.
    """
    return _load(source, entry.qualified, head, partial(built_with, partial(build_from, entry, options)))[0]


def copy_weights(giver: keras.Model, model: keras.Model, *, source: str, head: Head = "auto") -> LoadReport:
    """Copy the weights of one model in memory to another, as :func:`load_weights` does from a file.

    ``source`` is what the report calls ``giver``.
    """
    arrays = []
    for each in targets_of(giver):
        read = partial(keras.ops.convert_to_numpy, each.variable)
        shape = tuple(each.variable.shape)
        arrays.append(StoredArray(each.name, each.layer.name, each.variable.name, shape, "float32", read))
    file = WeightFile("model in memory", tuple(arrays))
    with asking(f"copy the weights of {source!r} to {model.name!r}"):
        planned = _plan(model, file, head)
        assign(_values(planned))
        report = _report(planned, source=source, format=file.format)
        if build_of(model):
            annotate(model, report=report)
        return report


def _load(source: Source, model_name: str, head: Head, place: _Place) -> tuple[keras.Model, LoadReport]:
    """Let ``place`` give a model the values of ``source``, whose digest is checked before any value is assigned."""
    with asking(f"load {source.name!r} into {model_name!r}"):
        plans: list[Plan] = []

        def values_for(model: keras.Model) -> Values:
            nonlocal source
            plans.append(_plan(model, file, head))
            values = list(_values(plans[-1]))
            source = source.settled()
            return values

        source.start_digesting()
        try:
            with open_weights(source.path) as file:
                model = place(values_for)
        except WeightsError:
            source.settled()  # a wrong digest explains more than what is wrong inside the file
            raise
        tag = source.record.name if source.record else None
        report = _report(plans[-1], source=source.name, format=file.format, sha256=source.sha256, tag=tag)
        if build_of(model):
            _remember(model, source, report)
        if report.missing and head == "auto":
            names = sorted({name.partition("/")[0] for name, _ in report.missing})
            log.warning(
                "%s: the head is left at its initial values (%s): %s", asked(), ", ".join(names), report.missing[0][1]
            )
        return model, report


def _plan(model: keras.Model, file: WeightFile, head: Head) -> Plan:
    known = build_of(model)
    return plan(model, file, known.spec if known else None, head)


def _values(planned: Plan) -> Values:
    return ((match.target.variable, _read(match)) for match in planned.matches)


def _read(match: Match) -> Array:
    try:
        return aligned(match.convert(match.array.read()), match.target.variable.dtype)
    except ZooError:
        raise
    except Exception as error:  # whatever the library of the format raises for damaged bytes
        raise WeightsFileError(
            asked(),
            f"the array {match.array.name} cannot be read ({one_line(error)})",
            "the file is damaged: get it again; the model was not changed",
        ) from error


def _report(planned: Plan, *, source: str, format: str, sha256: str = "", tag: str | None = None) -> LoadReport:
    adaptations = [(match.target.name, match.adaptation) for match in planned.matches]
    return LoadReport(
        source=source,
        format=format,
        layout=planned.layout,
        sha256=sha256,
        tag=tag,
        loaded=tuple(match.target.name for match in planned.matches),
        adapted=tuple((name, adaptation) for name, adaptation in adaptations if adaptation),
        missing=planned.missing,
        unexpected=planned.unexpected,
        auxiliary=planned.auxiliary,
    )


def _remember(model: keras.Model, source: Source, report: LoadReport) -> None:
    """Record the report, the preprocessing and the class names of the weights in the :class:`Build` of the model."""
    changes: dict[str, Any] = {"report": report}
    if source.record and source.record.preprocessing:
        changes["preprocessing"] = source.record.preprocessing
    if source.record and source.record.table:
        changes["table"] = Table.from_dict(source.record.table)
    if source.record and not report.missing:
        changes["class_names"] = source.record.names_of_classes()
    annotate(model, **changes)
