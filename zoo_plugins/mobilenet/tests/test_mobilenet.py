"""What the MobileNets promise: counts, names, paddings, heads, and the weight files of others."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers as keras_layers
from safetensors.numpy import save_file

import zoo
from zoo.specs import ModelSpec
from zoo.testing.pytest_checks import parametrize_with_checks
from zoo_mobilenet import layouts
from zoo_mobilenet.builders import divisible
from zoo_mobilenet.plugin import zoo_models

SPECS: dict[str, ModelSpec] = {spec.name: spec for spec in zoo_models()}
OF_EACH_KIND = (
    "mobilenet_v1_025",
    "mobilenet_v2_035",
    "mobilenet_v2_torch",
    "mobilenet_v3_small",
    "mobilenet_v3_small_torch",
)


@lru_cache
def build(
    name: str,
    input_shape: tuple[int | None, ...] = (64, 64, 3),
    *,
    include_top: bool = True,
    pooling: str | None = None,
    **config: object,
) -> keras.Model:
    spec = SPECS[name]
    module, _, function = spec.builder.partition(":")
    builder = getattr(importlib.import_module(module), function)
    return builder(input_shape, spec.classes, include_top, pooling, "softmax", **{**spec.config, **config})


@lru_cache
def reference(name: str, size: int = 64) -> keras.Model:
    config, shape = SPECS[name].config, (size, size, 3)
    if name.startswith("mobilenet_v1"):
        return keras.applications.MobileNet(shape, config["alpha"], weights=None)
    if name.startswith("mobilenet_v2"):
        return keras.applications.MobileNetV2(shape, config["alpha"], weights=None)
    constructor = getattr(keras.applications, f"MobileNetV3{config['blocks'].title()}")
    return constructor(shape, config["alpha"], config.get("minimalistic", False), weights=None)


def count(weights: list[keras.Variable]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers[1:]]


def weighted(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers if layer.weights]


def of_kind(model: keras.Model, kind: type) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if isinstance(layer, kind)]


IN_KERAS = [name for name in SPECS if not name.endswith("_torch")]


@parametrize_with_checks("zoo-mobilenet", representatives=OF_EACH_KIND)
def test_the_mobilenets_keep_what_every_model_promises(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parity
@pytest.mark.parametrize("name", IN_KERAS)
def test_the_keras_builds_have_the_layers_and_shapes_of_keras_applications(name: str) -> None:
    def shapes(model: keras.Model) -> dict[str, tuple[int, ...]]:
        return {weight.path: tuple(weight.shape) for weight in model.weights}

    ours, theirs = build(name), reference(name)
    assert shapes(ours) == shapes(theirs)
    # What Keras has left to number has no name that could be kept.
    numbered = (
        "input_layer",
        "re_lu",
        "activation",
        "add",
        "multiply",
        "global_average",
        "dropout",
        "flatten",
        "rescal",
    )
    assert [each for each in names(theirs) if each not in names(ours) and not each.startswith(numbered)] == []


@pytest.mark.parity
@pytest.mark.parametrize("size", [75, 224])
@pytest.mark.parametrize("name", ["mobilenet_v1_025", "mobilenet_v2_035", "mobilenet_v3_small"])
def test_every_layer_of_the_keras_builds_sees_maps_of_the_size_it_sees_in_keras_applications(
    name: str, size: int
) -> None:
    ours, theirs = build(name, (size, size, 3)), reference(name, size)
    for layer in weighted(theirs):
        assert ours.get_layer(layer).output.shape == theirs.get_layer(layer).output.shape


@pytest.mark.parametrize(
    ("name", "epsilon", "momentum"),
    [
        ("mobilenet_v1", 1e-3, 0.99),
        ("mobilenet_v2", 1e-3, 0.999),
        ("mobilenet_v2_torch", 1e-5, 0.9),
        ("mobilenet_v3_large", 1e-3, 0.999),
        ("mobilenet_v3_large_torch", 1e-3, 0.99),
    ],
)
def test_batch_norm_has_the_epsilon_and_momentum_of_the_reference(name: str, epsilon: float, momentum: float) -> None:
    norms = of_kind(build(name), keras_layers.BatchNormalization)
    assert {(norm.epsilon, norm.momentum) for norm in norms} == {(epsilon, momentum)}


def test_zeros_go_to_the_end_in_keras_and_to_both_sides_in_torch() -> None:
    def pads(name: str, size: int) -> set[tuple]:
        return {pad.padding for pad in of_kind(build(name, (size, size, 3)), keras_layers.ZeroPadding2D)}

    assert pads("mobilenet_v1_025", 75) == pads("mobilenet_v1_025", 64) == {((0, 1), (0, 1))}
    assert pads("mobilenet_v2_035", 64) == {((0, 1), (0, 1))}
    assert pads("mobilenet_v2_035", 33) == {((1, 1), (1, 1))}
    assert pads("mobilenet_v2_torch", 64) == pads("mobilenet_v2_torch", 33) == {((1, 1), (1, 1))}
    assert pads("mobilenet_v3_small", 64) == {((0, 1), (0, 1)), ((1, 2), (1, 2))}
    assert pads("mobilenet_v3_small_torch", 64) == {((1, 1), (1, 1)), ((2, 2), (2, 2))}
    first = {
        name: of_kind(build(name), keras_layers.Conv2D)[0].padding for name in ("mobilenet_v2", "mobilenet_v3_small")
    }
    assert first == {"mobilenet_v2": "same", "mobilenet_v3_small": "same"}
    assert of_kind(build("mobilenet_v2_torch"), keras_layers.ZeroPadding2D)[0].name == "Conv1_pad"
    assert of_kind(build("mobilenet_v2_torch"), keras_layers.Conv2D)[0].padding == "valid"


def test_channels_are_multiples_of_8_that_lose_no_tenth() -> None:
    assert [divisible(channels) for channels in (1, 11.9, 12, 18, 32 * 0.35, 1280 * 1.4)] == [8, 16, 16, 24, 16, 1792]


def test_minimalistic_models_gate_nothing_and_rectify_everywhere() -> None:
    model = build("mobilenet_v3_large_minimalistic")
    assert of_kind(model, keras_layers.Multiply) == []
    assert {layer.kernel_size for layer in of_kind(model, keras_layers.DepthwiseConv2D)} == {(3, 3)}
    assert {layer.activation.__name__ for layer in of_kind(model, keras_layers.Activation)} == {"relu", "softmax"}


def test_a_v3_of_keras_scales_pixels_itself_and_that_of_torch_does_not() -> None:
    scaling = build("mobilenet_v3_small").get_layer("rescaling")
    np.testing.assert_allclose(np.asarray(scaling(np.array([0.0, 127.5, 255.0]))), [-1, 0, 1])
    assert of_kind(build("mobilenet_v3_small_torch"), keras_layers.Rescaling) == []
    pixels = {name: SPECS[name].preprocessing for name in OF_EACH_KIND}
    assert [(pixels[name].scale, pixels[name].mean) for name in OF_EACH_KIND] == [
        (1 / 127.5, (1.0,)),
        (1 / 127.5, (1.0,)),
        (1 / 255, (0.485, 0.456, 0.406)),
        (1.0, (0.0,)),
        (1 / 255, (0.485, 0.456, 0.406)),
    ]


# -- heads and inputs


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_the_last_feature_map_of_the_smallest_input_is_one_pixel(name: str) -> None:
    for size, channels, pixels in ((32, 1, 1), (64, 4, 2), (224, 3, 7)):
        assert build(name, (size, size, channels), include_top=False).output_shape[1:3] == (pixels, pixels)
    assert SPECS[name].min_size == 32


@pytest.mark.parametrize("name", ["mobilenet_v1_025", "mobilenet_v2_035"])
def test_the_resolution_changes_the_size_of_the_maps_and_not_the_parameters(name: str) -> None:
    for resolution, pixels in ((96, 3), (128, 4), (160, 5), (192, 6)):
        model = build(name, (resolution, resolution, 3))
        assert model.get_layer("avg_pool").input.shape[1:3] == (pixels, pixels)
        assert count(model.weights) == SPECS[name].parameters.total


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_images_of_any_size_are_classified(name: str) -> None:
    model = build(name, (None, None, 3))
    for shape in ((2, 64, 64, 3), (1, 50, 70, 3)):
        outputs = np.asarray(model(np.random.default_rng(0).normal(size=shape).astype("float32")))
        np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_dropout_is_as_asked_for(name: str) -> None:
    assert [layer.rate for layer in of_kind(build(name, dropout=0.4), keras_layers.Dropout)] == [0.4]


# -- files of others


def test_the_official_file_of_2017_loads_with_nothing_but_its_path(shared: Path) -> None:
    from zoo.models.build_info import build_of

    path = shared / "weights" / "mobilenet_2_5_224_tf.h5"
    model = zoo.build("mobilenet_v1_025", weights=str(path))
    report = build_of(model).report
    assert (len(report.loaded), report.missing, report.unexpected) == (137, (), ())
    with h5py.File(path) as file:
        kernel = file["conv_preds/conv_preds/kernel:0"][()]
    np.testing.assert_array_equal(model.get_layer("conv_preds").get_weights()[0], kernel)


def legacy_file(path: Path, arrays: dict[str, dict[str, np.ndarray]]) -> None:
    """Write weights as Keras 2 did: a group for each layer, whose arrays repeat the layer's name."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in arrays]
        for layer, variables in arrays.items():
            group = file.require_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{variable}:0".encode() for variable in variables]
            for variable, array in variables.items():
                group[f"{layer}/{variable}:0"] = array


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("mobilenet_v2_035", layouts.keras_2018),
        ("mobilenet_v2_035", layouts.keras_2019),
        ("mobilenet_v3_small", layouts.keras_2020),
        ("mobilenet_v3_large_minimalistic", layouts.keras_2020),
    ],
)
def test_files_of_keras_2_load_with_nothing_but_their_path(name: str, layout, tmp_path: Path) -> None:
    giver, path = zoo.build(name, input_shape=(32, 32, 3)), tmp_path / "old.h5"
    arrays = {
        layout(layer): {w.name: np.asarray(w) + 0.01 * w.ndim for w in giver.get_layer(layer).weights}
        for layer in weighted(giver)
    }
    for layer in of_kind(giver, keras_layers.DepthwiseConv2D):
        arrays[layout(layer.name)] = {"depthwise_kernel": arrays[layout(layer.name)]["kernel"]}
    legacy_file(path, arrays)
    report = zoo.load_weights(giver, path)
    assert (report.layout, report.missing, report.unexpected) == (layout.__name__, (), ())
    expected = [array for layer in weighted(giver) for array in arrays[layout(layer)].values()]
    for got, wanted in zip(giver.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(got, wanted.astype("float32"))


TORCH_NAMES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "bias": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def as_in_torch(layer: keras.layers.Layer, array: np.ndarray, linear: bool) -> np.ndarray:
    """Return an array of a layer with the axes of torch, which the layer may be a linear one in."""
    if array.ndim == 4:
        depthwise = isinstance(layer, keras_layers.DepthwiseConv2D)
        array = array.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        return np.ascontiguousarray(array[:, :, 0, 0] if linear else array)
    return np.ascontiguousarray(array.T)


@pytest.mark.parametrize(
    ("name", "layout", "linear"),
    [
        ("mobilenet_v2_torch", "torchvision_v2", ()),
        ("mobilenet_v2_torch", "timm_v2", ()),
        ("mobilenet_v3_small_torch", "torchvision_v3_small", ("conv_2", "logits")),
        ("mobilenet_v3_large_torch", "torchvision_v3_large", ("conv_2", "logits")),
        ("mobilenet_v3_small", "timm_v3_small", ("logits",)),
        ("mobilenet_v3_large", "timm_v3_large", ("logits",)),
    ],
)
def test_files_of_torch_load_with_nothing_but_their_path(
    name: str, layout: str, linear: tuple[str, ...], tmp_path: Path
) -> None:
    model, rename = zoo.build(name, input_shape=(32, 32, 3)), getattr(layouts, layout)
    arrays = {
        f"{rename(layer.name)}.{TORCH_NAMES[weight.name]}": as_in_torch(layer, array, layer.name in linear)
        for layer in model.layers
        for weight, array in zip(layer.weights, layer.get_weights(), strict=True)
    }
    save_file(arrays, tmp_path / "torch.safetensors")
    expected = model.get_weights()
    other = zoo.build(name, input_shape=(32, 32, 3))
    report = zoo.load_weights(other, tmp_path / "torch.safetensors")
    assert (report.layout, report.missing, report.unexpected) == (layout, (), ())
    for got, wanted in zip(other.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(
    ("layout", "layer", "name"),
    [
        ("keras_2018", "Conv1", "Conv1"),
        ("keras_2018", "expanded_conv_depthwise", "mobl0_conv_0_depthwise"),
        ("keras_2018", "block_16_expand_BN", "bn16_conv_16_bn_expand"),
        ("keras_2020", "conv", "Conv"),
        ("keras_2020", "conv_1_bn", "Conv_1/BatchNorm"),
        ("keras_2020", "conv_2", "Conv_2"),
        ("keras_2020", "logits", "Logits"),
        ("keras_2020", "expanded_conv_project_bn", "expanded_conv/project/BatchNorm"),
        ("keras_2020", "expanded_conv_10_squeeze_excite_conv", "expanded_conv_10/squeeze_excite/Conv"),
        ("torchvision_v2", "bn_Conv1", "features.0.1"),
        ("torchvision_v2", "expanded_conv_depthwise", "features.1.conv.0.0"),
        ("torchvision_v2", "expanded_conv_project", "features.1.conv.1"),
        ("torchvision_v2", "expanded_conv_project_BN", "features.1.conv.2"),
        ("torchvision_v2", "block_1_expand", "features.2.conv.0.0"),
        ("torchvision_v2", "block_1_depthwise_BN", "features.2.conv.1.1"),
        ("torchvision_v2", "block_16_project_BN", "features.17.conv.3"),
        ("torchvision_v2", "Conv_1", "features.18.0"),
        ("torchvision_v2", "predictions", "classifier.1"),
        ("torchvision_v3_small", "expanded_conv_squeeze_excite_conv_1", "features.1.block.1.fc2"),
        ("torchvision_v3_small", "expanded_conv_1_project", "features.2.block.2.0"),
        ("torchvision_v3_small", "conv_1", "features.12.0"),
        ("torchvision_v3_large", "expanded_conv_3_squeeze_excite_conv", "features.4.block.2.fc1"),
        ("torchvision_v3_large", "expanded_conv_3_project_bn", "features.4.block.3.1"),
        ("torchvision_v3_large", "conv_1_bn", "features.16.1"),
        ("torchvision_v3_large", "conv_2", "classifier.0"),
        ("torchvision_v3_large", "logits", "classifier.3"),
        ("timm_v2", "expanded_conv_project_BN", "blocks.0.0.bn2"),
        ("timm_v2", "block_2_expand", "blocks.1.1.conv_pw"),
        ("timm_v2", "block_16_project", "blocks.6.0.conv_pwl"),
        ("timm_v2", "Conv_1", "conv_head"),
        ("timm_v3_small", "expanded_conv_squeeze_excite_conv", "blocks.0.0.se.conv_reduce"),
        ("timm_v3_small", "expanded_conv_10_depthwise_bn", "blocks.4.2.bn2"),
        ("timm_v3_small", "conv_1", "blocks.5.0.conv"),
        ("timm_v3_large", "expanded_conv_14_project_bn", "blocks.5.2.bn3"),
        ("timm_v3_large", "conv_1_bn", "blocks.6.0.bn1"),
    ],
)
def test_the_names_of_others(layout: str, layer: str, name: str) -> None:
    assert getattr(layouts, layout)(layer) == name
