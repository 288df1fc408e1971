"""zoo weights convert: the same values under our names, whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo.cli import main
from zoo.models.build_info import build_of
from zoo.weights import convert
from zoo.weights.conversion import arrays_of


@pytest.fixture
def source(shared: Path) -> Path:
    """The file of MobileNet v1 0.25 that Keras 2.1 wrote."""
    return shared / "weights" / "mobilenet_2_5_224_tf.h5"


def equal(one: keras.Model, other: keras.Model) -> bool:
    arrays = arrays_of(other)
    return all(np.array_equal(array, arrays[name]) for name, array in arrays_of(one).items())


@pytest.mark.parametrize("name", ["out.safetensors", "out.weights.h5"])
def test_a_converted_file_loads_into_the_same_model(name: str, source: Path, tmp_path: Path) -> None:
    report = convert(source, "mobilenet_v1_025", tmp_path / name)
    assert len(report.loaded) == 137
    converted = zoo.build("mobilenet_v1_025", weights=str(tmp_path / name))
    assert build_of(converted).report.layout == "own"
    assert build_of(converted).report.adapted == ()
    assert equal(converted, zoo.build("mobilenet_v1_025", weights=str(source)))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_torch_names_and_layouts_become_ours(shared: Path, tmp_path: Path) -> None:
    source = shared / "weights" / "resnet20_cifar10.safetensors"
    path = tmp_path / "resnet20.safetensors"
    assert main(["weights", "convert", str(source), str(path), "--model", "resnet20_cifar"]) == 0
    model = zoo.build("resnet20_cifar", weights=str(path))
    assert build_of(model).report.adapted == ()
    assert equal(model, zoo.build("resnet20_cifar", weights=str(source)))


def test_without_the_top_only_the_rest_is_written(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "notop.safetensors"
    convert(source, "mobilenet_v1_025", path, include_top=False)
    model = zoo.build("mobilenet_v1_025", weights=str(path), include_top=False)
    assert equal(model, zoo.build("mobilenet_v1_025", weights=str(source), include_top=False))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["out.h5", "--model", "mobilenet_v1_025"], "use a name that ends with .safetensors or .weights.h5"),
        (["there.safetensors", "--model", "mobilenet_v1_025"], "the file exists already"),
        (["out.safetensors", "--model", "mobilenet_v1_050"], "the file fits"),
        (["out.safetensors", "--model", "mobilenet_v1_025", "--classes", "7"], "pass the classes of the file"),
        (["out.safetensors", "--model", "mobilenet_v9"], "did you mean"),
        (["no/out.safetensors", "--model", "mobilenet_v1_025"], "cannot be written"),
    ],
)
def test_what_cannot_be_converted_writes_nothing(
    words: list[str],
    said: str,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.safetensors").write_text("mine")
    Path("no").write_text("a file, not a folder")
    assert main(["weights", "convert", str(source), *words]) == 1
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["no", "there.safetensors"]
    assert Path("there.safetensors").read_text() == "mine"


KILL_CONVERSIONS = """
import os, random, signal, sys, time
import tensorflow  # once, so that each conversion starts at once
from zoo.weights import convert, converting
from pathlib import Path

source, path, whole = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]).read_bytes()
chance, finished = random.Random(4), 0
for _ in range(50):
    path.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        convert(source, "mobilenet_v1_025", path)
        os._exit(0)
    time.sleep(chance.uniform(0.0, 1.0))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    finished += path.exists()
    assert not path.exists() or path.read_bytes() == whole, "half a file"
path.unlink(missing_ok=True)
convert(source, "mobilenet_v1_025", path)
assert path.read_bytes() == whole
print(finished)
"""


def test_a_conversion_killed_at_any_of_50_moments_leaves_the_whole_file_or_none(source: Path, tmp_path: Path) -> None:
    path, whole = tmp_path / "out.safetensors", tmp_path / "whole.safetensors"
    convert(source, "mobilenet_v1_025", whole)
    command = [sys.executable, "-c", KILL_CONVERSIONS, str(source), str(path), str(whole)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 50
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.safetensors", "whole.safetensors"]
