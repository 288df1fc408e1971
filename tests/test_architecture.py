"""The floors of the core: import-linter holds them, notices what is planted, and the page names every room."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "zoo_core" / "zoo"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts of pyproject.toml on the package ``zoo`` in ``folder``."""
    program = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return subprocess.run(
        [*program, str(ROOT / "pyproject.toml"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the core's modules, in which imports can be planted."""
    shutil.copytree(CORE, tmp_path / "zoo", ignore=shutil.ignore_patterns("__pycache__", "*.txt"))
    return tmp_path


def test_the_core_keeps_its_contracts(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout
    assert "2 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "planted", "said"),
    [
        ("registry.py", "from zoo.transfer import phases", "zoo.registry is not allowed to import zoo.transfer"),
        ("models/network.py", "def late():\n    from zoo.weights import store", "zoo.models is not allowed to import"),
        ("runs/run.py", "if TYPE_CHECKING:\n    from zoo.inference import evaluation", "zoo.runs is not allowed"),
        ("data/dataset.py", "from zoo.data import splits", "No circles"),
        ("newcomer.py", '"""A module that stands on no floor."""', "newcomer"),
    ],
    ids=["plain", "lazy", "typing only", "a circle in a room", "a loose module"],
)
def test_a_planted_import_breaks_a_contract(copy: Path, file: str, planted: str, said: str) -> None:
    with (copy / "zoo" / file).open("a", encoding="utf-8") as module:
        module.write(f"\n\nfrom typing import TYPE_CHECKING\n\n{planted}\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout
    assert said in done.stdout + done.stderr


def test_no_room_below_the_program_imports_the_public_face() -> None:
    # The contract leaves out the arrows of the face itself, so that an import of it would hide a climb.
    face = re.compile(r"^\s*(import zoo$|from zoo import (__version__|[A-Z]))", re.MULTILINE)
    rooms = [path for path in CORE.rglob("*.py") if "cli" not in path.relative_to(CORE).parts]
    assert [path.name for path in rooms if face.search(_code(path))] == []


def _code(path: Path) -> str:
    """Return the text of a module without its docstrings and strings."""
    return re.sub(r'"""[\s\S]*?"""', "", path.read_text(encoding="utf-8"))


def test_the_page_of_the_architecture_names_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    modules = {path.stem if path.suffix else path.name for path in CORE.iterdir() if path.suffix in ("", ".py")}
    missing = [name for name in modules if not name.startswith("__") and f"`{name}" not in page]
    assert not missing, f"docs/architecture.md does not name {', '.join(sorted(missing))}"
