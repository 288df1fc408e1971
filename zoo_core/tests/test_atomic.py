"""Files that appear in one step, even when the process that writes them is killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zoo.atomic import folder_in_one_step, in_one_step

WRITE_AGAIN_AND_AGAIN = """
import pathlib, sys
from zoo.atomic import in_one_step
print("ready", flush=True)
for number in range(100_000):
    with in_one_step(pathlib.Path(sys.argv[1])) as unfinished:
        beside = unfinished.with_name(".tmp-of-a-library")
        beside.write_bytes(b"")
        with unfinished.open("wb") as file:
            for _ in range(50):
                file.write(bytes([number % 256]) * 20_000)
        beside.unlink(missing_ok=True)
"""


def test_a_file_is_there_when_the_context_ends_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.weights.h5"
    with in_one_step(path) as unfinished:
        assert unfinished.name == path.name
        unfinished.write_text("content")
        assert not path.exists()
    assert path.read_text() == "content"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == (tmp_path / "new" / "file.weights.h5").stat().st_mode & 0o777


def fail_halfway(path: Path) -> None:
    with in_one_step(path) as unfinished:
        unfinished.write_text("half")
        raise ZeroDivisionError


def test_an_exception_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError):
        fail_halfway(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_process_killed_at_any_moment_leaves_a_whole_file_or_none(tmp_path: Path) -> None:
    path = tmp_path / "file"
    chance = random.Random(0)
    seen = set()
    for _ in range(50):
        command = [sys.executable, "-c", WRITE_AGAIN_AND_AGAIN, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        if path.exists():
            content = path.read_bytes()
            seen.add(content[:1])
            assert content == content[:1] * 1_000_000
    assert len(seen) > 1
    with in_one_step(path) as unfinished:
        unfinished.write_text("the next")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_there_when_the_context_ends_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder"
    with folder_in_one_step(path) as unfinished:
        (unfinished / "file").write_text("content")
        assert not path.exists()
    assert (path / "file").read_text() == "content"
    with pytest.raises(FileExistsError, match="not an empty folder"), folder_in_one_step(path):
        pass
    with pytest.raises(ValueError, match="broken off"), folder_in_one_step(tmp_path / "other"):
        raise ValueError("broken off")
    assert [each.name for each in tmp_path.iterdir()] == ["new"]
