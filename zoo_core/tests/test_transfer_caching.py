"""The cache of frozen features: the same training to the last bit, cut where little crosses and nothing changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import zoo
from zoo.data.augmentation import Augmentation
from zoo.data.pipeline import batches
from zoo.transfer import Phase
from zoo.transfer.batch_feed import BatchFeed
from zoo.transfer.callbacks import ShowProgress, StopWhenInterrupted
from zoo.transfer.feature_cache import cached_batches, extract
from zoo.transfer.model_cut import cut_of
from zoo.transfer.phases import freeze
from zoo.transfer.plan import make_plan, settings_of
from zoo.transfer.request import Request
from zoo.transfer.strategy_loading import load_strategy
from zoo.transfer.training_state import values_of

QUIET: dict[str, Any] = {"progress": False, "pictures": False}


@pytest.fixture(scope="module")
def pictures() -> zoo.Dataset:
    return zoo.load_data("synthetic_images", count=75, size=32, classes=3, validation=0.2, test=0.2)


def network(dropout_at: str = "", random: float = 0.5) -> keras.Model:
    """A small network with a residual block; ``wide`` has 8 times the numbers of the tensors around it."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    x = layers.BatchNormalization(name="bn")(x)
    if dropout_at == "low":
        x = layers.Dropout(random, name="low")(x)
    wide = layers.Conv2D(32, 1, name="wide")(x)
    y = layers.Conv2D(4, 1, name="narrow")(wide)
    x = layers.Add(name="add")([x, y])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    if dropout_at == "high":
        x = layers.Dropout(random, name="high")(x)
    return keras.Model(inputs, layers.Dense(2, name="last")(x))


def cut_for(model: keras.Model, *trainable: str) -> Any:
    phase = Phase("only", trainable, 2, 0.1)
    freeze(model, phase)
    return cut_of(model, phase)


def crossing(cut: Any) -> list[tuple[int, ...]]:
    return list(cut.sizes)


def test_the_cut_lies_below_the_layers_that_learn() -> None:
    assert crossing(cut_for(network(), "last")) == [(4,)]
    assert crossing(cut_for(network("high"), "last")) == [(4,)]


def test_the_cut_takes_both_branches_of_a_block_that_learns_in_one() -> None:
    assert crossing(cut_for(network(), "narrow", "last")) in ([(8, 8, 4)], [(8, 8, 4), (8, 8, 32)])


def test_the_cut_moves_back_to_where_less_crosses_if_hardly_anything_is_computed_again() -> None:
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(64, 3, padding="same", name="heavy")(inputs)
    x = layers.MaxPooling2D(8, name="small")(x)
    x = layers.UpSampling2D(16, name="large")(x)
    model = keras.Model(inputs, layers.Conv2D(1, 1, name="last")(x))
    assert crossing(cut_for(model, "last")) == [(2, 2, 64)]


def test_a_random_layer_stops_the_cut_below_it() -> None:
    assert crossing(cut_for(network("low"), "last")) == [(8, 8, 4)]
    noisy = keras.Sequential(
        [keras.Input((4,)), layers.GaussianNoise(1.0), layers.Dense(3), layers.Dense(2, name="last")]
    )
    assert cut_for(noisy, "last") is None


def test_nothing_is_cut_where_everything_learns_or_the_network_cannot_be_followed() -> None:
    assert cut_for(network(), "*") is None
    assert cut_for(network(), "first") is None
    shared = layers.Dense(3, name="twice")
    inputs = keras.Input((3,))
    assert cut_for(keras.Model(inputs, layers.Dense(2, name="last")(shared(shared(inputs)))), "last") is None


