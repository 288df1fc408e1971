"""The AlexNets: every variant, its parameters, and what it is equal to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zoo import ModelSpec, ParameterCount, Preprocessing, WeightsSpec, hookimpl
from zoo.weights.published import TORCH_PIXELS
from zoo_alexnet.weights import official_weights

#: Section 2 of the paper: only the mean over the training set is subtracted. The channels are in Caffe's order, because
#: the published weights are Caffe's.
CAFFE_PIXELS: dict[str, Any] = {"channels": "bgr", "mean": (103.939, 116.779, 123.68)}

# A min_size is the input whose last feature map is a single pixel.
SHARED: dict[str, Any] = {"builder": "zoo_alexnet.builders:alexnet", "input_shape": (224, 224, 3)}

PAPER = "https://papers.nips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html"


@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Return the AlexNets, the one with published weights first."""
    yield ModelSpec(
        name="alexnet",
        config={"filters": (64, 192, 384, 256, 256), "units": 4096, "padding": (2, 2), "initial": "torch"},
        classes=1000,
        parameters=ParameterCount(61_100_840),
        summary="AlexNet in one column, as in torchvision",
        min_size=63,
        head=("flatten", "fc6_dropout", "fc6", "fc7_dropout", "fc7", "predictions"),
        preprocessing=Preprocessing(**TORCH_PIXELS),
        layouts={"torchvision": "zoo_alexnet.layouts:torchvision"},
        paper="https://arxiv.org/abs/1404.5997",
        year=2014,
        reference="torchvision.models.alexnet",
        **SHARED,
    )
    yield ModelSpec(
        name="alexnet_2012",
        config={
            "filters": (96, 256, 384, 384, 256),
            "units": 4096,
            "padding": (1, 2),
            "groups": 2,
            "local_response_norm": True,
            "initial": "paper",
            "dropout_before": ("fc7", "predictions"),
        },
        classes=1000,
        parameters=ParameterCount(60_965_224),
        summary="AlexNet as published: two groups, local response normalisation",
        min_size=64,
        head=("flatten", "fc6", "fc7_dropout", "fc7", "top_dropout", "predictions"),
        preprocessing=Preprocessing(**CAFFE_PIXELS),
        layouts={"caffe": "zoo_alexnet.layouts:caffe"},
        paper=PAPER,
        year=2012,
        reference="section 3.5 of the paper, with the 227 pixels that its figures need; Caffe's bvlc_alexnet",
        **SHARED,
    )
    yield ModelSpec(
        name="alexnet_half",
        config={"filters": (48, 128, 192, 192, 128), "units": 2048, "padding": (1, 2)},
        classes=10,
        parameters=ParameterCount(14_601_930),
        summary="one of AlexNet's two towers, for a few classes",
        min_size=64,
        head=("flatten", "fc6_dropout", "fc6", "fc7_dropout", "fc7", "predictions"),
        preprocessing=Preprocessing(**TORCH_PIXELS),
        paper=PAPER,
        year=2012,
        reference="17,472 + 153,728 + 221,376 + 331,968 + 221,312 + 9,439,232 + 4,196,352 + 20,490",
        **SHARED,
    )


@hookimpl
def zoo_weights() -> Iterator[WeightsSpec]:
    """Return the official weights of these models."""
    return official_weights()
