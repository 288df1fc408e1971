"""The ResNets: every variant, its parameters, and the build that it is equal to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from zoo import ModelSpec, ParameterCount, Preprocessing, WeightsSpec, hookimpl
from zoo.weights.published import TORCH_PIXELS
from zoo_resnet.weights import official_weights


class Variant(NamedTuple):
    """One ResNet, as the tables below list them.

    ``name`` counts the layers: two for each basic block or three for each bottleneck, the stem and the last one.
    ``depths`` are the blocks in each stage; ``total`` and ``trainable`` count parameters.
    """

    name: str
    depths: tuple[int, ...]
    total: int
    trainable: int
    alias: str | None = None


#: torchvision: two 3x3 convolutions in a block, no biases.
BASIC = (
    Variant("resnet18", (2, 2, 2, 2), total=11_699_112, trainable=11_689_512),
    Variant("resnet34", (3, 4, 6, 3), total=21_814_696, trainable=21_797_672),
)

#: keras.applications: the stride in the first 1x1 convolution, as in the paper; convolutions have biases.
BOTTLENECK = (
    Variant("resnet50", (3, 4, 6, 3), total=25_636_712, trainable=25_583_592),
    Variant("resnet101", (3, 4, 23, 3), total=44_707_176, trainable=44_601_832),
    Variant("resnet152", (3, 8, 36, 3), total=60_419_944, trainable=60_268_520),
)

#: torchvision: the stride in the 3x3 convolution; no biases.
BOTTLENECK_V1_5 = (
    Variant("resnet50_v1_5", (3, 4, 6, 3), total=25_610_152, trainable=25_557_032, alias="resnet50_torch"),
    Variant("resnet101_v1_5", (3, 4, 23, 3), total=44_654_504, trainable=44_549_160, alias="resnet101_torch"),
    Variant("resnet152_v1_5", (3, 8, 36, 3), total=60_344_232, trainable=60_192_808, alias="resnet152_torch"),
)

#: keras.applications: BatchNorm and ReLU before the convolutions.
PREACTIVATED = (
    Variant("resnet50_v2", (3, 4, 6, 3), total=25_613_800, trainable=25_568_360, alias="resnet50v2"),
    Variant("resnet101_v2", (3, 4, 23, 3), total=44_675_560, trainable=44_577_896, alias="resnet101v2"),
    Variant("resnet152_v2", (3, 8, 36, 3), total=60_380_648, trainable=60_236_904, alias="resnet152v2"),
)

#: He et al. 2015, section 4.2, for CIFAR-10: 16-32-64 channels, shortcuts without parameters, no biases.
CIFAR = (
    Variant("resnet20_cifar", (3, 3, 3), total=271_098, trainable=269_722, alias="resnet20"),
    Variant("resnet32_cifar", (5, 5, 5), total=466_426, trainable=464_154, alias="resnet32"),
    Variant("resnet44_cifar", (7, 7, 7), total=661_754, trainable=658_586, alias="resnet44"),
    Variant("resnet56_cifar", (9, 9, 9), total=857_082, trainable=853_018, alias="resnet56"),
    Variant("resnet110_cifar", (18, 18, 18), total=1_736_058, trainable=1_727_962, alias="resnet110"),
)

KERAS = {"conv_bias": True, "kernel_initializer": "glorot_uniform", "epsilon": 1.001e-5, "momentum": 0.99}
SMALL = {"filters": (16, 32, 64), "stem": "cifar"}

CAFFE_PIXELS: dict[str, Any] = {"channels": "bgr", "mean": (103.939, 116.779, 123.68)}

# A min_size is the input whose last feature map is a single pixel; on less, strides would be lost.
IMAGENET: dict[str, Any] = {"input_shape": (224, 224, 3), "classes": 1000, "min_size": 32}
CIFAR10: dict[str, Any] = {"input_shape": (32, 32, 3), "classes": 10, "min_size": 4}

TORCH_LAYOUT = {"torchvision": "zoo_resnet.layouts:torchvision"}
CIFAR_LAYOUT = {"cifar": "zoo_resnet.layouts:cifar"}
KERAS_LAYOUT = {"keras_2015": "zoo_resnet.layouts:keras_2015"}

V1: dict[str, Any] = {"paper": "https://arxiv.org/abs/1512.03385", "year": 2015}
V2: dict[str, Any] = {"paper": "https://arxiv.org/abs/1603.05027", "year": 2016}


@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Return the models of the tables above."""
    yield from _models(
        BASIC,
        "ResNet for ImageNet, basic blocks",
        {"block": "basic"},
        preprocessing=Preprocessing(**TORCH_PIXELS),
        layouts=TORCH_LAYOUT,
        reference="torchvision.models.resnet",
        **IMAGENET,
        **V1,
    )
    yield from _models(
        BOTTLENECK,
        "ResNet for ImageNet, bottlenecks, as in Keras",
        {"block": "bottleneck", **KERAS},
        preprocessing=Preprocessing(**CAFFE_PIXELS),
        layouts=KERAS_LAYOUT,
        reference="keras.applications.resnet",
        **IMAGENET,
        **V1,
    )
    yield from _models(
        BOTTLENECK_V1_5,
        "ResNet v1.5 for ImageNet, stride in the 3x3 convolution, as in torchvision",
        {"block": "bottleneck_v1_5"},
        preprocessing=Preprocessing(**TORCH_PIXELS),
        layouts=TORCH_LAYOUT,
        reference="torchvision.models.resnet",
        **IMAGENET,
        **V1,
    )
    yield from _models(
        PREACTIVATED,
        "ResNet v2 for ImageNet, pre-activated bottlenecks, as in Keras",
        {"block": "preactivated_bottleneck", **KERAS},
        preprocessing=Preprocessing(scale=1 / 127.5, mean=(1.0,)),
        reference="keras.applications.resnet_v2",
        **IMAGENET,
        **V2,
    )
    yield from _models(
        CIFAR,
        "ResNet for CIFAR-10, shortcuts without parameters",
        {"block": "basic_without_projection", **SMALL},
        preprocessing=Preprocessing(crop_fraction=1.0, **TORCH_PIXELS),
        layouts=CIFAR_LAYOUT,
        reference="section 4.2 of the paper, built by github.com/akamaster/pytorch_resnet_cifar10",
        **CIFAR10,
        **V1,
    )


@hookimpl
def zoo_weights() -> Iterator[WeightsSpec]:
    """Return the official weights of these models."""
    return official_weights()


def _models(variants: tuple[Variant, ...], summary: str, config: dict[str, Any], **shared: Any) -> Iterator[ModelSpec]:
    for variant in variants:
        yield ModelSpec(
            name=variant.name,
            builder="zoo_resnet.builders:resnet",
            config={**config, "depths": variant.depths},
            parameters=ParameterCount(variant.total, variant.trainable),
            summary=summary,
            head=("avg_pool", "predictions"),
            aliases=(variant.alias,) if variant.alias else (),
            **shared,
        )
