"""Every model of the zoo builds, learns, and survives being saved, at the smallest size it takes."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo.registry import find_model
from zoo.testing import checks


@pytest.mark.parametrize("name", zoo.list_models())
def test_a_model_builds_learns_saves_and_loads(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    spec = zoo.info(name)
    few = {"classes": min(spec.classes, 10)} if len(spec.input_shape) == 3 else {}
    candidate = checks.Candidate(spec, find_model(name)[0].distribution, small=few)
    model = candidate.build_anew()
    inputs = candidate.inputs(model)
    checks.takes_a_step(model, inputs)

    expected = keras.ops.convert_to_numpy(model(inputs, training=False))
    model.save_weights(tmp_path / "model.weights.h5")
    for weight in model.weights:
        weight.assign(keras.ops.zeros_like(weight))
    report = zoo.load_weights(model, tmp_path / "model.weights.h5")
    assert (report.missing, report.unexpected) == ((), ())
    np.testing.assert_array_equal(model(inputs, training=False), expected)
