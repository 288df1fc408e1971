"""The VGG networks: every variant, its parameters, and the build that it is equal to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from zoo import ModelSpec, ParameterCount, Preprocessing, WeightsSpec, hookimpl
from zoo.weights.published import TORCH_PIXELS
from zoo_vgg.weights import official_weights


class Variant(NamedTuple):
    """One VGG network, as the tables below list them.

    ``column`` is that of table 1 of the paper, ``depths`` the convolutions in each block; ``total`` and ``trainable``
    count parameters.
    """

    name: str
    column: str
    depths: tuple[int, ...]
    total: int
    trainable: int


#: keras.applications: fc1 sees the last feature maps as they are.
KERAS = (
    Variant("vgg16", "D", (2, 2, 3, 3, 3), total=138_357_544, trainable=138_357_544),
    Variant("vgg19", "E", (2, 2, 4, 4, 4), total=143_667_240, trainable=143_667_240),
)

#: torchvision: the last feature maps are averaged to 7x7.
TORCH = (
    Variant("vgg11", "A", (1, 1, 2, 2, 2), total=132_863_336, trainable=132_863_336),
    Variant("vgg13", "B", (2, 2, 2, 2, 2), total=133_047_848, trainable=133_047_848),
)

#: torchvision: the same with BatchNorm after each convolution, whose biases stay.
TORCH_NORMALISED = (
    Variant("vgg11_bn", "A", (1, 1, 2, 2, 2), total=132_874_344, trainable=132_868_840),
    Variant("vgg13_bn", "B", (2, 2, 2, 2, 2), total=133_059_624, trainable=133_053_736),
    Variant("vgg16_bn", "D", (2, 2, 3, 3, 3), total=138_374_440, trainable=138_365_992),
    Variant("vgg19_bn", "E", (2, 2, 4, 4, 4), total=143_689_256, trainable=143_678_248),
)

LIKE_TORCH = {"average_maps": True, "initial": "torch"}

CAFFE_PIXELS: dict[str, Any] = {"channels": "bgr", "mean": (103.939, 116.779, 123.68)}


@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Return the models of the tables above."""
    yield from _models(
        KERAS,
        "VGG for ImageNet, column {} of the paper",
        {},
        preprocessing=Preprocessing(**CAFFE_PIXELS),
        reference="keras.applications.{}",
    )
    yield from _models(
        TORCH,
        "VGG for ImageNet, column {} of the paper",
        LIKE_TORCH,
        preprocessing=Preprocessing(**TORCH_PIXELS),
        reference="torchvision.models.{}",
    )
    yield from _models(
        TORCH_NORMALISED,
        "VGG for ImageNet, column {} of the paper with BatchNorm, as in torchvision",
        {"batch_norm": True, **LIKE_TORCH},
        preprocessing=Preprocessing(**TORCH_PIXELS),
        reference="torchvision.models.{}",
    )


@hookimpl
def zoo_weights() -> Iterator[WeightsSpec]:
    """Return the official weights of these models."""
    return official_weights()


def _models(
    variants: tuple[Variant, ...], summary: str, config: dict[str, Any], *, reference: str, **shared: Any
) -> Iterator[ModelSpec]:
    for variant in variants:
        yield ModelSpec(
            name=variant.name,
            builder="zoo_vgg.builders:vgg",
            config={**config, "depths": variant.depths},
            input_shape=(224, 224, 3),
            classes=1000,
            parameters=ParameterCount(variant.total, variant.trainable),
            summary=summary.format(variant.column),
            min_size=32,  # leaves a single pixel after five poolings
            head=("flatten", "fc1", "fc1_dropout", "fc2", "fc2_dropout", "predictions"),
            layouts={each: f"zoo_vgg.layouts:{each}_{variant.name}" for each in ("torchvision", "timm")},
            paper="https://arxiv.org/abs/1409.1556",
            year=2014,
            reference=reference.format(variant.name),
            **shared,
        )
