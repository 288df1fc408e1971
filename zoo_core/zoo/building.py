"""A model's name, its weights and the lock of the project, composed into a Keras model that is verified."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import keras

from zoo import lockfile, registry
from zoo._moved import moved_names
from zoo.errors import ArgumentError
from zoo.models.network import build_from
from zoo.models.options import DECLARED, Declared, resolve_options
from zoo.weights import build_with, find_source


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

    The count is checked if the configuration is the declared one: the same classes and input, with the top.

    Args:
        name: ``"resnet50"``, ``"zoo-resnet/resnet50"`` or, with a weights tag, ``"lenet5.digits_0_4"``.
        weights: a tag, a path, ``https://...`` or ``hf://owner/repo[@revision][/file]``; with None, the weights are
            random.
        classes: the number of outputs. The default is that of the weights tag, if one is given, or the declared number.
            A weights tag also sets the defaults of ``input_shape`` and ``config``.
        input_shape: ``(height, width, channels)`` or ``(features,)``, without the batch.
        include_top: whether the model includes its classifier.
        pooling: for a model without its top, ``"avg"`` or ``"max"`` pools the feature maps to ``(batch, channels)``.
        classifier_activation: the activation of the last layer. The default is the declared one, with sigmoid for one
            class and softmax for several. With None, the model returns logits.
        locked: True builds only what ``zoo.lock`` in the current folder says: the same plugins, weights and
            preprocessing; or the path of another lock.
        config: the family's own options.

    Raises:
        UnknownNameError, AmbiguousNameError: if no plugin offers the name or the weights tag, or several do.
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
                f"the name has the weights tag {tag!r}, and weights={weights!r} was passed as well",
                "pass one of them",
            )
        weights = tag
    source = None
    if weights is not None:
        source = find_source(entry, weights, include_top=include_top)
        if (record := source.record) is not None:
            if include_top and not record.include_top and classes is None:
                raise ArgumentError(
                    f"build {entry.qualified!r} with the weights {weights!r}",
                    "their file has no classifier",
                    "pass include_top=False, or classes= for a new one",
                )
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
    if source is None:
        return build_from(entry, options)
    return build_with(entry, options, source)


# -- arguments


# -- the plugin's part

if not TYPE_CHECKING:
    __getattr__ = moved_names(__name__)
