"""From a record to a Keras model whose parameter count is verified."""

from __future__ import annotations

import inspect
import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from zoo import registry
from zoo.errors import ArgumentError, ParameterCountError, PluginError, ZooError, one_line
from zoo.plugins import load_plugins, named
from zoo.registry import Entry
from zoo.specs import ModelSpec, Preprocessing

if TYPE_CHECKING:
    import keras

    from zoo.data import Table
    from zoo.weights import LoadReport


class _Declared:
    """The default of an argument whose value the model's record declares."""

    def __repr__(self) -> str:
        return "<as declared>"


# For TensorFlow, all models are one whose network is compiled too often, and it advises what does not apply.
logging.getLogger("tensorflow").addFilter(lambda record: "triggered tf.function retracing" not in record.getMessage())

DECLARED: Final = _Declared()

#: What every builder takes; everything else is the model's own configuration.
_COMMON = ("input_shape", "classes", "include_top", "pooling", "classifier_activation")


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


def build(
    name: str,
    *,
    weights: str | None = None,
    classes: int | None = None,
    input_shape: tuple[int | None, ...] | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | _Declared | None = DECLARED,
    locked: bool | str | os.PathLike[str] = False,
    **config: Any,
) -> keras.Model:
    """Return the model ``name`` as a Keras model, its parameter count verified.

    The count is checked whenever the configuration is the one declared: the same classes and input, with its top.

    Args:
        name: ``"resnet50"``, ``"zoo-resnet/resnet50"`` or, with a weights tag, ``"lenet5.digits_0_4"``.
        weights: a tag, a path, ``https://...`` or ``hf://owner/repo[@revision][/file]``; None leaves the random initial
            values.
        classes: the number of outputs; the declared number by default, or that of a weights tag; the tag's input and
            options are the defaults too.
        input_shape: ``(height, width, channels)`` or ``(features,)``, without the batch.
        include_top: False leaves the classifier out.
        pooling: without a top, ``"avg"`` or ``"max"`` pools the feature maps to ``(batch, channels)``.
        classifier_activation: of the last layer; by default the declared one, where a change between one class and
            several exchanges sigmoid and softmax. None gives logits.
        locked: True builds only what ``zoo.lock`` in the current folder says: the same plugins, weights and
            preprocessing; or the path of another lock.
        config: the family's own options.

    Raises:
        UnknownNameError, ContestedNameError: if the name or the weights tag is not one.
        ArgumentError: if an argument does not fit the network.
        ParameterCountError: if the model does not have the declared number of parameters.
        PluginError: if the plugin's builder fails.
        WeightsError: if the weights do not fit; see :func:`zoo.load_weights`.
        LockError: if ``locked``, and anything differs from the lock.

    >>> import zoo
    >>> zoo.build("lenet5").count_params()
    61706
    """
    entry, tag = registry.find_model(name)
    if tag is not None:
        if weights is not None:
            raise ArgumentError(
                f"build {name!r}",
                f"the name holds the weights tag {tag!r}, and weights={weights!r} came too",
                "pass one of them",
            )
        weights = tag
    source = None
    if weights is not None:
        from zoo.weights import find_source

        source = find_source(entry, weights, include_top=include_top)
        if (record := source.record) is not None:
            if include_top and not record.include_top and classes is None:
                raise ArgumentError(
                    f"build {entry.qualified!r} with the weights {weights!r}",
                    "their file holds no classifier",
                    "pass include_top=False, or classes= for a new one",
                )
            classes = record.classes if classes is None else classes
            input_shape = record.input_shape if input_shape is None else input_shape
            config = {**record.config, **config}
    if locked:
        from zoo import locking

        locking.check_lock(entry, weights, source, locking.LOCK if locked is True else locked)
    options = resolve_options(
        entry,
        classes=classes,
        input_shape=input_shape,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
        **config,
    )
    if source is None:
        return build_from(entry, options)
    from zoo.weights import build_with

    return build_with(entry, options, source)


def build_from(entry: Entry[ModelSpec], options: dict[str, Any]) -> keras.Model:
    """Build the model of ``entry`` from complete ``options`` (those of a :class:`Build`) and verify its count."""
    spec = entry.spec
    builder = _builder(entry)
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
        raise ArgumentError(asked, found, "it was built with other arguments than it declares; change them") from error
    _check_model(entry, model)
    if options == resolve_options(entry):
        _check_count(entry, model)
    model._zoo_build = Build(spec, entry.distribution, _version(entry), options, spec.preprocessing)
    return model


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


