"""What Zoo knows of a model that it has built: its spec, its options, its preprocessing, its class names."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import keras

from zoo.data.table_encoding import Table
from zoo.errors import ArgumentError, asked
from zoo.models.load_report import LoadReport
from zoo.specs import ModelSpec, Preprocessing


@dataclass(frozen=True)
class Build:
    """What Zoo knows of a model it has built; :func:`build_of` returns it.

    ``options`` are the arguments that the model was built with, complete, so that it can be built again.
    ``class_names`` is empty when nobody said what the outputs mean. ``table`` encodes the rows that the model takes,
    if it takes rows.
    """

    spec: ModelSpec
    distribution: str
    version: str
    options: dict[str, Any]
    preprocessing: Preprocessing | None = None
    class_names: tuple[str, ...] = ()
    table: Table | None = None
    report: LoadReport | None = field(default=None, compare=False)

    @property
    def qualified(self) -> str:
        """The name that is never ambiguous, such as ``zoo-resnet/resnet50``."""
        return f"{self.distribution}/{self.spec.name}"


def build_of(model: keras.Model) -> Build | None:
    """Return what Zoo knows of ``model``, or None if Zoo has not built it."""
    return getattr(model, "_zoo_build", None)


def annotate(model: keras.Model, **changes: Any) -> None:
    """Replace fields of what Zoo knows of ``model``, such as its class names after training.

    Raises:
        ArgumentError: if Zoo has not built the model.
    """
    known = build_of(model)
    if known is None:
        raise ArgumentError("annotate a model", "it was not built by Zoo", "build it with zoo.build")
    model._zoo_build = replace(known, **changes)


def is_linear(activation: str | None) -> bool:
    """Return whether a last layer of this activation puts out logits or plain numbers."""
    return activation in (None, "linear")


def require_build(model: keras.Model) -> Build:
    """Return the build of ``model``.

    Raises:
        ArgumentError: if Zoo has not built it, or it takes several inputs, where a dataset's samples are one each.
    """
    known = build_of(model)
    if known is None:
        raise ArgumentError(asked(), f"the model {model.name!r} was not built by Zoo", "build it with zoo.build")
    count = len(getattr(model, "inputs", None) or [None])
    if count > 1:
        advice = "build it with a single input, or train it with Keras' own fit"
        raise ArgumentError(asked(), f"{known.qualified!r} takes {count} inputs, and the data gives one", advice)
    return known
