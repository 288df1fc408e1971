"""What wide & deep networks promise: the book's network, the paper's two parts, and what they are worth on tables."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from sklearn.linear_model import LinearRegression

import zoo
from zoo.errors import ArgumentError
from zoo.testing.pytest_checks import parametrize_with_checks
from zoo_wide_deep.layers import Cross, JointOutput
from zoo_wide_deep.strategies import wide_and_deep

COLUMNS = {"age": None, "town": 3, "income": None}
ROWS = np.array(
    [[-1.5, 1, 0, 0, 0.2], [0.4, 0, 1, 0, -0.3], [0.0, 0, 0, 1, 2.5], [1.9, 0, 0, 0, -3.0]], "float32"
)  # the last one lives in another town
PLACE = (("longitude", "latitude"),)


def table_network(**config: Any) -> keras.Model:
    return zoo.build("wide_deep", **{"input_shape": (5,), "columns": COLUMNS, **config})


def shapes(model: keras.Model) -> dict[str, tuple[int, ...]]:
    return {variable.path: tuple(variable.shape) for variable in model.trainable_weights}


def outputs(model: keras.Model, rows: Any = ROWS) -> Any:
    return keras.ops.convert_to_numpy(model(rows, training=False))


def books_network() -> keras.Model:
    """Chapter 10: ``[input, hidden2]`` concatenated before the output; the layers are named by Keras."""
    inputs = layers.Input((8,))
    hidden = layers.Dense(32, activation="relu")(inputs)
    hidden = layers.Dense(32, activation="relu")(hidden)
    return keras.Model(inputs, layers.Dense(1)(layers.Concatenate()([inputs, hidden])))


# -- the network of the book


@parametrize_with_checks("zoo-wide-deep")
def test_wide_and_deep_networks_keep_what_every_model_promises(check: Callable[[], None]) -> None:
    check()


def test_the_declared_network_has_the_parameters_of_the_book() -> None:
    model = zoo.build("wide_deep")
    assert (model.count_params(), model.input_shape, model.output_shape) == (1_385, (None, 8), (None, 1))
    assert zoo.build("wide_deep", features=8, hidden_units=(32, 32)).count_params() == 1_385


def test_a_file_of_the_books_network_loads_and_gives_the_same_outputs(tmp_path: Path) -> None:
    book, ours = books_network(), zoo.build("wide_deep")
    book.save(tmp_path / "book.keras")
    report = zoo.load_weights(ours, tmp_path / "book.keras")
    rows = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")
    assert (report.layout, report.missing, len(report.loaded)) == ("keras", (), 6)
    np.testing.assert_array_equal(outputs(ours, rows), outputs(book, rows))


def test_another_number_of_features_is_the_input_shape_and_nothing_else() -> None:
    with pytest.raises(ArgumentError, match=r"features=9: the input has 8 features; .* input_shape=\(9,\)"):
        zoo.build("wide_deep", features=9)


def test_without_a_top_the_two_parts_are_put_together() -> None:
    assert zoo.build("wide_deep", include_top=False).output_shape == (None, 8 + 32)


def test_columns_without_names_are_chosen_by_position() -> None:
    model = zoo.build("wide_deep", wide=range(5), deep=range(2, 8))
    assert {path: shape[0] for path, shape in shapes(model).items() if "kernel" in path} == {
        "hidden1/kernel": 6,
        "hidden2/kernel": 32,
        "predictions/kernel": 5 + 32,
    }


# -- tables


def test_the_wide_part_holds_rows_and_crosses_and_the_deep_part_numbers_and_embeddings() -> None:
    model = table_network(
        crosses=(("town", "income"), "age"), buckets={"income": 4, "age": (-1, 0, 1)}, embedding_size=2
    )
    found = shapes(model)
    assert found["embedding1/kernel"] == (3, 2)
    assert found["hidden1/kernel"] == (2 + 2, 32)
    assert found["predictions/wide_kernel"] == (5 + (3 + 1) * 4 + 4, 1)
    assert found["predictions/deep_kernel"] == (32, 1)


def test_crosses_are_embedded_in_the_deep_part_when_asked_for() -> None:
    model = table_network(crosses=(("town", "income"),), embed_crosses=True, embedding_size=2)
    assert shapes(model)["embedding2/kernel"] == (4 * 10, 2)
    assert shapes(model)["hidden1/kernel"] == (2 + 2 + 2, 32)


def test_words_stay_as_they_are_without_embeddings() -> None:
    assert shapes(table_network(embedding_size=0))["hidden1/kernel"] == (5, 32)


def test_a_cross_has_a_cell_for_each_combination_and_one_for_words_that_are_none_of_the_known() -> None:
    cells = outputs(Cross(starts=(1, 4), parts=(3, (-1.0, 0.0, 1.0))))
    assert cells.shape == (4, 4 * 4)
    # town 1, income 0.2 in bucket 2; town 2, bucket 1; town 3, bucket 3; no known town, bucket 0.
    np.testing.assert_array_equal(cells.argmax(axis=1), [1 * 4 + 2, 2 * 4 + 1, 3 * 4 + 3, 0])
    np.testing.assert_array_equal(cells.sum(axis=1), 1)


def test_a_number_on_a_boundary_is_in_the_bucket_above() -> None:
    cells = outputs(Cross((0,), ((-1.0, 0.0),)), np.array([[-1.1], [-1.0], [-0.1], [0.0]], "float32"))
    np.testing.assert_array_equal(cells.argmax(axis=1), [0, 1, 1, 2])


def test_combinations_in_excess_of_the_cells_share_them() -> None:
    words = np.eye(50, dtype="float32")
    cells = outputs(Cross((0, 0), (50, 50), most_cells=101), words)
    assert cells.shape == (50, 101)
    expected = (np.arange(1, 51) * 51 + np.arange(1, 51)) % 101
    np.testing.assert_array_equal(cells.argmax(axis=1), expected)


def test_buckets_divide_four_standard_deviations_evenly() -> None:
    model = table_network(crosses=("age",), buckets=5)
    assert model.get_layer("cross1").parts == [pytest.approx([-1.2, -0.4, 0.4, 1.2])]


def test_the_joint_output_is_a_dense_layer_on_both_parts() -> None:
    random = np.random.default_rng(0)
    wide, deep = random.normal(size=(4, 3)).astype("float32"), random.normal(size=(4, 2)).astype("float32")
    joint, dense = JointOutput(2, "softmax"), layers.Dense(2, "softmax")
    joint([wide, deep])
    dense(np.concatenate([wide, deep], axis=1))
    kernel, bias = random.normal(size=(5, 2)), random.normal(size=2)
    joint.set_weights([kernel[:3], kernel[3:], bias])
    dense.set_weights([kernel, bias])
    expected = dense(np.concatenate([wide, deep], axis=1))
    np.testing.assert_allclose(joint([wide, deep]), expected, rtol=1e-5)


def test_the_deep_part_sees_its_own_columns_alone() -> None:
    model = table_network(deep=("age",), dropout=0.1)
    features = keras.Model(model.input, model.get_layer("hidden2").output)
    other = ROWS.copy()
    other[:, 1:] += 1
    np.testing.assert_array_equal(outputs(features, other), outputs(features))
    other[:, 0] += 1
    assert not np.array_equal(outputs(features, other), outputs(features))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"crosses": ("twon",)}, "there is no column 'twon' in this part of the network; did you mean 'town'"),
        ({"wide": ("age",), "crosses": ("town",)}, "the columns are age"),
        ({"deep": ()}, "it names no column"),
        ({"crosses": ("age",), "buckets": 1}, "fewer than two buckets do not divide a column"),
        ({"crosses": ("age",), "buckets": {"age": (1, 0)}}, "the boundaries do not increase"),
        ({"crosses": ("age",), "buckets": {"income": 3}}, "buckets=None for the column 'age': it is neither"),
        ({"columns": {"age": None}}, "the columns have 1 features, and the input has 5"),
    ],
)
def test_a_column_or_bucket_that_does_not_fit_is_named(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        table_network(**config)


# -- separate inputs, and a second output


def test_separate_inputs_give_what_a_single_one_does() -> None:
    options: dict[str, Any] = {"wide": ("town", "income"), "deep": ("income", "age"), "crosses": (("income", "town"),)}
    single, separate = table_network(**options), table_network(**options, separate_inputs=True)
    random = np.random.default_rng(0)
    separate.set_weights([random.normal(size=weight.shape) for weight in separate.get_weights()])
    single.set_weights(separate.get_weights())
    assert [each.name for each in separate.inputs] == ["wide_input", "deep_input"]
    expected = outputs(single)
    np.testing.assert_allclose(outputs(separate, [ROWS[:, 1:5], ROWS[:, [4, 0]]]), expected, rtol=1e-5)


def test_a_network_of_two_inputs_is_not_trained_on_rows_of_one(people: zoo.Dataset) -> None:
    with pytest.raises(ArgumentError, match="takes 2 inputs, and the data has one"):
        zoo.transfer("wide_deep", people, "full", classifier_activation="sigmoid", separate_inputs=True)


def test_the_deep_part_has_an_output_of_its_own_in_training_alone() -> None:
    model, plain = table_network(deep_output_weight=0.25), table_network()
    assert [each.shape for each in model(ROWS, training=True)] == [(4, 1), (4, 1)]
    assert model(ROWS, training=False).shape == (4, 1)

    targets = np.ones((4, 1), "float32")
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse")
    main, deep = (float(np.square(each - targets).mean()) for each in model(ROWS, training=True))
    loss = model.train_on_batch(ROWS, targets)
    assert float(np.ravel(loss)[0]) == pytest.approx(main + 0.25 * deep, rel=1e-5)
    assert set(shapes(model)) - set(shapes(plain)) == {"deep_predictions/kernel", "deep_predictions/bias"}


def test_weights_with_a_second_output_load_into_a_network_without(tmp_path: Path) -> None:
    model, plain = table_network(deep_output_weight=0.25), table_network()
    model.save_weights(tmp_path / "two.weights.h5")
    zoo.load_weights(plain, tmp_path / "two.weights.h5")
    np.testing.assert_array_equal(outputs(plain), outputs(model))


# -- training


@pytest.mark.parametrize("classes", [1, 3])
def test_every_trainable_weight_receives_a_gradient(classes: int) -> None:
    model = table_network(
        classes=classes, crosses=(("town", "income"),), embed_crosses=True, deep_output_weight=0.3, activation="tanh"
    )
    random = np.random.default_rng(0)
    with tf.GradientTape() as tape:
        loss = sum(tf.reduce_sum(each * random.normal(size=each.shape)) for each in model(ROWS, training=True))
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    assert [w.path for w, g in zip(model.trainable_weights, gradients, strict=True) if g is None or not np.any(g)] == []


@pytest.mark.parametrize(
    ("name", "deep"), [("adam", keras.optimizers.Adam(0.01)), ("adagrad", keras.optimizers.Adagrad(0.01))]
)
def test_each_part_moves_as_its_own_optimiser_says_and_not_as_the_other(name: str, deep: Any) -> None:
    ftrl = keras.optimizers.Ftrl(0.3, l1_regularization_strength=0.02)
    models = {optimizer: table_network(crosses=("age",)) for optimizer in ("both", "ftrl", "deep")}
    (phase,) = wide_and_deep(
        models["both"], epochs=1, learning_rate=0.01, deep_optimizer=name, wide_learning_rate=0.3, l1=0.02
    )
    assert phase.optimizer is not None
    optimizers = {"both": keras.optimizers.deserialize(dict(phase.optimizer)), "ftrl": ftrl, "deep": deep}
    for key, model in models.items():
        model.set_weights(models["both"].get_weights() if key != "both" else model.get_weights())
    for key, model in models.items():
        model.compile(optimizer=optimizers[key], loss="mse")
        model.train_on_batch(ROWS, np.array([[1.0], [2.0], [-1.0], [0.5]], "float32"))
    after = {key: {each.path: np.asarray(each) for each in model.trainable_weights} for key, model in models.items()}
    for path, value in after["both"].items():
        own, other = ("ftrl", "deep") if path == "predictions/wide_kernel" else ("deep", "ftrl")
        np.testing.assert_array_equal(value, after[own][path])
        assert not np.array_equal(value, after[other][path])


def test_a_network_without_a_wide_part_of_its_own_is_refused() -> None:
    for model in (zoo.build("wide_deep"), zoo.build("linear_regression")):
        with pytest.raises(ArgumentError, match="no separate weights for a wide part"):
            wide_and_deep(model, epochs=1, learning_rate=None)


@pytest.mark.parametrize(
    "option", [{"deep_optimizer": "sgd"}, {"wide_learning_rate": 0}, {"wide_learning_rate": "fast"}, {"l1": -0.1}]
)
def test_an_option_of_the_strategy_that_does_not_fit_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=next(iter(option))):
        wide_and_deep(table_network(), epochs=1, learning_rate=None, **option)


# -- classification of a table that only crosses explain


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> zoo.Dataset:
    """People who buy when their town and their trade go together: neither says anything by itself."""
    random = np.random.default_rng(0)
    towns, trades = random.integers(6, size=1_200), random.integers(6, size=1_200)
    path = tmp_path_factory.mktemp("people") / "people.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["town", "trade", "age", "buys"])
        for town, trade, age in zip(towns, trades, random.normal(40, 10, size=1_200), strict=True):
            rows.writerow([f"town{town}", f"trade{trade}", f"{age:.1f}", "yes" if (town + trade) % 2 else "no"])
    return zoo.load_data(path, target="buys", seed=0)


def test_a_cross_of_words_explains_what_no_sum_of_them_can(people: zoo.Dataset) -> None:
    quick: dict[str, Any] = {"epochs": 4, "seed": 0, "progress": False}
    linear = zoo.transfer("logistic_regression", people, "full", learning_rate=0.05, **quick)
    both = zoo.transfer(
        "wide_deep",
        people,
        "wide_and_deep",
        classifier_activation="sigmoid",
        crosses=(("town", "trade"),),
        hidden_units=(2,),
        learning_rate=1e-5,  # so that it is the wide part that learns
        **quick,
    )
    assert linear.metrics is not None
    assert both.metrics is not None
    assert linear.metrics.top1 < 0.65
    assert both.metrics.top1 > 0.95


def test_l1_leaves_the_weights_of_combinations_that_say_little_at_exactly_zero(people: zoo.Dataset) -> None:
    def zeros(l1: float) -> int:
        options: dict[str, Any] = {"classifier_activation": "sigmoid", "crosses": (("town", "trade"), "age")}
        run = zoo.transfer("wide_deep", people, "wide_and_deep", epochs=1, seed=0, l1=l1, progress=False, **options)
        (wide,) = (each for each in run.model.trainable_weights if each.name == "wide_kernel")
        return int((np.asarray(wide) == 0).sum())

    assert 0 < zeros(0.01) < zeros(0.2) < zeros(1e6) == 13 + 49 + 10


def test_a_run_keeps_its_columns_and_predicts_rows_as_before(people: zoo.Dataset, tmp_path: Path) -> None:
    run = zoo.transfer(
        "wide_deep",
        people,
        "wide_and_deep",
        classes=2,
        classifier_activation="softmax",
        crosses=(("town", "trade"),),
        deep_output_weight=0.1,
        epochs=1,
        out=tmp_path / "run",
        progress=False,
    )
    opened = zoo.load(tmp_path / "run")
    assert opened.build.options["config"]["columns"] == {"town": 6, "trade": 6, "age": None}
    assert people.test is not None
    np.testing.assert_array_equal(outputs(opened.model, people.test.inputs), outputs(run.model, people.test.inputs))
    strategy = opened.info["strategy"]
    assert strategy["phases"][0]["optimizer"]["class_name"] == "MultiOptimizer"
    rows = [{"town": "town1", "trade": "trade2", "age": "33"}, {"town": "elsewhere", "trade": "trade2", "age": ""}]
    assert zoo.predict(opened, rows) == zoo.predict(run, rows)


# -- California


@pytest.fixture(scope="module")
def housing(shared: Path) -> zoo.Dataset:
    return zoo.load_data("california_housing", path=shared / "data" / "california_housing.csv", seed=0)


def test_california_is_predicted_a_fifth_better_than_by_linear_regression(housing: zoo.Dataset) -> None:
    quick: dict[str, Any] = {"epochs": 3, "seed": 0, "progress": False}
    line = zoo.transfer("linear_regression", housing, "full", learning_rate=0.01, **quick)
    both = zoo.transfer("wide_deep", housing, "wide_and_deep", crosses=PLACE, buckets=60, **quick)
    assert housing.train is not None
    assert housing.test is not None
    assert line.metrics is not None
    assert both.metrics is not None
    exact = LinearRegression().fit(housing.train.inputs, housing.train.labels)
    exact_rmse = float(np.sqrt(np.square(exact.predict(housing.test.inputs) - housing.test.labels).mean()))
    assert both.metrics.rmse < 0.8 * min(line.metrics.rmse, exact_rmse)


def test_the_command_line_trains_it_on_a_table(shared: Path, tmp_path: Path) -> None:
    path = shared / "data" / "california_housing.csv"
    line = ["train", "wide_deep", "--data", "california_housing", "--data-path", path, "--strategy", "full"]
    line += [
        "--epochs",
        "1",
        "--batch-size",
        "256",
        "--option",
        "crosses=('median_income',)",
        "--out",
        tmp_path / "run",
    ]
    done = subprocess.run([sys.executable, "-m", "zoo", *map(str, line)], capture_output=True, text=True)
    assert (done.returncode, "MAE" in done.stdout) == (0, True), done.stderr
    assert zoo.load(tmp_path / "run").model.get_layer("cross1").cells == 10