# -- arguments


def resolve_options(
    entry: Entry[ModelSpec],
    *,
    classes: int | None = None,
    input_shape: tuple[int | None, ...] | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | _Declared | None = DECLARED,
    **config: Any,
) -> dict[str, Any]:
    """Return the complete arguments that :func:`build` takes for these, each checked against the model's record.

    Raises:
        ArgumentError: if one does not fit, with what would.
    """
    spec = entry.spec
    asked = f"build {entry.qualified!r}"
    if classes is None:
        classes = spec.classes
    elif isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise ArgumentError(f"{asked} with classes={classes!r}", "that is no count of classes", "pass 1 or more")
    if pooling not in (None, "avg", "max"):
        raise ArgumentError(f"{asked} with pooling={pooling!r}", "no such pooling", "pass 'avg', 'max' or None")
    if pooling and include_top:
        raise ArgumentError(
            f"{asked} with pooling={pooling!r}", "pooling takes the place of the top", "pass include_top=False as well"
        )
    if isinstance(classifier_activation, _Declared):
        classifier_activation = spec.classifier_activation
        if classes == 1 and classifier_activation == "softmax":
            classifier_activation = "sigmoid"
        elif classes > 1 and classifier_activation == "sigmoid":
            classifier_activation = "softmax"
    elif classes == 1 and classifier_activation == "softmax":
        raise ArgumentError(f"{asked} with one class and softmax", "its output would always be 1", "use 'sigmoid'")
    return {
        "input_shape": _checked_shape(asked, spec, input_shape),
        "classes": classes,
        "include_top": bool(include_top),
        "pooling": pooling,
        "classifier_activation": classifier_activation,
        "config": {**spec.config, **_checked_config(asked, entry, config)},
    }


def _checked_shape(asked: str, spec: ModelSpec, given: Any) -> tuple[int | None, ...]:
    if given is None:
        return spec.input_shape
    shape: tuple[int | None, ...] = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    asked = f"{asked} with input_shape={shape}"
    advice = f"pass a shape such as {spec.input_shape}"
    fits = len(shape) == len(spec.input_shape) or (spec.takes_rows and len(shape) == 1)
    if not fits or not all(size is None or (isinstance(size, int) and size > 0) for size in shape) or shape[-1] is None:
        raise ArgumentError(asked, "that is no input of this network", advice)
    small = [size for size in shape[:-1] if size is not None and size < spec.min_size]
    if small:
        least = "x".join([str(spec.min_size)] * (len(shape) - 1))
        raise ArgumentError(asked, "the input is too small for the network", f"the smallest it takes is {least}")
    return shape


def _checked_config(asked: str, entry: Entry[ModelSpec], config: dict[str, Any]) -> dict[str, Any]:
    if not config:
        return config
    known = own_options(entry)
    for name in config:
        if name not in known:
            advice = registry.did_you_mean(name, [*known, *_COMMON]) or f"its options are {', '.join(known) or 'none'}"
            raise ArgumentError(f"{asked} with {name}={config[name]!r}", f"it has no option {name!r}", advice)
    return config


# -- the plugin's part


def own_options(entry: Entry[ModelSpec]) -> list[str]:
    """Return the names of the options that the model's builder takes besides those of every model."""
    return [name for name in inspect.signature(_builder(entry)).parameters if name not in _COMMON]


def _builder(entry: Entry[ModelSpec]) -> Callable[..., Any]:
    try:
        builder = named(entry.spec.builder)
    except Exception as error:
        raise PluginError(
            f"build {entry.qualified!r}",
            f"its builder {entry.spec.builder} cannot be imported ({one_line(error)})",
            f"install {entry.distribution} again, or tell its authors",
        ) from error
    if not callable(builder):
        raise PluginError(
            f"build {entry.qualified!r}",
            f"{entry.spec.builder} is no function",
            f"tell the authors of {entry.distribution}",
        )
    return builder  # type: ignore[no-any-return]


def _check_model(entry: Entry[ModelSpec], model: Any) -> None:
    import keras

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
            f"it has {total:,} parameters, {trainable:,} of them trainable, where its plugin declares "
            f"{expected.total:,} and {expected.trainable:,}",
            f"do not use it; tell the authors of {entry.distribution}",
        )


def _version(entry: Entry[ModelSpec]) -> str:
    return next(plugin.version for plugin in load_plugins() if plugin.distribution == entry.distribution)


def _readable(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
