"""What the ResNets promise: counts, names, shapes, and equality with keras.applications."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

from zoo.specs import ModelSpec
from zoo.testing.pytest_checks import parametrize_with_checks
from zoo_resnet import layouts
from zoo_resnet.plugin import zoo_models

SPECS: dict[str, ModelSpec] = {spec.name: spec for spec in zoo_models()}

REFERENCES = {
    "resnet50": "ResNet50",
    "resnet101": "ResNet101",
    "resnet152": "ResNet152",
    "resnet50_v2": "ResNet50V2",
    "resnet101_v2": "ResNet101V2",
    "resnet152_v2": "ResNet152V2",
}


@lru_cache
def build(name: str, *, include_top: bool = True, pooling: str | None = None, **config: object) -> keras.Model:
    spec = SPECS[name]
    shape = (64, 64, 3) if spec.input_shape[0] == 224 else spec.input_shape
    return builder(spec)(shape, spec.classes, include_top, pooling, "softmax", **{**spec.config, **config})


def builder(spec: ModelSpec):
    module, _, function = spec.builder.partition(":")
    return getattr(importlib.import_module(module), function)


def count(weights: list[keras.Variable]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def names(model: keras.Model) -> list[str]:
    numbered_by_keras = ("input_layer", "max_pooling2d", "pad")
    return [layer.name for layer in model.layers if not layer.name.startswith(numbered_by_keras)]


def weighted(model: keras.Model) -> dict[str, keras.layers.Layer]:
    return {layer.name: layer for layer in model.layers if layer.weights}


@parametrize_with_checks("zoo-resnet", representatives=["resnet18", "resnet50_v2", "resnet20_cifar"])
def test_the_resnets_keep_what_every_model_promises(check: Callable[[], None]) -> None:
    check()


def test_34_layers_with_ten_classes_have_21_306_826_parameters() -> None:
    model = builder(SPECS["resnet34"])((224, 224, 3), 10, True, None, "softmax", **SPECS["resnet34"].config)
    assert (count(model.weights), count(model.trainable_weights)) == (21_306_826, 21_289_802)


@pytest.mark.parametrize("name", SPECS)
def test_the_number_in_a_name_is_the_number_of_weighted_layers(name: str) -> None:
    on_the_path = [
        layer
        for layer in build(name).layers
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense) and not layer.name.endswith("_0_conv")
    ]
    assert name.removeprefix("resnet").startswith(str(len(on_the_path)))


@pytest.mark.parity
@pytest.mark.parametrize("name", REFERENCES)
def test_the_keras_builds_have_the_layers_and_shapes_of_keras_applications(name: str) -> None:
    ours, theirs = build(name), getattr(keras.applications, REFERENCES[name])(weights=None)

    def shapes(model: keras.Model) -> list[tuple[str, tuple[int, ...]]]:
        return [(weight.path, weight.shape) for weight in model.weights]

    # Keras leaves the shortcut's pooling unnamed.
    assert [name for name in names(ours) if "_0_pool" not in name] == names(theirs)
    assert shapes(ours) == shapes(theirs)


@pytest.mark.parity
@pytest.mark.parametrize("name", ["resnet50", "resnet50_v2"])
def test_with_equal_weights_the_outputs_are_those_of_keras_applications(name: str) -> None:
    spec, random = SPECS[name], np.random.default_rng(0)
    shape = (96, 64, 3)
    theirs = getattr(keras.applications, REFERENCES[name])(
        weights=None, input_shape=shape, classes=10, classifier_activation=None
    )
    ours = builder(spec)(shape, 10, True, None, None, **spec.config)
    for layer in weighted(theirs).values():
        # Biases, scales and statistics start as 0 or 1 in both; only what differs from that can tell them apart.
        values = [value + random.uniform(0, 0.2, value.shape) * (value.ndim == 1) for value in layer.get_weights()]
        layer.set_weights(values)
        weighted(ours)[layer.name].set_weights(values)
    images = random.normal(size=(2, *shape)).astype("float32")
    expected, got = (np.asarray(model(images, training=False)) for model in (theirs, ours))
    assert expected.std() > 0.1
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_the_stride_of_v1_5_is_in_the_3x3_convolution_and_of_v1_in_the_first() -> None:
    def strides(name: str) -> list[int]:
        return [build(name).get_layer(f"conv3_block1_{number}_conv").strides[0] for number in (1, 2, 3, 0)]

    assert strides("resnet50") == [2, 1, 1, 2]
    assert strides("resnet50_v1_5") == [1, 2, 1, 2]


@pytest.mark.parametrize(
    ("name", "epsilon", "bias"),
    [("resnet18", 1e-5, False), ("resnet50", 1.001e-5, True), ("resnet50_v1_5", 1e-5, False)],
)
def test_epsilon_and_biases_are_those_of_the_reference(name: str, epsilon: float, bias: bool) -> None:
    layers = weighted(build(name)).values()
    assert {layer.epsilon for layer in layers if isinstance(layer, keras.layers.BatchNormalization)} == {epsilon}
    assert {layer.use_bias for layer in layers if isinstance(layer, keras.layers.Conv2D)} == {bias}


def test_a_torch_convolution_of_stride_2_pads_both_sides_alike() -> None:
    model = build("resnet18")
    assert model.get_layer("conv3_block1_1_pad").padding == ((1, 1), (1, 1))
    assert model.get_layer("conv3_block1_1_conv").padding == "valid"


def test_the_shortcut_without_parameters_takes_every_second_pixel_and_zero_channels_on_both_sides() -> None:
    from zoo_resnet.builders import zero_padding

    x = np.arange(2 * 5 * 5 * 4, dtype="float32").reshape(2, 5, 5, 4) + 1
    y = np.asarray(zero_padding(None, x, 8, 2, "block"))
    np.testing.assert_array_equal(y[..., 2:6], x[:, ::2, ::2])
    assert not y[..., :2].any()
    assert not y[..., 6:].any()


@pytest.mark.parametrize(
    ("pooling", "shape"), [(None, (None, 2, 2, 2048)), ("avg", (None, 2048)), ("max", (None, 2048))]
)
def test_without_a_top_there_are_feature_maps_or_pooled_features(pooling: str | None, shape: tuple) -> None:
    model = build("resnet50", include_top=False, pooling=pooling)
    assert model.output_shape == shape
    assert count(model.weights) == 25_636_712 - 2_049_000


@pytest.mark.parametrize("name", ["resnet18", "resnet50_v2", "resnet20_cifar"])
def test_the_last_feature_map_of_the_smallest_input_is_one_pixel(name: str) -> None:
    spec = SPECS[name]
    smallest = builder(spec)((spec.min_size, spec.min_size, 1), 2, False, None, None, **spec.config)
    larger = builder(spec)((2 * spec.min_size, 2 * spec.min_size, 4), 2, False, None, None, **spec.config)
    assert smallest.output_shape[1:3] == (1, 1)
    assert larger.output_shape[1:3] == (2, 2)


def test_dropout_comes_before_the_last_layer() -> None:
    layers = build("resnet20_cifar", dropout=0.3).layers
    assert [layer.name for layer in layers[-3:]] == ["avg_pool", "top_dropout", "predictions"]
    assert layers[-2].rate == 0.3


# -- layouts

TORCH_NAMES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "bias": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
TORCH_AXES = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}


@pytest.mark.parametrize("depth", [20, 32, 44, 56])
def test_every_weight_of_a_cifar_file_has_its_layer_and_shape(depth: int, shared: Path) -> None:
    file = load_file(shared / "weights" / f"resnet{depth}_cifar10.safetensors")
    shapes = {
        f"{layouts.cifar(layer.name)}.{TORCH_NAMES[weight.name]}": tuple(
            weight.shape[axis] for axis in TORCH_AXES[len(weight.shape)]
        )
        for layer in weighted(build(f"resnet{depth}_cifar")).values()
        for weight in layer.weights
    }
    assert shapes == {name: array.shape for name, array in file.items()}


def test_the_names_of_torchvision_are_complete_for_18_layers() -> None:
    ours = {layouts.torchvision(name) for name in weighted(build("resnet18"))}
    blocks = {f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)}
    expected = {"conv1", "bn1", "fc"}
    expected |= {f"{block}.{layer}" for block in blocks for layer in ("conv1", "bn1", "conv2", "bn2")}
    expected |= {f"layer{stage}.0.downsample.{layer}" for stage in (2, 3, 4) for layer in (0, 1)}
    assert ours == expected


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("conv1_conv", "conv1"),
        ("conv1_bn", "bn_conv1"),
        ("conv2_block1_0_conv", "res2a_branch1"),
        ("conv2_block1_0_bn", "bn2a_branch1"),
        ("conv2_block1_1_conv", "res2a_branch2a"),
        ("conv4_block6_3_bn", "bn4f_branch2c"),
        ("predictions", "fc1000"),
    ],
)
def test_the_names_of_2015_are_those_of_caffe(layer: str, name: str) -> None:
    assert layouts.keras_2015(layer) == name


@pytest.mark.parametrize("layout", [layouts.torchvision, layouts.cifar, layouts.keras_2015])
def test_a_layout_leaves_unknown_layers_alone_and_keeps_the_others_apart(layout) -> None:
    assert layout("my_layer") == "my_layer"
    layers = list(weighted(build("resnet50")))
    assert len({layout(name) for name in layers}) == len(layers)
