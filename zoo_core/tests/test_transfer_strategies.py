"""Which layers learn, and which stay as they are to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import zoo
from zoo.errors import ArgumentError, PluginError
from zoo.transfer import ALL, Phase
from zoo.transfer.strategies import full, head, last_layers

STRATEGY = """\
from zoo import StrategySpec, hookimpl

@hookimpl
def zoo_strategies():
    yield StrategySpec(
        name="only", phases="zoo_toys.builders:only", summary="one layer", config={{"layer": {layer!r}}}
    )
"""

PHASES = """\
from zoo.transfer import ALL, Phase

def only(model, *, epochs, learning_rate, layer):
    return [Phase("one", (layer,), 1, 0.01), Phase("all", ALL, epochs - 1, 0.001)]
"""


QUIET: dict[str, Any] = {"progress": False, "pictures": False}


def variables(model: keras.Model) -> dict[str, np.ndarray[Any, Any]]:
    return {
        f"{layer.name}/{each.name}": keras.ops.convert_to_numpy(each)
        for layer in model.layers
        for each in layer.weights
    }


def changed(before: keras.Model, after: keras.Model) -> set[str]:
    old, new = variables(before), variables(after)
    return {name for name in old if old[name].shape == new[name].shape and not np.array_equal(old[name], new[name])}


@pytest.fixture(scope="module")
def resnet() -> keras.Model:
    return zoo.build("small_resnet", classes=2, depths=(1, 1, 1))


@pytest.fixture(scope="module")
def pictures() -> zoo.Dataset:
    return zoo.load_data("synthetic_images", count=24, classes=2, validation=0.0)


def test_the_head_learns_and_the_weights_and_statistics_of_the_backbone_keep_every_bit(
    resnet: keras.Model, pictures: zoo.Dataset
) -> None:
    run = zoo.transfer(resnet, pictures, "head", epochs=1, batch_size=8, seed=0, **QUIET)
    assert changed(resnet, run.model) == {"predictions/kernel", "predictions/bias"}
    assert len(run.model.trainable_weights) == len(resnet.trainable_weights)  # all can learn again


def test_training_everything_moves_every_weight_and_every_statistic(resnet: keras.Model, pictures: zoo.Dataset) -> None:
    run = zoo.transfer(resnet, pictures, "full", epochs=1, batch_size=8, seed=0, **QUIET)
    assert changed(resnet, run.model) == set(variables(resnet))


def test_the_layers_from_a_named_one_on_learn_with_their_statistics_and_no_other(
    resnet: keras.Model, pictures: zoo.Dataset
) -> None:
    run = zoo.transfer(
        resnet,
        pictures,
        "last_layers",
        from_layer="stage3_block1_conv1",
        epochs=1,
        batch_size=8,
        seed=0,
        progress=False,
        pictures=False,
    )
    layers = {name.partition("/")[0] for name in changed(resnet, run.model)}
    assert layers == {f"stage3_block1_{each}" for each in ("conv1", "norm1", "shortcut", "conv2", "norm2")} | {
        "predictions"
    }
    assert all(f"stage3_block1_norm1/{each}" in changed(resnet, run.model) for each in ("gamma", "moving_mean"))


def test_the_last_layers_are_counted_among_those_with_weights() -> None:
    (phase,) = last_layers(zoo.build("small_convnet"), epochs=3, learning_rate=None, layers=2)
    assert phase == Phase("last layers", ("fc2", "predictions"), 3, 1e-4)


@pytest.mark.parametrize("layers", [0, 6, True, 1.5])
def test_a_count_of_layers_that_the_network_has_not_is_refused(layers: Any) -> None:
    with pytest.raises(ArgumentError, match="it has 5 layers with weights; pass layers=1 to 5"):
        last_layers(zoo.build("small_convnet"), epochs=1, learning_rate=None, layers=layers)


def test_a_misspelt_layer_gets_a_suggestion() -> None:
    with pytest.raises(ArgumentError, match="no such layer; did you mean 'stage3_block1_conv1'"):
        last_layers(zoo.build("small_resnet"), epochs=1, learning_rate=None, from_layer="stage3_block1_cnv1")


def test_a_layer_behind_all_weights_is_refused() -> None:
    model = zoo.build("small_mlp", include_top=False)
    with pytest.raises(ArgumentError, match="the last layer with weights is 'hidden2'"):
        last_layers(model, epochs=1, learning_rate=None, from_layer="hidden2_activation")


def test_everything_is_trained_slowly_only_if_it_knows_something(tmp_path: Path) -> None:
    model = zoo.build("small_resnet")
    assert full(model, epochs=1, learning_rate=None) == [Phase("full", ALL, 1, 1e-3)]
    model.save_weights(tmp_path / "small.weights.h5")
    zoo.load_weights(model, tmp_path / "small.weights.h5")
    assert full(model, epochs=1, learning_rate=None) == [Phase("full", ALL, 1, 1e-4)]
    assert full(model, epochs=1, learning_rate=0.5)[0].learning_rate == 0.5


def test_the_head_of_a_network_with_several_dense_layers_is_its_classifier() -> None:
    assert head(zoo.build("small_convnet"), epochs=1, learning_rate=None)[0].trainable == ("predictions",)


def test_dense_layers_that_the_weights_do_not_fit_learn_with_the_head(pictures: zoo.Dataset) -> None:
    smaller = zoo.build("small_binary_convnet", input_shape=(24, 24, 3))
    run = zoo.transfer(
        smaller,
        pictures,
        "head",
        input_shape=(16, 16, 3),
        epochs=1,
        batch_size=8,
        seed=0,
        progress=False,
        pictures=False,
    )
    assert run.info["strategy"]["phases"][0]["trainable"] == ("fc1", "fc2", "predictions")


@pytest.mark.parametrize(
    ("change", "found"),
    [({"epochs": 0}, "epochs is 0"), ({"learning_rate": float("nan")}, "nan"), ({"trainable": ()}, "no layer")],
)
def test_a_phase_that_cannot_be_run_is_refused_when_it_is_made(change: dict[str, Any], found: str) -> None:
    with pytest.raises(ArgumentError, match=found):
        Phase(**{"name": "x", "trainable": ALL, "epochs": 1, "learning_rate": 0.1, **change})


def test_a_plugin_adds_a_strategy_of_two_phases(install: Callable[..., None], pictures: zoo.Dataset) -> None:
    install("zoo-acme", STRATEGY.format(layer="hidden1"), builders=PHASES)
    run = zoo.transfer("small_mlp", pictures, "only", layer="hidden2", epochs=3, seed=0, **QUIET)
    assert [(each["phase"], each["learning_rate"]) for each in run.history] == [
        ("one", 0.01),
        ("all", 0.001),
        ("all", 0.001),
    ]
    assert [each["epoch"] for each in run.history] == [1, 2, 3]
    assert run.info["strategy"]["options"] == {"layer": "hidden2"}


def test_a_strategy_that_names_a_layer_the_model_lacks_is_the_plugins_fault(install: Callable[..., None]) -> None:
    install("zoo-acme", STRATEGY.format(layer="block9"), builders=PHASES)
    with pytest.raises(PluginError, match="'one' trains 'block9', which is not a layer"):
        zoo.transfer("small_convnet", "digits", "only", epochs=2, **QUIET)


def test_the_package_of_the_name_is_the_function_too(pictures: zoo.Dataset) -> None:
    import zoo.transfer as package

    with pytest.raises(ArgumentError, match="epochs=0"):
        package("small_mlp", pictures, epochs=0)
