"""What auxiliary classifiers promise: a third of a say in training, none at inference."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo.transfer.strategies import last_layers

CLASSES = 4


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(6, 32, 32, 3)).astype("float32")


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.arange(6) % CLASSES


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build()


def build(**options: object) -> keras.Model:
    """A GoogLeNet without chance in it, so that training and inference differ in nothing but the outputs."""
    settings = {"classes": CLASSES, "dropout": 0.0, "aux_dropout": 0.0, "initial": "he_normal", **options}
    return zoo.build("googlenet", input_shape=(32, 32, 3), **settings)  # type: ignore[arg-type]


def cross_entropy(labels: np.ndarray, shares: object) -> float:
    return float(keras.losses.SparseCategoricalCrossentropy()(labels, shares))


def compiled(model: keras.Model) -> keras.Model:
    optimizer, loss = keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy()
    model.compile(optimizer, loss, metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")])
    return model


def training_loss(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    return float(compiled(model).compute_loss(images, labels, model(images, training=True)))


def test_they_speak_in_training_and_are_gone_at_inference(model: keras.Model, images: np.ndarray) -> None:
    main, *auxiliaries = model(images, training=True)
    assert [each.shape for each in auxiliaries] == [(6, CLASSES), (6, CLASSES)]
    for output in (model(images), model(images, training=False), model.predict(images, verbose=0)):
        np.testing.assert_allclose(output, main, rtol=1e-4, atol=1e-6)


def test_fit_adds_three_tenths_of_their_losses_and_evaluation_nothing(
    model: keras.Model, images: np.ndarray, labels: np.ndarray
) -> None:
    main, *auxiliaries = (cross_entropy(labels, output) for output in model(images, training=True))
    assert abs(sum(auxiliaries) / 2 - main) > 0.01
    right = float((np.asarray(model(images)).argmax(1) == labels).mean())
    history = compiled(model).fit(images, labels, validation_data=(images, labels), verbose=0).history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}  # of the main output alone
    assert history["loss"] == [pytest.approx(main + 0.3 * sum(auxiliaries), rel=1e-4)]
    assert history["val_loss"] == [pytest.approx(main, rel=1e-4)]
    assert history["accuracy"] == history["val_accuracy"] == [pytest.approx(right)]


def test_a_penalty_on_weights_counts_once(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> None:
    before, kernel = training_loss(model, images, labels), model.get_layer("conv2_conv").kernel
    kernel.regularizer = keras.regularizers.L2(0.01)
    after, kernel.regularizer = training_loss(model, images, labels), None
    penalty = 0.01 * float(np.square(kernel).sum())
    assert penalty > 0.1
    assert after - before == pytest.approx(penalty, rel=1e-3)


def test_without_them_the_same_weights_load_and_the_outputs_are_equal(
    model: keras.Model, images: np.ndarray, tmp_path: Path
) -> None:
    model.save_weights(tmp_path / "with.weights.h5")
    plain = build(aux_classifiers=False)
    report = zoo.load_weights(plain, tmp_path / "with.weights.h5")
    assert {name.partition("_")[0] for name in report.unexpected} == {"aux1", "aux2"}
    assert report.missing == report.auxiliary == ()
    np.testing.assert_allclose(plain(images), model(images), rtol=1e-4, atol=1e-6)

    plain.save_weights(tmp_path / "without.weights.h5")
    report = zoo.load_weights(build(), tmp_path / "without.weights.h5")
    assert {name.partition("_")[0] for name, _ in report.auxiliary} == {"aux1", "aux2"}
    assert report.missing == report.unexpected == ()


def test_a_saved_model_has_them_still(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(images), model(images))
    assert training_loss(again, images, labels) == pytest.approx(training_loss(model, images, labels))


def test_a_part_of_another_model_has_to_do_without_them(model: keras.Model) -> None:
    with pytest.raises(zoo.ArgumentError, match="build it without them"):
        model(keras.Input((32, 32, 3)))
    assert build(aux_classifiers=False)(keras.Input((32, 32, 3))).shape == (None, CLASSES)


def test_without_a_top_there_are_none() -> None:
    model = build(include_top=False)
    assert not [layer.name for layer in model.layers if layer.name.startswith("aux")]
    assert not isinstance(model.output, list)


def test_they_are_not_among_the_last_layers_but_train_with_what_learns_from_them(model: keras.Model) -> None:
    (last,) = last_layers(model, epochs=1, learning_rate=None, layers=1)
    (three,) = last_layers(model, epochs=1, learning_rate=None, layers=3)
    assert last.trainable == ("predictions",)
    assert [name for name in three.trainable[:3] if name.startswith("inception_5b")] == list(three.trainable[:2])
    weighted = ("reduce_conv", "fc", "predictions")
    assert set(three.trainable[2:]) == {"predictions", *(f"aux{n}_{layer}" for n in (1, 2) for layer in weighted)}
