"""What the AlexNets promise: counts, sizes, names, and the details in which they differ."""

from __future__ import annotations

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
from zoo_alexnet import layouts
from zoo_alexnet.builders import alexnet
from zoo_alexnet.plugin import zoo_models

#: Networks of a quarter of a gigabyte each: all in one process of pytest-xdist.
pytestmark = pytest.mark.xdist_group("heavy")

SPECS: dict[str, ModelSpec] = {spec.name: spec for spec in zoo_models()}
WEIGHTED = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "predictions"]


@lru_cache
def declared(name: str) -> keras.Model:
    """The model as declared, with zeros in place of random weights, which take time."""
    return zoo.build(f"zoo-alexnet/{name}", initial="zeros")


@lru_cache
def small(name: str, size: int = 64, channels: int = 3, **options: object) -> keras.Model:
    options = {"classes": 5, "units": 8, **options}
    return zoo.build(f"zoo-alexnet/{name}", input_shape=(size, size, channels), **options)  # type: ignore[arg-type]


def names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers[1:]]


def of_kind(model: keras.Model, kind: type) -> dict[str, keras.layers.Layer]:
    return {layer.name: layer for layer in model.layers if isinstance(layer, kind)}


def count(weights: list[keras.Variable]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


@parametrize_with_checks(
    "zoo-alexnet",
    small={"units": 64},
    declared={"initial": "zeros"},
)
def test_the_alexnets_keep_what_every_model_promises(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("alexnet_2012", [34_944, 307_456, 885_120, 663_936, 442_624, 37_752_832, 16_781_312, 4_097_000]),
        ("alexnet_half", [17_472, 153_728, 221_376, 331_968, 221_312, 9_439_232, 4_196_352, 20_490]),
    ],
)
def test_the_layers_have_the_parameters_that_follow_from_the_paper(name: str, counts: list[int]) -> None:
    assert [declared(name).get_layer(layer).count_params() for layer in WEIGHTED] == counts


@pytest.mark.parametrize("name", SPECS)
def test_the_maps_of_224_pixels_have_the_sizes_of_the_paper(name: str) -> None:
    sizes = [layer.output.shape[1] for layer in declared(name).layers if layer.name.startswith(("conv", "pool"))]
    assert sizes == [declared(name).get_layer("conv1_pad").output.shape[1], 55, 27, 27, 13, 13, 13, 13, 6]


@pytest.mark.parametrize("name", SPECS)
def test_the_smallest_input_leaves_a_pixel_and_one_less_is_refused(name: str) -> None:
    least = SPECS[name].min_size
    assert small(name, least, include_top=False).output_shape[1:3] == (1, 1)
    with pytest.raises(zoo.ArgumentError, match=f"the smallest it takes is {least}x{least}"):
        small(name, least - 1)
    with pytest.raises(ValueError, match=r"negative|zero|positive"):  # there would be none
        alexnet((least - 1, least - 1, 3), 5, False, None, None, **SPECS[name].config)


@pytest.mark.parametrize("name", SPECS)
def test_inputs_of_every_size_have_the_same_parameters(name: str) -> None:
    assert small(name, 100).count_params() == small(name, 224).count_params()
    assert small(name, 100).get_layer("avg_pool").output.shape[1:3] == (6, 6)
    assert "avg_pool" not in names(small(name, 224))


# -- where they differ


def test_the_torch_build_pads_both_sides_alike_and_the_paper_needs_one_pixel_more_behind() -> None:
    padding = {name: small(name).get_layer("conv1_pad").padding for name in SPECS}
    assert padding == {
        "alexnet": ((2, 2), (2, 2)),
        "alexnet_2012": ((1, 2), (1, 2)),
        "alexnet_half": ((1, 2), (1, 2)),
    }


def test_the_second_fourth_and_fifth_convolution_of_2012_see_the_maps_of_their_own_group_alone() -> None:
    convolutions = of_kind(declared("alexnet_2012"), layers.Conv2D)
    assert {name: layer.groups for name, layer in convolutions.items()} == {
        "conv1": 1,
        "conv2": 2,
        "conv3": 1,
        "conv4": 2,
        "conv5": 2,
    }
    model = small("alexnet_2012")
    maps = np.random.default_rng(0).normal(size=(1, 9, 9, 96)).astype("float32")
    first_group_alone = np.concatenate([maps[..., :48], np.zeros_like(maps[..., 48:])], axis=-1)
    full, half = (np.asarray(model.get_layer("conv2")(each)) for each in (maps, first_group_alone))
    np.testing.assert_allclose(half[..., :128], full[..., :128], rtol=1e-4, atol=1e-5)
    assert not np.allclose(half[..., 128:], full[..., 128:])


def test_the_first_two_convolutions_of_2012_are_normalised_before_pooling_with_the_constants_of_section_3_3() -> None:
    model = small("alexnet_2012")
    norms = of_kind(model, LocalResponseNormalization)
    assert list(norms) == ["norm1", "norm2"]
    for layer in norms.values():
        assert (layer.depth_radius, layer.bias, layer.alpha, layer.beta) == (2, 2.0, 1e-4, 0.75)
    order = names(model)
    assert order[order.index("conv1") :][:6] == ["conv1", "norm1", "pool1", "conv2", "norm2", "pool2"]
    assert not of_kind(small("alexnet"), LocalResponseNormalization)
    assert not of_kind(small("alexnet_half"), LocalResponseNormalization)


def test_dropout_stands_before_the_hidden_layers_in_torch_and_behind_them_in_the_paper() -> None:
    def dropped(name: str, **options: object) -> list[str]:
        order = names(small(name, **options))
        rates = {layer.rate for layer in of_kind(small(name, **options), layers.Dropout).values()}
        assert rates <= {options.get("dropout", 0.5)}
        return [order[at + 1] for at, layer in enumerate(order) if layer.endswith("dropout")]

    assert dropped("alexnet") == ["fc6", "fc7"]
    assert dropped("alexnet_2012") == ["fc7", "predictions"]
    assert dropped("alexnet_2012", dropout=0.3) == ["fc7", "predictions"]
    assert dropped("alexnet_2012", dropout=0.0) == []


def test_weights_begin_as_the_paper_says_or_as_torch_has_them() -> None:
    paper, torch = small("alexnet_2012"), small("alexnet")
    assert np.std(paper.get_layer("conv3").kernel) == pytest.approx(0.01, rel=0.02)
    ones = {name: float(np.asarray(paper.get_layer(name).bias).mean()) for name in WEIGHTED}
    assert [name for name, mean in ones.items() if mean == 1.0] == ["conv2", "conv4", "conv5", "fc6", "fc7"]
    assert [name for name, mean in ones.items() if mean == 0.0] == ["conv1", "conv3", "predictions"]
    bound = 1 / math.sqrt(11 * 11 * 3)
    assert bound * 0.98 < np.abs(torch.get_layer("conv1").kernel).max() <= bound


# -- use


# -- layouts


def test_the_names_of_torchvision_count_every_module() -> None:
    assert [layouts.torchvision(name) for name in WEIGHTED] == [
        *("features.0", "features.3", "features.6", "features.8", "features.10"),
        *("classifier.1", "classifier.4", "classifier.6"),
    ]


def test_the_names_of_caffe_are_ours_but_for_the_last() -> None:
    assert [layouts.caffe(name) for name in WEIGHTED] == [*WEIGHTED[:-1], "fc8"]
