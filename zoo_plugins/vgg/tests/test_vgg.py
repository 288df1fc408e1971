"""What the VGG networks promise: counts, names, sizes, and the details in which the builds differ."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.specs import ModelSpec
from zoo.testing.pytest_checks import parametrize_with_checks
from zoo_vgg.plugin import zoo_models

#: Networks of half a gigabyte each: all in one process of pytest-xdist.
pytestmark = pytest.mark.xdist_group("heavy")

SPECS: dict[str, ModelSpec] = {spec.name: spec for spec in zoo_models()}


@lru_cache(maxsize=2)
def declared(name: str, **options: object) -> keras.Model:
    """The model at its declared input, with zeros in place of random weights, which take time."""
    return zoo.build(f"zoo-vgg/{name}", initial="zeros", **options)  # type: ignore[arg-type]


@lru_cache
def small(name: str, size: int = 32, channels: int = 3, **options: object) -> keras.Model:
    options = {"classes": 5, "fc_units": 8, **options}
    return zoo.build(f"zoo-vgg/{name}", input_shape=(size, size, channels), **options)  # type: ignore[arg-type]


def names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers[1:]]


def weighted(model: keras.Model) -> dict[str, keras.layers.Layer]:
    return {layer.name: layer for layer in model.layers if layer.weights}


def of_kind(model: keras.Model, kind: type) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if isinstance(layer, kind)]


def count(weights: list[keras.Variable]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


@parametrize_with_checks(
    "zoo-vgg",
    representatives=["vgg11", "vgg16", "vgg11_bn"],
    small={"fc_units": 64},
    declared={"initial": "zeros"},
)
def test_the_vggs_keep_what_every_model_promises(check: Callable[[], None]) -> None:
    check()


def test_16_layers_have_27_828_042_parameters_with_512_units_and_14_714_688_without_a_top() -> None:
    assert declared("vgg16", fc_units=512, classes=10).count_params() == 27_828_042
    assert declared("vgg16", include_top=False).count_params() == 14_714_688


def test_a_head_of_ones_own_for_cats_against_dogs_makes_16_812_353() -> None:
    features = declared("vgg16", include_top=False, input_shape=(150, 150, 3))
    assert features.output_shape == (None, 4, 4, 512)
    own = [layers.Flatten(), layers.Dense(256, activation="relu"), layers.Dense(1, activation="sigmoid")]
    assert keras.Sequential([features, *own]).count_params() == 16_812_353


@pytest.mark.parametrize("name", SPECS)
def test_the_number_in_a_name_is_the_number_of_weighted_layers(name: str) -> None:
    on_the_path = of_kind(small(name), layers.Conv2D) + of_kind(small(name), layers.Dense)
    assert name.removeprefix("vgg").removesuffix("_bn") == str(len(on_the_path))


@pytest.mark.parametrize("name", SPECS)
def test_each_block_doubles_the_channels_up_to_512_and_halves_the_maps(name: str) -> None:
    outputs = [declared(name).get_layer(f"block{block}_pool").output.shape[1:] for block in range(1, 6)]
    assert outputs == [(112, 112, 64), (56, 56, 128), (28, 28, 256), (14, 14, 512), (7, 7, 512)]


@pytest.mark.parametrize("size", [32, 63, 64, 70])
def test_maps_smaller_than_the_dense_layers_expect_are_averaged_as_in_torch(size: int) -> None:
    model = small("vgg11", size)
    at = [layer.name for layer in model.layers].index("block5_pool")
    maps = keras.Model(model.input, [model.layers[at].output, model.get_layer("flatten").output])
    before, after = maps.predict(np.random.default_rng(0).random((2, size, size, 3)), verbose=0)
    length = before.shape[1]
    windows = [slice(place * length // 7, -(-(place + 1) * length // 7)) for place in range(7)]
    expected = [[before[:, rows, columns].mean((1, 2)) for columns in windows] for rows in windows]
    np.testing.assert_allclose(after.reshape(2, 7, 7, -1), np.array(expected).transpose(2, 0, 1, 3), rtol=1e-4)


@pytest.mark.parametrize("name", SPECS)
def test_the_smallest_input_leaves_a_pixel_and_one_less_is_refused(name: str) -> None:
    assert small(name, include_top=False).output_shape == (None, 1, 1, 512)
    assert small(name).output_shape == (None, 5)
    with pytest.raises(zoo.ArgumentError, match="the smallest it takes is 32x32"):
        small(name, 31)


# -- where they differ


def test_the_torch_builds_average_to_7x7_so_that_weights_serve_every_size_and_the_keras_builds_do_not() -> None:
    assert small("vgg11", 70).get_layer("avg_pool").output.shape == (None, 7, 7, 512)
    assert small("vgg11", 70).get_layer("fc1").kernel.shape == (7 * 7 * 512, 8)
    assert small("vgg16", 70).get_layer("fc1").kernel.shape == (2 * 2 * 512, 8)
    assert "avg_pool" not in names(declared("vgg11"))


def test_batch_norm_stands_between_a_convolution_with_biases_and_its_activation() -> None:
    model = small("vgg11_bn")
    assert names(model)[:4] == ["block1_conv1", "block1_bn1", "block1_relu1", "block1_pool"]
    norms = of_kind(model, layers.BatchNormalization)
    assert len(norms) == len(of_kind(model, layers.Conv2D)) == 8
    assert {(norm.epsilon, norm.momentum) for norm in norms} == {(1e-5, 0.9)}
    assert all(layer.use_bias and layer.activation.__name__ == "linear" for layer in of_kind(model, layers.Conv2D))
    assert {layer.activation.__name__ for layer in of_kind(small("vgg16"), layers.Conv2D)} == {"relu"}


def test_dropout_stands_behind_each_hidden_dense_layer() -> None:
    order = names(small("vgg11"))
    assert order[order.index("fc1") :] == ["fc1", "fc1_dropout", "fc2", "fc2_dropout", "predictions"]
    assert [layer.rate for layer in of_kind(small("vgg11"), layers.Dropout)] == [0.5, 0.5]
    assert of_kind(small("vgg11", dropout=0.0), layers.Dropout) == []


def test_weights_begin_as_in_the_reference() -> None:
    torch, like_keras = small("vgg11", fc_units=64), small("vgg16")
    assert np.std(torch.get_layer("block4_conv2").kernel) == pytest.approx(math.sqrt(2 / (9 * 512)), rel=0.02)
    assert np.std(torch.get_layer("fc1").kernel) == pytest.approx(0.01, rel=0.02)
    bound = math.sqrt(6 / (9 * 512 + 9 * 512))
    assert bound * 0.98 < np.abs(like_keras.get_layer("block4_conv2").kernel).max() <= bound


def test_pictures_are_prepared_as_the_reference_does() -> None:
    caffe, torch = SPECS["vgg16"].preprocessing, SPECS["vgg16_bn"].preprocessing
    assert caffe is not None
    assert torch is not None
    assert (caffe.channels, caffe.mean, caffe.scale) == ("bgr", (103.939, 116.779, 123.68), 1.0)
    assert (torch.channels, torch.mean, torch.std) == ("rgb", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


# -- use


# -- names


@pytest.mark.parity
@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_the_layers_have_the_names_and_shapes_of_keras_applications(name: str) -> None:
    build = getattr(keras.applications, name.upper())
    theirs = build(weights=None, include_top=False, input_shape=(32, 32, 3))
    ours = small(name, include_top=False)
    assert names(ours) == names(theirs)
    assert [(w.path, w.shape) for w in ours.weights] == [(w.path, w.shape) for w in theirs.weights]
    assert list(weighted(small(name)))[-3:] == ["fc1", "fc2", "predictions"]


#: The modules of ``features`` in torchvision, in order.
FEATURES = {
    "vgg11": [0, 3, 6, 8, 11, 13, 16, 18],
    "vgg13": [0, 2, 5, 7, 10, 12, 15, 17, 20, 22],
    "vgg16": [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28],
    "vgg19": [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34],
    "vgg11_bn": [0, 1, 4, 5, 8, 9, 11, 12, 15, 16, 18, 19, 22, 23, 25, 26],
    "vgg13_bn": [0, 1, 3, 4, 7, 8, 10, 11, 14, 15, 17, 18, 21, 22, 24, 25, 28, 29, 31, 32],
    "vgg16_bn": [
        *(0, 1, 3, 4, 7, 8, 10, 11, 14, 15, 17, 18, 20, 21),
        *(24, 25, 27, 28, 30, 31, 34, 35, 37, 38, 40, 41),
    ],
    "vgg19_bn": [
        *(0, 1, 3, 4, 7, 8, 10, 11, 14, 15, 17, 18, 20, 21, 23, 24),
        *(27, 28, 30, 31, 33, 34, 36, 37, 40, 41, 43, 44, 46, 47, 49, 50),
    ],
}


@pytest.mark.parametrize(
    ("source", "dense"),
    [
        ("torchvision", ["classifier.0", "classifier.3", "classifier.6"]),
        ("timm", ["pre_logits.fc1", "pre_logits.fc2", "head.fc"]),
    ],
)
@pytest.mark.parametrize("name", SPECS)
def test_the_names_of_torchvision_and_timm_count_every_module(name: str, source: str, dense: list[str]) -> None:
    module, _, function = SPECS[name].layouts[source].partition(":")
    layout = getattr(importlib.import_module(module), function)
    expected = [*(f"features.{number}" for number in FEATURES[name]), *dense]
    assert [layout(layer) for layer in weighted(small(name))] == expected
    assert layout("my_layer") == "my_layer"


def test_the_file_of_2016_without_a_top_loads_into_the_whole_network(tmp_path: Path) -> None:
    import h5py

    given, model = small("vgg11", include_top=False), small("vgg11")
    with h5py.File(tmp_path / "vgg11_weights_tf_dim_ordering_tf_kernels_notop.h5", "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in given.layers]
        for layer in given.layers:
            group = file.create_group(layer.name)
            variables = [f"{layer.name}_{letter}_1:0" for letter in "Wb"[: len(layer.weights)]]
            group.attrs["weight_names"] = [variable.encode() for variable in variables]
            for variable, value in zip(variables, layer.get_weights(), strict=True):
                group[variable] = value
        path = Path(file.filename)
    report = zoo.load_weights(model, path)
    assert {name.partition("/")[0] for name, _ in report.missing} == {"fc1", "fc2", "predictions"}
    for name, layer in weighted(given).items():
        np.testing.assert_array_equal(model.get_layer(name).kernel, layer.kernel)
