"""Strategies of several phases, and a last layer that is solved for instead of trained."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import zoo
from zoo.transfer.closed_form import solve_regression
from zoo.transfer.strategies import fine_tune, gradual, stages_of
from zoo.transfer.training_state import values_of


@pytest.fixture(scope="module")
def digits() -> zoo.Dataset:
    return zoo.load_data("digits", classes=range(5, 10))


def train(data: zoo.Dataset, strategy: str, **options: object) -> zoo.Run:
    return zoo.transfer("small_convnet.digits_0_4", data, strategy, seed=1, progress=False, pictures=False, **options)  # type: ignore[arg-type]


def samples(classes: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, classes, 200)
    return (draw.normal(size=(200, 6)) * 3 + 5 + labels[:, None]).astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 4])
def test_the_layer_says_what_scikit_learns_regression_says(classes: int) -> None:
    features, labels = samples(classes)
    layer = layers.Dense(classes, activation="softmax")
    layer.build((None, 6))
    solve_regression(layer, features, labels, c=0.5)
    scaled = StandardScaler().fit_transform(features)
    expected = LogisticRegression(C=0.5, max_iter=1000).fit(scaled, labels).predict_proba(scaled)
    assert np.allclose(layer(features), expected, atol=1e-4)


def test_one_sigmoid_unit_and_a_convolution_are_solved_for_too() -> None:
    features, labels = samples(2)
    unit = layers.Dense(1, activation="sigmoid")
    unit.build((None, 6))
    solve_regression(unit, features, labels)
    convolution = layers.Conv2D(2, 1)
    convolution.build((None, 1, 1, 6))
    solve_regression(convolution, features.reshape(-1, 1, 1, 6), labels)
    logits = np.asarray(convolution(features.reshape(-1, 1, 1, 6))).reshape(-1, 2)
    assert np.allclose(np.ravel(unit(features)), 1 / (1 + np.exp(logits[:, 0] - logits[:, 1])), atol=1e-5)


def test_a_class_without_samples_is_never_said() -> None:
    features, labels = samples(2)
    layer = layers.Dense(3, activation="softmax")
    layer.build((None, 6))
    solve_regression(layer, features, 2 * labels)
    assert np.all(np.asarray(layer(features))[:, 1] < 1e-6)


def test_real_targets_are_a_ridge_regression() -> None:
    features, _ = samples(2)
    layer = layers.Dense(1)
    layer.build((None, 6))
    solve_regression(layer, features, (features @ np.arange(6.0) + 3).astype(np.float32), c=1e6)
    assert np.allclose(np.ravel(layer.kernel), np.arange(6), atol=1e-3)


def test_what_cannot_be_solved_for_is_refused() -> None:
    layer = layers.Dense(2, use_bias=False)
    layer.build((None, 6))
    with pytest.raises(zoo.ArgumentError, match="it is not a dense layer with a bias"):
        solve_regression(layer, *samples(2))
    with pytest.raises(zoo.ArgumentError, match="it is not positive"):
        solve_regression(layer, *samples(2), c=0)


def test_features_learns_digits_in_one_epoch_and_leaves_the_backbone(digits: zoo.Dataset) -> None:
    run = train(digits, "features")
    assert run.metrics.top1 > 0.8
    assert [(each["epoch"], each["phase"]) for each in run.history] == [(1, "features")]
    assert run.history[0]["val_accuracy"] > 0.8
    before = zoo.build("small_convnet.digits_0_4")
    for name in ("conv1", "conv2", "fc1", "fc2"):
        assert np.array_equal(before.get_layer(name).kernel, run.model.get_layer(name).kernel)


def test_features_need_their_room_whatever_is_said_of_the_cache(
    digits: zoo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train(digits, "features").model.get_weights()
    assert all(map(np.array_equal, expected, train(digits, "features", cache="off").model.get_weights()))
    monkeypatch.setattr("zoo.transfer.feature_cache.IN_MEMORY", 10)
    monkeypatch.setattr("zoo.transfer.feature_cache._OF_FREE_SPACE", 0.0)
    with pytest.raises(
        zoo.RunError, match="no room for the features that the phase 'features' needs; set TMPDIR to a larger disk"
    ):
        train(digits, "features")


def test_features_of_a_network_with_auxiliary_classifiers_are_those_of_its_main_output() -> None:
    data = zoo.load_data("synthetic_images", count=24, size=32, classes=2, validation=0.25, test=0.0)
    options = {"aux_classifiers": True}
    run = zoo.transfer("small_inception", data, "features", seed=0, progress=False, pictures=False, **options)  # type: ignore[arg-type]
    assert [each["phase"] for each in run.history] == ["features"]


def test_fine_tune_trains_the_head_and_then_the_last_stage(digits: zoo.Dataset) -> None:
    run = train(digits, "fine_tune", epochs=6, from_layer="fc1")
    assert [each["phase"] for each in run.history] == ["head"] * 3 + ["fine-tune"] * 3
    assert run.history[-1]["learning_rate"] < run.history[0]["learning_rate"]
    before = zoo.build("small_convnet.digits_0_4")
    assert np.array_equal(before.get_layer("conv2").kernel, run.model.get_layer("conv2").kernel)
    assert not np.array_equal(before.get_layer("fc1").kernel, run.model.get_layer("fc1").kernel)


@pytest.mark.parametrize("make", [fine_tune, partial(gradual, stages=1)])
def test_batch_normalisation_stays_as_it_was_loaded_unless_asked_for(make: Any) -> None:
    model = zoo.build("small_resnet")
    norms = {layer.name for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)}
    still, learning = (
        set(make(model, epochs=4, learning_rate=None, batch_norm=wanted)[-1].trainable) for wanted in (False, True)
    )
    assert not still & norms
    assert learning & norms == learning - still != set()


def test_gradual_thaws_one_stage_more_with_every_phase_at_a_lower_rate() -> None:
    model = zoo.build("small_resnet")
    phases = gradual(model, epochs=9, learning_rate=None, stages=2, factor=0.5)
    assert [phase.name for phase in phases] == ["head", "from stage3_block1_conv1", "from stage2_block1_conv1"]
    assert [phase.epochs for phase in phases] == [3, 3, 3]
    assert phases[2].learning_rate == phases[1].learning_rate / 2
    assert set(phases[0].trainable) < set(phases[1].trainable) < set(phases[2].trainable)
    assert [len(stage) for stage in stages_of(model)] == [6, 9, 5]


def test_frozen_layers_keep_every_bit_on_every_strategy() -> None:
    data = zoo.load_data("synthetic_images", count=40, size=32, classes=2, validation=0.2, test=0.0)
    start = zoo.transfer("small_resnet", data, "full", epochs=1, seed=0, progress=False, pictures=False)
    before = dict(zip((v.path for v in start.model.weights), values_of(start.model.weights), strict=True))
    options = {"last_layers": {"layers": 3}, "fine_tune": {}, "gradual": {"stages": 1}, "features": {}, "head": {}}
    for strategy, own in options.items():
        run = zoo.transfer(start, data, strategy, epochs=3, seed=0, progress=False, pictures=False, **own)  # type: ignore[arg-type]
        learnt = {name for phase in run.info["strategy"]["phases"] for name in phase["trainable"]}
        frozen = [v for layer in run.model.layers if layer.name not in learnt for v in layer.weights]
        assert len(frozen) > 20
        assert all(np.array_equal(before[v.path], keras.ops.convert_to_numpy(v)) for v in frozen), strategy


@pytest.mark.parametrize(
    ("strategy", "options", "said"),
    [
        (fine_tune, {"epochs": 1}, "each phase needs at least one epoch"),
        (fine_tune, {"epochs": 4, "head_epochs": 4}, "each phase needs at least one epoch"),
        (fine_tune, {"epochs": 4, "from_layer": "conv9"}, "the model has no such layer"),
        (gradual, {"epochs": 2}, "pass epochs=4 or more"),
        (gradual, {"epochs": 9, "stages": 7}, "the network has 3 stages"),
        (gradual, {"epochs": 9, "factor": 2}, "it is not a number above 0 and up to 1"),
    ],
)
def test_what_a_strategy_cannot_do_is_said(strategy: Callable, options: dict, said: str) -> None:
    with pytest.raises(zoo.ArgumentError, match=said):
        strategy(zoo.build("small_resnet"), learning_rate=None, **options)


STRATEGY = """\
from zoo import StrategySpec, hookimpl

