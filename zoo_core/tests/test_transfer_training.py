"""What transfer trains on what, with which head and which loss, the same for the same seed."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import zoo
from zoo.data import Split
from zoo.errors import ArgumentError, DataError, RunError, UnknownNameError
from zoo.models.build_info import annotate, build_of


def train(model: Any, data: Any, strategy: str = "full", **options: Any) -> zoo.Run:
    """Train without drawings, which the tests of runs look at."""
    return zoo.transfer(
        model, data, strategy, **{"epochs": 1, "seed": 1, "progress": False, "pictures": False, **options}
    )


@pytest.fixture(scope="module")
def low() -> zoo.Dataset:
    return zoo.load_data("digits", classes=range(5))


@pytest.fixture(scope="module")
def high() -> zoo.Dataset:
    return zoo.load_data("digits", classes=range(5, 10))


@pytest.fixture(scope="module")
def base(low: zoo.Dataset) -> zoo.Run:
    return train("small_convnet", low, epochs=6)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> zoo.Dataset:
    """Prices that are 1,000 times a sum of two columns, plus 300,000."""
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(400, 2))
    lines = [f"{a},{b},{300_000 + 1_000 * (3 * a - b)}" for a, b in rows]
    path = tmp_path_factory.mktemp("table") / "prices.csv"
    path.write_text("\n".join(["a,b,price", *lines]), encoding="utf-8")
    return zoo.load_data(path, target="price")


def test_a_network_learns_digits_and_a_new_head_learns_others(base: zoo.Run, high: zoo.Dataset) -> None:
    assert base.metrics.top1 > 0.9
    run = train(base, high, "head", epochs=6, learning_rate=0.02)
    assert run.metrics.top1 > 0.8
    assert run.build.class_names == ("5", "6", "7", "8", "9")
    assert base.build.class_names == ("0", "1", "2", "3", "4")


def test_the_history_tells_every_epoch(base: zoo.Run) -> None:
    assert list(base.history[0]) == [
        "epoch",
        "phase",
        "learning_rate",
        "seconds",
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
    ]
    assert base.history[-1]["loss"] < base.history[0]["loss"] / 5


def test_a_seed_is_drawn_and_kept_and_gives_the_same_bits_again_while_another_gives_others(low: zoo.Dataset) -> None:
    drawn = train("small_convnet", low, dropout=0.5, seed=None)
    again = train("small_convnet", low, dropout=0.5, seed=drawn.info["seed"])
    other = train("small_convnet", low, dropout=0.5, seed=drawn.info["seed"] + 1)
    assert all(map(np.array_equal, drawn.model.get_weights(), again.model.get_weights()))
    losses = [(run.history[0]["loss"], run.history[0]["val_loss"]) for run in (drawn, again, other)]
    assert losses[0] == losses[1] != losses[2]


def test_the_model_that_is_passed_stays_as_it_is(base: zoo.Run, high: zoo.Dataset) -> None:
    before = base.model.get_weights()
    train(base.model, high, "full")
    assert all(map(np.array_equal, before, base.model.get_weights()))
    assert base.model.output_shape == (None, 5)


def test_a_loaded_head_is_kept_for_the_same_classes(base: zoo.Run, low: zoo.Dataset) -> None:
    run = train(base, low, "last_layers", learning_rate=1e-9)
    assert run.info["head"].startswith("kept")
    assert run.metrics.top1 == base.metrics.top1


def test_as_many_classes_of_other_names_get_a_new_head(base: zoo.Run, high: zoo.Dataset) -> None:
    run = train(base, high, "last_layers", layers=2)
    assert run.info["head"] == "new: the weights are for other classes"
    assert run.report.missing[0] == ("predictions/kernel", "a new head was asked for")


def test_a_head_without_class_names_is_kept_if_their_number_fits(low: zoo.Dataset) -> None:
    assert train(zoo.build("small_convnet", classes=5), low).info["head"].startswith("kept")


def test_another_number_of_classes_gets_a_new_head_and_the_report_says_so(low: zoo.Dataset) -> None:
    run = train(zoo.build("small_convnet"), low, "last_layers", layers=2)
    assert run.model.output_shape == (None, 5)
    assert "(32, 5) in the model and (32, 10)" in run.report.missing[0][1]


def test_a_model_without_its_top_gets_one(low: zoo.Dataset) -> None:
    headless = zoo.build("small_mlp", include_top=False)
    run = train(headless, low, "head")
    assert run.model.output_shape == (None, 5)


def test_two_classes_keep_the_single_sigmoid_of_a_model_declared_so() -> None:
    pictures = zoo.load_data("synthetic_images", count=60, classes=2, size=16)
    run = train("small_binary_convnet", pictures, epochs=3)
    assert run.model.output_shape == (None, 1)
    assert run.metrics.top1 == 1.0
    assert run.history[-1]["val_accuracy"] == run.metrics.top1
    assert zoo.predict(run, pictures.validation.inputs[:1])[0][0].label in pictures.class_names


@pytest.mark.parametrize(("classes", "outputs"), [((0, 1), 1), ((0, 1, 2), 3)])
def test_logits_are_trained_and_read_as_such(classes: tuple[int, ...], outputs: int) -> None:
    digits = zoo.load_data("digits", classes=classes)
    asked = {"classes": 1} if outputs == 1 else {}
    run = train("small_convnet", digits, classifier_activation=None, epochs=3, **asked)
    assert run.model.output_shape == (None, outputs)
    assert run.metrics.top1 > 0.9
    assert run.metrics.loss < 0.5
    (best, *others) = zoo.predict(run, digits.test.inputs[0])[0]
    assert best.probability + sum(each.probability for each in others) == pytest.approx(1)


# -- tables


def test_a_linear_regression_finds_the_law_in_the_targets_own_unit(table: zoo.Dataset) -> None:
    run = train("small_regression", table, epochs=30, learning_rate=0.05)
    assert run.metrics.r2 == pytest.approx(1, abs=0.001)
    assert run.metrics.mae < 100
    value = zoo.predict(run, {"a": "1", "b": "2"})[0][0]
    assert value.label == "price"
    assert value.value == pytest.approx(301_000, abs=200)


def test_a_regression_goes_on_where_it_stopped(table: zoo.Dataset) -> None:
    first = train("small_regression", table, learning_rate=0.05)
    second = train(first, replace(table, test=None), "full", learning_rate=1e-7)
    assert zoo.evaluate(second, table).mae == pytest.approx(first.metrics.mae, rel=1e-3)
    assert second.history[-1]["val_mae"] == pytest.approx(second.metrics.mae, rel=1e-3)


def test_targets_that_are_all_alike_can_be_trained_on(table: zoo.Dataset) -> None:
    split = table.train
    run = train("small_regression", replace(table, train=replace(split, labels=np.full(len(split), 5, np.float32))))
    assert np.isfinite(run.history[0]["loss"])


def test_layers_that_stay_frozen_at_random_values_are_named_in_the_log_and_the_run(
    low: zoo.Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    run = train("small_convnet", low, "head")
    assert "4 layers, the first of them 'conv1', stay frozen at random values; pass weights=" in caplog.text
    assert run.info["warning"] in caplog.text
    assert train("small_convnet", low, "full").info["warning"] is None


def test_a_model_that_takes_rows_too_is_built_for_the_features_and_the_task_of_the_table(table: zoo.Dataset) -> None:
    run = train("small_mlp", table, hidden_units=(8,))
    assert run.model.layers[-1].activation.__name__ == "linear"
    assert run.model.input_shape == (None, 2)
    assert build_of(run.model).preprocessing is None


# -- what does not go together


def test_what_does_not_go_together_is_refused(table: zoo.Dataset, low: zoo.Dataset, base: zoo.Run) -> None:
    for model, data, options, message in [
        ("small_resnet", table, {}, "takes images and the data is a table; choose a model of rows: .*small_mlp"),
        ("small_regression", low, {}, "takes rows and the data is images"),
        (
            "small_mlp",
            table,
            {"classifier_activation": "sigmoid"},
            "numbers to predict, and 'small_mlp' ends with the activation sigmoid",
        ),
        ("small_convnet", low, {"classes": 3}, "the data has 5 classes"),
        ("small_convnet", low, {"classifier_activation": "relu"}, "there is no loss for that activation and 5 outputs"),
        ("small_convnet", low, {"dropuot": 0.5}, "did you mean 'dropout'"),
        (
            "small_convnet",
            low,
            {"strategy": "last_layers", "layer": 2},
            "there is no option of that name; did you mean 'layers'",
        ),
        ("small_convnet", low, {"include_top": False}, "always trained with its top"),
        ("small_convnet", low, {"epochs": 0}, "it is not a whole number from 1 to 4294967295; pass 10, for example"),
        ("small_convnet", low, {"learning_rate": -1.0}, "it is not a positive number"),
        ("small_convnet", low, {"seed": -1}, "it is not a whole number from 0"),
        (base, low, {"weights": "digits"}, "a model that already has weights"),
        (keras.Sequential([keras.layers.Dense(1)]), low, {}, "was not built by Zoo"),
        (42, low, {}, "a value of type int is not a model"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            train(model, data, **options)


def test_a_regression_network_is_not_trained_on_classes(table: zoo.Dataset) -> None:
    classes = replace(
        table,
        task="classification",
        class_names=("low", "high"),
        **{name: replace(split, labels=np.arange(len(split)) % 2) for name, split in table.splits.items()},
    )
    with pytest.raises(ArgumentError, match="'small_regression' predicts a number"):
        train("small_regression", classes)
    assert train("small_logistic", classes).build.class_names == ("low", "high")


def test_names_that_nobody_offers_are_refused(low: zoo.Dataset) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'small_convnet'"):
        train("small_convnt", low)
    with pytest.raises(UnknownNameError, match="did you mean 'full'"):
        train("small_convnet", low, "ful")


def test_data_without_a_training_split_is_refused(low: zoo.Dataset) -> None:
    with pytest.raises(DataError, match="no training split"):
        train("small_convnet", replace(low, train=None))


def test_a_loss_that_is_no_number_stops_and_leaves_nothing(low: zoo.Dataset, tmp_path: Path) -> None:
    with pytest.raises(
        RunError, match=r"the loss became (nan|inf) in epoch \d, phase 'full'; pass a learning_rate below"
    ):
        train("small_mlp", low, learning_rate=1e20, epochs=3, out=tmp_path / "new" / "run")
    assert list(tmp_path.iterdir()) == []


# -- what is shown


def test_progress_is_a_line_for_each_epoch_on_stderr(low: zoo.Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    train("small_mlp", low, epochs=2, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [line.split(":")[0] for line in shown.err.splitlines()] == ["epoch 1/2 (full)", "epoch 2/2 (full)"]
    assert "left" in shown.err.splitlines()[0]


def test_quiet_is_quiet(low: zoo.Dataset, capsys: pytest.CaptureFixture[str], caplog: Any) -> None:
    with caplog.at_level(logging.INFO, "zoo"):
        train("small_mlp", low)
    assert capsys.readouterr() == ("", "")
    assert caplog.records == []


def test_a_callback_of_the_users_is_called_and_may_stop(low: zoo.Dataset) -> None:
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = True

    assert len(train("small_mlp", low, epochs=5, callbacks=[Stop()]).history) == 1


def test_the_preprocessing_of_a_model_goes_over_to_the_run(low: zoo.Dataset) -> None:
    model = zoo.build("small_mlp", classes=5)
    own = zoo.Preprocessing(channels="grey", scale=1 / 16, crop_fraction=1.0)
    annotate(model, preprocessing=own)
    for exact in (True, False):
        assert train(model, low, exact=exact).build.preprocessing == replace(own, exact=exact)


def test_pictures_in_files_and_in_memory_train_alike(tmp_path: Path) -> None:
    from PIL import Image

    made = zoo.load_data("synthetic_images", count=24, classes=2, validation=0.0)
    split = made.train
    assert isinstance(split, Split)
    paths = []
    for number, picture in enumerate(split.inputs):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(np.asarray(picture)).save(paths[-1])
    from_files = replace(made, train=replace(split, inputs=tuple(paths)))
    runs = [train("small_mlp", data, input_shape=(16, 16, 3)) for data in (made, from_files)]
    assert runs[0].history[0]["loss"] == runs[1].history[0]["loss"]


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_picture_that_is_gone_after_loading_is_named(part: str, tmp_path: Path) -> None:
    from PIL import Image

    photos = tmp_path / "photos"
    for number in range(40):
        path = photos / f"class_{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (28, 28), number).save(path)
    data = zoo.load_data(photos)
    run = train("small_convnet", data)
    gone = data.splits[part].inputs[-1]
    gone.unlink()
    with pytest.raises(DataError, match=f"{gone.name}: there is no such file"):
        train("small_convnet", data)
    with pytest.raises(DataError, match=f"{gone.name}: .*put it back, or load the data again"):
        train("small_convnet", data, out=tmp_path / "runs" / "new")
    with pytest.raises(DataError, match=f"{gone.name}: there is no such file"):
        zoo.evaluate(run, data, split=part)
    assert not (tmp_path / "runs").exists()
