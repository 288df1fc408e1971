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
    """A feature extractor: ``model`` returns a list of the ``maps``, finest first; it shares its source's weights."""

    model: keras.Model
    maps: tuple[FeatureMap, ...]


def features(model: keras.Model) -> Features:
    """Return the last feature map of each resolution in ``model``, as the outputs of a model that shares its layers.

    For each stride, that is the last tensor ``(batch, height, width, channels)`` on which everything after it depends:
    the end of a stage, and never a tensor inside a block.

    Raises:
        ArgumentError: if the model is not functional or has no feature maps.

    >>> import zoo
    >>> [(each.layer, each.stride, each.channels) for each in zoo.features(zoo.build("resnet20_cifar")).maps]
    [('conv2_block3_out', 1, 16), ('conv3_block3_out', 2, 32), ('conv4_block3_out', 4, 64)]
    """
    nodes = nodes_of(keras.Model(model.input, model.outputs[0]))  # without auxiliary classifiers
    ends: dict[int, int] = {}
    open_until = 0
    for place, node in enumerate(nodes):
        is_cut = open_until <= place
        open_until = max(open_until, node.needed_until)
        shape = node.outputs[0].shape
        is_maps = len(node.outputs) == 1 and len(shape) == 4 and (shape[1] is None or shape[1] > 1)
        skipped = (keras.layers.InputLayer, keras.layers.ZeroPadding2D, keras.layers.Cropping2D, keras.layers.Rescaling)
        if is_cut and is_maps and not isinstance(node.operation, skipped):
            ends[node.stride] = place
    if not ends:
        raise ArgumentError(f"take the features of {model.name!r}", "it has no feature maps", "pass an image model")
    chosen = [nodes[place] for _, place in sorted(ends.items())]
    maps = tuple(
        FeatureMap(node.operation.name, node.stride, node.outputs[0].shape[-1], tuple(node.outputs[0].shape[1:]))
        for node in chosen
    )
    return Features(keras.Model(model.input, [node.outputs[0] for node in chosen]), maps)
