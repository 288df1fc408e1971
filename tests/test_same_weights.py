"""One set of weights, written by Keras then and now and under the names of 2015: the same model, the same outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

import zoo
from zoo.models.build_info import build_of
from zoo_resnet.layouts import keras_2015

#: What Keras 1 called the variables of a layer, in its files of TensorFlow's order.
KERAS_1 = {
    "kernel": "W",
    "bias": "b",
    "gamma": "gamma",
    "beta": "beta",
    "moving_mean": "running_mean",
    "moving_variance": "running_std",
}


def write_as_in_2015(model: keras.Model, path: Path, rename: Callable[[str], str]) -> None:
    """Write the weights of a keras.applications model as Keras 1 did: ``res2a_branch2a/res2a_branch2a_W_1:0``."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [rename(layer.name).encode() for layer in model.layers]
        for layer in model.layers:
            name = rename(layer.name)
            group = file.create_group(name)
            names = [f"{name}_{KERAS_1[variable.name]}_1:0" for variable in layer.weights]
            group.attrs["weight_names"] = [each.encode() for each in names]
            for each, variable in zip(names, layer.weights, strict=True):
                group[each] = keras.ops.convert_to_numpy(variable)


def written_today(model: keras.Model, folder: Path) -> Iterator[Path]:
    for name in ("today.weights.h5", "today.keras", "today.h5"):
        (model.save_weights if name.endswith("weights.h5") else model.save)(folder / name)
        yield folder / name
    with h5py.File(folder / "legacy.h5", "w") as file:
        save_weights_to_hdf5_group(file, model)
    yield folder / "legacy.h5"


def outputs(model: keras.Model) -> np.ndarray:
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, *model.input_shape[1:])).astype(np.float32)
    return np.asarray(model.predict_on_batch(pictures))


def test_mobilenet_of_keras_2_and_of_today_are_one(shared: Path, tmp_path: Path) -> None:
    legacy = shared / "weights" / "mobilenet_2_5_224_tf.h5"
    first = zoo.build("mobilenet_v1_025", weights=str(legacy))
    reference = keras.applications.MobileNet(alpha=0.25, weights=str(legacy))
    expected = outputs(first)
    assert np.allclose(expected, outputs(reference), atol=1e-6)
    for path in written_today(reference, tmp_path):
        model = zoo.build("mobilenet_v1_025", weights=str(path))
        assert build_of(model).report.missing == ()
        assert np.array_equal(outputs(model), expected), path.name


def test_resnet50_of_2015_and_of_today_are_one(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    reference = keras.applications.ResNet50(weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3))
    for variable in reference.variables:  # BatchNorms that stand out: fresh ones cannot be told from one another
        if variable.name in ("gamma", "beta", "moving_mean", "moving_variance"):
            variable.assign(np.random.default_rng(len(variable.path)).uniform(0.5, 1.5, variable.shape))
    expected = outputs(reference)
    write_as_in_2015(reference, tmp_path / "2015.h5", keras_2015)
    for path in (tmp_path / "2015.h5", *written_today(reference, tmp_path)):
        model = zoo.build("resnet50", weights=str(path), include_top=False, pooling="avg", input_shape=(64, 64, 3))
        assert build_of(model).report.layout == ("keras_2015" if path.name == "2015.h5" else "own")
        assert np.allclose(outputs(model), expected, rtol=1e-5), path.name


def test_a_file_that_fits_by_shape_but_not_by_name_is_refused(tmp_path: Path) -> None:
    model = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(64, 64, 3))
    swapped = {"conv4_block2_2_conv": "conv4_block3_2_conv", "conv4_block3_2_conv": "conv4_block2_2_conv"}
    write_as_in_2015(model, tmp_path / "2015.h5", lambda layer: f"x_{swapped.get(layer, layer)}")
    with pytest.raises(zoo.WeightsMismatchError, match="fits 0 of the model's 318 variables by own names"):
        zoo.build("resnet50", weights=str(tmp_path / "2015.h5"), include_top=False, input_shape=(64, 64, 3))
