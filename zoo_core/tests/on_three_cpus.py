"""Models on several devices, the three that the CPU counts as here: run by test_devices.py in a process of its own."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import zoo
from zoo import devices
from zoo.errors import ArgumentError, DeviceError

THREE = ("cpu:0", "cpu:1", "cpu:2")


@pytest.fixture(scope="module", autouse=True)
def _three_cpus() -> None:
    tf.debugging.set_log_device_placement(True)
    devices.configure(cpus=3)


def network() -> keras.Model:
    """A little of everything: a nested model, a layer that is used twice, a residue, BatchNorm and dropout."""
    keras.utils.set_random_seed(1)
    block_input = keras.Input((8, 8, 4))
    inner = layers.Conv2D(4, 3, padding="same", name="inner_conv")(block_input)
    block = keras.Model(block_input, layers.BatchNormalization(name="inner_bn")(inner), name="block")
    shared = layers.Dense(16, activation="relu", name="shared")
    x = inputs = keras.Input((8, 8, 3), name="picture")
    x = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    x = layers.ReLU(name="stem_out")(layers.Add(name="add")([x, block(x)]))
    x = layers.Dense(16, name="squeeze")(layers.GlobalAveragePooling2D(name="pool")(x))
    x = layers.Dropout(0.5, name="dropout")(shared(shared(x) * 2.0))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="predictions")(x), name="network")


def samples() -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(0)
    return numbers.random((12, 8, 8, 3), np.float32), numbers.integers(0, 3, 12)


def fit(model: keras.Model, *, epochs: int = 1, **compiled: Any) -> list[float]:
    if compiled or not model.compiled:
        model.compile("adam", "sparse_categorical_crossentropy", **compiled)
        model.optimizer.build(model.trainable_variables)
    inputs, labels = samples()
    history = model.fit(inputs, labels, batch_size=4, epochs=epochs, shuffle=False, verbose=0)
    return list(history.history["loss"])


@functools.cache
def trained_on_one() -> tuple[list[float], list[list[np.ndarray]]]:
    """The loss of each of two epochs and the values after each, of a network that was not placed."""
    model, losses, after = network(), [], []
    for _ in range(2):
        losses += fit(model)
        after.append(values(model))
    return losses, after


def where(variables: Any) -> list[str]:
    return [variable.value.device.rpartition("/device:")[2].lower() for variable in variables]


def values(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable).copy() for variable in model.variables]


def same(some: Any, others: Any) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(some, others, strict=True))


def run_on(log: str, kind: str) -> dict[str, set[str]]:
    """Where the operations of a kind ran, by the log of TensorFlow's placer: for each layer, its devices."""
    found: dict[str, set[str]] = {}
    for path, device in re.findall(rf"^(\S+): \({kind}\): \S+/device:(\S+)$", log, re.MULTILINE):
        # As in StatefulPartitionedCall/gradient_tape/network_1/block_1/inner_conv_1/convolution/Conv2DBackpropFilter.
        parts = [re.sub(r"_\d+$", "", part) for part in path.split("/")]
        layer = next(part for part in reversed(parts) if part.islower() and part not in ("convolution", "batchnorm"))
        found.setdefault(layer, set()).add(device.lower())
    return found


# -- devices


def test_devices_are_called_as_tensorflow_counts_them() -> None:
    found = zoo.list_devices()
    assert tuple(device.name for device in found) == THREE
    assert [device.tensorflow_name for device in found] == [each.name for each in tf.config.list_logical_devices()]
    assert {device.part_of for device in found} == {"cpu:0"}


def test_the_same_may_be_configured_again_and_anything_else_is_too_late() -> None:
    tf.constant(1)
    devices.configure(cpus=3)
    with pytest.raises(
        DeviceError, match=r"cpus=2: TensorFlow already uses its devices with other settings \(cpu:0, cpu:1, cpu:2\)"
    ):
        devices.configure(cpus=2)
    assert len(zoo.list_devices()) == 3


