"""Devices: what is listed and what can be set, on a made-up machine with two GPUs; models that lie on several."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

import zoo
from zoo import devices
from zoo.errors import ArgumentError, DeviceError
from zoo.transfer.options import training_options
from zoo.transfer.recipes import read_recipe

Zoo = Callable[..., tuple[int, str, str]]


class Machine:
    """What TensorFlow's configuration says of a CPU and two GPUs; its rules are those of TensorFlow 2.21."""

    def __init__(self) -> None:
        kinds = ("CPU", "GPU", "GPU")
        numbers = (0, 0, 1)
        names = [f"/physical_device:{kind}:{number}" for kind, number in zip(kinds, numbers, strict=True)]
        self.hardware = [tf.config.PhysicalDevice(name, kind) for name, kind in zip(names, kinds, strict=True)]
        self.visible = list(self.hardware)
        self.parts: dict[Any, Any] = {}
        self.growth: dict[Any, bool] = {}
        self.is_started = False

    def list(self, kind: str | None = None) -> list[Any]:
        return [each for each in self.hardware if kind in (None, each.device_type)]

    def change(self, settings: dict[Any, Any], hardware: Any, value: Any) -> None:
        if self.is_started and settings.get(hardware) != value:
            raise RuntimeError("Physical devices cannot be modified after being initialized")
        settings[hardware] = value

    def show(self, wanted: list[Any], kind: str) -> None:
        shown = [each for each in self.hardware if each.device_type != kind] + wanted
        if self.is_started and shown != self.visible:
            raise RuntimeError("Visible devices cannot be modified after being initialized")
        self.visible = shown

    def memory(self) -> list[tuple[bool, Any]]:
        """For each GPU whether its memory grows, and its limit."""
        limits = [self.parts[gpu][0].memory_limit if gpu in self.parts else None for gpu in self.list("GPU")]
        return list(zip([self.growth.get(gpu, False) for gpu in self.list("GPU")], limits, strict=True))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made_up = Machine()
    config, experimental = tf.config, tf.config.experimental
    monkeypatch.setattr(config, "list_physical_devices", made_up.list)
    monkeypatch.setattr(config, "get_visible_devices", lambda: made_up.visible)
    monkeypatch.setattr(config, "set_visible_devices", made_up.show)
    monkeypatch.setattr(config, "get_logical_device_configuration", made_up.parts.get)
    monkeypatch.setattr(
        config, "set_logical_device_configuration", lambda each, parts: made_up.change(made_up.parts, each, parts)
    )
    monkeypatch.setattr(experimental, "get_memory_growth", made_up.growth.get)
    monkeypatch.setattr(
        experimental, "set_memory_growth", lambda each, wanted: made_up.change(made_up.growth, each, wanted)
    )
    monkeypatch.setattr(experimental, "get_device_details", lambda each: {"device_name": "NVIDIA A100"})
    return made_up


def names() -> list[str]:
    return [device.name for device in zoo.list_devices()]


# -- listing


def test_every_device_is_listed_with_its_name_and_what_it_is(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**20}.__getitem__)
    cpu, first, second = zoo.list_devices()
    assert (cpu.name, cpu.kind, cpu.part_of, cpu.memory) == ("cpu:0", "cpu", "cpu:0", 2**32)
    assert first == devices.Device("gpu:0", "gpu", "gpu:0", "NVIDIA A100", None)
    assert (second.name, second.tensorflow_name) == ("gpu:1", "/device:GPU:1")


def test_gpus_that_are_left_are_counted_anew_and_say_what_they_are_part_of(machine: Machine) -> None:
    devices.configure(visible=["gpu:1"], memory_limit=1024)
    assert [(each.name, each.part_of, each.memory) for each in zoo.list_devices()[1:]] == [("gpu:0", "gpu:1", 2**30)]
    devices.configure(visible=[])
    assert names() == ["cpu:0"]


@pytest.mark.parametrize("name", ["gpu", "GPU:0", "/gpu:0", "/device:GPU:0", "gpu:0"])
def test_a_device_may_be_written_as_tensorflow_does(machine: Machine, name: str) -> None:
    assert devices.find_devices([name])[0].name == "gpu:0"


def test_an_unknown_device_is_answered_with_those_that_are_there(machine: Machine) -> None:
    message = "compute on 'gpu:2': there is no device 'gpu:2'; the devices found are cpu:0, gpu:0, gpu:1"
    with pytest.raises(DeviceError) as error, devices.on("gpu:2"):
        pass
    assert str(error.value) == message
    with pytest.raises(DeviceError, match="there is no GPU 'gpu:5'; the GPUs found are gpu:0, gpu:1"):
        devices.configure(visible=["gpu:0", "gpu:5"])


def test_the_command_line_lists_devices(zoo: Zoo, machine: Machine) -> None:
    devices.configure(memory_limit=2048)
    status, out, _ = zoo("devices")
    assert (status, out.splitlines()[3].split()) == (0, ["gpu:0", "gpu:0", "2.0", "GiB", "NVIDIA", "A100"])
    document = json.loads(zoo("devices", "--json")[1])
    assert [(each["name"], each["memory"]) for each in document[1:]] == [("gpu:0", 2**31), ("gpu:1", 2**31)]


# -- settings


