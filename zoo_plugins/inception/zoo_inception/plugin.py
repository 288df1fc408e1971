"""The Inception networks: every variant, its parameters, and the build that it is equal to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zoo import ModelSpec, ParameterCount, Preprocessing, WeightsSpec, hookimpl
from zoo.weights.published import SYMMETRIC_PIXELS
from zoo_inception.weights import official_weights

#: The mean over ImageNet is subtracted (section 5 of the first paper).
CENTRED_PIXELS: dict[str, Any] = {"mean": (123.68, 116.779, 103.939)}

# torchvision normalises by ImageNet's mean and deviation, and the ``transform_input`` of its published weights undoes
# that inside the model. SYMMETRIC_PIXELS are the result of both steps.

# A min_size is the smallest input that leaves a pixel of every feature map.
V1: dict[str, Any] = {
    "builder": "zoo_inception.builders:googlenet",
    "input_shape": (224, 224, 3),
    "classes": 1000,
    "head": ("avg_pool", "top_dropout", "predictions"),
    "paper": "https://arxiv.org/abs/1409.4842",
    "year": 2014,
}
V3: dict[str, Any] = {
    "builder": "zoo_inception.builders:inception_v3",
    "input_shape": (299, 299, 3),
    "classes": 1000,
    "min_size": 75,
    "auxiliary": (
        (
            "aux_pool",
            "aux_conv0_conv",
            "aux_conv0_bn",
            "aux_conv0_relu",
            "aux_conv1_conv",
            "aux_conv1_bn",
            "aux_conv1_relu",
            "aux_avg_pool",
            "aux_predictions",
        ),
    ),
    "preprocessing": Preprocessing(**SYMMETRIC_PIXELS),
    "paper": "https://arxiv.org/abs/1512.00567",
    "year": 2015,
}


@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Return the models; those whose reference has auxiliary classifiers declare them."""
    yield ModelSpec(
        name="googlenet",
        config={"aux_classifiers": True},
        parameters=ParameterCount(13_378_280),
        summary="GoogLeNet (Inception v1) as published, without BatchNorm",
        min_size=31,
        auxiliary=_googlenet_auxiliaries("conv", "relu"),
        preprocessing=Preprocessing(**CENTRED_PIXELS),
        aliases=("inception_v1",),
        reference="table 1 and section 5 of the paper, with its biases; 6,998,552 without auxiliary classifiers",
        **V1,
    )
    yield ModelSpec(
        name="googlenet_bn",
        config={
            "batch_norm": True,
            "local_response_norm": False,
            "wide_kernel": 3,
            "last_pool": 2,
            "initial": 0.01,
            "dropout": 0.2,
            "aux_classifiers": True,
        },
        parameters=ParameterCount(13_019_960, 13_004_888),
        summary="GoogLeNet with BatchNorm, as in torchvision",
        min_size=15,
        auxiliary=_googlenet_auxiliaries("conv", "bn", "relu"),
        preprocessing=Preprocessing(**SYMMETRIC_PIXELS),
        layouts={"torchvision": "zoo_inception.layouts:torchvision_googlenet"},
        reference="torchvision.models.googlenet",
        **V1,
    )
    yield ModelSpec(
        name="inception_v3",
        config={"scale": False, "momentum": 0.99, "padded_averages": False, "initial": "glorot_uniform"},
        parameters=ParameterCount(23_851_784, 23_817_352),
        summary="Inception v3, as in Keras",
        layouts={"keras_applications": "zoo_inception.layouts:keras_applications"},
        head=("avg_pool", "predictions"),
        reference="keras.applications.inception_v3",
        **V3,
    )
    yield ModelSpec(
        name="inception_v3_torch",
        config={"dropout": 0.5, "aux_classifiers": True},
        parameters=ParameterCount(27_197_488, 27_161_264),
        summary="Inception v3 with an auxiliary classifier, as in torchvision",
        layouts={"torchvision": "zoo_inception.layouts:torchvision_inception_v3"},
        head=("avg_pool", "top_dropout", "predictions"),
        reference="torchvision.models.inception_v3",
        **V3,
    )


@hookimpl
def zoo_weights() -> Iterator[WeightsSpec]:
    """Return the official weights of these models."""
    return official_weights()


def _googlenet_auxiliaries(*parts: str) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            f"{name}_pool",
            *(f"{name}_reduce_{part}" for part in parts),
            f"{name}_flatten",
            f"{name}_fc",
            f"{name}_dropout",
            f"{name}_predictions",
        )
        for name in ("aux1", "aux2")
    )
