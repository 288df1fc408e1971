"""Where a network looks, against a network of which it is known."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.data.preprocessing import prepare
from zoo.errors import ArgumentError
from zoo.inference.explanation import _seen, feature_maps, filters
from zoo.models.build_info import annotate
from zoo.specs import Preprocessing

Zoo = Callable[..., tuple[int, str, str]]

#: Two feature maps, one of what is red and one of what is blue, averaged: class 0 is red and class 1 blue.
BUILDERS = """\
import keras
from keras import layers

def toy(input_shape, classes, include_top, pooling, classifier_activation, convolutional=False):
    inputs = keras.Input(input_shape)
    x = layers.Conv2D(2, 1, activation="relu", name="colours")(inputs)
    if include_top and convolutional:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Reshape((classes,))(layers.Conv2D(classes, 1, name="conv_predictions")(x))
        x = layers.Activation(classifier_activation, name="predictions")(x)
    elif include_top:
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(classes, activation=classifier_activation, name="predictions")(x)
    return keras.Model(inputs, x)
"""

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def colours(install: Callable[..., None], a_model: str) -> Callable[..., keras.Model]:
    """Build the network of colours; it sees 8x8 pixels, and what is cut out of a photograph by its preprocessing."""
    code = a_model.replace("classes=10", "classes=2").replace("Preprocessing()", "Preprocessing(crop_fraction=1.0)")
    code = code.replace("ParameterCount(30)", "ParameterCount(14)")
    install("zoo-toys", code, builders=BUILDERS)

    def build(**options: Any) -> keras.Model:
        model = zoo.build("toy", **options)
        kernel = np.float32([[1, -1], [-1, -1], [-1, 1]]).reshape(1, 1, 3, 2)
        model.get_layer("colours").set_weights([kernel, np.zeros(2)])
        if options.get("include_top", True):
            head = model.layers[-1] if model.layers[-1].weights else model.get_layer("conv_predictions")
            weights = np.float32([[-1], [1]]) if options.get("classes") == 1 else np.eye(2, dtype=np.float32)
            head.set_weights([weights.reshape(head.kernel.shape) / 255, np.zeros(weights.shape[1])])
        annotate(model, class_names=("red", "blue"))
        return model

    return build


def picture(width: int = 8, height: int = 8, side: int = 2) -> Image.Image:
    """Red in the upper left corner, blue in the lower right one, and black between them; there is more of the blue."""
    image = Image.new("RGB", (width, height))
    image.paste(RED, (0, 0, side, side))
    image.paste(BLUE, (width - side - 1, height - side - 1, width, height))
    return image


def corners(heatmap: Any) -> tuple[float, float]:
    return float(heatmap[0, 0]), float(heatmap[-1, -1])


# -- class activation maps


def test_the_heat_of_a_class_is_in_the_corner_that_it_depends_on(colours: Callable[..., keras.Model]) -> None:
    model = colours()
    red = zoo.explain(model, picture(), label="red")
    expected = np.zeros((8, 8), np.float32)
    expected[:2, :2] = 1
    assert np.array_equal(red.heatmap, expected)
    blue = zoo.explain(model, picture())
    assert (blue.label, blue.index, blue.layer) == ("blue", 1, "colours")
    assert corners(blue.heatmap) == (0, 1)
    assert blue.heatmap.sum() == 9
    # Softmax of the means of the two maps: 4 and 9 of 64 pixels.
    assert blue.probability == pytest.approx(1 / (1 + np.exp(4 / 64 - 9 / 64)))
    assert red.probability == pytest.approx(1 - blue.probability)


@pytest.mark.parametrize("options", [{"classes": 1}, {"convolutional": True}, {"classifier_activation": None}])
def test_sigmoid_units_convolutional_heads_and_logits_are_explained_alike(
    colours: Callable[..., keras.Model], options: dict[str, Any]
) -> None:
    model = colours(**options)
    assert corners(zoo.explain(model, picture(), label="red").heatmap) == (1, 0)
    assert corners(zoo.explain(model, picture(), label="blue").heatmap) == (0, 1)
    assert zoo.explain(model, picture()).label == "blue"


def test_a_layer_that_is_frozen_is_looked_at_as_well(colours: Callable[..., keras.Model]) -> None:
    model = colours()
    model.trainable = False
    assert corners(zoo.explain(model, picture()).heatmap) == (0, 1)


def test_nothing_that_speaks_for_the_class_is_no_heat(colours: Callable[..., keras.Model]) -> None:
    only_blue = Image.new("RGB", (8, 8), BLUE)
    assert not zoo.explain(colours(), only_blue, label="red").heatmap.any()


def test_the_heat_lies_where_the_network_saw_it_in_the_photograph(colours: Callable[..., keras.Model]) -> None:
    """Of a wide photograph the network sees the middle square alone, so that neither corner is anything to it."""
    wide = picture(320, 160, 40)
    wide.paste(BLUE, (200, 120, 240, 160))
    found = zoo.explain(colours(), wide)
    assert (found.heatmap.shape, found.heatmap.dtype, found.seen) == ((160, 320), np.float32, (80, 0, 240, 160))
    assert found.heatmap[150, 230] > 0.99
    assert found.heatmap[:, :80].max() == found.heatmap[:, 240:].max() == 0
    assert found.heatmap[:80].max() < 0.001


@pytest.mark.parametrize("size", [(300, 200), (97, 640), (224, 224), (50, 31)])
@pytest.mark.parametrize("fraction", [0.875, 0.5, 1.0])
def test_what_is_seen_is_what_the_preprocessing_cuts_out(size: tuple[int, int], fraction: float) -> None:
    preprocessing = Preprocessing(crop_fraction=fraction, interpolation="bilinear")
    left, top, right, bottom = box = _seen(size, preprocessing, (64, 48, 3))
    image = Image.new("L", size)
    image.paste(255, box)
    seen = prepare(image, preprocessing, (64, 48, 1))[4:-4, 4:-4]
    assert seen.min() > 250
    # And no more: what lies a little inside its border is seen at the border of the input.
    inset = max(2, (right - left) // 8), max(2, (bottom - top) // 8)
    image = Image.new("L", size)
    image.paste(255, (left + inset[0], top + inset[1], right - inset[0], bottom - inset[1]))
    border = prepare(image, preprocessing, (64, 48, 1))
    assert max(border[0].max(), border[-1].max(), border[:, 0].max(), border[:, -1].max()) < 5


def test_a_squeezed_photograph_is_seen_whole() -> None:
    assert _seen((300, 200), Preprocessing(resize="squash"), (64, 48, 3)) == (0, 0, 300, 200)


@pytest.mark.parametrize(
    ("name", "options", "layer"),
    [
        ("small_convnet", {}, "pool2"),
        ("small_resnet", {}, "stage3_block1_out"),
        ("small_separable", {"classes": 3}, "pointwise2_relu"),
        ("small_inception", {"classes": 3}, "block2"),
        ("small_inception", {"classes": 1, "aux_classifiers": False, "classifier_activation": "sigmoid"}, "block2"),
    ],
)
def test_the_maps_before_the_classifier_explain_a_network_of_any_kind(
    name: str, options: dict[str, Any], layer: str
) -> None:
    keras.utils.set_random_seed(1)
    model = zoo.build(name, **options)
    photograph = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    found = [zoo.explain(model, photograph, label=index) for index in range(max(2, options.get("classes", 10)))]
    for each in found:
        assert each.heatmap.shape == (60, 80)
        assert np.isfinite(each.heatmap).all()
        assert each.heatmap.min() >= 0
        assert each.heatmap.max() == pytest.approx(1, abs=0.05) or not each.heatmap.any()
        assert each.layer == layer
    assert sum(each.heatmap.any() for each in found) > 0
    assert sum(each.probability for each in found) == pytest.approx(1, abs=1e-3)


def test_the_layer_can_be_named(colours: Callable[..., keras.Model]) -> None:
    model = zoo.build("small_resnet")
    assert zoo.explain(model, picture(), layer="stage1_block1_out").layer == "stage1_block1_out"
    with pytest.raises(ArgumentError, match=r"layer 'stage1_block1_oot': the model has no such layer; did you mean"):
        zoo.explain(model, picture(), layer="stage1_block1_oot")
    with pytest.raises(ArgumentError, match="layer 'avg_pool': this layer gives no feature maps; pass one of "):
        zoo.explain(model, picture(), layer="avg_pool")


def test_what_cannot_be_explained_is_refused(colours: Callable[..., keras.Model]) -> None:
    model = colours()
    for given, options, message in [
        (model, {"label": "rad"}, "class 'rad': the model has no such class; did you mean 'red'"),
        (model, {"label": 2}, "the model has 2 classes; pass an index from 0 to 1"),
        (colours(include_top=False), {}, "without its top"),
        (zoo.build("small_regression"), {}, "takes rows of numbers, not images; pass an image model"),
        (zoo.build("small_mlp"), {}, "it has no feature maps; pass an image model"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            zoo.explain(given, picture(), **options)


def test_the_overlay_has_the_size_of_the_photograph_and_is_hot_where_the_heat_is(
    colours: Callable[..., keras.Model],
) -> None:
    found = zoo.explain(colours(), picture(), label="red")
    assert np.array_equal(np.asarray(found.overlay(0)), np.asarray(picture()))
    overlay = np.asarray(found.overlay(1), int)
    assert overlay.shape == (8, 8, 3)
    assert overlay[0, 0, 1] > 200 > 50 > overlay[4, 4, 1]


def test_the_drawing_shows_the_photograph_and_beside_it_where_the_heat_is(colours: Callable[..., keras.Model]) -> None:
    found = zoo.explain(colours(), picture(), label="red")
    drawn = np.asarray(Image.open(io.BytesIO(found.png())).convert("RGB"), int)
    assert min(drawn.shape[:2]) > 300
    middle = drawn.shape[1] // 2
    photograph, overlay = drawn[:, :middle], drawn[:, middle:]
    # The photograph is as it was: pure red above, pure blue below.
    for colour, is_above in ((RED, True), (BLUE, False)):
        rows, _ = np.nonzero((photograph == colour).all(axis=2))
        assert len(rows) > 1_000
        assert (rows.mean() < drawn.shape[0] / 2) == is_above
    # With the heat over it, the red square becomes bright where the class was found, and the blue one only darker.
    rows, columns = np.nonzero((overlay[..., 0] > 200) & (overlay[..., 1] > 100) & (overlay.min(axis=2) < 200))
    assert len(rows) > 1_000
    assert rows.max() < drawn.shape[0] / 2
    assert columns.max() < middle / 2
    assert not (overlay == RED).all(axis=2).any()


# -- feature maps and filters


def test_feature_maps_are_what_the_layer_puts_out(colours: Callable[..., keras.Model]) -> None:
    found = feature_maps(colours(), picture())
    assert (found.layer, found.values.shape) == ("colours", (8, 8, 2))
    assert np.array_equal(found.values[:, :, 0] == 255, np.asarray(picture())[:, :, 0] == 255)
    drawn = np.asarray(Image.open(io.BytesIO(found.png())).convert("RGB"))
    hot = (drawn == (253, 231, 36)).all(axis=2)  # the largest value of each map
    red, blue = (np.argwhere(half) for half in np.array_split(hot, 2, axis=1))
    middle = np.array(hot.shape) / (2, 4)
    assert (red.mean(axis=0) < middle).all()
    assert (blue.mean(axis=0) > middle).all()
    assert len(blue) / len(red) == pytest.approx(9 / 4, rel=0.15)  # 9 pixels of the picture are blue, and 4 are red
    model = zoo.build("small_resnet")
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
    inputs = prepare(image, zoo.models.build_info.build_of(model).preprocessing, (32, 32, 3))
    expected = keras.Model(model.input, model.get_layer("stage2_block1_out").output)(inputs[None])[0]
    assert feature_maps(model, image, "stage2_block1_out").values == pytest.approx(np.asarray(expected), abs=1e-5)
    assert feature_maps(model, image).layer == "stage1_block1_out"


def test_filters_are_the_kernels_of_the_first_convolution(colours: Callable[..., keras.Model]) -> None:
    model = zoo.build("small_separable", classes=2)
    found = filters(model)
    assert (found.layer, found.values.shape) == ("stem_conv", (3, 3, 3, 8))
    assert np.array_equal(found.values, model.get_layer("stem_conv").kernel)
    assert filters(model, "depthwise2").values.shape == (3, 3, 1, 16)
    assert filters(model, "pointwise2").values.shape[:2] == (1, 1)
    with pytest.raises(ArgumentError, match="layer 'pointwise2_relu': this layer is not a convolution; did you mean"):
        filters(model, "pointwise2_relu")
    with pytest.raises(ArgumentError, match="the model has no convolution"):
        filters(zoo.build("small_mlp"))


def test_filters_of_a_model_that_takes_blue_first_are_red_first() -> None:
    model = zoo.build("small_resnet")
    annotate(model, preprocessing=Preprocessing(channels="bgr"))
    found = filters(model)
    assert np.array_equal(found.values[:, :, 0], np.asarray(model.get_layer(found.layer).kernel)[:, :, 2])


# -- zoo explain


@pytest.fixture
def digit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    for name in ("digit.png", "more/digit.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8), 99).save(name)
    return "digit.png"


def test_a_picture_is_written_for_each_photograph(zoo: Zoo, digit: str) -> None:
    words = ("explain", "small_convnet.digits_0_4", digit, "more/digit.png", "--class", "3")
    status, out, _ = zoo(*words, "--out", "seen", "--json")
    assert status == 0
    one, other = json.loads(out)
    assert (one["label"], one["layer"], one["picture"]) == ("3", "pool2", "seen/digit-cam.png")
    assert other["picture"] == "seen/digit-cam-2.png"
    assert Image.open(other["picture"]).format == "PNG"
    assert zoo(*words)[1].splitlines()[0].split() == ["input", "label", "probability", "layer", "picture"]


def test_maps_and_filters_are_written(zoo: Zoo, digit: str) -> None:
    assert zoo("explain", "small_convnet.digits_0_4", digit, "--kind", "maps")[0] == 0
    assert zoo("explain", "small_convnet.digits_0_4", "--kind", "filters", "--layer", "conv2")[0] == 0
    assert Path("digit-maps.png").is_file()
    assert Path("small_convnet.digits_0_4-filters.png").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--kind cam needs a photograph; see zoo explain --help"),
        (("digit.png", "--kind", "filters"), "--kind filters takes no photograph"),
        (("digit.png", "--kind", "maps", "--class", "3"), "--class works with --kind cam alone"),
        (("none.png",), "explain 'none.png': there is no such file"),
        (
            ("digit.png", "--layer", "s5"),
            "layer 's5': the model has no such layer; pass one of conv1, pool1, conv2, pool2",
        ),
        (("digit.png", "--class", "9"), "the model has 5 classes; pass an index from 0 to 4"),
    ],
)
def test_a_mistake_is_one_line(words: tuple[str, ...], message: str, zoo: Zoo, digit: str) -> None:
    status, out, err = zoo("explain", "small_convnet.digits_0_4", *words)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert message in err
