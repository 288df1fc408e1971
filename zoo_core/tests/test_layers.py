"""What the shared layers compute."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from zoo.layers.heads import averaged_maps, classifier, pooled_features
from zoo.layers.normalization import LocalResponseNormalization

SETTINGS = [
    {"depth_radius": 4, "bias": 1.0, "alpha": 0.001 / 9, "beta": 0.75},
    {"depth_radius": 2, "bias": 2.0, "alpha": 1e-4, "beta": 0.75},
    {"depth_radius": 7, "bias": 0.5, "alpha": 0.3, "beta": 0.5},
]


@pytest.mark.parity
@pytest.mark.parametrize("settings", SETTINGS)
def test_local_response_normalisation_is_that_of_tensorflow(settings: dict[str, float]) -> None:
    import tensorflow as tf

    x = 20 * np.random.default_rng(0).normal(size=(2, 3, 4, 10)).astype("float32")
    expected = tf.nn.local_response_normalization(x, **settings)
    np.testing.assert_allclose(LocalResponseNormalization(**settings)(x), expected, rtol=1e-5)


def test_alpha_multiplies_the_sum_over_the_window_and_not_its_mean() -> None:
    y = LocalResponseNormalization(1, bias=1.0, alpha=1.0, beta=1.0)(np.array([[1.0, 2.0, 3.0]], dtype="float32"))
    np.testing.assert_allclose(y, [[1 / (1 + 1 + 4), 2 / (1 + 1 + 4 + 9), 3 / (1 + 4 + 9)]], rtol=1e-6)


def test_a_saved_normalisation_keeps_its_settings(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, 6))
    model = keras.Model(inputs, LocalResponseNormalization(**SETTINGS[1], name="norm1")(inputs))
    model.save(tmp_path / "model.keras")
    layer = keras.models.load_model(tmp_path / "model.keras").get_layer("norm1")
    assert {name: getattr(layer, name) for name in SETTINGS[1]} == SETTINGS[1]


def test_pooling_takes_the_mean_or_the_maximum_over_space() -> None:
    features = np.arange(8, dtype="float32").reshape(1, 2, 2, 2)
    assert np.asarray(pooled_features(features, "avg")).tolist() == [[3.0, 4.0]]
    assert np.asarray(pooled_features(features, "max")).tolist() == [[6.0, 7.0]]
    assert pooled_features(features, None) is features


def test_a_classifier_drops_features_in_training_only() -> None:
    inputs = keras.Input((50,))
    model = keras.Model(inputs, classifier(inputs, 3, "softmax", dropout=0.5))
    x = np.ones((1, 50), dtype="float32")
    assert [layer.name for layer in model.layers[1:]] == ["top_dropout", "predictions"]
    np.testing.assert_array_equal(model(x, training=False), model(x, training=False))
    assert not np.array_equal(model(x, training=True), model(x, training=False))


@pytest.mark.parametrize(("height", "width", "size"), [(13, 9, 6), (4, 6, 4), (1, 2, 7), (14, 14, 4)])
def test_maps_are_split_into_windows_that_cover_them_and_overlap_where_they_must(
    height: int, width: int, size: int
) -> None:
    maps = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype("float32")

    def windows(length: int) -> list[slice]:
        return [slice(at * length // size, -(-(at + 1) * length // size)) for at in range(size)]

    expected = [[maps[:, rows, columns].mean((1, 2)) for columns in windows(width)] for rows in windows(height)]
    np.testing.assert_allclose(averaged_maps(maps, size), np.moveaxis(expected, 2, 0), rtol=1e-4, atol=1e-6)


def test_maps_that_have_the_size_already_get_no_layer() -> None:
    maps = keras.Input((6, 6, 3))
    assert averaged_maps(maps, 6) is maps
