"""A training that is killed or interrupted goes on, and ends as one that nobody stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.transfer import resume
from zoo.transfer.training_state import STATE, State, load_state, save_state, values_of

#: Two phases, the first with frozen features, a schedule, dropout and early stopping: everything that has a state.
RECIPE: dict[str, Any] = {
    "epochs": 4,
    "seed": 7,
    "progress": False,
    "pictures": False,
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
            resume(out, progress=False, pictures=False)
        else:
            zoo.transfer("small_convnet", "digits", "full", **recipe)
        os._exit(0)
    if killed < 10:
        time.sleep(chance.uniform(1.0, 4.0))
        os.kill(child, signal.SIGKILL)
        killed += 1
    os.waitpid(child, 0)
print(killed)
"""


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
    unbroken = zoo.transfer("small_convnet", "digits", "full", **recipe)
    resumed = zoo.load(out)
    assert timeless(resumed.history) == timeless(unbroken.history)
    assert same_weights(resumed.model, unbroken.model)
    assert [each.name for each in tmp_path.iterdir()] == ["killed"]


class PressedAfter(threading.Thread):
    """Presses Ctrl-C once ``epochs`` epochs are in the state of the run at ``out``."""

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
                pass
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_leaves_a_run_that_can_be_used_and_resumed(tmp_path: Path) -> None:
    recipe = {**RECIPE, "epochs": 15}
    PressedAfter(tmp_path / "run", 2).start()
    stopped = zoo.transfer("small_convnet", "digits", "full", **recipe, out=tmp_path / "run")
    assert stopped.info["interrupted"]
    assert 2 <= len(stopped.history) < 15
    assert zoo.predict(tmp_path / "run", np.zeros((32, 32), np.uint8))
    resumed = resume(tmp_path / "run", progress=False, pictures=False)
    unbroken = zoo.transfer("small_convnet", "digits", "full", **recipe)
    assert timeless(resumed.history) == timeless(unbroken.history)
    assert resumed.info["seconds"]["training"] >= sum(each["seconds"] for each in resumed.history) - 0.01
    assert same_weights(resumed.model, unbroken.model)
    assert same_weights(zoo.load(tmp_path / "run").model, unbroken.model)
    assert not (tmp_path / "run" / "resume").exists()
    assert [each.name for each in tmp_path.iterdir()] == ["run"]
    with pytest.raises(zoo.RunError, match="it is finished; to train it further, pass it as the model"):
        resume(tmp_path / "run")


def interrupt(*_: Any) -> dict[str, bytes]:
    """Stands in for the drawing of a run, in the middle of which the user presses Ctrl-C a second time."""
    raise KeyboardInterrupt


def draw_into_a_missing_folder(*_: Any) -> dict[str, bytes]:
    """Stands in for the drawing of a run; the system refuses to write what it returns."""
    return {"no such folder/curves.png": b""}


