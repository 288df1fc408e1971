"""Building a Keras network from complete options, and checking its parameter count."""

from __future__ import annotations

import logging
import math
from typing import Any

import keras

from zoo.errors import ArgumentError, ParameterCountError, PluginError, ZooError, one_line
from zoo.models.build_info import Build
from zoo.models.options import builder_of, resolve_options
from zoo.plugins import load_plugins
from zoo.registry import Entry
from zoo.specs import ModelSpec

# TensorFlow takes different models for one that is traced again and again, and gives advice that does not apply.
logging.getLogger("tensorflow").addFilter(lambda record: "triggered tf.function retracing" not in record.getMessage())


def build_from(entry: Entry[ModelSpec], options: dict[str, Any]) -> keras.Model:
    """Build the model of ``entry`` from complete ``options`` (those of a :class:`Build`) and verify its count."""
    spec = entry.spec
    builder = builder_of(entry)
    arguments = {**options, **options["config"]}
    del arguments["config"]
    try:
        model = builder(**arguments)
    except ZooError:
        raise
    except Exception as error:
        asked = f"build {entry.qualified!r} with {_readable(arguments)}"
        found = f"its builder raised {one_line(error)}"
        if options == resolve_options(entry):
            raise PluginError(asked, found, f"tell the authors of {entry.distribution}") from error
        advice = "change the arguments that differ from the declared ones"
        raise ArgumentError(asked, found, advice) from error
    _check_model(entry, model)
    if options == resolve_options(entry):
        _check_count(entry, model)
    model.name = spec.name
    model._zoo_build = Build(spec, entry.distribution, _version(entry), options, spec.preprocessing)
    return model


def _check_model(entry: Entry[ModelSpec], model: Any) -> None:
    if not isinstance(model, keras.Model):
        raise PluginError(
            f"build {entry.qualified!r}",
            f"its builder returned {type(model).__name__}, not a keras.Model",
            f"tell the authors of {entry.distribution}",
        )


def _check_count(entry: Entry[ModelSpec], model: keras.Model) -> None:
    expected = entry.spec.parameters
    total = sum(math.prod(weight.shape) for weight in model.weights)
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    if (total, trainable) != (expected.total, expected.trainable):
        raise ParameterCountError(
            f"build {entry.qualified!r}",
            f"it has {total:,} parameters, {trainable:,} of them trainable, but its plugin declares "
            f"{expected.total:,} and {expected.trainable:,}",
            f"do not use it; tell the authors of {entry.distribution}",
        )


def _version(entry: Entry[ModelSpec]) -> str:
    return next(plugin.version for plugin in load_plugins() if plugin.distribution == entry.distribution)


def _readable(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
