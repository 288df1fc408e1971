"""What is printed: tables, sheets and JSON on stdout, notes on stderr."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import gc
import inspect
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zoo.cli import help_page

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])

#: The width of a table that is not printed to a terminal, so wide that no line is cut or folded.
_UNLIMITED = 10_000

#: A table or a JSON list with more rows is printed plainly, because it would take seconds to lay it out.
_LONG = 500

json_option = help_page.option(
    "Output", "--json", "as_json", is_flag=True, help="Print one JSON document instead of text."
)


def with_example(text: str) -> Callable[[F], F]:
    """Return a decorator that ends the help of a command with an example."""

    def decorate(function: F) -> F:
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n\b\nExample:\n  {text}"
        return function

    return decorate


@click.pass_context
def show_help(context: click.Context) -> None:
    """Print the help page of a group of commands, if the group was called without one of its commands."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def table(rows: Sequence[Mapping[str, object]], *, right: Sequence[str] = (), cut: bool = False) -> None:
    """Print rows under their keys; on a narrow terminal, the last column is folded, or with ``cut`` cut off."""
    if len(rows) > _LONG:
        click.echo("\n".join(_plain_lines(rows, right, width() if cut else _UNLIMITED)))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
        pad_edge=False,
        header_style="bold",
        border_style="dim",
    )
    *fixed, last = rows[0]
    for name in fixed:
        shown.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    shown.add_column(last)
    for row in rows:
        *cells, end = map(str, row.values())
        shown.add_row(*cells, Text(end, no_wrap=cut, overflow="ellipsis" if cut else "fold"))
    console().print(shown)


def _plain_lines(rows: Sequence[Mapping[str, object]], right: Sequence[str], most: int) -> list[str]:
    """Return the lines of a long table: the columns are wide enough for every cell, and a line ends at ``most``."""
    columns = list(zip(rows[0], *(map(str, row.values()) for row in rows), strict=True))
    widths = [max(map(len, column)) for column in columns]
    padded = [
        [cell.rjust(width) if column[0] in right else cell.ljust(width) for cell in column]
        for column, width in zip(columns, widths, strict=True)
    ]
    head, *lines = ("  ".join(cells).rstrip() for cells in zip(*padded, strict=True))
    rule = "─" * min(most, sum(widths) + 2 * len(widths) - 2)
    return [head[:most], rule, *(line if len(line) <= most else line[: most - 1] + "…" for line in lines)]


def sheet(facts: Mapping[str, object]) -> None:
    """Print facts beside their names; a tuple takes several lines, and what is None or empty is left out."""
    from rich.table import Table

    shown = Table.grid(padding=(0, 3, 0, 0))
    shown.add_column(style="dim", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in facts.items():
        if value is not None and value != "" and value != ():
            shown.add_row(f"  {name}", "\n".join(map(str, value)) if isinstance(value, tuple) else str(value))
    console().print(shown)


def title(text: str, rest: str = "") -> None:
    """Print a heading: a name in bold type, and ``rest``, which says what it is."""
    from rich.text import Text

    console().print(Text.assemble((text, "bold"), f"  {rest}" if rest else ""))


def note(text: str) -> None:
    """Print what the user should know, on stderr."""
    click.secho(text, dim=True, err=True)


def warn(text: str) -> None:
    """Print a warning as one line on stderr."""
    click.echo(f"zoo: warning: {text}", err=True)


def print_json(document: object) -> None:
    """Print one JSON document; numbers that JSON does not have become null. A long list has one line for each item."""
    if isinstance(document, list) and len(document) > _LONG:
        click.echo("[\n" + ",\n".join(map(_json_line, document)) + "\n]")
    else:
        click.echo(json.dumps(_plain(document), indent=2, ensure_ascii=False, allow_nan=False))


def _json_line(document: object) -> str:
    """Return a document as JSON on one line; json's own encoder is fast as long as it meets nothing unusual."""
    try:
        return _encode(document)
    except (TypeError, ValueError):
        return _encode(_plain(document))


def end_quickly() -> None:
    """Let Python end without its last search for garbage, which takes a fifth of the time of listing 5,000 models."""
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def count(number: int, noun: str) -> str:
    """Return ``1 model``, ``2,000 models``.

    >>> count(2000, "strategy")
    '2,000 strategies'
    """
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Return the plural of one of the nouns that Zoo prints.

    >>> plural("class")
    'classes'
    """
    return noun[:-1] + "ies" if noun.endswith("y") else noun + ("es" if noun.endswith("s") else "s")


def figures(values: Mapping[str, float]) -> str:
    """Return figures with their names, on one line.

    >>> figures({"top-1": 0.97123})
    'top-1 0.9712'
    """
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())


def share(value: float | None) -> str:
    """Return a share from 0 to 1 with three digits; an empty text for None.

    >>> share(0.70424)
    '0.704'
    """
    return "" if value is None else f"{value:.3f}"


def as_pattern(text: str) -> str:
    """Return the shell pattern that finds ``text`` anywhere in a name; a text that is a pattern is returned as it is.

    >>> as_pattern("resnet"), as_pattern("resnet*")
    ('*resnet*', 'resnet*')
    """
    return text if any(sign in text for sign in "*?[") else f"*{text}*"


def shape(sizes: Iterable[int | None]) -> str:
    """Return an input shape as text.

    >>> shape((224, 224, 3))
    '224x224x3'
    """
    return "x".join("any" if size is None else str(size) for size in sizes)


def width() -> int:
    """Return the width of the terminal in columns."""
    return console().width


@functools.lru_cache(maxsize=1)
def _console(file: Any) -> Console:
    from rich.console import Console

    on_terminal = file.isatty() or "COLUMNS" in os.environ
    return Console(file=file, width=None if on_terminal else _UNLIMITED, highlight=False, markup=False, emoji=False)


def console() -> Console:
    """Return the console that prints to the current ``sys.stdout``."""
    return _console(sys.stdout)


def _plain_one(value: Any) -> Any:
    """Return what json can encode instead of ``value``; what is inside of it may still be unusual."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return _plain(value)


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_plain_one).encode


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # arrays and scalars of NumPy, which is not imported here
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def metric(number: int | None) -> str:
    """Return a number with three digits and a metric prefix; an empty text for None.

    >>> metric(3_857_973_248)
    '3.86 G'
    """
    if number is None:
        return ""
    prefixes = ("", "k", "M", "G", "T")
    power = min(len(prefixes) - 1, (len(str(abs(number))) - 1) // 3)
    return f"{number / 1000**power:.3g} {prefixes[power]}".strip()
