"""The arguments of a model's builder: missing ones are taken from its spec, and each one is checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

from zoo.errors import ArgumentError, PluginError, asked, asking, did_you_mean, one_line
from zoo.plugins import resolve_reference
from zoo.registry import Entry
from zoo.specs import ModelSpec


class Declared:
    """The default of an argument whose value the model's spec declares."""

    def __repr__(self) -> str:
        return "<as declared>"


DECLARED: Final = Declared()

#: The arguments that every builder takes; all others are the model's own options.
_COMMON = ("input_shape", "classes", "include_top", "pooling", "classifier_activation")


def resolve_options(
    entry: Entry[ModelSpec],
    *,
    classes: int | None = None,
    input_shape: tuple[int | None, ...] | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | Declared | None = DECLARED,
    **config: Any,
) -> dict[str, Any]:
    """Return all arguments that :func:`build` takes, those given and the defaults, checked against the model's spec.

    Raises:
        ArgumentError: if an argument does not fit; it says what would.
    """
    spec = entry.spec
    with asking(f"build {entry.qualified!r}"):
        if classes is None:
            classes = spec.classes
        elif isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
            raise ArgumentError(
                asked(f"with classes={classes!r}"),
                "a model has a whole number of classes, 1 or more",
                "pass such a number",
            )
        if pooling not in (None, "avg", "max"):
            raise ArgumentError(
                asked(f"with pooling={pooling!r}"), "there is no such pooling", "pass 'avg', 'max' or None"
            )
        if pooling and include_top:
            raise ArgumentError(
                asked(f"with pooling={pooling!r}"),
                "pooling is for a model without its top",
                "pass include_top=False as well",
            )
        if isinstance(classifier_activation, Declared):
            classifier_activation = spec.classifier_activation
            if classes == 1 and classifier_activation == "softmax":
                classifier_activation = "sigmoid"
            elif classes > 1 and classifier_activation == "sigmoid":
                classifier_activation = "softmax"
        elif classes == 1 and classifier_activation == "softmax":
            raise ArgumentError(asked("with one class and softmax"), "its output would always be 1", "use 'sigmoid'")
        return {
            "input_shape": _checked_shape(spec, input_shape),
            "classes": classes,
            "include_top": bool(include_top),
            "pooling": pooling,
            "classifier_activation": classifier_activation,
            "config": {**spec.config, **_checked_config(entry, config)},
        }


def _checked_shape(spec: ModelSpec, given: Any) -> tuple[int | None, ...]:
    if given is None:
        return spec.input_shape
    shape: tuple[int | None, ...] = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    request = asked(f"with input_shape={shape}")
    advice = f"pass a shape such as {spec.input_shape}"
    fits = len(shape) == len(spec.input_shape) or (spec.takes_rows and len(shape) == 1)
    if not fits or not all(size is None or (isinstance(size, int) and size > 0) for size in shape) or shape[-1] is None:
        raise ArgumentError(request, "this network does not take such an input", advice)
    small = [size for size in shape[:-1] if size is not None and size < spec.min_size]
    if small:
        least = "x".join([str(spec.min_size)] * (len(shape) - 1))
        raise ArgumentError(request, "the input is too small for the network", f"the smallest it takes is {least}")
    return shape


def _checked_config(entry: Entry[ModelSpec], config: dict[str, Any]) -> dict[str, Any]:
    if not config:
        return config
    known = own_options(entry)
    for name in config:
        if name not in known:
            advice = did_you_mean(name, [*known, *_COMMON]) or f"its options are: {', '.join(known) or 'none'}"
            raise ArgumentError(asked(f"with {name}={config[name]!r}"), f"it has no option {name!r}", advice)
    return config


def own_options(entry: Entry[ModelSpec]) -> list[str]:
    """Return the names of the options that only this model's builder takes, beyond those of every model."""
    return [name for name in inspect.signature(builder_of(entry)).parameters if name not in _COMMON]


def builder_of(entry: Entry[ModelSpec]) -> Callable[..., Any]:
    """Import and return the function that builds the model of ``entry``.

    Raises:
        PluginError: if it cannot be imported or is not a function.
    """
    try:
        builder = resolve_reference(entry.spec.builder)
    except Exception as error:
        raise PluginError(
            f"build {entry.qualified!r}",
            f"its builder {entry.spec.builder} cannot be imported ({one_line(error)})",
            f"install {entry.distribution} again, or tell its authors",
        ) from error
    if not callable(builder):
        raise PluginError(
            f"build {entry.qualified!r}",
            f"{entry.spec.builder} is not a function",
            f"tell the authors of {entry.distribution}",
        )
    return builder  # type: ignore[no-any-return]
