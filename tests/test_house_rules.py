"""Rules of the house that no linter knows: short functions with few parameters, or a comment that gives the reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    path
    for folder in ("zoo_core", "weights", *(each.relative_to(ROOT).as_posix() for each in ROOT.glob("zoo_plugins/*")))
    for path in (ROOT / folder).glob("zoo*/**/*.py")
)

MOST_PARAMETERS, MOST_LINES = 7, 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions_of(tree: ast.AST) -> Iterator[Function]:
    yield from (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def parameters_of(function: Function) -> int:
    """Return how many parameters a caller has to know: without self and cls, each of *args and **kwargs as one."""
    given = function.args
    names = [
        each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs) if each.arg not in ("self", "cls")
    ]
    return len(names) + bool(given.vararg) + bool(given.kwarg)


def lines_of(function: Function) -> int:
    """Return the lines of the body; a docstring does not count."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def has_reason(function: Function, lines: list[str]) -> bool:
    """Return whether a comment stands above the function, or above the first line of its body."""
    first = min([function.lineno, *(each.lineno for each in function.decorator_list)])
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    places = (first - 2, function.lineno - 2, body[0].lineno - 2 if body else 0)
    return any(lines[place].lstrip().startswith("#") for place in places if place >= 0)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_functions_are_short_and_take_few_parameters_or_say_why(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    lines = text.splitlines()
    found = [
        f"{function.name} (line {function.lineno}): {parameters_of(function)} parameters, {lines_of(function)} lines"
        for function in functions_of(ast.parse(text))
        if parameters_of(function) > MOST_PARAMETERS or lines_of(function) > MOST_LINES
        if not has_reason(function, lines)
    ]
    assert found == []
