"""What each small network is called, what it takes, and how many parameters it has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from zoo import ModelSpec, ParameterCount, Preprocessing, WeightsSpec, hookimpl

DIGITS = Path(__file__).with_name("small_convnet.digits_0_4.safetensors")


@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Return the image models first, then those of rows."""
    yield ModelSpec(
        name="small_convnet",
        builder="zoo_small.builders:small_convnet",
        input_shape=(16, 16, 1),
        classes=10,
        parameters=ParameterCount(9_798),
        summary="small convnet for grey images",
        min_size=8,
        head=("flatten", "fc1", "fc2", "predictions"),
        preprocessing=Preprocessing(crop_fraction=1.0, channels="grey", scale=1 / 255),
        layouts={"numbered": "zoo_small.layouts:numbered"},
        aliases=("tiny_convnet",),
        reference="60 + 880 + 6,960 + 1,568 + 330",
    )
    yield ModelSpec(
        name="small_binary_convnet",
        builder="zoo_small.builders:small_convnet",
        input_shape=(16, 16, 3),
        classes=1,
        parameters=ParameterCount(9_609),
        summary="small convnet for colour images of two classes, with one sigmoid unit",
        classifier_activation="sigmoid",
        min_size=8,
        head=("flatten", "fc1", "fc2", "predictions"),
        preprocessing=Preprocessing(crop_fraction=1.0, scale=1 / 255),
        reference="168 + 880 + 6,960 + 1,568 + 33",
    )
    yield ModelSpec(
        name="small_resnet",
        builder="zoo_small.builders:small_resnet",
        config={"depths": (1, 2, 1)},
        input_shape=(32, 32, 3),
        classes=10,
        parameters=ParameterCount(6_502, 6_350),
        summary="small residual network for colour images",
        min_size=4,
        head=("avg_pool", "predictions"),
        preprocessing=Preprocessing(crop_fraction=1.0, scale=1 / 127.5, mean=(1.0,)),
        reference="convolutions 6,028, BatchNorm 304, classifier 170",
    )
    yield ModelSpec(
        name="small_separable",
        builder="zoo_small.builders:small_separable",
        input_shape=(32, 32, 3),
        classes=10,
        parameters=ParameterCount(1_722, 1_562),
        summary="small network of separable convolutions, whose classifier is a 1x1 convolution",
        min_size=4,
        head=("avg_pool", "dropout", "conv_predictions"),
        preprocessing=Preprocessing(scale=1 / 127.5, mean=(1.0,)),
        reference="convolutions 1,072, BatchNorm 320, classifier 330",
    )
    yield ModelSpec(
        name="small_inception",
        builder="zoo_small.builders:small_inception",
        config={"aux_classifiers": True},
        input_shape=(32, 32, 3),
        classes=10,
        parameters=ParameterCount(3_724),
        summary="small network of branches, with an auxiliary classifier",
        min_size=8,
        head=("avg_pool", "top_dropout", "predictions"),
        auxiliary=(("aux_pool", "aux_flatten", "aux_predictions"),),
        preprocessing=Preprocessing(scale=1 / 255, std=(0.5,)),
        reference="stem 224, branches 656 + 1,944, classifier 250, auxiliary classifier 650",
    )
    yield ModelSpec(
        name="small_mlp",
        builder="zoo_small.builders:small_mlp",
        config={"hidden_units": (24, 12)},
        input_shape=(8, 8, 1),
        classes=10,
        parameters=ParameterCount(1_990),
        summary="small perceptron for images or rows",
        takes_rows=True,
        preprocessing=Preprocessing(crop_fraction=1.0, channels="grey", scale=1 / 255),
        reference="64 x 24 + 24 + 24 x 12 + 12 + 12 x 10 + 10",
    )
    yield ModelSpec(
        name="small_regression",
        builder="zoo_small.builders:small_mlp",
        config={"hidden_units": ()},
        input_shape=(4,),
        classes=1,
        parameters=ParameterCount(5),
        summary="linear regression on four features",
        task="regression",
        classifier_activation=None,
        reference="4 weights and a bias",
    )
    yield ModelSpec(
        name="small_logistic",
        builder="zoo_small.builders:small_mlp",
        config={"hidden_units": ()},
        input_shape=(4,),
        classes=1,
        parameters=ParameterCount(5),
        summary="logistic regression on four features",
        task="classification",
        classifier_activation="sigmoid",
        reference="4 weights and a bias",
    )


@hookimpl
def zoo_weights() -> Iterator[WeightsSpec]:
    """Return the one set of weights; README.md says how it was made."""
    yield WeightsSpec(
        model="zoo-small/small_convnet",
        name="digits_0_4",
        source=str(DIGITS),
        sha256="87817abefb4aa5a81de04061f6149b3507228c94f6420b6a563768668c67ced4",
        classes=5,
        class_names=("0", "1", "2", "3", "4"),
        summary="the small convnet on the handwritten digits 0 to 4",
        metrics={"top-1": 0.9833},
        licence="CC-BY-4.0",
    )
