"""Loading weights: plan everything, read everything, and only then change the model."""

from __future__ import annotations

import logging
import os
from functools import partial
from typing import Any, Literal

import keras
import numpy as np

from zoo import registry
from zoo.building import annotate, build_from, build_of, resolve_options
from zoo.errors import ArgumentError, WeightsFileError, ZooError, one_line
from zoo.registry import Entry
from zoo.weights.formats import Array, StoredArray, WeightFile, open_weights
from zoo.weights.matching import Match, Plan, plan, targets_of
from zoo.weights.report import LoadReport
from zoo.weights.store import Source, find_source

log = logging.getLogger("zoo")


def load_weights(
    model: keras.Model, source: str | os.PathLike[str], *, head: Literal["auto", "new"] = "auto"
) -> LoadReport:
    """Load ``source`` into ``model`` by the names of the layers, and return what happened to each variable.

    The model is changed only if everything fits: a load that fails leaves it as it was, to the last bit.

    Args:
        model: a model built by Zoo, or any other Keras model whose layers are named as in the file.
        source: the path of a Keras ``.h5``, ``.weights.h5`` or ``.keras`` file or of a safetensors file, with our names
            or torch's; for a model built by Zoo, a weights tag as well.
        head: ``"auto"`` loads the head if it fits and otherwise leaves it at its initial values, with a warning in the
            log; ``"new"`` always leaves its last layer, the classifier, there.

    Raises:
        UnknownNameError: if ``source`` is neither a tag nor a file.
        WeightsFileError: if the file is damaged, unsafe or of no known format.
        WeightsMismatchError: if anything outside the head does not fit.
    """
    if head not in ("auto", "new"):
        raise ArgumentError(f"load weights with head={head!r}", "no such treatment of the head", "pass 'auto' or 'new'")
    known = build_of(model)
    return load_from(model, find_source(Entry(known.spec, known.distribution) if known else None, source), head=head)


def load_from(model: keras.Model, source: Source, *, head: Literal["auto", "new"] = "auto") -> LoadReport:
    """Load a file that :func:`zoo.weights.find_source` has found; see :func:`load_weights`."""
    known = build_of(model)
    asked = f"load {str(source.path)!r} into {known.qualified if known else model.name!r}"
    with open_weights(source.path) as file:
        form, planned = file.format, _assign(asked, model, file, head)
    tag = source.record.name if source.record else None
    report = _report(planned, source=str(source.path), format=form, sha256=source.sha256, tag=tag)
    if known:
        _remember(model, source, report)
    if report.initial and head == "auto":
        names = sorted({name.partition("/")[0] for name, _ in report.initial})
        log.warning(
            "%s: the head is left at its initial values (%s): %s", asked, ", ".join(names), report.initial[0][1]
        )
    return report


def copy_weights(
    giver: keras.Model, model: keras.Model, *, source: str, head: Literal["auto", "new"] = "auto"
) -> LoadReport:
    """Copy the weights of one model in memory to another, as :func:`load_weights` does from a file.

    ``source`` is what the report calls ``giver``.
    """
    arrays = []
    for each in targets_of(giver):
        read = partial(keras.ops.convert_to_numpy, each.variable)
        shape = tuple(each.variable.shape)
        arrays.append(StoredArray(each.name, each.layer.name, each.variable.name, shape, "float32", read))
    file = WeightFile("model in memory", tuple(arrays))
    planned = _assign(f"copy the weights of {source!r} to {model.name!r}", model, file, head)
    report = _report(planned, source=source, format=file.format)
    if build_of(model):
        annotate(model, report=report)
    return report


def verify(name: str, *, model: str | None = None) -> LoadReport:
    """Check that weights are whole: the digest of a tag's file, and that all of it loads into its model.

    Args:
        name: ``model.tag``, or a path if ``model`` says for which model the file is.

    Raises:
        ZooError: if anything is wrong with the file, or the head does not fit.
    """
    if model is None:
        entry, tag = registry.find_model(name)
        if tag is None:
            raise ArgumentError(
                f"verify {name!r}", "that names no weights", "pass 'model.tag', or a path and its model"
            )
    else:
        (entry, _), tag = registry.find_model(model), name
    source = find_source(entry, tag)
    classes = source.record.classes if source.record else None
    built = build_from(entry, resolve_options(entry, classes=classes))
    report = load_from(built, source)
    if report.initial:
        raise WeightsFileError(
            f"verify {name!r}",
            f"{report.initial[0][0]} finds no array of its shape in the file",
            "pass the model it is for",
        )
    return report


def _assign(asked: str, model: keras.Model, file: WeightFile, head: Literal["auto", "new"]) -> Plan:
    """Give the variables of ``model`` the arrays of ``file``, all of which are read before the first is given."""
    known = build_of(model)
    planned = plan(asked, model, file, known.spec if known else None, head)
    arrays = [_read(asked, match) for match in planned.matches]
    for match, array in zip(planned.matches, arrays, strict=True):
        match.target.variable.assign(array)
    return planned


def _read(asked: str, match: Match) -> Array:
    try:
        return np.ascontiguousarray(match.convert(match.array.read()), dtype=match.target.variable.dtype)
    except ZooError:
        raise
    except Exception as error:  # whatever the file's library raises for damaged bytes
        raise WeightsFileError(
            asked,
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
        initial=planned.initial,
        unused=planned.unused,
        auxiliary=planned.auxiliary,
    )


def _remember(model: keras.Model, source: Source, report: LoadReport) -> None:
    """Bind the preprocessing and the class names of the weights to the model."""
    changes: dict[str, Any] = {"report": report}
    if source.record and source.record.preprocessing:
        changes["preprocessing"] = source.record.preprocessing
    if source.record and not report.initial:
        changes["class_names"] = source.record.class_names
    annotate(model, **changes)
