"""The pages that people read: links lead somewhere, Python is Python, and every command is one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from zoo.cli import BUILT_IN

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "zoo_core/*.md", "zoo_plugins/*/*.md", "weights/*.md")
    for path in ROOT.glob(pattern)
)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [each for each in targets if not re.match(r"[a-z]+:", each)]
    assert [each for each in local if not (page.parent / each).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_python_can_be_parsed(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        ast.parse(block)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_line_that_calls_zoo_names_a_command(page: Path) -> None:
    lines = re.findall(r"^(?: {4,}|\$ |.*&& )zoo ([a-z]\S*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert [each for each in lines if each not in BUILT_IN] == []


def test_the_readme_calls_commands() -> None:
    assert re.search(r"^    zoo train ", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
