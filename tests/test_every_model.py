"""Every model of the zoo builds, learns, and survives being saved, at the smallest size it takes."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo

SIZE = 32


def smallest(name: str) -> dict[str, object]:
    """Return the options that make a model small: few pixels, ten classes where it has more."""
    spec = zoo.info(name)
    if len(spec.input_shape) == 1:
        return {}
    size = min(max(spec.min_size, SIZE), spec.input_shape[0] or SIZE)
    return {"input_shape": (size, size, spec.input_shape[-1]), "classes": min(spec.classes, 10)}


@pytest.mark.parametrize("name", zoo.list_models())
def test_a_model_builds_runs_learns_saves_and_loads(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    model = zoo.build(name, **smallest(name))  # type: ignore[arg-type]
    inputs = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype("float32")

    with tf.GradientTape() as tape:
        outputs = keras.tree.flatten(model(inputs, training=True))
        loss = sum(tf.reduce_mean(tf.square(output - 0.3)) for output in outputs)
    gradients = tape.gradient(loss, model.trainable_variables)
    without = [v.path for v, g in zip(model.trainable_variables, gradients, strict=True) if g is None]
    assert without == []
    assert all(np.isfinite(keras.ops.convert_to_numpy(gradient)).all() for gradient in gradients)

    expected = keras.tree.flatten(model(inputs, training=False))
    model.save_weights(tmp_path / "model.weights.h5")
    for weight in model.weights:
        weight.assign(keras.ops.zeros_like(weight))
    report = zoo.load_weights(model, tmp_path / "model.weights.h5")
    assert (report.missing, report.unexpected) == ((), ())
    for one, other in zip(expected, keras.tree.flatten(model(inputs, training=False)), strict=True):
        np.testing.assert_array_equal(one, other)
