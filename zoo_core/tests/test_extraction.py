"""Features as arrays: what comes into the classifier, for every sample, and nothing half written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import zoo as the_zoo
from zoo.models.build_info import build_of

MODEL = "small_convnet.digits_0_4"


@pytest.fixture(scope="module")
def digits() -> the_zoo.Dataset:
    return the_zoo.load_data("digits", classes=range(5, 10))


def test_features_are_what_comes_into_the_classifier(digits: the_zoo.Dataset) -> None:
    model = the_zoo.build(MODEL)
    features = the_zoo.extract(model, digits)
    assert features.layer == "fc2"
    assert {name: values.shape for name, (values, _) in features.splits.items()} == {
        name: (len(split), 32) for name, split in digits.splits.items()
    }
    inside = keras.Model(model.input, model.get_layer("fc2").output)
    first = the_zoo.data.pipeline.arrays(digits.test, build_of(model).preprocessing, (16, 16, 1))[0][:3]
    assert np.allclose(features.splits["test"][0][:3], inside(first), atol=1e-5)
    assert np.array_equal(features.splits["train"][1], digits.train.labels)


def test_any_classifier_learns_from_them(digits: the_zoo.Dataset) -> None:
    features = the_zoo.extract(MODEL, digits)
    classifier = LogisticRegression(max_iter=1000).fit(*features.splits["train"])
    assert classifier.score(*features.splits["test"]) > 0.85


def test_features_are_vectors_for_a_classifier_that_is_a_convolution_too() -> None:
    model = the_zoo.build("small_separable", classes=3)
    pictures = np.random.default_rng(0).integers(0, 256, (6, 40, 40, 3), np.uint8)
    samples = the_zoo.data.Split(pictures, np.arange(6) % 3)
    data = the_zoo.data.Dataset("six", "image-classification", train=samples, class_names=("a", "b", "c"))
    features, labels = the_zoo.extract(model, data).splits["train"]
    assert features.shape == (6, 32)
    assert LogisticRegression().fit(features, labels).predict(features).shape == (6,)
    assert the_zoo.extract(model, data, layer="dropout").splits["train"][0].shape == (6, 1, 1, 32)


def test_a_named_layer_gives_its_maps_and_a_misspelt_one_is_suggested(digits: the_zoo.Dataset) -> None:
    assert the_zoo.extract(MODEL, digits, layer="conv1").splits["test"][0].shape[1:] == (16, 16, 6)
    with pytest.raises(the_zoo.ArgumentError, match="did you mean"):
        the_zoo.extract(MODEL, digits, layer="fc22")
    with pytest.raises(the_zoo.ArgumentError, match="without weights has random values"):
        the_zoo.extract("small_convnet", digits)


def test_the_program_writes_them_to_a_file(zoo: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    status, out, _ = zoo("extract", MODEL, "--data", "digits", "--classes", "5,6", "--out", str(path))
    assert status == 0
    assert "32" in out
    with np.load(path) as file:
        assert sorted(file.files) == sorted(
            [
                "class_names",
                *(f"{part}_{what}" for part in ("train", "validation", "test") for what in ("features", "labels")),
            ]
        )
        assert file["class_names"].tolist() == ["5", "6"]
    status, _, err = zoo("extract", MODEL, "--data", "digits", "--out", str(tmp_path / "digits.csv"))
    assert status == 1
    assert "pass a name that ends in .npz" in err
    assert [each.name for each in tmp_path.iterdir()] == ["digits.npz"]
