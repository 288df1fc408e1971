"""The public names, signatures and options are those of public_api.txt, so that a change of them is seen in a diff.

``python tests/test_public_api.py`` writes the file anew.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

LIST = Path(__file__).with_name("public_api.txt")

#: Modules whose ``__all__`` people may import from, the public face first.
MODULES = (
    "zoo",
    "zoo.data",
    "zoo.devices",
    "zoo.layers",
    "zoo.testing",
    "zoo.transfer",
    "zoo.weights",
    "zoo.weights.formats",
)


def public_api() -> str:
    """Return one line for each public name, hook, command and option."""
    lines = []
    for name in MODULES:
        module = importlib.import_module(name)
        lines += [f"# {name}", ""]
        for public in sorted(getattr(module, "__all__", ())):
            lines += described(public, getattr(module, public))
        lines.append("")
    lines += ["# hooks", "", *hooks(), "", "# commands", "", *commands()]
    return "\n".join(lines) + "\n"


def described(name: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        # Keras exchanges keras.Model for its functional kind in the bases of a class once it is used.
        bases = [base.__name__ for base in value.__bases__ if base is not object and "keras" not in base.__module__]
        yield f"class {name}({', '.join(bases)})" if bases else f"class {name}"
        yield from (f"    {line}" for line in members(value))
    elif inspect.isroutine(value) or inspect.ismodule(value):
        yield f"def {name}{signature(value)}"
    else:
        yield f"{name}: {type(value).__name__}"


def members(of: type) -> Iterator[str]:
    """Return the fields of a dataclass or a named tuple, and what a class of ours defines besides."""
    if dataclasses.is_dataclass(of):
        for field in dataclasses.fields(of):
            has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
            yield f"{field.name}: {field.type}{' = ...' if has_default else ''}"
    fields = {field.name for field in dataclasses.fields(of)} if dataclasses.is_dataclass(of) else set()
    for name, value in sorted(vars(of).items()):
        if name.startswith("_") or name in fields:
            continue
        if isinstance(value, property):
            yield f"{name}: property"
        elif isinstance(value, (classmethod, staticmethod)):
            yield f"{type(value).__name__} {name}{signature(value.__func__)}"
        elif inspect.isfunction(value):
            yield f"def {name}{signature(value)}"


def signature(function: Any) -> str:
    # zoo.transfer is a module that can be called.
    found = inspect.signature(function.__call__ if inspect.ismodule(function) else function)
    parameters = [
        each if each.default is each.empty else each.replace(default=shown(each.default))
        for each in found.parameters.values()
    ]
    return str(found.replace(parameters=parameters)).replace("'", "")


def shown(default: Any) -> Any:
    """Return a default whose text is the same in every process, or three dots."""
    if isinstance(default, str):
        return Quoted(default)
    return default if isinstance(default, (bool, int, float, tuple, type(None))) else ...


class Quoted(str):
    """A text in double quotes: the single ones are those of annotations, which are left out."""

    def __repr__(self) -> str:
        return f'"{self}"'


def hooks() -> Iterator[str]:
    module = importlib.import_module("zoo.hookspecs")
    for name, value in sorted(vars(module).items()):
        if name.startswith("zoo_"):
            yield f"def {name}{signature(value)}"


def commands() -> Iterator[str]:
    """Return each command with its arguments and the options that its help shows."""
    group = importlib.import_module("zoo.cli").Commands()
    yield from commands_of(click.Context(group), group, "zoo")


def commands_of(context: click.Context, command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in sorted(command.list_commands(context)):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands_of(click.Context(found, parent=context), found, f"{path} {name}")
        return
    arguments = [each.make_metavar(context) for each in command.params if isinstance(each, click.Argument)]
    yield " ".join([path, *arguments])
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            yield f"    {', '.join([*option.opts, *option.secondary_opts])}"


def test_the_public_api_is_the_one_that_is_written_down() -> None:
    found, written = public_api().splitlines(), LIST.read_text(encoding="utf-8").splitlines()
    gone = [line for line in written if line not in found]
    new = [line for line in found if line not in written]
    advice = "if that is meant, write the list anew with `python tests/test_public_api.py`"
    assert found == written, f"gone: {gone}; new: {new}; {advice}"


if __name__ == "__main__":
    LIST.write_text(public_api(), encoding="utf-8")
