"""A training that is killed or interrupted goes on, and ends as one that nobody stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.transfer import resume
from zoo.transfer.training_state import STATE, values_of

#: Two phases, the first with frozen features, a schedule, dropout and early stopping: everything that has a state.
RECIPE: dict[str, Any] = {
    "epochs": 4,
    "seed": 7,
    "progress": False,
    "schedule": "cosine",
    "warmup": 1.0,
    "dropout": 0.3,
    "keep_best": True,
}

KILL_TRAININGS = """
import os, random, signal, sys, time
from pathlib import Path
import tensorflow  # once, so that each training starts at once
import zoo
from zoo.transfer import resume

out, chance, killed = Path(sys.argv[1]), random.Random(1), 0
recipe = dict(eval(sys.argv[2]), out=out)
while not out.exists():
    child = os.fork()
    if child == 0:
        if Path(f"{out}.unfinished", "recipe.json").exists():
            resume(out, progress=False)
        else:
            zoo.transfer("lenet5", "digits", "full", **recipe)
        os._exit(0)
    if killed < 10:
        time.sleep(chance.uniform(1.0, 4.0))
        os.kill(child, signal.SIGKILL)
        killed += 1
    os.waitpid(child, 0)
print(killed)
"""


@pytest.fixture(autouse=True)
def _no_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.transfer.training.run_pictures", lambda *_: {})


def same_weights(one: keras.Model, other: keras.Model) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(values_of(one.weights), values_of(other.weights), strict=True))


def timeless(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in each.items() if key != "seconds"} for each in history]


def test_a_training_killed_at_ten_moments_ends_like_one_that_was_not(tmp_path: Path) -> None:
    recipe = {**RECIPE, "epochs": 12}
    out = tmp_path / "killed"
    done = subprocess.run(
        [sys.executable, "-c", KILL_TRAININGS, str(out), repr(recipe)], capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 3
    unbroken = zoo.transfer("lenet5", "digits", "full", **recipe)
    resumed = zoo.load(out)
    assert timeless(resumed.history) == timeless(unbroken.history)
    assert same_weights(resumed.model, unbroken.model)
    assert [each.name for each in tmp_path.iterdir()] == ["killed"]


class PressedAfter(threading.Thread):
    """Ctrl-C, once ``epochs`` epochs stand in the state of the run at ``out``."""

    def __init__(self, out: Path, epochs: int) -> None:
        super().__init__(daemon=True)
        self.out, self.epochs = out, epochs

    def run(self) -> None:
        state = Path(f"{self.out}.unfinished") / STATE
        while True:
            try:
                with np.load(state) as file:
                    if len(json.loads(file["state"].tobytes())["history"]) >= self.epochs:
                        break
            except (OSError, ValueError, KeyError):
                continue
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_leaves_a_run_that_can_be_used_and_resumed(tmp_path: Path) -> None:
    recipe = {**RECIPE, "epochs": 30}
    PressedAfter(tmp_path / "run", 2).start()
    stopped = zoo.transfer("lenet5", "digits", "full", **recipe, out=tmp_path / "run")
    assert stopped.info["interrupted"]
    assert 2 <= len(stopped.history) < 30
    assert zoo.predict(tmp_path / "run", np.zeros((32, 32), np.uint8))
    resumed = resume(tmp_path / "run", progress=False)
    unbroken = zoo.transfer("lenet5", "digits", "full", **recipe)
    assert timeless(resumed.history) == timeless(unbroken.history)
    assert resumed.info["seconds"]["training"] >= sum(each["seconds"] for each in resumed.history) - 0.01
    assert same_weights(resumed.model, unbroken.model)
    assert same_weights(zoo.load(tmp_path / "run").model, unbroken.model)
    assert not (tmp_path / "run" / "resume").exists()
    assert [each.name for each in tmp_path.iterdir()] == ["run"]
    with pytest.raises(zoo.RunError, match="it is finished; to train it further, name it as the model"):
        resume(tmp_path / "run")


@pytest.mark.parametrize("reason", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_what_is_broken_off_while_the_run_is_written_is_kept_and_the_user_told(
    reason: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stopped(*_: Any) -> None:
        if isinstance(reason, OSError):
            raise zoo.RunError("write the run", "it cannot be written", "make room") from reason
        raise reason

    recipe: dict[str, Any] = {"epochs": 2, "seed": 7, "progress": False}
    monkeypatch.setattr("zoo.transfer.training.write", stopped)
    monkeypatch.chdir(tmp_path)
    with pytest.raises((KeyboardInterrupt, zoo.RunError)):
        zoo.transfer("lenet5", "digits", "full", **recipe, out="my run")
    assert [each.name for each in tmp_path.iterdir()] == ["my run.unfinished"]
    assert "the training is unfinished; `zoo train --resume 'my run'` goes on" in caplog.text
    monkeypatch.undo()
    resumed = resume(tmp_path / "my run.unfinished", progress=False)
    assert resumed.folder == tmp_path / "my run"
    assert [each.name for each in tmp_path.iterdir()] == ["my run"]
    assert same_weights(resumed.model, zoo.transfer("lenet5", "digits", "full", **recipe).model)


def test_a_training_does_not_go_on_with_other_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photographs = tmp_path / "photographs"
    for number in range(20):
        path = photographs / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((32, 32), 10 * number, np.uint8)).save(path)
    recipe: dict[str, Any] = {"epochs": 2, "seed": 7, "progress": False}
    monkeypatch.setattr("zoo.transfer.training.write", lambda *_: exec("raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        zoo.transfer("lenet5", photographs, "full", **recipe, out=tmp_path / "run")
    monkeypatch.undo()
    gone = photographs / "a" / "0.png"
    gone.rename(tmp_path / "0.png")
    with pytest.raises(zoo.RunError, match="its data has changed since; put it back"):
        resume(tmp_path / "run", progress=False)
    (tmp_path / "0.png").rename(gone)
    assert len(resume(tmp_path / "run", progress=False).history) == 2


def test_an_unfinished_training_is_not_begun_again_by_mistake(tmp_path: Path) -> None:
    unfinished = tmp_path / "run.unfinished"
    unfinished.mkdir()
    with pytest.raises(zoo.RunError, match=r"unfinished, in .*; go on with `zoo train --resume"):
        zoo.transfer("lenet5", "digits", "full", **RECIPE, out=tmp_path / "run")
    with pytest.raises(zoo.RunError, match="there is no unfinished training of it"):
        resume(tmp_path / "run")
    (unfinished / "recipe.json").write_text("{")
    with pytest.raises(zoo.RunError, match=r"recipe\.json cannot be read"):
        resume(tmp_path / "run")


def test_a_damaged_state_is_named_and_left(tmp_path: Path) -> None:
    PressedAfter(tmp_path / "run", 1).start()
    zoo.transfer("lenet5", "digits", "full", **{**RECIPE, "epochs": 30}, out=tmp_path / "run")
    state = tmp_path / "run" / "resume" / STATE
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(zoo.RunError, match=r"state\.npz is damaged"):
        resume(tmp_path / "run")
    assert (tmp_path / "run" / "run.json").exists()


def test_a_failed_training_leaves_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(zoo.RunError, match="the loss became"):
        zoo.transfer("mlp", "digits", "full", epochs=3, learning_rate=1e20, progress=False, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_features_are_computed_ends_at_once_and_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = zoo.transfer.trainer.extract

    def pressed(*arguments: Any, progress: Any, **options: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return extract(*arguments, progress=progress, **options)

    monkeypatch.setattr("zoo.transfer.trainer.extract", pressed)
    recipe: dict[str, Any] = {"epochs": 3, "seed": 7, "progress": False}
    stopped = zoo.transfer("lenet5.digits_0_4", "digits", "head", **recipe, out=tmp_path / "run")
    assert (stopped.info["interrupted"], stopped.history) == (True, [])
    assert "report.html" in {each.name for each in (tmp_path / "run").iterdir()}
    monkeypatch.undo()
    resumed = resume(tmp_path / "run", progress=False)
    assert same_weights(resumed.model, zoo.transfer("lenet5.digits_0_4", "digits", "head", **recipe).model)
