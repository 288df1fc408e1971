"""The figures of an evaluation, against figures worked out by hand or by scikit-learn."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as sklearn_metrics

import zoo
from zoo.data import Dataset, Split
from zoo.data.pipeline import arrays
from zoo.errors import ArgumentError, DataError, RunError, UnknownNameError
from zoo.inference.loaded_model import LoadedModel
from zoo.inference.scoring import Answers, bootstrap, calibration, classification_metrics
from zoo.models.build_info import annotate, build_of
from zoo.runs.metrics import wilson


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return zoo.load_data("digits")


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    return zoo.build("small_mlp")


def table(inputs: Any, labels: Any, task: Any = "regression", class_names: tuple[str, ...] = ()) -> Dataset:
    split = Split(np.asarray(inputs, np.float32), np.asarray(labels))
    return Dataset(name="rows", task=task, test=split, class_names=class_names)


def rows_model(name: str, kernel: Any, bias: Any, **options: Any) -> keras.Model:
    built = zoo.build(name, input_shape=(len(kernel),), **options)
    built.set_weights([np.asarray(kernel, np.float32), np.asarray(bias, np.float32)])
    return built


def test_accuracies_and_loss_are_those_of_scikit_learn(model: keras.Model, digits: Dataset) -> None:
    build = build_of(model)
    inputs, labels = arrays(digits.test, build.preprocessing, model.input_shape[1:])
    probabilities = model.predict(inputs, verbose=0).astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    metrics = zoo.evaluate(model, digits)
    assert metrics.top1 == sklearn_metrics.accuracy_score(labels, probabilities.argmax(axis=1))
    assert metrics.top5 == pytest.approx(sklearn_metrics.top_k_accuracy_score(labels, probabilities, k=5))
    assert metrics.loss == pytest.approx(sklearn_metrics.log_loss(labels, probabilities), rel=1e-5)
    recall = sklearn_metrics.recall_score(labels, probabilities.argmax(axis=1), average=None)
    assert list(metrics.recall.values()) == pytest.approx(list(recall))
    assert (metrics.count, metrics.split, metrics.task) == (len(labels), "test", "image-classification")


def test_logits_give_the_figures_of_their_probabilities(model: keras.Model, digits: Dataset) -> None:
    logits = zoo.build("small_mlp", classifier_activation=None)
    logits.set_weights(model.get_weights())
    assert zoo.evaluate(logits, digits).loss == pytest.approx(zoo.evaluate(model, digits).loss, rel=1e-5)


def test_the_batch_size_changes_nothing(model: keras.Model, digits: Dataset) -> None:
    one, other = (zoo.evaluate(model, digits, batch_size=size) for size in (7, 1000))
    assert one.loss == pytest.approx(other.loss, rel=1e-6)
    assert one.recall == other.recall


def test_one_sigmoid_unit_is_the_probability_of_the_second_class() -> None:
    model = rows_model("small_logistic", [[1.0]], [0.0])
    metrics = zoo.evaluate(model, table([[2], [-2], [2], [-1]], [1, 0, 0, 0], "classification", ("no", "yes")))
    assert metrics.top1 == 0.75
    assert metrics.recall == {"no": pytest.approx(2 / 3), "yes": 1.0}
    expected = -np.log([1 / (1 + np.exp(-2)), 1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2)), 1 / (1 + np.exp(-1))]).mean()
    assert metrics.loss == pytest.approx(expected)
    assert metrics.top5 is None


def test_a_certain_mistake_costs_a_finite_loss() -> None:
    model = rows_model("small_logistic", [[1000.0]], [0.0])
    metrics = zoo.evaluate(model, table([[1]], [0], "classification", ("no", "yes")))
    assert metrics.loss == pytest.approx(-np.log(1e-7))


def test_regression_has_errors_in_the_targets_unit() -> None:
    model = rows_model("small_regression", [[2.0]], [1.0])
    metrics = zoo.evaluate(model, table([[0], [1], [2]], np.float32([1, 5, 2])))
    assert (metrics.task, metrics.split, metrics.count) == ("regression", "test", 3)
    assert list(metrics.figures().values()) == pytest.approx([5 / 3, (13 / 3) ** 0.5, 1 - 13 / (26 / 3), 13 / 3])
    assert str(metrics) == "MAE 1.6667, RMSE 2.0817, R2 -0.5000 on 3 test samples"


def test_alike_targets_have_no_share_of_variance() -> None:
    model = rows_model("small_regression", [[2.0]], [1.0])
    assert zoo.evaluate(model, table([[0], [1]], np.float32([1, 1]))).r2 is None


# -- each class, and how sure the figures are


def answers(labels: list[int], predicted: list[int], confidence: list[float] | None = None) -> Answers:
    sure = np.array(confidence or [1.0] * len(labels))
    right = np.array(labels) == np.array(predicted)
    return Answers(np.array(labels), np.array(predicted), sure, np.where(right, sure, 1 - sure), np.ones_like(right))


def test_precision_recall_and_confusion_are_those_worked_out_by_hand() -> None:
    metrics = classification_metrics(
        "classification", "test", ("cat", "dog", "cow", "pig"), answers([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 3, 1])
    )
    assert metrics.confusion == {"cat": {"cat": 2, "dog": 1}, "dog": {"dog": 1, "pig": 1}, "cow": {"dog": 1}}
    assert metrics.recall == {"cat": pytest.approx(2 / 3), "dog": 0.5, "cow": 0.0}
    assert metrics.precision == {"cat": 1.0, "dog": pytest.approx(1 / 3), "cow": None}  # nothing was taken for a cow
    assert metrics.f1 == {"cat": pytest.approx(0.8), "dog": pytest.approx(0.4), "cow": 0.0}
    assert metrics.support == {"cat": 3, "dog": 2, "cow": 1}
    assert metrics.correct().tolist() == [True, True, False, True, False, False]


def test_the_confusion_is_that_of_scikit_learn(model: keras.Model, digits: Dataset) -> None:
    metrics = zoo.evaluate(model, digits)
    inputs, labels = arrays(digits.test, build_of(model).preprocessing, model.input_shape[1:])
    predicted = model.predict(inputs, verbose=0).argmax(axis=1)
    expected = sklearn_metrics.confusion_matrix(labels, predicted)
    names = digits.class_names
    assert [[metrics.confusion[truth].get(name, 0) for name in names] for truth in names] == expected.tolist()


def test_the_worst_mistakes_are_the_surest_and_are_named() -> None:
    names = [f"photo{number}.jpg" for number in range(4)]
    said = answers([0, 0, 1, 1], [1, 0, 0, 0], [0.6, 0.99, 0.9, 0.7])
    metrics = classification_metrics("image-classification", "test", ("cat", "dog"), said, names)
    assert metrics.mistakes == (
        (2, "photo2.jpg", "dog", "cat", 0.9),
        (3, "photo3.jpg", "dog", "cat", 0.7),
        (0, "photo0.jpg", "cat", "dog", 0.6),
    )
    many = classification_metrics("classification", "test", ("cat", "dog"), answers([0] * 40, [1] * 40))
    assert len(many.mistakes) == 16
    assert many.mistakes[0].sample == 0


def test_calibration_is_the_distance_of_probability_and_share_in_each_bin() -> None:
    """Four samples at 0.8, of which three are right, and two at 0.6, of which one is: (4 * 0.05 + 2 * 0.1) / 6."""
    error, bins = calibration(np.array([0.8] * 4 + [0.6] * 2), np.array([1, 1, 1, 0, 1, 0], bool))
    assert error == pytest.approx((4 * 0.05 + 2 * 0.1) / 6)
    assert (bins[11].samples, bins[11].accuracy, bins[11].confidence) == (4, 0.75, pytest.approx(0.8))
    assert bins[8].samples == 2  # a bin holds its upper end: 0.6 is 9 of 15
    assert sum(each.samples for each in bins) == 6
    assert calibration(np.array([1.0]), np.array([True]))[0] == calibration(np.array([0.0]), np.array([False]))[0] == 0


def test_the_interval_of_a_share_is_wilsons() -> None:
    z = 1.959963984540054
    low, high = wilson(0.9, 100)
    # The ends are where the share lies 1.96 standard errors from what is assumed.
    for end in (low, high):
        assert abs(0.9 - end) == pytest.approx(z * (end * (1 - end) / 100) ** 0.5)
    assert wilson(1.0, 20) == (pytest.approx(20 / (20 + z**2)), 1.0)
    assert wilson(0.0, 20) == (0.0, pytest.approx(z**2 / (20 + z**2)))


def test_the_intervals_of_a_regression_hold_the_true_value_as_often_as_they_say() -> None:
    drawn = np.random.default_rng(1)
    held, explained, widths = 0, 0, []
    for _ in range(60):
        targets = drawn.normal(1e6, 2, 150)
        found = bootstrap(drawn.normal(0, 1, 150), targets)
        low, high = found["RMSE"]
        held += low <= 1 <= high
        widths.append(high - low)
        least, most = found["R2"]
        explained += least <= 0.75 <= most  # a variance of 4, of which 1 is left
    assert 51 <= held <= 60
    assert 51 <= explained <= 60
    # A standard deviation is known to about itself over the square root of twice the count.
    assert np.mean(widths) == pytest.approx(2 * 1.96 / (2 * 150) ** 0.5, rel=0.15)


def test_the_intervals_are_the_same_every_time_however_few_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    errors, targets = np.random.default_rng(0).normal(size=(2, 50))
    whole = bootstrap(errors, targets)
    assert bootstrap(errors, targets) == whole
    monkeypatch.setattr("zoo.inference.scoring._DRAWN", 700)
    assert {name: pytest.approx(ends) for name, ends in bootstrap(errors, targets).items()} == whole
    assert bootstrap(errors[:1], targets[:1]) == {}
    assert set(bootstrap(errors, np.ones(50))) == {"MAE", "RMSE"}


def test_samples_are_reduced_part_by_part(model: keras.Model, digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = zoo.evaluate(model, digits, batch_size=16)
    sizes = []
    outputs = LoadedModel.outputs
    monkeypatch.setattr("zoo.inference.evaluation._OUTPUTS", 64 * 10)
    monkeypatch.setattr(LoadedModel, "outputs", lambda self, x: sizes.append(len(x) * 16) or outputs(self, x))
    assert zoo.evaluate(model, digits, batch_size=16) == whole
    assert max(sizes) == 64
    assert len(sizes) == -(-len(digits.test) // 64)


def test_the_samples_of_an_evaluation_are_known_again_and_others_told_apart(
    model: keras.Model, digits: Dataset, tmp_path: Path
) -> None:
    first = zoo.evaluate(model, digits)
    assert zoo.evaluate(zoo.build("small_mlp"), digits).samples == first.samples
    assert zoo.evaluate(model, digits, split="validation").samples != first.samples
    relabelled = replace(digits, test=Split(digits.test.inputs, (digits.test.labels + 1) % 10))
    assert zoo.evaluate(model, relabelled).samples != first.samples
    for root in ("here", "there"):
        for name, grey in (("dark", 0), ("light", 255)):
            (tmp_path / root / name).mkdir(parents=True)
            for number in range(6):
                Image.new("L", (8, 8), grey).resize((8 + number, 8)).save(tmp_path / root / name / f"{number}.png")
    two = zoo.build("small_mlp", classes=2)
    one, moved = (zoo.evaluate(two, zoo.load_data(tmp_path / root, test=0.5)) for root in ("here", "there"))
    assert one.samples == moved.samples
    assert {each.name.partition("/")[0] for each in one.mistakes} <= {"dark", "light"}


# -- classes by name


def test_classes_are_matched_by_name_in_whatever_order_and_number(digits: Dataset) -> None:
    model = zoo.build("small_mlp")
    annotate(model, class_names=digits.class_names)
    every = zoo.evaluate(model, digits)
    turned = zoo.evaluate(model, zoo.load_data("digits", classes=range(9, -1, -1)))
    assert turned.top1 == every.top1
    assert turned.recall == every.recall
    few = zoo.evaluate(model, zoo.load_data("digits", classes=(8, 3)))
    assert few.recall == {name: every.recall[name] for name in ("3", "8")}


def test_underscores_make_no_other_name_and_homonyms_are_known_by_their_place() -> None:
    model = rows_model("small_logistic", np.eye(3), np.zeros(3), classes=3)
    annotate(model, class_names=("great white shark", "crane (bird)", "crane (machine)"))
    names = ("Great_white_shark", "crane n02012849", "crane n03126707")
    metrics = zoo.evaluate(model, table(np.eye(3), [0, 1, 2], "classification", names))
    assert metrics.recall == {"great white shark": 1.0, "crane (bird)": 1.0, "crane (machine)": 1.0}
    with pytest.raises(DataError, match="the model does not know 'crane n03126707'; "):
        zoo.evaluate(model, table(np.eye(3), [0, 1, 2], "classification", (names[2], *names[:2])))


def test_classes_that_the_model_does_not_know_are_listed(digits: Dataset) -> None:
    model = zoo.build("small_mlp", classes=3)
    annotate(model, class_names=("1", "2", "twelve"))
    with pytest.raises(DataError, match="the model does not know '0', '3', '4', '5', '6' and 2 more"):
        zoo.evaluate(model, zoo.load_data("digits", classes=range(9)))
    with pytest.raises(DataError, match="its classes are '1', '2', 'twelve'"):
        zoo.evaluate(model, digits)


def test_without_names_the_number_of_classes_has_to_be_the_same(digits: Dataset) -> None:
    with pytest.raises(DataError, match="the data has 10 classes and the model 4 without names"):
        zoo.evaluate(zoo.build("small_mlp", classes=4), digits)
    with pytest.raises(DataError, match="the data has 10 classes and the model 2 without names"):
        zoo.evaluate(zoo.build("small_mlp", classes=1), digits)


# -- what is evaluated, on what


def test_the_split_is_the_one_furthest_from_training_or_the_one_asked_for(model: keras.Model, digits: Dataset) -> None:
    assert zoo.evaluate(model, digits, split="train").count == len(digits.train)
    assert zoo.evaluate(model, replace(digits, test=None)).split == "validation"
    assert zoo.evaluate(model, replace(digits, test=None, validation=None)).split == "train"
    with pytest.raises(ArgumentError, match="no split 'tset'; choose among train, validation, test"):
        zoo.evaluate(model, digits, split="tset")
    with pytest.raises(DataError, match="no samples"):
        zoo.evaluate(model, replace(digits, test=None, validation=None, train=None))


def test_a_name_with_weights_is_evaluated(tmp_path: Path) -> None:
    pictures = zoo.load_data("synthetic_images", count=20, classes=10)
    model, weights = zoo.build("small_resnet"), tmp_path / "small.weights.h5"
    model.save_weights(weights)
    metrics = zoo.evaluate("small_resnet", pictures, weights=weights)
    assert metrics == zoo.evaluate(zoo.build("small_resnet", weights=str(weights)), pictures)
    assert metrics == zoo.evaluate(model, pictures)


def test_what_cannot_be_evaluated_is_refused(model: keras.Model, digits: Dataset, tmp_path: Path) -> None:
    rows = table([[0.0] * 8], np.float32([1]))
    plain = keras.Sequential([keras.layers.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    (tmp_path / "folder").mkdir()
    for given, data, options, error, message in [
        ("small_convnet", digits, {}, ArgumentError, "without weights has random values; pass weights="),
        ("small_convnt", digits, {}, UnknownNameError, "did you mean"),
        (plain, digits, {}, ArgumentError, "was not built by Zoo; build it with zoo.build"),
        (None, digits, {}, ArgumentError, "a value of type NoneType is not a model"),
        (model, digits, {"weights": "x"}, ArgumentError, "a model that already has weights"),
        (tmp_path / "folder", digits, {}, RunError, "it is not a run"),
        (str(tmp_path / "folder"), digits, {}, RunError, "it is not a run"),
        (model, rows, {}, ArgumentError, "the model predicts classes and the data holds numbers"),
        (zoo.build("small_regression"), digits, {}, ArgumentError, "predicts a number and the data holds classes"),
        (zoo.build("small_mlp", include_top=False), digits, {}, ArgumentError, "built without its top"),
        (model, digits, {"batch_size": 0}, ArgumentError, "not positive"),
    ]:
        with pytest.raises(error, match=message):
            zoo.evaluate(given, data, **options)


def test_rows_that_were_encoded_otherwise_than_in_training_are_refused(tmp_path: Path) -> None:
    for name, factor in (("one", 1), ("two", 50)):
        lines = [f"{number * factor},{number}" for number in range(20)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["x,y", *lines]))
    one, two = (zoo.load_data(tmp_path / f"{name}.csv", target="y") for name in ("one", "two"))
    run = zoo.transfer("small_regression", one, "full", epochs=1, progress=False)
    assert zoo.evaluate(run, one) == run.metrics
    with pytest.raises(DataError, match="encoded differently"):
        zoo.evaluate(run, two)


def test_figures_go_to_json_and_come_back(model: keras.Model, digits: Dataset) -> None:
    metrics = zoo.evaluate(model, digits)
    assert zoo.Metrics(**json.loads(json.dumps(metrics.as_dict()))) == metrics
    assert list(metrics.figures()) == ["top-1", "top-5", "loss"]
