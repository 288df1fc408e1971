"""The feature maps of a network's stages, for detectors and segmenters."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from zoo.errors import ArgumentError
from zoo.models.graph import nodes_of


@dataclass(frozen=True)
class FeatureMap:
    """One output of a feature extractor: the layer it comes from, its stride in pixels, its channels and its shape."""

    layer: str
    stride: int
    channels: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Features:
    """A feature extractor: ``model`` gives a list of the ``maps``, finest first; it shares weights with its source."""

    model: keras.Model
    maps: tuple[FeatureMap, ...]


def features(model: keras.Model) -> Features:
    """Return the last feature map of each resolution in ``model``, as the outputs of a model that shares its layers.

    For each stride, that is the last tensor ``(batch, height, width, channels)`` through which everything passes that
    comes after it: the end of a stage, and never the inside of a block.

    Raises:
        ArgumentError: if the model is not functional or has no feature maps.

    >>> import zoo
    >>> [(each.layer, each.stride, each.channels) for each in zoo.features(zoo.build("resnet20_cifar")).maps]
    [('conv2_block3_out', 1, 16), ('conv3_block3_out', 2, 32), ('conv4_block3_out', 4, 64)]
    """
    steps = nodes_of(keras.Model(model.input, model.outputs[0]))  # without auxiliary classifiers
    ends: dict[int, int] = {}
    open_until = 0
    for place, step in enumerate(steps):
        is_cut = open_until <= place
        open_until = max(open_until, step.needed_until)
        shape = step.outputs[0].shape
        is_maps = len(step.outputs) == 1 and len(shape) == 4 and (shape[1] is None or shape[1] > 1)
        skipped = (keras.layers.InputLayer, keras.layers.ZeroPadding2D, keras.layers.Cropping2D, keras.layers.Rescaling)
        if is_cut and is_maps and not isinstance(step.operation, skipped):
            ends[step.stride] = place
    if not ends:
        raise ArgumentError(f"take the features of {model.name!r}", "it has no feature maps", "pass an image model")
    chosen = [steps[place] for _, place in sorted(ends.items())]
    maps = tuple(
        FeatureMap(step.operation.name, step.stride, step.outputs[0].shape[-1], tuple(step.outputs[0].shape[1:]))
        for step in chosen
    )
    return Features(keras.Model(model.input, [step.outputs[0] for step in chosen]), maps)
