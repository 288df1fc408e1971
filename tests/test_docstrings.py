"""The examples in docstrings run and give what they say, in every module of every distribution."""

from __future__ import annotations

import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DISTRIBUTIONS = [ROOT / "zoo_core", ROOT / "weights", *sorted(ROOT.glob("zoo_plugins/*"))]


def modules_with_examples() -> Iterator[str]:
    for distribution in DISTRIBUTIONS:
        for file in sorted(distribution.glob("zoo*/**/*.py")):
            lines = file.read_text(encoding="utf-8").splitlines()
            if any(">>> " in line and "+SKIP" not in line for line in lines):
                yield ".".join(file.relative_to(distribution).with_suffix("").parts).removesuffix(".__init__")


def test_examples_are_found_in_the_core_and_in_the_plugins() -> None:
    found = set(modules_with_examples())
    assert {"zoo.cli.output", "zoo.errors", "zoo.weights.published", "zoo_resnet.layouts"} <= found


@pytest.mark.parametrize("name", list(modules_with_examples()))
def test_the_examples_of_a_module_give_what_they_say(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert (failed, tried > 0) == (0, True)
