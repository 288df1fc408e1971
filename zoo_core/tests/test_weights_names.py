"""Weights under other names: auxiliary classifiers, layers that Keras has numbered, variables of Keras 1."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import safetensors.numpy

import zoo
from zoo.weights.matching import targets_of

BUILDERS = """
import keras
from keras import layers

def sided(input_shape, classes, include_top, pooling, classifier_activation, aux=True):
    inputs = keras.Input(input_shape)
    side = x = layers.Conv2D(4, 3, name="first")(inputs)
    x = layers.Conv2D(4, 1, name="second")(x)
    x = layers.Conv2D(4, 1, name="third")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(classes, name="predictions")(x)
    if not aux:
        return keras.Model(inputs, x)
    side = layers.Flatten(name="aux_flatten")(side)
    side = layers.Dense(5, name="aux_hidden")(side)
    return keras.Model(inputs, [x, layers.Dense(classes, name="aux_predictions")(side)])
"""

LAYOUTS = """
def keras_numbers(layer):
    names = {"first": "conv2d_1", "second": "conv2d_2", "third": "conv2d_3", "predictions": "dense_1"}
    return names.get(layer, layer)
"""


@pytest.fixture(autouse=True)
def _toys(install, a_model: str, tmp_path: Path) -> None:
    declared = (
        'spec("sided", builder="zoo_toys.builders:sided", input_shape=(6, 6, 3), parameters=ParameterCount(587),'
        ' auxiliary=(("aux_flatten", "aux_hidden", "aux_predictions"),), head=("pool", "predictions"),'
        ' layouts={"keras_numbers": "zoo_toys.layouts:keras_numbers"})'
    )
    install("zoo-toys", a_model.replace('spec("toy")', declared), builders=BUILDERS)
    (tmp_path / "site-packages" / "zoo_toys" / "layouts.py").write_text(LAYOUTS)


def values(model: keras.Model) -> dict[str, np.ndarray]:
    return {target.name: keras.ops.convert_to_numpy(target.variable) for target in targets_of(model)}


def write(model: keras.Model, path: Path, rename: Callable[[str], str] = str) -> Path:
    safetensors.numpy.save_file({rename(name): value for name, value in values(model).items()}, path)
    return path


AUXILIARY = {f"aux_{layer}/{variable}" for layer in ("hidden", "predictions") for variable in ("kernel", "bias")}


def test_auxiliary_weights_have_no_place_in_a_model_without_them_and_are_reported(tmp_path: Path) -> None:
    model = zoo.build("sided", aux=False)
    report = zoo.load_weights(model, write(zoo.build("sided"), tmp_path / "m.safetensors"))
    assert set(report.unexpected) == AUXILIARY
    assert report.missing == report.auxiliary == ()
    assert len(report.loaded) == 8


def test_a_file_without_auxiliary_weights_leaves_them_at_their_initial_values_and_its_head_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given, model = zoo.build("sided", aux=False), zoo.build("sided")
    before = values(model)
    report = zoo.load_weights(model, write(given, tmp_path / "m.safetensors"))
    expected = {**{name: before[name] for name in AUXILIARY}, **values(given)}
    assert all(np.array_equal(value, expected[name]) for name, value in values(model).items())
    assert dict(report.auxiliary) == {name: f"{before[name].shape} has no array in the file" for name in AUXILIARY}
    assert report.missing == ()
    assert "aux_hidden/kernel" in str(report)
    assert "head" not in caplog.text


def test_an_auxiliary_classifier_of_another_size_starts_afresh_from_its_first_layer_that_does_not_fit(
    tmp_path: Path,
) -> None:
    report = zoo.load_weights(
        zoo.build("sided"), write(zoo.build("sided", input_shape=(8, 8, 3)), tmp_path / "m.safetensors")
    )
    reasons = dict(report.auxiliary)
    assert set(reasons) == AUXILIARY
    assert reasons["aux_hidden/kernel"] == "has the shape (64, 5) in the model and (144, 5) in the file"
    assert reasons["aux_predictions/kernel"] == "(5, 10) comes after a layer that does not fit"
    assert report.missing == ()


def test_a_new_head_is_new_in_the_auxiliary_classifiers_too(tmp_path: Path) -> None:
    report = zoo.load_weights(zoo.build("sided"), write(zoo.build("sided"), tmp_path / "m.safetensors"), head="new")
    assert [name for name, _ in report.missing] == ["predictions/kernel", "predictions/bias"]
    assert [name for name, _ in report.auxiliary] == ["aux_predictions/kernel", "aux_predictions/bias"]


@pytest.mark.parametrize("first", ["", "_1", "_95"], ids=["from none", "from 1", "from 95"])
def test_layers_that_keras_has_numbered_are_found_wherever_its_count_began(tmp_path: Path, first: str) -> None:
    given, model = zoo.build("sided", aux=False), zoo.build("sided", aux=False)
    begin = int(first[1:] or 0)
    numbers = {layer: f"conv2d_{begin + at}" for at, layer in enumerate(("first", "second", "third"))}
    names = {**numbers, "first": f"conv2d{first}", "predictions": f"dense{first}"}

    def rename(name: str) -> str:
        layer, _, variable = name.partition("/")
        return f"{names[layer]}/{variable}"

    report = zoo.load_weights(model, write(given, tmp_path / "m.safetensors", rename))
    assert report.layout == "keras_numbers"
    assert all(np.array_equal(value, values(given)[name]) for name, value in values(model).items())


def test_the_variables_of_keras_1_are_known_by_their_letters_with_and_without_a_number(tmp_path: Path) -> None:
    given, model = zoo.build("sided", aux=False), zoo.build("sided", aux=False)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in given.layers if layer.weights]
        for number, layer in enumerate(layer for layer in given.layers if layer.weights):
            names = [f"{layer.name}_{letter}{'_1' if number else ''}:0" for letter in "Wb"]
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights(), strict=True):
                group.create_dataset(name, data=value)
    zoo.load_weights(model, tmp_path / "m.h5")
    assert all(np.array_equal(value, values(given)[name]) for name, value in values(model).items())


def test_a_convolution_of_whole_maps_loads_into_the_dense_layer_behind_a_flatten(tmp_path: Path) -> None:
    given, model = zoo.build("sided"), zoo.build("sided")
    arrays = values(given)
    for name in ("aux_hidden", "aux_predictions"):
        kernel = arrays.pop(f"{name}/kernel")
        size = 4 if name == "aux_hidden" else 1
        maps = kernel.reshape(size, size, -1, kernel.shape[-1]).transpose(3, 2, 0, 1)
        arrays[f"{name}/weight"] = np.ascontiguousarray(maps)
    safetensors.numpy.save_file(arrays, tmp_path / "m.safetensors")
    report = zoo.load_weights(model, tmp_path / "m.safetensors")
    assert report.auxiliary == ()
    assert all(np.array_equal(value, values(given)[name]) for name, value in values(model).items())
