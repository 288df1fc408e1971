"""What the classic networks promise: counts, sizes, names, and the options of their time."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import lru_cache

import keras
import numpy as np
import pytest
from keras import layers

from zoo.specs import ModelSpec
from zoo.testing.pytest_checks import parametrize_with_checks
from zoo_classic import layouts
from zoo_classic.plugin import zoo_models

SPECS: dict[str, ModelSpec] = {spec.name: spec for spec in zoo_models()}
CONVNETS = ("lenet5", "cats_and_dogs_convnet", "cifar10_convnet")


@lru_cache
def build(
    name: str,
    input_shape: tuple[int, ...] | None = None,
    *,
    classes: int | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    **config: object,
) -> keras.Model:
    spec = SPECS[name]
    module, _, function = spec.builder.partition(":")
    builder = getattr(importlib.import_module(module), function)
    return builder(
        input_shape or spec.input_shape,
        classes or spec.classes,
        include_top,
        pooling,
        spec.classifier_activation,
        **{**spec.config, **config},
    )


def count(weights: list[keras.Variable]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers[1:]]


def of_kind(model: keras.Model, kind: type) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if isinstance(layer, kind)]


@parametrize_with_checks("zoo-classic")
def test_the_classic_networks_keep_what_every_model_promises(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize("name", ["lenet5", "cats_and_dogs_convnet"])
def test_the_smallest_input_builds_and_one_pixel_less_does_not(name: str) -> None:
    least, channels = SPECS[name].min_size, SPECS[name].input_shape[-1]
    assert build(name, (least, least, channels)).output_shape == (None, SPECS[name].classes)
    with pytest.raises(ValueError, match=r"negative|zero|positive"):
        build(name, (least - 1, least - 1, channels))


def test_the_cifar10_convnet_takes_a_single_pixel() -> None:
    assert SPECS["cifar10_convnet"].min_size == 1
    assert build("cifar10_convnet", (1, 1, 3)).output_shape == (None, 10)


@pytest.mark.parametrize("name", CONVNETS)
def test_dropout_is_there_when_asked_for(name: str) -> None:
    assert of_kind(build(name), layers.Dropout) == []
    assert [layer.rate for layer in of_kind(build(name, dropout=0.4), layers.Dropout)] == [0.4]


# -- LeNet-5


def test_the_layers_of_lenet5_have_the_names_and_parameters_of_the_paper() -> None:
    counts = {layer.name: layer.count_params() for layer in build("lenet5").layers if layer.weights}
    assert counts == {"c1": 156, "c3": 2_416, "c5": 48_120, "f6": 10_164, "predictions": 850}


def test_lenet5_averages_where_it_subsamples_and_squashes_with_tanh() -> None:
    model = build("lenet5")
    assert [layer.name for layer in of_kind(model, layers.AveragePooling2D)] == ["s2", "s4"]
    assert {model.get_layer(name).activation.__name__ for name in ("c1", "c3", "c5", "f6")} == {"tanh"}


def test_lenet5_takes_its_background_for_minus_0_1_and_its_ink_for_1_175() -> None:
    pixels = SPECS["lenet5"].preprocessing
    assert pixels is not None
    assert [round(pixel * pixels.scale - pixels.mean[0], 6) for pixel in (0, 255)] == [-0.1, 1.175]


# -- the convnets


def test_the_cifar10_convnet_pools_before_the_first_normalisation_and_after_the_second() -> None:
    order = ["conv1", "pool1", "norm1", "conv2", "norm2", "pool2", "flatten", "local3", "local4", "predictions"]
    assert names(build("cifar10_convnet")) == order


def test_the_weights_of_local3_and_local4_alone_decay() -> None:
    model = build("cifar10_convnet")
    decayed = [model.get_layer(name).kernel for name in ("local3", "local4")]
    assert float(sum(model.losses)) == pytest.approx(
        0.004 * sum(float(np.square(kernel).sum()) for kernel in decayed), rel=1e-4
    )


def test_files_of_the_book_name_the_layers_as_keras_2_did() -> None:
    weighted = [layer.name for layer in build("cats_and_dogs_convnet").layers if layer.weights]
    expected = ["conv2d_1", "conv2d_2", "conv2d_3", "conv2d_4", "dense_1", "dense_2"]
    assert [layouts.keras_2017(name) for name in weighted] == expected
    assert layouts.keras_2017("my_layer") == "my_layer"


# -- the perceptron


def test_a_perceptron_takes_rows_as_well_as_images() -> None:
    assert count(build("mlp", (784,)).weights) == 266_610
    assert build("mlp", (784,), include_top=False).output_shape == (None, 100)


def test_selu_brings_lecun_weights_and_alpha_dropout() -> None:
    model = build("mlp", activation="selu", dropout=0.1)
    kernel = model.get_layer("hidden1").kernel_initializer
    assert isinstance(kernel, keras.initializers.LecunNormal)
    assert [layer.rate for layer in of_kind(model, layers.AlphaDropout)] == [0.1, 0.1]
    assert of_kind(model, layers.Dropout) == []


def test_eight_selu_layers_keep_the_scale_of_their_inputs() -> None:
    model = build("mlp", (200,), include_top=False, hidden_units=(200,) * 8, activation="selu")
    outputs = np.asarray(model(np.random.default_rng(0).normal(size=(500, 200)).astype("float32")))
    assert abs(outputs.mean()) < 0.3
    assert 0.6 < outputs.std() < 1.4


def test_batch_norm_comes_before_the_activation_in_place_of_the_biases() -> None:
    model = build("mlp", batch_norm=True, dropout=0.2)
    first = ["hidden1", "hidden1_bn", "hidden1_activation", "hidden1_dropout"]
    assert names(model)[1:5] == first
    assert count(model.trainable_weights) == 266_610 + 300 + 100
    assert count(model.weights) == 266_610 + 3 * (300 + 100)


def test_penalties_are_on_the_weights_of_every_dense_layer_and_on_no_bias() -> None:
    model = build("mlp", (6,), hidden_units=(5, 4), l1=0.1, l2=0.01)
    kernels = [np.asarray(layer.kernel) for layer in of_kind(model, layers.Dense)]
    expected = sum(0.1 * np.abs(kernel).sum() + 0.01 * np.square(kernel).sum() for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)


def test_linear_and_logistic_regression_are_a_weighted_sum_and_its_sigmoid() -> None:
    rows = np.random.default_rng(0).normal(size=(4, 8)).astype("float32")
    weights, bias = np.arange(8, dtype="float32")[:, None] / 10, np.array([0.5], dtype="float32")
    for name in ("linear_regression", "logistic_regression"):
        build(name).set_weights([weights, bias])
    expected = rows @ weights + bias
    np.testing.assert_allclose(build("linear_regression")(rows), expected, rtol=1e-5)
    np.testing.assert_allclose(build("logistic_regression")(rows), 1 / (1 + np.exp(-expected)), rtol=1e-5)


def test_logistic_regression_of_several_classes_is_a_softmax() -> None:
    import zoo

    model = zoo.build("zoo-classic/logistic_regression", input_shape=(4,), classes=3)
    outputs = np.asarray(model(np.random.default_rng(0).normal(size=(5, 4)).astype("float32")))
    assert count(model.weights) == 15
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)