def test_in_the_context_of_a_device_models_are_built_and_computed_there(capfd: pytest.CaptureFixture[str]) -> None:
    digits = zoo.load_data("digits", classes=range(5), seed=0)
    there = zoo.evaluate("small_convnet.digits_0_4", digits)
    capfd.readouterr()
    with devices.on("CPU:2") as device:
        model = zoo.build("small_convnet.digits_0_4")
        assert tf.add(1, 1).device.endswith(device.tensorflow_name)
        assert zoo.evaluate(model, digits) == there
    assert set(where(model.variables)) == {"cpu:2"}
    assert set.union(*run_on(capfd.readouterr().out, "MatMul").values()) == {"cpu:2"}
    assert tf.add(1, 1).device.endswith("CPU:0")


# -- placing


def test_a_network_is_divided_evenly_where_one_tensor_crosses() -> None:
    model = zoo.build("small_resnet")
    stages = zoo.place(model, THREE).stages
    assert [stage.device for stage in stages] == list(THREE)
    assert [name for stage in stages for name in stage.layers] == [each.name for each in model.operations]
    assert sum(stage.parameters for stage in stages) == model.count_params()
    assert sum(stage.macs for stage in stages) == zoo.info("small_resnet").macs
    costs = [stage.parameters / model.count_params() + stage.macs / 1_159_328 for stage in stages]
    assert max(costs) < 1.25 * 2 / 3
    for stage in stages[:-1]:
        last = model.get_layer(stage.layers[-1])
        assert stage.handed_on == 4 * np.prod(last.output.shape[1:])  # what the last layer gives, and nothing besides
    assert stages[-1].handed_on == 0


def test_stages_begin_at_the_layers_that_are_named() -> None:
    model = network()
    placement = zoo.place(model, {"squeeze": "cpu:2", "block": "cpu:1", "picture": "cpu:0"})
    lie_in = {stage.device: stage.layers for stage in placement.stages}
    assert lie_in["cpu:0"] == ("picture", "stem")
    assert (lie_in["cpu:1"][0], lie_in["cpu:2"][0]) == ("block", "squeeze")
    assert [each[0] for each in map(where, (model.get_layer("stem").weights, model.get_layer("block").weights))] == [
        "cpu:0",
        "cpu:1",
    ]
    assert str(placement).splitlines()[1].split() == ["cpu:0", "picture", "stem", "2", "112", "6,912", "1,024"]


def test_weights_and_outputs_stay_the_same_to_the_last_bit() -> None:
    model, inputs = network(), samples()[0]
    before, predicted, called = values(model), model.predict(inputs, verbose=0), np.array(model(inputs))
    zoo.place(model, THREE)
    assert set(where(model.variables)) == set(THREE)
    assert same(values(model), before)
    assert np.array_equal(model.predict(inputs, verbose=0), predicted)
    output = model(inputs)
    assert output.device.endswith("CPU:2")
    assert np.array_equal(output, called)


def test_training_takes_the_same_steps_and_both_passes_run_where_the_layers_lie(
    capfd: pytest.CaptureFixture[str],
) -> None:
    losses, after = trained_on_one()
    model = network()
    stages = zoo.place(model, THREE).stages
    capfd.readouterr()
    assert fit(model, epochs=2) == losses
    assert same(values(model), after[1])
    assert set(where(model.optimizer._momentums)) == set(THREE)
    log = capfd.readouterr().out
    lies = {name: stage.device for stage in stages for name in stage.layers}
    forwards, backwards = run_on(log, "Conv2D"), run_on(log, "Conv2DBackpropFilter")
    assert forwards["stem"] == backwards["stem"] == {lies["stem"]}
    assert forwards["inner_conv"] == backwards["inner_conv"] == {lies["block"]}
    for name in ("squeeze", "shared", "predictions"):  # each multiplied once forwards, twice backwards
        assert run_on(log, "MatMul")[name] == {lies[name]}
    assert run_on(log, "RsqrtGrad")["inner_bn"] == {lies["block"]}