def test_memory_grows_as_needed_or_up_to_a_limit_on_every_gpu(machine: Machine) -> None:
    devices.configure(memory_growth=True)
    assert machine.memory() == [(True, None), (True, None)]
    devices.configure(memory_growth=False, memory_limit=4096)
    assert machine.memory() == [(False, 4096), (False, 4096)]


def test_growth_and_a_limit_exclude_each_other_in_one_call_or_two(machine: Machine) -> None:
    message = "either as it is needed or up to a limit; choose one of memory_growth and memory_limit"
    with pytest.raises(ArgumentError, match=message):
        devices.configure(memory_growth=True, memory_limit=4096)
    assert machine.memory() == [(False, None), (False, None)]
    devices.configure(memory_growth=True)
    with pytest.raises(ArgumentError, match=message):
        devices.configure(memory_limit=4096)
    assert machine.memory() == [(True, None), (True, None)]


def test_settings_that_come_too_late_are_an_error_and_the_same_ones_are_not(machine: Machine) -> None:
    devices.configure(memory_limit=4096, visible=["gpu:0", "gpu:1"])
    machine.is_started = True
    devices.configure(memory_limit=4096, visible=["gpu:0", "gpu:1"])
    devices.configure(memory_growth=False)
    devices.configure(cpus=1)
    for other in ({"memory_limit": 2048}, {"visible": ["gpu:0"]}, {"cpus": 2}):
        with pytest.raises(DeviceError, match="TensorFlow already uses its devices with other settings") as error:
            devices.configure(**other)  # type: ignore[arg-type]
        assert "at the start of the program" in error.value.advice
    assert machine.memory() == [(False, 4096), (False, 4096)]


@pytest.mark.parametrize("settings", [{"memory_limit": 0}, {"memory_limit": 1.5}, {"cpus": 0}, {"cpus": True}])
def test_a_setting_that_is_no_such_number_is_named(settings: dict[str, Any]) -> None:
    (name,) = settings
    with pytest.raises(
        ArgumentError,
        match=f"configure the devices with {name}=.*: {name} is {settings[name]}; pass a positive integer",
    ):
        devices.configure(**settings)


def test_memory_settings_are_a_warning_where_no_gpu_is(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    machine.hardware = machine.visible = machine.list("CPU")
    devices.configure(memory_growth=True)
    assert caplog.messages == [
        "configure the devices with memory_growth=True: there is no GPU, so the memory settings have no effect"
    ]


def test_the_command_line_sets_the_memory_before_anything_is_computed(zoo: Zoo, machine: Machine) -> None:
    status, _, err = zoo("evaluate", "small_convnet", "--data", "digits", "--memory-limit", "512")
    assert (status, machine.memory()) == (1, [(False, 512), (False, 512)])
    assert "without weights" in err
    status, _, err = zoo("evaluate", "small_convnet", "--data", "digits", "--memory-growth")
    assert (status, "choose one of memory_growth and memory_limit" in err) == (1, True)
    for command in ("train", "predict", "explain", "extract"):
        assert "--no-memory-growth" in zoo(command, "--help")[1]


# -- the option of a training


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("gpu:1", "gpu:1"),
        (["gpu:1"], "gpu:1"),
        (["gpu:0", "gpu:1"], ("gpu:0", "gpu:1")),
        ({"conv1": "gpu:0", "fc2": "gpu:1"}, {"conv1": "gpu:0", "fc2": "gpu:1"}),
    ],
)
def test_a_training_takes_one_device_or_several(given: Any, kept: Any) -> None:
    options = training_options({"device": given})
    assert options.device == kept
    assert options.as_dict() == {"device": kept}


@pytest.mark.parametrize("given", [1, [], {}, ["gpu:0", 1], {"conv1": 0}])
def test_what_names_no_device_is_refused(given: Any) -> None:
    with pytest.raises(ArgumentError, match="pass the name of a device or several: `zoo devices` lists them"):
        training_options({"device": given})


def test_a_recipe_names_devices_and_a_misspelt_key_is_corrected(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('model = "small_convnet"\ndevice = ["gpu:0", "gpu:1"]\n', encoding="utf-8")
    assert read_recipe(recipe).arguments == {"device": ["gpu:0", "gpu:1"]}
    recipe.write_text('devise = "gpu:0"\n', encoding="utf-8")
    with pytest.raises(ArgumentError, match="did you mean 'device'"):
        read_recipe(recipe)


def test_a_training_on_a_device_that_is_not_there_ends_before_it_begins(tmp_path: Path) -> None:
    for device in ("gpu:7", ["cpu:0", "gpu:7"]):
        with pytest.raises(DeviceError, match="there is no device 'gpu:7'"):
            zoo.transfer("small_convnet", "digits", device=device, out=tmp_path / "run", progress=False)
    assert list(tmp_path.iterdir()) == []


# -- several devices


@pytest.mark.slow
def test_models_lie_on_several_devices() -> None:
    """In a process of its own, because TensorFlow divides the CPU only before it has begun."""
    path = Path(__file__).with_name("on_three_cpus.py")
    command = [sys.executable, "-m", "pytest", "--numprocesses=0", "-p", "no:cacheprovider", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parents[2])
    assert done.returncode == 0, done.stdout
