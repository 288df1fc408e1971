"""``zoo.build``: from a model's name, weights and perhaps a lock to a Keras model whose parameter count is verified."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import keras

from zoo import lockfile, registry
from zoo._moved import moved_names
from zoo.errors import ArgumentError, asked, asking
from zoo.models.network import build_from
from zoo.models.options import DECLARED, Declared, resolve_options
from zoo.registry import Entry
from zoo.specs import ModelSpec, WeightsSpec
from zoo.weights import build_with, find_source


# The public face of every model: each argument is an option that people look up in this one docstring.
def build(
    name: str,
    *,
    weights: str | None = None,
    classes: int | None = None,
    input_shape: tuple[int | None, ...] | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | Declared | None = DECLARED,
    locked: bool | str | os.PathLike[str] = False,
    **config: Any,
) -> keras.Model:
    """Return the model ``name`` as a Keras model, and verify its parameter count.

    The count is checked whenever the model is built as its spec declares it: the same classes and input shape, with the
    classifier.

    Args:
        name: ``"resnet50"``, ``"zoo-resnet/resnet50"`` or, with a weights tag, ``"lenet5.digits_0_4"``.
        weights: a tag, a path, ``https://...`` or ``hf://owner/repo[@revision][/file]``; None keeps the random initial
            values.
        classes: the number of outputs. The default is the number that the model declares, or that of the weights tag;
            a tag's input shape and options are the defaults as well.
        input_shape: ``(height, width, channels)`` or ``(features,)``, without the batch.
        include_top: False leaves the classifier out.
        pooling: without a top, ``"avg"`` or ``"max"`` pools the feature maps to ``(batch, channels)``.
        classifier_activation: the activation of the last layer. The default is the one that the model declares, with
            sigmoid for one class and softmax for several. None gives logits.
        locked: True builds the model only if the plugins, weights and preprocessing are those of ``zoo.lock`` in the
            current folder; a path names another lock.
        config: the options of the model family.

    Raises:
        UnknownNameError: if there is no model or weights tag of that name.
        AmbiguousNameError: if several plugins offer a model of that name.
        ArgumentError: if an argument does not fit the network.
        ParameterCountError: if the model does not have the declared number of parameters.
        PluginError: if the plugin's builder fails.
        WeightsError: if the weights do not fit; see :func:`zoo.load_weights`.
        LockError: if the model is to be as locked, and anything differs from the lock.

    >>> import zoo
    >>> zoo.build("lenet5").count_params()
    61706
    """
    with asking(f"build {name!r}"):
        entry, weights = _model_and_weights(name, weights)
    source = find_source(entry, weights, include_top=include_top) if weights is not None else None
    record = source.record if source else None
    if record is not None:
        with asking(f"build {entry.qualified!r} with the weights {weights!r}"):
            _check_top(record, include_top, classes)
        classes = record.classes if classes is None else classes
        input_shape = record.input_shape if input_shape is None else input_shape
        config = {**record.config, **config}
    if locked:
        lockfile.check_lock(entry, weights, source, lockfile.LOCK if locked is True else locked)
    options = resolve_options(
        entry,
        classes=classes,
        input_shape=input_shape,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
        **config,
    )
    return build_from(entry, options) if source is None else build_with(entry, options, source)


def _model_and_weights(name: str, weights: str | None) -> tuple[Entry[ModelSpec], str | None]:
    """Return the model of ``name``, and the weights to load: ``weights``, or the tag after the dot in ``name``."""
    entry, tag = registry.find_model(name)
    if tag is not None and weights is not None:
        found = f"the name already has the weights tag {tag!r}, and weights={weights!r} was passed as well"
        raise ArgumentError(asked(), found, "pass only one of them")
    return entry, weights if tag is None else tag


def _check_top(record: WeightsSpec, include_top: bool, classes: int | None) -> None:
    """Raise if the model is to have a classifier of the declared classes, and the weights have none."""
    if include_top and not record.include_top and classes is None:
        advice = "pass include_top=False, or classes= for a new classifier"
        raise ArgumentError(asked(), "the weights file has no classifier", advice)


if not TYPE_CHECKING:
    __getattr__ = moved_names(__name__)