def test_a_model_that_is_being_trained_goes_on_on_its_new_devices() -> None:
    losses, after = trained_on_one()
    model = network()
    assert fit(model) == losses[:1]
    zoo.place(model, THREE)
    assert set(where(model.optimizer._velocities)) == set(THREE)
    assert fit(model) == losses[1:]
    assert same(values(model), after[1])


def test_a_model_may_be_placed_again() -> None:
    model = network()
    zoo.place(model, THREE)
    zoo.place(model, ["cpu:2", "cpu:1"])
    assert set(where(model.variables)) == {"cpu:2", "cpu:1"}
    zoo.place(model, "cpu:1")
    assert fit(model) == trained_on_one()[0][:1]
    assert set(where(model.variables)) == {"cpu:1"}


def test_layers_that_were_frozen_when_they_were_placed_can_learn_later() -> None:
    model = network()
    model.trainable = False
    zoo.place(model, THREE)
    model.trainable = True
    before = values(model)
    fit(model)
    learnt = [variable.trainable for variable in model.variables]
    pairs = zip(before, values(model), strict=True)
    changed = [not np.array_equal(old, new) for old, new in pairs]
    assert all(change for change, learns in zip(changed, learnt, strict=True) if learns)


def test_parts_of_a_placed_model_run_where_it_lies(capfd: pytest.CaptureFixture[str]) -> None:
    model, inputs = network(), samples()[0]
    zoo.place(model, {"picture": "cpu:0", "block": "cpu:1", "squeeze": "cpu:2"})
    block = model.get_layer("block")
    part = keras.Model(block.input, block.get_layer("inner_conv").output)
    assert part(np.zeros((1, 8, 8, 4))).device.endswith("CPU:1")
    pooled = keras.Model(model.input, model.get_layer("pool").output)
    above = keras.Model(model.get_layer("pool").output, model.output)
    capfd.readouterr()
    outputs = above.predict(pooled.predict(inputs, verbose=0), verbose=0)
    assert run_on(capfd.readouterr().out, "MatMul") == {
        name: {"cpu:2"} for name in ("squeeze", "shared", "predictions")
    }
    assert np.array_equal(outputs, model.predict(inputs, verbose=0))


def test_gradients_outside_of_functions_are_computed_where_the_layers_lie() -> None:
    plain, placed, (inputs, _) = network(), network(), samples()
    zoo.place(placed, {"picture": "cpu:1", "squeeze": "cpu:2"})
    found = []
    for model in (plain, placed):
        with tf.GradientTape(persistent=True) as tape:
            loss = tf.reduce_sum(model(inputs) ** 2)
        kernels = [model.get_layer(name).kernel.value for name in ("stem", "squeeze", "predictions")]
        found.append(tape.gradient(loss, kernels))
        assert same(tape.gradient(loss, kernels), found[-1])
    assert same(*found)
    assert [each.device[-5:] for each in found[1]] == ["CPU:1", "CPU:2", "CPU:2"]


def test_a_placed_model_is_not_compiled_for_one_device_by_xla() -> None:
    losses, model = trained_on_one()[0][:1], network()
    zoo.place(model, THREE)
    with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
        assert fit(model, jit_compile=True) == losses
    compiled = network()
    compiled.compile("adam", "sparse_categorical_crossentropy", jit_compile=True)
    zoo.place(compiled, THREE)
    assert fit(compiled) == losses


def test_mixed_precision_keeps_weights_of_32_bits_on_their_devices() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        plain, placed = network(), network()
    finally:
        keras.config.set_dtype_policy("float32")
    zoo.place(placed, THREE)
    assert fit(placed) == fit(plain)
    assert {weight.dtype for weight in placed.weights} == {"float32"}
    assert same(values(placed), values(plain))


