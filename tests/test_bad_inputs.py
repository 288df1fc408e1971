"""What users get wrong, at the command line: one clear line, exit status 1, nothing left half written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from zoo.cli import main


def photographs(folder: Path, *classes: str, count: int = 6) -> Path:
    """Make a folder of class folders with noise for photographs."""
    generator = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.jpg")
    return folder


def corrupt_photograph(folder: Path) -> Path:
    photographs(folder, "cats", "dogs")
    content = (folder / "cats" / "0.jpg").read_bytes()
    (folder / "cats" / "0.jpg").write_bytes(content[: len(content) // 2])
    return folder


def web_page(path: Path) -> Path:
    path.write_text("<!DOCTYPE html>\n<html><title>Sign in</title></html>")
    return path


def truncated_hdf5(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(5000)
    path.write_bytes(path.read_bytes()[:3000])
    return path


def unwritable(folder: Path) -> Path:
    """Return a folder that nobody may write to, not even root."""
    if os.geteuid() == 0:
        return Path("/proc/self/runs")
    folder.mkdir(mode=0o555)
    return folder


def occupied(folder: Path) -> Path:
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    return folder


def file_of(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


TRAIN = ["train", "resnet20_cifar", "--epochs", "1", "--data"]

#: What is asked, given a folder of one's own, and what the line of the error must hold.
MISTAKES: dict[str, tuple[Callable[[Path], list[object]], list[str]]] = {
    "unknown model": (lambda p: ["build", "resnet5O"], ["find the model 'resnet5O'", "did you mean 'resnet50'?"]),
    "unknown tag": (
        lambda p: ["build", "lenet5.digits_5_9"],
        ["find the weights 'lenet5.digits_5_9'", "has the tags digits_0_4", "did you mean 'digits_0_4'?"],
    ),
    "unknown weights file": (
        lambda p: ["build", "lenet5", "--weights", p / "lenet5.h5"],
        ["there is no file", "lenet5.h5"],
    ),
    "wrong file type": (
        lambda p: ["build", "lenet5", "--weights", file_of(p / "lenet5.h5", b"\x89PNG\r\n\x1a\n" + bytes(64))],
        ["lenet5.h5", "its format is unknown"],
    ),
    "truncated .h5": (
        lambda p: ["build", "lenet5", "--weights", truncated_hdf5(p / "lenet5.h5")],
        ["lenet5.h5", "the file is damaged or cut short"],
    ),
    "HTML saved as .h5": (
        lambda p: ["build", "lenet5", "--weights", web_page(p / "lenet5.h5")],
        ["lenet5.h5", "it is a web page (HTML)"],
    ),
    "weights of another model": (
        lambda p: ["build", "resnet20_cifar", "--weights", "digits_0_4"],
        ["find the weights 'resnet20_cifar.digits_0_4'"],
    ),
    "missing folder": (lambda p: [*TRAIN, p / "photos"], ["photos", "there is no such folder"]),
    "empty folder": (lambda p: [*TRAIN, p], [str, "the folder is empty"]),
    "folder with one class": (
        lambda p: [*TRAIN, photographs(p, "cats")],
        ["there is only one class, 'cats'", "add a folder for each further class"],
    ),
    "folder of loose photographs": (
        lambda p: [*TRAIN, photographs(p, "cats") / "cats"],
        ["it holds 6 images, but no class folders"],
    ),
    "corrupt JPEG, refused": (
        lambda p: [*TRAIN, corrupt_photograph(p), "--on-error", "refuse"],
        ["1 file is not a complete image", "cats/0.jpg"],
    ),
    "corrupt JPEG to predict": (
        lambda p: ["predict", "lenet5.digits_0_4", corrupt_photograph(p) / "cats" / "0.jpg"],
        ["cats/0.jpg", "it cannot be decoded"],
    ),
    "negative class count": (
        lambda p: ["build", "lenet5", "--classes", "-3"],
        ["classes=-3", "a whole number of classes, 1 or more"],
    ),
    "input too small": (
        lambda p: ["build", "resnet50", "--input-shape", "16,16,3"],
        ["input_shape=(16, 16, 3)", "too small for the network", "32x32"],
    ),
    "unknown option of a model": (
        lambda p: ["build", "mlp", "--option", "droput=0.5"],
        ["it has no option 'droput'", "did you mean 'dropout'?"],
    ),
    "unknown strategy": (
        lambda p: [*TRAIN, photographs(p, "cats", "dogs"), "--strategy", "haed"],
        ["find the strategy 'haed'", "did you mean 'head'?"],
    ),
    "no epochs": (lambda p: [*TRAIN, photographs(p, "cats", "dogs"), "--epochs", "0"], ["epochs=0"]),
    "read-only run folder": (
        lambda p: [*TRAIN, photographs(p, "cats", "dogs"), "--out", unwritable(p.with_name("read_only")) / "run"],
        ["write the run", "it cannot be created", "you may write to"],
    ),
    "run folder that exists": (
        lambda p: [*TRAIN, photographs(p, "cats", "dogs"), "--out", occupied(p.with_name("mine"))],
        ["write the run", "the folder exists and is not empty"],
    ),
    "no run folder": (
        lambda p: ["evaluate", photographs(p, "cats", "dogs"), "--data", "digits"],
        ["run.json"],
    ),
    "pictures for a model of rows": (
        lambda p: ["train", "linear_regression", "--data", photographs(p, "cats", "dogs")],
        ["takes rows and the data is images"],
    ),
    "unknown command": (lambda p: ["biuld", "lenet5"], ["biuld", "did you mean build?"]),
    "unknown flag": (lambda p: ["build", "lenet5", "--clases", "3"], ["--clases", "see zoo build --help"]),
}


@pytest.mark.parametrize(("words", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_ends_in_one_clear_line_and_exit_status_1(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: Callable, expected: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    line = [str(word) for word in words(folder)]
    before = sorted(tmp_path.rglob("*"))
    status = main(line)
    out, err = capfd.readouterr()
    *_, last = err.splitlines()
    assert status == 1
    assert out == ""
    assert last.startswith("zoo: ")
    for part in expected:
        assert (str(folder) if part is str else part) in last
    assert "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_corrupt_photograph_is_named_counted_and_skipped_if_not_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = corrupt_photograph(tmp_path / "photos")
    assert main([*TRAIN, str(folder), "--strategy", "full", "--out", str(tmp_path / "run"), "--seed", "0"]) == 0
    err = capfd.readouterr().err
    assert "1 file skipped" in err
    assert re.search(r"^  skipped .*cats/0\.jpg: .+$", err, re.MULTILINE)
    samples = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["data"]["samples"]
    assert sum(samples.values()) == 11  # of 12 photographs
