"""What Zoo knows about a model that it has built: its spec, options, preprocessing and class names."""

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
    """What Zoo knows about a model that it has built; :func:`build_of` returns it.

    ``options`` are all arguments that the model was built with, so that it can be built again. ``class_names`` is empty
    if the meaning of the outputs is unknown. ``table`` encodes the rows of a model that takes rows.
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
    """Return what Zoo knows about ``model``, or None if Zoo did not build it."""
    return getattr(model, "_zoo_build", None)


def annotate(model: keras.Model, **changes: Any) -> None:
    """Replace fields of the :class:`Build` of ``model``, such as its class names after training.

    Raises:
        ArgumentError: if Zoo did not build the model.
    """
    known = build_of(model)
    if known is None:
        raise ArgumentError("annotate a model", "it was not built by Zoo", "build it with zoo.build")
    model._zoo_build = replace(known, **changes)


def is_linear(activation: str | None) -> bool:
    """Return whether a last layer with this activation gives logits or unbounded numbers."""
    return activation in (None, "linear")


def require_build(model: keras.Model) -> Build:
    """Return the build of ``model``.

    Raises:
        ArgumentError: if Zoo did not build it, or if it takes several inputs, because each sample of a dataset is one.
    """
    known = build_of(model)
    if known is None:
        raise ArgumentError(asked(), f"the model {model.name!r} was not built by Zoo", "build it with zoo.build")
    count = len(getattr(model, "inputs", None) or [None])
    if count > 1:
        advice = "build it with a single input, or train it with Keras' own fit"
        raise ArgumentError(asked(), f"{known.qualified!r} takes {count} inputs, and the data has one", advice)
    return known
