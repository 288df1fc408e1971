"""What a model says about new pictures and rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.data.decoding import open_image
from zoo.data.preprocessing import prepare
from zoo.errors import ArgumentError, DataError
from zoo.inference.prediction import Prediction
from zoo.models.build_info import annotate, build_of


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = zoo.build("small_mlp", classes=3, input_shape=(8, 8, 3))
    annotate(model, class_names=("ape", "bee", "cat"))
    return model


@pytest.fixture(scope="module")
def picture() -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 256, (20, 12, 3), np.uint8)


def test_predictions_are_the_models_outputs_best_first(model: keras.Model, picture: Any) -> None:
    inputs = prepare(open_image(picture), build_of(model).preprocessing, (8, 8, 3))
    outputs = model.predict(inputs[None], verbose=0)[0]
    (predictions,) = zoo.predict(model, picture)
    assert [each.index for each in predictions] == list(np.argsort(-outputs))
    assert [each.probability for each in predictions] == pytest.approx(sorted(outputs, reverse=True))
    assert [each.label for each in predictions] == [("ape", "bee", "cat")[each.index] for each in predictions]
    assert sum(each.probability for each in predictions) == pytest.approx(1, abs=1e-6)


def test_a_path_an_array_a_pillow_image_and_bytes_mean_the_same(
    model: keras.Model, picture: Any, tmp_path: Path
) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(picture).save(path)
    expected = zoo.predict(model, picture)
    for given in (path, str(path), Image.fromarray(picture), path.read_bytes(), picture.astype(np.float64)):
        assert zoo.predict(model, given) == expected
        assert zoo.predict(model, [given]) == expected
    assert zoo.predict(model, picture[None]) == expected


def test_many_pictures_are_read_a_batch_at_a_time(model: keras.Model, picture: Any) -> None:
    opened = 0

    def pictures() -> Iterator[Any]:
        nonlocal opened
        for number in range(70):
            opened += 1
            yield np.roll(picture, number)

    predictions = zoo.predict(model, pictures(), batch_size=32)
    assert (len(predictions), opened) == (70, 70)
    alone = zoo.predict(model, np.roll(picture, 69))[0]
    assert [each.probability for each in predictions[69]] == pytest.approx(
        [each.probability for each in alone], rel=1e-5
    )
    assert predictions[0] != predictions[1]
    assert zoo.predict(model, []) == []


@pytest.mark.parametrize(("top", "count"), [(1, 1), (2, 2), (5, 3)])
def test_top_is_how_many_and_never_more_than_there_are(model: keras.Model, picture: Any, top: int, count: int) -> None:
    assert len(zoo.predict(model, picture, top)[0]) == count


@pytest.mark.parametrize("top", [0, -1, True, 1.5])
def test_a_top_of_less_than_one_is_refused(model: keras.Model, picture: Any, top: Any) -> None:
    with pytest.raises(ArgumentError, match="top= is not a positive integer"):
        zoo.predict(model, picture, top)


def test_classes_without_names_are_called_by_their_index(picture: Any) -> None:
    predictions = zoo.predict(zoo.build("small_mlp", classes=3, input_shape=(8, 8, 3)), picture)[0]
    assert all(each.label == str(each.index) for each in predictions)


def test_one_sigmoid_unit_gives_both_classes(picture: Any) -> None:
    for activation in ("sigmoid", None):
        model = zoo.build(
            "small_mlp", classes=1, input_shape=(8, 8, 3), hidden_units=(), classifier_activation=activation
        )
        annotate(model, class_names=("no", "yes"))
        model.set_weights([np.zeros((192, 1)), np.log([3.0])])
        first, second = zoo.predict(model, picture)[0]
        assert (first.label, second.label) == ("yes", "no")
        assert (first.probability, second.probability) == pytest.approx((0.75, 0.25))


def test_equal_probabilities_stand_in_the_order_of_the_classes(picture: Any) -> None:
    model = zoo.build("small_mlp", classes=4, input_shape=(8, 8, 3), hidden_units=())
    model.set_weights([np.zeros((192, 4)), np.zeros(4)])
    assert [each.index for each in zoo.predict(model, picture)[0]] == [0, 1, 2, 3]


def test_a_regression_gives_the_value_of_its_target(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("\n".join(["size,price", *(f"{size},{size * 10}" for size in range(40))]))
    run = zoo.transfer("small_regression", zoo.load_data(path, target="price"), "full", epochs=1, progress=False)
    rows = [{"size": str(size)} for size in range(40)]
    predictions = zoo.predict(run, rows)
    assert predictions == zoo.predict(run, path)
    assert predictions == zoo.predict(run, str(path))
    assert [each.value for (each,) in predictions] == pytest.approx(
        list(run.model.predict(run.build.table.encode(rows), verbose=0).ravel()), rel=1e-5
    )
    assert {(each.index, each.label, each.probability) for (each,) in predictions} == {(0, "price", None)}
    with pytest.raises(DataError, match="row 1 has no text for size"):
        zoo.predict(run, {"price": "3"})
    with pytest.raises(DataError, match="no such file"):
        zoo.predict(run, tmp_path / "none.csv")


def test_a_prediction_reads_well() -> None:
    assert str(Prediction(1, "cat", 0.9871)) == "cat 98.7%"
    assert str(Prediction(0, "price", value=301000.0)) == "price 301000"


def test_a_picture_that_cannot_be_read_is_named(model: keras.Model, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    for name, message in (("broken.jpg", "broken.jpg"), ("missing.jpg", "there is no such file")):
        with pytest.raises(DataError, match=message):
            zoo.predict(model, [tmp_path / name])


def test_what_cannot_predict_is_refused(picture: Any) -> None:
    for given, message in [
        ("small_convnet", "without weights has random values"),
        (zoo.build("small_regression"), "it is not known how to encode the columns"),
        (zoo.build("small_mlp", include_top=False), "without its top"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            zoo.predict(given, picture)
    with pytest.raises(ArgumentError, match="batches of 0"):
        zoo.predict(zoo.build("small_mlp"), picture, batch_size=0)