@hookimpl
def zoo_strategies():
    yield StrategySpec(name="ridge", phases="zoo_toys.builders:ridge", summary="solves for the last layer")
"""

PHASES = """\
from zoo.transfer import Phase

def ridge(model, *, epochs, learning_rate):
    return [Phase("ridge", ("predictions",), 1, 0.01, solver={solver!r}, options={{"c": 0.01}})]
"""


def test_a_plugins_solver_from_the_module_of_zoo_0_1_is_found_where_it_is_now(
    install: Callable[..., None], digits: zoo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "zoo.transfer.solving", raising=False)  # a module warns of each name once
    expected = train(digits, "features")
    install("zoo-acme", STRATEGY, builders=PHASES.format(solver="zoo.transfer.solving:regression"))
    with pytest.warns(DeprecationWarning, match=r"is now zoo\.transfer\.closed_form\.solve_regression"):
        run = train(digits, "ridge")
    assert all(map(np.array_equal, run.model.get_weights(), expected.model.get_weights()))


def test_a_solver_that_fails_is_the_plugins_fault(install: Callable[..., None], digits: zoo.Dataset) -> None:
    install("zoo-acme", STRATEGY, builders=PHASES.format(solver="zoo_toys.builders:missing"))
    with pytest.raises(zoo.PluginError, match=r"the solver zoo_toys.builders:missing of the phase 'ridge' raised"):
        train(digits, "ridge")
