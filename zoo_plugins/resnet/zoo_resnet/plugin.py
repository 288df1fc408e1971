"""The ResNets: every variant, its parameters, and the build that it is equal to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zoo import ModelSpec, ParameterCount, Preprocessing, WeightsSpec, hookimpl
from zoo.weights.published import TORCH_PIXELS
from zoo_resnet.weights import official_weights

# Each row: name, blocks in each stage, parameters in all, trainable parameters, alias.
# Layers in a name: two for each basic block, three for each bottleneck, the stem and the last one.

#: torchvision: two 3x3 convolutions in a block, no biases.
BASIC = (
    ("resnet18", (2, 2, 2, 2), 11_699_112, 11_689_512, None),
    ("resnet34", (3, 4, 6, 3), 21_814_696, 21_797_672, None),
)

#: keras.applications: the stride in the first 1x1 convolution, as in the paper; convolutions have biases.
BOTTLENECK = (
    ("resnet50", (3, 4, 6, 3), 25_636_712, 25_583_592, None),
    ("resnet101", (3, 4, 23, 3), 44_707_176, 44_601_832, None),
    ("resnet152", (3, 8, 36, 3), 60_419_944, 60_268_520, None),
)

#: torchvision: the stride in the 3x3 convolution; no biases.
BOTTLENECK_V1_5 = (
    ("resnet50_v1_5", (3, 4, 6, 3), 25_610_152, 25_557_032, "resnet50_torch"),
    ("resnet101_v1_5", (3, 4, 23, 3), 44_654_504, 44_549_160, "resnet101_torch"),
    ("resnet152_v1_5", (3, 8, 36, 3), 60_344_232, 60_192_808, "resnet152_torch"),
)

#: keras.applications: BatchNorm and ReLU before the convolutions.
PREACTIVATED = (
    ("resnet50_v2", (3, 4, 6, 3), 25_613_800, 25_568_360, "resnet50v2"),
    ("resnet101_v2", (3, 4, 23, 3), 44_675_560, 44_577_896, "resnet101v2"),
    ("resnet152_v2", (3, 8, 36, 3), 60_380_648, 60_236_904, "resnet152v2"),
)

#: He et al. 2015, section 4.2, for CIFAR-10: 16-32-64 channels, shortcuts without parameters, no biases.
CIFAR = (
    ("resnet20_cifar", (3, 3, 3), 271_098, 269_722, "resnet20"),
    ("resnet32_cifar", (5, 5, 5), 466_426, 464_154, "resnet32"),
    ("resnet44_cifar", (7, 7, 7), 661_754, 658_586, "resnet44"),
    ("resnet56_cifar", (9, 9, 9), 857_082, 853_018, "resnet56"),
    ("resnet110_cifar", (18, 18, 18), 1_736_058, 1_727_962, "resnet110"),
)

KERAS = {"conv_bias": True, "kernel_initializer": "glorot_uniform", "epsilon": 1.001e-5, "momentum": 0.99}
SMALL = {"filters": (16, 32, 64), "stem": "cifar"}

CAFFE_PIXELS: dict[str, Any] = {"channels": "bgr", "mean": (103.939, 116.779, 123.68)}

# A min_size is the input whose last feature map is a single pixel; on less, strides would be lost.
IMAGENET = {"input_shape": (224, 224, 3), "classes": 1000, "min_size": 32}
CIFAR10 = {"input_shape": (32, 32, 3), "classes": 10, "min_size": 4}

TORCH_LAYOUT = {"torchvision": "zoo_resnet.layouts:torchvision"}
CIFAR_LAYOUT = {"cifar": "zoo_resnet.layouts:cifar"}
KERAS_LAYOUT = {"keras_2015": "zoo_resnet.layouts:keras_2015"}

V1 = {"paper": "https://arxiv.org/abs/1512.03385", "year": 2015}
V2 = {"paper": "https://arxiv.org/abs/1603.05027", "year": 2016}


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


def _models(table: tuple[Any, ...], summary: str, config: dict[str, Any], **shared: Any) -> Iterator[ModelSpec]:
    for name, depths, total, trainable, alias in table:
        yield ModelSpec(
            name=name,
            builder="zoo_resnet.builders:resnet",
            config={**config, "depths": depths},
            parameters=ParameterCount(total, trainable),
            summary=summary,
            head=("avg_pool", "predictions"),
            aliases=(alias,) if alias else (),
            **shared,
        )
