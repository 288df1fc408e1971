"""zoo.lock: what is built with it is what was locked, and any difference is named with both sides."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import zoo
from zoo.cli import main
from zoo.lockfile import lock, read_lock

ZooLine = Callable[..., tuple[int, str, str]]

TAGGED = "zoo-classic/lenet5.digits_0_4"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def changed(key: str, **changes: object) -> None:
    """Rewrite one model of the lock."""
    content = json.loads(Path("zoo.lock").read_text())
    models = [each for each in content["models"] if key.startswith(each["model"])]
    models[0].update(changes)
    Path("zoo.lock").write_text(json.dumps(content))


def test_what_was_locked_is_built(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lock", "lenet5.digits_0_4", "resnet20_cifar"]) == 0
    assert sorted(read_lock("zoo.lock")) == [TAGGED, "zoo-resnet/resnet20_cifar"]
    locked = read_lock("zoo.lock")[TAGGED]
    assert set(locked.distributions) == {"zoo-core", "zoo-classic", "zoo-weights"}
    assert zoo.build("lenet5.digits_0_4", locked=True).output_shape == (None, 5)
    assert main(["build", "lenet5.digits_0_4", "--locked"]) == 0
    assert "10 variables loaded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sha256": "0" * 64}, "the SHA-256 of the weights is e1"),
        ({"distributions": {"zoo-classic": "9.9"}}, f"zoo-classic is {zoo.__version__} here and 9.9 in the lock"),
        ({"distributions": {"zoo-gone": "1.0"}}, "zoo-gone is not installed here and 1.0 in the lock"),
        ({"preprocessing": {"scale": 1.0}}, "the preprocessing is {"),
        ({"parameters": 7}, "the number of parameters is 61706 here and 7 in the lock"),
    ],
)
def test_a_difference_is_an_error_that_names_both(changes: dict[str, object], said: str) -> None:
    lock(["lenet5.digits_0_4"])
    changed(TAGGED, **changes)
    with pytest.raises(zoo.LockError) as caught:
        zoo.build("lenet5.digits_0_4", locked=True)
    assert said in str(caught.value)
    assert "here and" in str(caught.value)
    assert f"`zoo lock {TAGGED}`" in str(caught.value)
    lock()  # accepts the difference
    zoo.build("lenet5.digits_0_4", locked=True)


def test_a_file_of_weights_that_changed_is_refused(shared: Path) -> None:
    shutil.copy(shared / "weights" / "resnet20_cifar10.safetensors", "mine.safetensors")
    lock(["resnet20_cifar=mine.safetensors"])
    zoo.build("resnet20_cifar", weights="mine.safetensors", locked=True)
    content = bytearray(Path("mine.safetensors").read_bytes())
    content[-1] ^= 1
    Path("mine.safetensors").write_bytes(content)
    with pytest.raises(zoo.LockError, match=r"the SHA-256 of the weights is .* here and .* in the lock"):
        zoo.build("resnet20_cifar", weights="mine.safetensors", locked=True)


def test_what_is_not_in_the_lock_is_not_built() -> None:
    lock(["lenet5.digits_0_4"], "other.lock")
    with pytest.raises(zoo.LockError, match=r"the lock holds zoo-classic/lenet5.digits_0_4; did you mean"):
        zoo.build("lenet5", locked="other.lock")
    with pytest.raises(zoo.LockError, match=r"there is no such file; write it with `zoo lock MODEL...`"):
        zoo.build("lenet5", locked=True)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1, "models": [{"mode": 3}]}', '{"version": 2}', "\0"])
def test_a_damaged_lock_is_named_and_left_as_it_is(content: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("zoo.lock").write_text(content)
    assert main(["lock", "lenet5"]) == 1
    assert "read zoo.lock" in capsys.readouterr().err
    assert Path("zoo.lock").read_text() == content


def test_nothing_to_lock_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lock"]) == 1
    assert "no model was named" in capsys.readouterr().err
    assert main(["lock", "lenet6"]) == 1
    assert "did you mean" in capsys.readouterr().err
    assert not Path("zoo.lock").exists()