@pytest.mark.parametrize(
    ("draw", "error"), [(interrupt, KeyboardInterrupt), (draw_into_a_missing_folder, zoo.RunError)]
)
def test_what_is_broken_off_while_the_run_is_written_is_kept_and_the_user_told(
    draw: Any,
    error: type[BaseException],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    recipe: dict[str, Any] = {"epochs": 2, "seed": 7, "progress": False}
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        zoo.transfer("small_convnet", "digits", "full", **recipe, out="my run", pictures=draw)
    assert [each.name for each in tmp_path.iterdir()] == ["my run.unfinished"]
    assert "the training is unfinished; `zoo train --resume 'my run'` goes on with it" in caplog.text
    resumed = resume(tmp_path / "my run.unfinished", progress=False, pictures=False)
    assert resumed.folder == tmp_path / "my run"
    assert [each.name for each in tmp_path.iterdir()] == ["my run"]
    assert same_weights(resumed.model, zoo.transfer("small_convnet", "digits", "full", **recipe, pictures=False).model)


def test_a_training_does_not_go_on_with_other_data(tmp_path: Path) -> None:
    photographs = tmp_path / "photographs"
    for number in range(20):
        path = photographs / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((32, 32), 10 * number, np.uint8)).save(path)
    recipe: dict[str, Any] = {"epochs": 2, "seed": 7, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        zoo.transfer("small_convnet", photographs, "full", **recipe, out=tmp_path / "run", pictures=interrupt)
    gone = photographs / "a" / "0.png"
    gone.rename(tmp_path / "0.png")
    with pytest.raises(zoo.RunError, match="the data has changed since it began; restore it"):
        resume(tmp_path / "run", progress=False, pictures=False)
    (tmp_path / "0.png").rename(gone)
    assert len(resume(tmp_path / "run", progress=False, pictures=False).history) == 2


def test_an_unfinished_training_is_not_begun_again_by_mistake(tmp_path: Path) -> None:
    unfinished = tmp_path / "run.unfinished"
    unfinished.mkdir()
    with pytest.raises(zoo.RunError, match=r"unfinished, in .*; go on with `zoo train --resume"):
        zoo.transfer("small_convnet", "digits", "full", **RECIPE, out=tmp_path / "run")
    with pytest.raises(zoo.RunError, match="there is no unfinished training of that run"):
        resume(tmp_path / "run")
    (unfinished / "recipe.json").write_text("{")
    with pytest.raises(zoo.RunError, match=r"recipe\.json cannot be read"):
        resume(tmp_path / "run")


def test_a_damaged_state_is_named_and_left(tmp_path: Path) -> None:
    PressedAfter(tmp_path / "run", 1).start()
    zoo.transfer("small_convnet", "digits", "full", **{**RECIPE, "epochs": 30}, out=tmp_path / "run")
    state = tmp_path / "run" / "resume" / STATE
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(zoo.RunError, match=r"state\.npz is damaged"):
        resume(tmp_path / "run")
    assert (tmp_path / "run" / "run.json").exists()


def test_a_failed_training_leaves_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(zoo.RunError, match="the loss became"):
        zoo.transfer("small_mlp", "digits", "full", epochs=3, learning_rate=1e20, progress=False, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


class PressedAtOnce(threading.Thread):
    """Presses Ctrl-C as soon as Zoo handles it: training begins with the features of the frozen layers."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.before = signal.getsignal(signal.SIGINT)

    def run(self) -> None:
        while signal.getsignal(signal.SIGINT) is self.before:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_while_features_are_computed_ends_at_once_and_can_be_resumed(tmp_path: Path) -> None:
    recipe: dict[str, Any] = {"epochs": 3, "seed": 7, "progress": False, "pictures": False}
    PressedAtOnce().start()
    stopped = zoo.transfer("small_convnet.digits_0_4", "digits", "head", **recipe, out=tmp_path / "run")
    assert (stopped.info["interrupted"], stopped.history) == (True, [])
    assert "report.html" in {each.name for each in (tmp_path / "run").iterdir()}
    resumed = resume(tmp_path / "run", progress=False, pictures=False)
    assert same_weights(resumed.model, zoo.transfer("small_convnet.digits_0_4", "digits", "head", **recipe).model)


def test_a_training_that_zoo_0_1_began_goes_on_under_the_new_names_of_its_options(tmp_path: Path) -> None:
    recipe = {**RECIPE, "epochs": 4, "lr_decay": 0.05, "gradient_accumulation_steps": 2}
    unbroken = zoo.transfer("small_convnet", "digits", "full", **recipe)
    PressedAfter(tmp_path / "run", 2).start()
    zoo.transfer("small_convnet", "digits", "full", **recipe, out=tmp_path / "run")
    path = tmp_path / "run" / "resume" / "recipe.json"
    written = json.loads(path.read_text())
    for old, new in (("decay", "lr_decay"), ("accumulate", "gradient_accumulation_steps")):
        written["arguments"][old] = written["arguments"].pop(new)
    path.write_text(json.dumps(written))
    with warnings.catch_warnings():  # nobody can change what Zoo wrote itself, so nobody is warned of it
        warnings.filterwarnings("error", ".* is now called", DeprecationWarning)
        resumed = resume(tmp_path / "run", progress=False, pictures=False)
    assert timeless(resumed.history) == timeless(unbroken.history)
    assert same_weights(resumed.model, unbroken.model)


def test_a_state_has_the_keys_of_zoo_0_1(tmp_path: Path) -> None:
    state = State(phase=1, epoch=2, best=0.5, waited=1, history=[{"epoch": 1, "loss": 0.5}])
    save_state(replace(state, weights=[np.ones(3)], optimizer=[np.zeros(2), np.ones(())]), tmp_path)
    with np.load(tmp_path / STATE) as file:
        assert set(file.files) == {"state", "weights/0", "optimizer/0", "optimizer/1"}
        record = json.loads(file["state"].tobytes())
    assert record == {"phase": 1, "epoch": 2, "best": 0.5, "waited": 1, "history": [{"epoch": 1, "loss": 0.5}]}
    opened = load_state(tmp_path)
    assert (opened.phase, opened.epoch, opened.history) == (1, 2, state.history)
    assert [array.tolist() for array in opened.optimizer] == [[0.0, 0.0], 1.0]
