"""What the Inception networks promise: counts, names, sizes, and the details in which the builds differ."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import lru_cache

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.layers.normalization import LocalResponseNormalization
from zoo.specs import ModelSpec
from zoo.testing.pytest_checks import parametrize_with_checks
from zoo_inception import layouts
from zoo_inception.builders import ceil_pool
from zoo_inception.plugin import zoo_models

SPECS: dict[str, ModelSpec] = {spec.name: spec for spec in zoo_models()}
GOOGLENETS = ("googlenet", "googlenet_bn")
V3 = ("inception_v3", "inception_v3_torch")
BLOCKS = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")


@lru_cache
def build(name: str, size: int | None = None, channels: int = 3, **options: object) -> keras.Model:
    shape = None if size is None else (size, size, channels)
    return zoo.build(f"zoo-inception/{name}", input_shape=shape, **options)  # type: ignore[arg-type]


def small(name: str, **options: object) -> keras.Model:
    """The model on the smallest input; options that it declares change nothing, so that few models are built."""
    changes = {key: value for key, value in options.items() if SPECS[name].config.get(key) != value}
    return build(name, SPECS[name].min_size, **changes)


def names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers[1:]]


def weighted(model: keras.Model) -> dict[str, keras.layers.Layer]:
    return {layer.name: layer for layer in model.layers if layer.weights}


def of_kind(model: keras.Model, kind: type) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if isinstance(layer, kind)]


def counts(model: keras.Model) -> tuple[int, int]:
    total, trainable = (
        sum(math.prod(weight.shape) for weight in weights) for weights in (model.weights, model.trainable_weights)
    )
    return total, trainable


COUNTS = [
    ("googlenet", {}, 13_378_280, 13_378_280),
    ("googlenet", {"aux_classifiers": False}, 6_998_552, 6_998_552),
    ("googlenet", {"aux_classifiers": True, "classes": 10}, 10_334_030, 10_334_030),
    ("googlenet_bn", {}, 13_019_960, 13_004_888),
    ("googlenet_bn", {"aux_classifiers": False}, 6_639_464, 6_624_904),
    ("inception_v3", {}, 23_851_784, 23_817_352),
    ("inception_v3_torch", {}, 27_197_488, 27_161_264),
    ("inception_v3_torch", {"aux_classifiers": False}, 23_869_000, 23_834_568),
]


@parametrize_with_checks("zoo-inception")
def test_the_inceptions_keep_what_every_model_promises(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize(("name", "options", "total", "trainable"), COUNTS)
def test_every_variant_has_its_parameters_with_and_without_auxiliary_classifiers(
    name: str, options: dict[str, object], total: int, trainable: int
) -> None:
    assert counts(small(name, **options)) == (total, trainable)
    if not options:
        assert (SPECS[name].parameters.total, SPECS[name].parameters.trainable) == (total, trainable)


def test_the_first_inception_has_its_later_name_too() -> None:
    assert zoo.info("inception_v1") == zoo.info("googlenet")


@pytest.mark.parametrize("name", SPECS)
def test_the_declared_auxiliaries_are_what_building_without_them_leaves_out(name: str) -> None:
    whole, without = (names(small(name, aux_classifiers=choice)) for choice in (True, False))
    auxiliary = [layer for layer in whole if layer not in without]
    assert sorted(auxiliary) == sorted(layer for chain in SPECS[name].auxiliary for layer in chain)
    for chain in SPECS[name].auxiliary:
        assert [layer for layer in auxiliary if layer in chain] == list(chain)


@pytest.mark.parametrize("name", SPECS)
def test_the_smallest_input_leaves_a_pixel_and_one_less_is_refused(name: str) -> None:
    spec = SPECS[name]
    assert small(name, include_top=False).output_shape[1:3] == (1, 1)
    with pytest.raises(zoo.ArgumentError, match=f"the smallest it takes is {spec.min_size}x{spec.min_size}"):
        build(name, spec.min_size - 1)


@pytest.mark.parametrize("name", ["googlenet", "googlenet_bn", "inception_v3"])
def test_an_input_that_is_too_small_would_leave_no_pixel(name: str) -> None:
    spec = SPECS[name]
    module, _, function = spec.builder.partition(":")
    builder = getattr(importlib.import_module(module), function)
    less = (spec.min_size - 1, spec.min_size - 1, 3)
    with pytest.raises(ValueError, match=r"negative|zero|positive"):
        builder(less, 5, False, None, None, **spec.config)


@pytest.mark.parametrize(("name", "channels"), [("googlenet_bn", 1), ("inception_v3", 4)])
def test_other_channels_classes_outputs_and_dropout_are_taken(name: str, channels: int) -> None:
    model = build(name, 80, channels, classes=7, classifier_activation=None, dropout=0.25)
    assert model.input_shape == (None, 80, 80, channels)
    assert model.get_layer("predictions").kernel.shape[1] == 7
    assert model.get_layer("predictions").activation.__name__ == "linear"
    assert model.get_layer("top_dropout").rate == 0.25


def test_without_dropout_there_is_none() -> None:
    assert of_kind(small("googlenet_bn", dropout=0.0, aux_dropout=0.0), layers.Dropout) == []


def test_inputs_of_unknown_size_are_taken_without_auxiliary_classifiers() -> None:
    model = zoo.build("googlenet", input_shape=(None, None, 3), classes=3, aux_classifiers=False)
    assert [model(np.zeros((1, 90, width, 3), "float32")).shape for width in (31, 81)] == [(1, 3), (1, 3)]


# -- GoogLeNet


@pytest.mark.parametrize("name", GOOGLENETS)
def test_the_blocks_have_the_sizes_of_table_1(name: str) -> None:
    model = build(name, 224, initial="zeros", aux_classifiers=True)
    outputs = [model.get_layer(f"inception_{block}").output.shape[1:] for block in BLOCKS]
    assert [size for size, *_ in outputs] == [28, 28, 14, 14, 14, 14, 14, 7, 7]
    assert [channels for *_, channels in outputs] == [256, 480, 512, 512, 512, 528, 832, 832, 1024]
    assert model.get_layer("aux1_pool").output.shape == (None, 4, 4, 512)
    assert model.get_layer("aux2_pool").output.shape == (None, 4, 4, 528)


@pytest.mark.parametrize("window", [2, 3])
@pytest.mark.parametrize("size", range(2, 10))
def test_pooling_rounds_sizes_up_and_looks_at_every_pixel(size: int, window: int) -> None:
    maps = np.random.default_rng(0).uniform(size=(1, size, size, 1)).astype("float32")
    windows = [slice(2 * at, 2 * at + window) for at in range(math.ceil((size - window) / 2) + 1)]
    expected = [[maps[0, rows, columns].max() for columns in windows] for rows in windows]
    np.testing.assert_array_equal(np.asarray(ceil_pool(maps, window, name="pool"))[0, :, :, 0], expected)


def test_the_build_of_torch_has_smaller_windows_in_two_places_and_batch_norm_for_biases() -> None:
    paper, torch = small("googlenet"), small("googlenet_bn")
    assert paper.get_layer("inception_3a_5x5_conv").kernel_size == (5, 5)
    assert torch.get_layer("inception_3a_5x5_conv").kernel_size == (3, 3)
    assert paper.get_layer("pool4").pool_size == (3, 3)
    assert torch.get_layer("pool4").pool_size == (2, 2)
    assert {layer.use_bias for layer in of_kind(paper, layers.Conv2D)} == {True}
    assert {layer.use_bias for layer in of_kind(torch, layers.Conv2D)} == {False}
    assert of_kind(paper, layers.BatchNormalization) == []
    assert {(layer.epsilon, layer.momentum, layer.scale) for layer in of_kind(torch, layers.BatchNormalization)} == {
        (1e-3, 0.9, True)
    }


def test_the_paper_normalises_local_responses_around_the_first_convolutions_alone() -> None:
    order = [name for name in names(small("googlenet")) if not name.endswith(("_pad", "_relu"))]
    first = ["conv1_conv", "pool1", "norm1", "conv2_reduce_conv", "conv2_conv", "norm2", "pool2"]
    assert order[: len(first)] == first
    norms = of_kind(small("googlenet"), LocalResponseNormalization)
    assert {(each.depth_radius, each.bias, each.alpha, each.beta) for each in norms} == {(2, 1.0, 1e-4 / 5, 0.75)}
    assert of_kind(small("googlenet_bn"), LocalResponseNormalization) == []


def test_auxiliary_classifiers_average_as_in_the_paper_at_224_pixels_and_keep_their_parameters_at_every_size() -> None:
    at_224, torch = (build(name, 224, initial="zeros", aux_classifiers=True) for name in GOOGLENETS)
    pool = at_224.get_layer("aux1_pool")
    assert isinstance(pool, layers.AveragePooling2D)
    assert (pool.pool_size, pool.strides) == ((5, 5), (3, 3))
    assert isinstance(torch.get_layer("aux1_pool"), layers.AdaptiveAveragePooling2D)
    assert small("googlenet").count_params() == at_224.count_params()


# -- Inception v3


def test_the_blocks_of_the_third_inception_have_the_sizes_of_table_1() -> None:
    model = build("inception_v3_torch", 299, initial="zeros")
    outputs = [model.get_layer(f"mixed{block}").output.shape[1:] for block in range(11)]
    assert [size for size, *_ in outputs] == [35] * 3 + [17] * 5 + [8] * 3
    assert [channels for *_, channels in outputs] == [256, 288, 288, *[768] * 5, 1280, 2048, 2048]
    assert model.get_layer("aux_pool").output.shape == (None, 5, 5, 768)
    assert model.get_layer("aux_conv1_conv").output.shape == (None, 1, 1, 768)


def test_the_averages_of_torch_count_the_zeros_beyond_the_edge_and_those_of_keras_do_not() -> None:
    ones = np.ones((1, 5, 5, 192), "float32")

    def corner(name: str) -> float:
        branch = [layer for layer in small(name).layers if layer.name.startswith("mixed0_branch_pool_")]
        averages = ones
        for layer in branch[: len(branch) - 3]:  # the convolution, its BatchNorm and activation follow
            averages = layer(averages)
        return float(np.asarray(averages)[0, 0, 0, 0])

    assert corner("inception_v3") == pytest.approx(1.0)
    assert corner("inception_v3_torch") == pytest.approx(4 / 9)


def test_batch_norm_has_the_settings_of_the_reference() -> None:
    settings = {
        name: {(each.epsilon, each.momentum, each.scale) for each in of_kind(small(name), layers.BatchNormalization)}
        for name in V3
    }
    assert settings == {"inception_v3": {(1e-3, 0.99, False)}, "inception_v3_torch": {(1e-3, 0.9, True)}}


@pytest.mark.parametrize("name", ["googlenet_bn", "inception_v3", "inception_v3_torch"])
def test_pictures_are_prepared_from_minus_1_to_1_as_torch_does_in_two_steps(name: str) -> None:
    pixels = SPECS[name].preprocessing
    assert pixels is not None
    prepared = np.array([0.0, 127.5, 255.0]) * pixels.scale - pixels.mean[0]
    np.testing.assert_allclose(prepared, [-1, 0, 1], atol=1e-12)
    # torchvision normalises, then undoes it with the figures of its transform_input.
    normalised = (np.array([0.0, 0.5, 1.0]) - 0.485) / 0.229
    np.testing.assert_allclose(normalised * (0.229 / 0.5) + (0.485 - 0.5) / 0.5, prepared, atol=1e-12)


# -- names


def test_the_names_of_torchvision_are_complete_for_googlenet() -> None:
    blocks = [f"inception{block}" for block in BLOCKS]
    branches = ["branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1"]
    units = ["conv1", "conv2", "conv3", "aux1.conv", "aux2.conv"]
    units += [f"{block}.{branch}" for block in blocks for branch in branches]
    expected = {f"{unit}.{kind}" for unit in units for kind in ("conv", "bn")}
    expected |= {"aux1.fc1", "aux1.fc2", "aux2.fc1", "aux2.fc2", "fc"}
    assert {layouts.torchvision_googlenet(name) for name in weighted(small("googlenet_bn"))} == expected


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("conv1a_conv", "Conv2d_1a_3x3.conv"),
        ("conv3b_bn", "Conv2d_3b_1x1.bn"),
        ("mixed0_branch1x1_conv", "Mixed_5b.branch1x1.conv"),
        ("mixed2_branch_pool_bn", "Mixed_5d.branch_pool.bn"),
        ("mixed3_branch3x3_conv", "Mixed_6a.branch3x3.conv"),
        ("mixed7_branch7x7dbl_5_conv", "Mixed_6e.branch7x7dbl_5.conv"),
        ("mixed8_branch7x7x3_4_bn", "Mixed_7a.branch7x7x3_4.bn"),
        ("mixed10_branch3x3dbl_3b_conv", "Mixed_7c.branch3x3dbl_3b.conv"),
        ("aux_conv1_bn", "AuxLogits.conv1.bn"),
        ("aux_predictions", "AuxLogits.fc"),
        ("predictions", "fc"),
    ],
)
def test_the_names_of_torchvision_for_the_third_inception_are_those_of_its_modules(layer: str, name: str) -> None:
    assert layouts.torchvision_inception_v3(layer) == name


@pytest.mark.parity
def test_the_numbers_of_keras_follow_the_order_in_which_it_makes_the_layers() -> None:
    theirs = keras.applications.InceptionV3(weights=None, include_top=False, input_shape=(75, 75, 3))

    for kind, stem in ((layers.Conv2D, "conv2d"), (layers.BatchNormalization, "batch_normalization")):
        numbered = sorted(of_kind(theirs, kind), key=lambda layer: int(layer.name.removeprefix(stem)[1:] or 0))
        ours = {layouts.keras_applications(layer.name): layer for layer in of_kind(small("inception_v3"), kind)}
        assert [[weight.shape for weight in ours[f"{stem}_{number}"].weights] for number in range(1, 95)] == [
            [weight.shape for weight in layer.weights] for layer in numbered
        ]


@pytest.mark.parametrize(
    "layout", [layouts.torchvision_googlenet, layouts.torchvision_inception_v3, layouts.keras_applications]
)
def test_a_layout_leaves_unknown_layers_alone_and_keeps_the_others_apart(layout) -> None:
    for layer in ("my_layer", "my_conv", "inception_3a_extra_conv", "mixed11_branch1x1_conv"):
        assert layout(layer) == layer
    for name in ("googlenet_bn", "inception_v3_torch"):
        assert len({layout(layer) for layer in weighted(small(name))}) == len(weighted(small(name)))