def test_where_a_model_lies_is_not_saved_with_it(tmp_path: Path) -> None:
    model, inputs = network(), samples()[0]
    zoo.place(model, THREE)
    fit(model)
    model.save(tmp_path / "model.keras")
    opened = keras.models.load_model(tmp_path / "model.keras")
    assert set(where(opened.variables)) == {"cpu:0"}
    assert np.array_equal(opened.predict(inputs, verbose=0), model.predict(inputs, verbose=0))
    assert set(where(keras.models.clone_model(model).variables)) == {"cpu:0"}


@pytest.mark.parametrize(
    ("make", "on", "error", "message"),
    [
        (
            lambda: keras.Sequential([keras.Input((3,)), layers.Dense(2)]),
            THREE,
            ArgumentError,
            "it is not a functional model",
        ),
        (network, ["cpu:0", "cpu:3"], DeviceError, "no device 'cpu:3'; the devices found are cpu:0, cpu:1, cpu:2"),
        (network, [], ArgumentError, "no device is named; name one or more of cpu:0, cpu:1, cpu:2"),
        (network, {"squeese": "cpu:0"}, ArgumentError, "it has no layer 'squeese'; did you mean 'squeeze'?"),
        (network, [*THREE, *THREE], ArgumentError, "it has 5 layers with weights, for 6 devices; name at most 5"),
    ],
    ids=["sequential", "unknown device", "no device", "unknown layer", "too many"],
)
def test_what_cannot_be_placed_is_refused_and_nothing_has_moved(
    make: Callable[[], keras.Model], on: Any, error: type[zoo.ZooError], message: str
) -> None:
    model = make()
    with pytest.raises(error, match=re.escape(message)):
        zoo.place(model, on)
    assert set(where(model.variables)) == {"cpu:0"}


# -- training


@pytest.fixture(scope="module")
def digits() -> zoo.Dataset:
    return zoo.load_data("digits", classes=range(5, 8))


@pytest.mark.parametrize("strategy", ["full", "head"])
def test_a_run_over_several_devices_ends_as_on_one(strategy: str, digits: zoo.Dataset, tmp_path: Path) -> None:
    def train(**options: Any) -> zoo.Run:
        return zoo.transfer(
            "small_convnet.digits_0_4", digits, strategy, epochs=2, seed=1, progress=False, pictures=False, **options
        )

    plain, spread, moved = train(), train(device=list(THREE), out=tmp_path / "run"), train(device="cpu:1")
    assert set(where(spread.model.variables)) == set(THREE)
    assert set(where(moved.model.variables)) == {"cpu:1"}
    for run in (spread, moved):
        assert [epoch["loss"] for epoch in run.history] == [epoch["loss"] for epoch in plain.history]
        assert same(values(run.model), values(plain.model))
        assert run.metrics == plain.metrics
    opened = zoo.load(tmp_path / "run")
    assert set(where(opened.model.variables)) == {"cpu:0"}
    assert same(values(opened.model), values(plain.model))


def test_the_command_line_trains_on_the_devices_that_are_named(
    zoo: Callable[..., tuple[int, str, str]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("train", "small_convnet", "--data", "digits", "--classes", "0,1", "--strategy", "full", "--epochs", "1")
    status, _, err = zoo(*words, "--out", str(tmp_path / "run"), "--device", "cpu:1", "--device", "cpu:2")
    assert status == 0, err
    assert 'device = ["cpu:1", "cpu:2"]' in (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    status, out, _ = zoo("evaluate", str(tmp_path / "run"), "--device", "cpu:2")
    assert (status, "top-1" in out) == (0, True)
    assert set.union(*run_on(out, "MatMul").values()) == {"cpu:2"}
    assert tf.add(1, 1).device.endswith("CPU:0")
    status, _, err = zoo("evaluate", str(tmp_path / "run"), "--device", "gpu:0")
    assert (status, err.splitlines()[-1]) == (
        1,
        "zoo: compute on 'gpu:0': there is no device 'gpu:0'; the devices found are cpu:0, cpu:1, cpu:2",
    )
