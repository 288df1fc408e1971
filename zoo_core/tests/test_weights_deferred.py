"""Building straight into the weights: the same model to the last bit, and nothing drawn or held for nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

import zoo
from zoo.models.build_info import build_of
from zoo.weights.conversion import arrays_of
from zoo.weights.deferred import aligned, built_with
from zoo.weights.formats import aligned_empty

BUILDERS = """
import keras
from keras import layers

def toy(input_shape, classes, include_top, pooling, classifier_activation, touches=""):
    inputs = keras.Input(input_shape)
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    bn = layers.BatchNormalization(name="bn")
    x = bn(x)
    if touches == "assigns":
        bn.gamma.assign(2 * keras.ops.ones(4))
    if touches == "reads":
        bn.gamma.numpy()
    x = layers.Dropout(0.5, name="dropout", seed=3)(layers.Flatten(name="flatten")(x))
    if include_top:
        x = layers.Dense(classes, classifier_activation, name="predictions")(x)
    return keras.Model(inputs, x)
"""


@pytest.fixture(autouse=True)
def _toys(install, a_model: str) -> None:
    declared = 'spec("toy", parameters=ParameterCount(1578, 1570))'
    install("zoo-toys", a_model.replace('spec("toy")', declared), builders=BUILDERS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A weights file of the toy whose every value is different."""
    generator = np.random.default_rng(0)
    arrays = {name: generator.uniform(0.1, 1, a.shape).astype("f4") for name, a in arrays_of(zoo.build("toy")).items()}
    safetensors.numpy.save_file(arrays, tmp_path / "toy.safetensors")
    return tmp_path / "toy.safetensors"


def train_a_little(model: keras.Model) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    for _ in range(3):
        model.train_on_batch(generator.random((4, 8, 8, 3), np.float32), generator.integers(0, 10, 4))
    return arrays_of(model)


def test_a_model_built_into_its_weights_has_them_and_trains_like_one_that_was_loaded(file: Path) -> None:
    direct = zoo.build("toy", weights=str(file))
    loaded = zoo.build("toy")
    assert build_of(direct).report == zoo.load_weights(loaded, file)
    for before, after in ((arrays_of(direct), arrays_of(loaded)), (train_a_little(direct), train_a_little(loaded))):
        assert all(np.array_equal(before[name], after[name]) for name in after)
    stored = safetensors.numpy.load_file(file)
    assert not np.array_equal(arrays_of(direct)["conv/kernel"], stored["conv/kernel"])  # it did learn


def test_no_random_value_is_drawn_for_a_variable_that_the_file_holds(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    draw = keras.initializers.GlorotUniform.__call__

    def counted(self, shape, dtype=None):  # type: ignore[no-untyped-def]
        if tf.executing_eagerly():
            drawn.append(tuple(shape))
        return draw(self, shape, dtype)

    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", counted)
    zoo.build("toy", weights=str(file))
    assert drawn == []
    model = zoo.build("toy", weights=str(file), classes=3)
    assert drawn == [(144, 3)]
    assert [name for name, _ in build_of(model).report.missing] == ["predictions/kernel", "predictions/bias"]
    assert np.std(arrays_of(model)["predictions/kernel"]) > 0.05


def test_aligned_memory_is_taken_over_without_a_copy() -> None:
    array = aligned_empty((64, 64), np.float32)
    array[...] = 1

    def make() -> keras.Model:
        return keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, use_bias=False)])

    model = built_with(make, lambda model: [(model.weights[0], array)])
    array[0, 0] = 7
    assert model.weights[0].numpy()[0, 0] == 7
    assert aligned(array) is array


@pytest.mark.parametrize("shape", [(5,), (0,), (3, 4), ()])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_memory_that_cannot_be_taken_over_is_copied_to_some_that_can(shape: tuple[int, ...], dtype: str) -> None:
    unaligned = np.zeros(1000, np.uint8)[1:][: 8 * int(np.prod(shape))].view("f8").reshape(shape).astype(dtype)
    copy = aligned(unaligned[..., ::-1] if shape else unaligned, "f4")
    assert not copy.size or copy.ctypes.data % 64 == 0  # NumPy does not say where an empty array begins
    assert copy.dtype == np.float32
    assert copy.shape == shape


@pytest.mark.parametrize("touches", ["assigns", "reads"])
def test_a_builder_that_needs_the_values_of_its_variables_is_built_as_ever(touches: str, file: Path) -> None:
    model = zoo.build("toy", weights=str(file), touches=touches)
    stored = safetensors.numpy.load_file(file)
    assert all(np.array_equal(array, stored[name]) for name, array in arrays_of(model).items())
    assert zoo.build("toy", touches="assigns").get_layer("bn").gamma.numpy().tolist() == [2, 2, 2, 2]


def test_weights_that_do_not_fit_leave_nothing_behind(file: Path) -> None:
    safetensors.numpy.save_file({"conv/kernel": np.zeros((3, 3, 3, 9), "f4")}, file)
    with pytest.raises(zoo.WeightsMismatchError, match="conv/kernel has the shape"):
        zoo.build("toy", weights=str(file))
    with keras.StatelessScope():  # on leaving, Keras gives a value to every variable that still waits for one
        layer = keras.layers.Dense(2)
        layer.build((None, 2))
    assert layer.kernel.shape == (2, 2)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (1, lambda kernel: kernel.sum(axis=2, keepdims=True)),
        (4, lambda kernel: np.concatenate([kernel, np.zeros((3, 3, 1, 4))], axis=2)),
    ],
)
def test_a_first_convolution_is_adapted_to_one_channel_and_to_four(
    channels: int, expected: Callable[[np.ndarray], np.ndarray], file: Path
) -> None:
    model = zoo.build("toy", weights=str(file), input_shape=(8, 8, channels))
    kernel = safetensors.numpy.load_file(file)["conv/kernel"]
    assert np.allclose(arrays_of(model)["conv/kernel"], expected(kernel), atol=1e-6)
    ((name, what),) = build_of(model).report.adapted
    assert name == "conv/kernel"
    assert "channel" in what


def test_two_channels_and_a_later_convolution_are_not_adapted(file: Path) -> None:
    with pytest.raises(zoo.WeightsMismatchError, match=r"conv/kernel has the shape \(3, 3, 2, 4\)"):
        zoo.build("toy", weights=str(file), input_shape=(8, 8, 2))
