"""The hooks a plugin may implement. Each yields records; none may import TensorFlow, Keras or NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from zoo.specs import DatasetSpec, ModelSpec, StrategySpec, WeightFormatSpec, WeightsSpec

PROJECT = "zoo"
ENTRY_POINT_GROUP = "zoo"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def zoo_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Return the models of this plugin."""


@hookspec
def zoo_weights() -> Iterable[WeightsSpec]:  # type: ignore[empty-body]
    """Return trained weights, for models of this plugin or of any other."""


@hookspec
def zoo_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Return the datasets of this plugin."""


@hookspec
def zoo_strategies() -> Iterable[StrategySpec]:  # type: ignore[empty-body]
    """Return the transfer strategies of this plugin."""


@hookspec
def zoo_weight_formats() -> Iterable[WeightFormatSpec]:  # type: ignore[empty-body]
    """Return readers for further formats of weight files."""


@hookspec
def zoo_commands(app: Any) -> None:
    """Add commands to the ``zoo`` program; ``app`` is its ``click.Group``."""