def test_a_layer_of_somebodys_own_that_holds_weights_is_not_trusted() -> None:
    class Moving(layers.Layer):
        def build(self, shape: Any) -> None:
            self.seen = self.add_weight(name="seen", trainable=False)

        def call(self, inputs: Any, training: bool = False) -> Any:
            if training:
                self.seen.assign_add(1.0)
            return inputs

    inputs = keras.Input((4,))
    x = layers.Dense(4, name="below")(inputs)
    model = keras.Model(inputs, layers.Dense(2, name="last")(Moving(name="moving")(x)))
    assert crossing(cut_for(model, "last")) == [(4,)]
    assert [layer.name for layer in cut_for(model, "last").rest.layers if layer.weights] == ["moving", "last"]


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_features_are_what_the_frozen_layers_give(where: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = network()
    cut = cut_for(model, "last")
    inputs = np.random.default_rng(0).random((10, 8, 8, 3), np.float32)
    steps = [(inputs[:4], None), (inputs[4:8], None), (inputs[8:], None)]
    features = extract(cut, steps, 10, where=where)
    expected = keras.Model(model.input, model.get_layer("pool").output).predict(inputs, verbose=0)
    assert np.allclose(features.take(np.arange(10)), expected, atol=1e-6)
    assert np.array_equal(features.take(np.array([9, 2, 2])), features.take(np.arange(10))[[9, 2, 2]])
    assert list(tmp_path.iterdir()) == []  # on disk, the file has no name: a killed process leaves nothing


def test_features_for_which_there_is_no_room_are_computed_every_epoch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("zoo.transfer.feature_cache.IN_MEMORY", 10)
    monkeypatch.setattr("zoo.transfer.feature_cache._OF_FREE_SPACE", 0.0)
    cut = cut_for(network(), "last")
    assert extract(cut, [], 10) is None
    assert "every epoch computes them again" in caplog.text
    with pytest.raises(zoo.RunError, match="set TMPDIR to a larger disk, or pass cache='off'"):
        extract(cut, [], 10, where="disk")


def test_a_disk_that_fills_up_meanwhile_costs_nothing_but_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("zoo.transfer.feature_cache.IN_MEMORY", 10)
    monkeypatch.setattr("zoo.data.row_file.RowsOnDisk.write", lambda *_: exec("raise OSError('no space left')"))
    cut = cut_for(network(), "last")
    steps = [(np.zeros((4, 8, 8, 3), np.float32), None)]
    assert extract(cut, steps, 4) is None
    assert "cannot be stored (no space left): every epoch computes them again" in caplog.text
    with pytest.raises(zoo.RunError, match=r"no space left.*set TMPDIR to a larger disk"):
        extract(cut, steps, 4, where="disk")


@pytest.mark.parametrize(
    ("model", "strategy", "options"),
    [
        ("small_resnet", "head", {}),
        ("small_resnet", "last_layers", {"layers": 6}),
        ("small_separable", "head", {"dropout": 0.5}),
        ("small_separable", "last_layers", {"layers": 4}),
        ("small_inception", "last_layers", {"layers": 2, "aux_classifiers": False}),
        ("small_binary_convnet", "head", {"classes": 3, "classifier_activation": "softmax", "dropout": 0.5}),
    ],
)
def test_training_with_the_cache_gives_the_same_losses_and_weights_to_the_last_bit(
    model: str, strategy: str, options: dict[str, Any], pictures: zoo.Dataset
) -> None:
    def train(cache: str) -> zoo.Run:
        return zoo.transfer(
            model,
            pictures,
            strategy,
            epochs=3,
            batch_size=16,
            seed=3,
            progress=False,
            pictures=False,
            cache=cache,
            **options,
        )

    with_cache, without = train("auto"), train("off")
    timeless = [{key: value for key, value in each.items() if key != "seconds"} for each in with_cache.history]
    assert timeless == [{key: value for key, value in each.items() if key != "seconds"} for each in without.history]
    values = values_of(with_cache.model.variables)
    assert all(
        np.array_equal(one, other) for one, other in zip(values, values_of(without.model.variables), strict=True)
    )
    assert with_cache.metrics == without.metrics


def test_a_cut_through_a_block_gives_the_same_training_but_for_rounding(pictures: zoo.Dataset) -> None:
    """Two tensors cross the cut here; with and without the cache, values were seen to differ by one rounding."""
    options = {"layers": 5, "epochs": 3, "batch_size": 16, "seed": 3, **QUIET}
    with_cache, without = (
        zoo.transfer("small_resnet", pictures, "last_layers", cache=cache, **options) for cache in ("auto", "off")
    )
    losses = [[each["loss"] for each in run.history] for run in (with_cache, without)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    pairs = zip(values_of(with_cache.model.variables), values_of(without.model.variables), strict=True)
    assert all(np.allclose(one, other, rtol=1e-5, atol=1e-6) for one, other in pairs)


@pytest.mark.parametrize("strategy", ["head", "last_layers"])
def test_the_figures_of_a_run_are_those_of_its_model_on_the_pictures(pictures: zoo.Dataset, strategy: str) -> None:
    data = replace(pictures, test=None)
    run = zoo.transfer("small_resnet", data, strategy, epochs=2, seed=1, progress=False, pictures=False)
    again = zoo.evaluate(run, data)
    assert (again.split, again.top1, again.confusion) == ("validation", run.metrics.top1, run.metrics.confusion)
    assert run.metrics.loss == pytest.approx(again.loss, rel=1e-5)


def test_held_out_samples_are_not_computed_again_for_the_figures(tmp_path: Path) -> None:
    for number in range(40):
        path = tmp_path / f"class_{number % 2}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (32, 32), (6 * number, 0, 0)).save(path)
    data = replace(zoo.load_data(tmp_path, seed=0), test=None)

    class Damage(keras.callbacks.Callback):
        """Damages the validation images once training needs them no more; their sizes stay as they were."""

        def on_train_end(self, logs: Any = None) -> None:
            for path in data.validation.inputs:
                path.write_bytes(bytes(path.stat().st_size))

    run = zoo.transfer("small_resnet", data, "head", epochs=2, seed=1, callbacks=[Damage()], **QUIET)
    assert run.metrics.count == len(data.validation)
    with pytest.raises(zoo.DataError):
        zoo.evaluate(run, data)


def test_augmented_views_are_computed_once_and_taken_in_turn(pictures: zoo.Dataset) -> None:
    augmentation = Augmentation(flip="horizontal", rotation=20)
    arguments = {"strategy": "head", "weights": None, "epochs": 4, "batch_size": 32, "learning_rate": None}
    options = {"out": None, "seed": 1, "augment": augmentation, "views": 3}
    request = Request.of("small_resnet", pictures, {**arguments, **options})
    plan = make_plan(request, settings_of(request, load_strategy("head"), pictures), pictures)
    split, build = pictures.train, plan.build
    assert split is not None
    freeze(plan.model, plan.phases[0])
    cut = cut_of(plan.model, plan.phases[0])
    assert cut is not None
    feed = BatchFeed(plan, split, pictures.validation)
    feed.cache(cut, ShowProgress([], 4, len(feed), shown=False), StopWhenInterrupted())
    assert feed.cached is not None
    source = batches(
        split, build.preprocessing, build.options["input_shape"], batch_size=32, seed=1, augmentation=augmentation
    )
    source.start_at(1)
    second = np.concatenate([inputs for inputs, _ in source])
    taken = [feed.cached.training.take(np.arange(len(split)) + view * len(split)) for view in range(3)]
    np.testing.assert_allclose(taken[1], cut.frozen.predict(second, verbose=0), atol=1e-5)
    assert not np.allclose(taken[0], taken[1], atol=1e-3)
    assert len(feed.features_and_labels()[0]) == 3 * len(split)
    cached = feed.training_batches(epoch=0)
    for view in (0, 1, 2, 0):
        cached.on_epoch_begin()
        seen = np.concatenate([cached[index][0] for index in range(len(cached))])
        np.testing.assert_array_equal(seen, taken[view][cached.order])


def test_cached_batches_are_those_of_their_source_with_features_for_images(pictures: zoo.Dataset) -> None:
    split = pictures.train
    assert split is not None
    cut = cut_for(network(), "last")
    source = batches(split, zoo.Preprocessing(), (8, 8, 3), batch_size=16, shuffle=True, seed=1)
    features = extract(cut, batches(split, zoo.Preprocessing(), (8, 8, 3), batch_size=16), len(split))
    assert features is not None
    cached = cached_batches(features, split, source, 16)
    source.start_at(5)
    labels = [labels for _, labels in cached]
    assert (cached.epoch, len(cached), cached.is_random) == (5, len(source), False)
    assert np.array_equal(np.concatenate(labels), split.labels[source.order])
    assert np.array_equal(cached[1][0], features.take(source.order[16:32]))
