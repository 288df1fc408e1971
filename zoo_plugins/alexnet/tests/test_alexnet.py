"""What the AlexNets promise: counts, sizes, names, and the details in which they differ."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.layers.normalization import LocalResponseNormalization
from zoo.specs import ModelSpec
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


@pytest.mark.parametrize("name", SPECS)
def test_every_variant_has_the_parameters_it_declares(name: str) -> None:
    model, expected = declared(name), SPECS[name].parameters
    assert (count(model.weights), count(model.trainable_weights)) == (expected.total, expected.trainable)
    assert list(dict.fromkeys(weight.path.split("/")[0] for weight in model.weights)) == WEIGHTED


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
def test_the_declared_head_is_what_include_top_leaves_out(name: str) -> None:
    left = names(small(name, include_top=False))
    assert tuple(layer for layer in names(declared(name)) if layer not in left) == SPECS[name].head


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


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_pictures_and_a_fourth_channel_are_taken(channels: int) -> None:
    model = small("alexnet", channels=channels)
    assert model.get_layer("conv1").kernel.shape == (11, 11, channels, 64)
    assert model.output_shape == (None, 5)


def test_without_a_top_there_are_feature_maps_or_pooled_features() -> None:
    assert small("alexnet_2012", 224, include_top=False).output_shape == (None, 6, 6, 256)
    assert small("alexnet_2012", include_top=False, pooling="avg").output_shape == (None, 256)
    assert small("alexnet_2012", include_top=False, pooling="max").output_shape == (None, 256)


def test_the_last_layer_gives_shares_or_logits_as_asked() -> None:
    assert small("alexnet").get_layer("predictions").activation.__name__ == "softmax"
    assert small("alexnet", classifier_activation=None).get_layer("predictions").activation.__name__ == "linear"


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


@pytest.mark.parametrize("name", SPECS)
def test_every_trainable_weight_receives_a_gradient(name: str) -> None:
    import tensorflow as tf

    model, random = small(name, 128, units=64, dropout=0.0), np.random.default_rng(0)
    images = 100 * random.normal(size=(4, 128, 128, 3)).astype("float32")
    with tf.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy()(np.arange(4), model(images, training=True))
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    dead = [w.path for w, g in zip(model.trainable_weights, gradients, strict=True) if g is None or not np.any(g)]
    assert dead == []


def test_a_saved_network_with_groups_and_normalisation_gives_the_same_outputs(tmp_path: Path) -> None:
    model = small("alexnet_2012")
    model.save(tmp_path / "model.keras")
    images = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype("float32")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(images), model(images))


# -- layouts


def test_the_names_of_torchvision_count_every_module() -> None:
    assert [layouts.torchvision(name) for name in WEIGHTED] == [
        *("features.0", "features.3", "features.6", "features.8", "features.10"),
        *("classifier.1", "classifier.4", "classifier.6"),
    ]


def test_the_names_of_caffe_are_ours_but_for_the_last() -> None:
    assert [layouts.caffe(name) for name in WEIGHTED] == [*WEIGHTED[:-1], "fc8"]


@pytest.mark.parametrize("layout", [layouts.torchvision, layouts.caffe])
def test_a_layout_leaves_unknown_layers_alone(layout) -> None:
    assert layout("my_layer") == "my_layer"


def test_listing_the_family_imports_nothing_heavy() -> None:
    code = "import sys, zoo_alexnet.plugin as p; list(p.zoo_models()); "
    code += "print([m for m in ('tensorflow', 'keras', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
