"""Help pages whose options stand under headings such as "Data" or "Training"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

#: The heading of the options that belong to no section, such as ``--help``.
_REST = "General"

#: How wide the column of the options' names is. It is the most that click gives it, so the sections line up.
_NAME_WIDTH = 30


class Option(click.Option):
    """An option that stands under the heading ``section`` in the help page of a :class:`Command`."""

    def __init__(self, *arguments: Any, section: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.section = section


def option(section: str, *names: str, **settings: Any) -> Callable[[F], F]:
    """Return the decorator that adds an option to a command, under the heading ``section``."""
    return click.option(*names, cls=Option, section=section, **settings)


class Command(click.Command):
    """A command whose help page lists its options by section, in the order in which the sections appear first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section; those that belong to none come last."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections.setdefault(getattr(parameter, "section", _REST), []).append(record)
        rest = sections.pop(_REST, [])
        for heading, records in {**sections, _REST: rest}.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl([(name.ljust(_NAME_WIDTH), text) for name, text in records])
