"""The hooks that a plugin can implement.

A plugin is a module that an installed distribution names as an entry point of the group ``zoo``. A hook is a function
in that module that has one of the names below and is marked with ``@zoo.hookimpl``. A plugin implements the hooks that
it needs. All hooks except ``zoo_commands`` return specs (:mod:`zoo.specs`).

Zoo asks every plugin before it can list anything, so a plugin must load within milliseconds: neither its module nor its
hooks may import TensorFlow, Keras, NumPy or another heavy package (:data:`zoo.guard.HEAVY`). A plugin that imports one
is listed as broken, with the reason, and so is a plugin that raises an error. The other plugins are not affected.
"""

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
    """Return the models of this plugin, as a list or by yielding them.

    ::

        @hookimpl
        def zoo_models():
            yield ModelSpec(
                name="acmenet",
                builder="zoo_acme.builders:acmenet",
                input_shape=(224, 224, 3),
                classes=1000,
                parameters=ParameterCount(5_288_548, trainable=5_246_532),
                summary="the network of Acme",
                preprocessing=Preprocessing(scale=1 / 255),
            )
    """


@hookspec
def zoo_weights() -> Iterable[WeightsSpec]:  # type: ignore[empty-body]
    """Return trained weights, for models of this plugin or of any other.

    The files are not opened while Zoo lists them.
    """


@hookspec
def zoo_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Return the datasets of this plugin, each with the function that loads it."""


@hookspec
def zoo_strategies() -> Iterable[StrategySpec]:  # type: ignore[empty-body]
    """Return the transfer strategies of this plugin, each with the function that plans its training."""


@hookspec
def zoo_weight_formats() -> Iterable[WeightFormatSpec]:  # type: ignore[empty-body]
    """Return the formats of weight files that this plugin can read, each with the function that reads it."""


@hookspec
def zoo_commands(app: Any) -> None:
    """Add commands to the ``zoo`` program, whose ``click.Group`` is ``app``. Import heavy packages inside the command.

    ::

        @hookimpl
        def zoo_commands(app):
            @app.command("hello")
            def hello():
                "Say hello."
                click.echo("hello")
    """
