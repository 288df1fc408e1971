"""The ``zoo`` program as a person starts it: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = ("tensorflow", "keras", "numpy")


def zoo(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run(
        [sys.executable, "-m", "zoo", *words], capture_output=True, text=True, cwd=folder, env=environment, check=False
    )


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["list", "--datasets"],
        ["list", "--strategies"],
        ["info", "resnet50"],
        ["plugins"],
        ["weights", "list"],
        ["prefer"],
        ["--help"],
        *([name, "--help"] for name in ("train", "evaluate", "predict", "explain", "extract", "augment", "weights")),
        ["--version"],
    ],
    ids=" ".join,
)
def test_looking_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        f"import sys; from zoo.cli import main; status = main({words!r}); "
        f"sys.exit(' '.join(sorted(set({HEAVY!r}) & set(sys.modules))) or status)"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr


def test_building_prints_nothing_but_the_model() -> None:
    outcome = zoo("build", "lenet5")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert "61,706  (verified against" in outcome.stdout


def test_an_error_is_one_line_and_exit_status_1_and_debug_shows_the_traceback() -> None:
    outcome = zoo("info", "resnet5O")
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith("zoo: find the model 'resnet5O': ")
    assert outcome.stderr.endswith("did you mean 'resnet50'?\n")
    outcome = zoo("info", "resnet5O", "--debug")
    assert outcome.returncode == 1
    assert "Traceback (most recent call last)" in outcome.stderr


def test_a_reader_that_goes_away_is_no_error_message() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "zoo", "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 1


@pytest.mark.slow
def test_the_demo_leaves_a_run_that_predicts_and_takes_less_than_two_minutes(tmp_path: Path) -> None:
    started = time.perf_counter()
    outcome = zoo("demo", folder=tmp_path)
    seconds = time.perf_counter() - started
    assert outcome.returncode == 0, outcome.stderr
    assert "25,636,712  (verified against keras.applications.resnet)" in outcome.stdout
    assert seconds < 120
    run = tmp_path / "runs" / "demo"
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert record["metrics"]["top1"] > 0.8
    assert {"model.keras", "history.json", "curves.png", "predictions.png", "report.md"} < set(os.listdir(run))

    tried = [line.split() for line in outcome.stdout.splitlines() if line.startswith("  zoo predict")]
    again = zoo(*tried[0][1:], "--json", folder=tmp_path)
    (answer,) = json.loads(again.stdout)
    assert [each["label"] for each in answer["predictions"]][:1] == ["5"]
