"""The ``zoo`` program: it parses the command line, calls the public functions and prints; an error is one line."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from zoo import __version__
from zoo.cli.output import show_help, warn
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.plugins import Fault, Plugin

#: Where each built-in command is defined, in the order of ``zoo --help``. A module is imported when it is needed.
BUILT_IN = {
    "list": "zoo.cli.listing:list_",
    "info": "zoo.cli.info:info",
    "plugins": "zoo.cli.plugins:plugins",
    "prefer": "zoo.cli.prefer:prefer",
    "build": "zoo.cli.build:build",
    "lock": "zoo.cli.lock:lock",
    "train": "zoo.cli.train:train",
    "evaluate": "zoo.cli.evaluate:evaluate",
    "predict": "zoo.cli.predict:predict",
    "explain": "zoo.cli.explain:explain",
    "compare": "zoo.cli.compare:compare",
    "augment": "zoo.cli.augment:augment",
    "extract": "zoo.cli.extract:extract",
    "weights": "zoo.cli.weights:weights",
    "devices": "zoo.cli.devices:devices",
    "demo": "zoo.cli.demo:demo",
}

_HELP = """A model zoo for TensorFlow and Keras 3 that grows by plugins.

\b
Start here:
  zoo demo                       a guided tour on handwritten digits, offline
  zoo list                       the models in the zoo
  zoo train MODEL --data PHOTOS  adapt a model to your own photographs
"""


class Commands(click.Group):
    """The commands of ``zoo``: the built-in ones, each imported when it is needed, and those that plugins add."""

    def __init__(self) -> None:
        debug = click.Option(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            help="Show the traceback of an error. It may stand anywhere in the command.",
        )
        version = click.version_option(__version__, "-V", "--version", message="zoo %(version)s")
        super().__init__(
            "zoo",
            help=_HELP,
            params=[debug],
            callback=show_help,
            invoke_without_command=True,
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        version(self)
        self._failures: list[tuple[Plugin, Fault]] | None = None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, the built-in ones first."""
        self.warn_of_failures()
        return [*BUILT_IN, *sorted(self.commands)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; plugins are loaded only for a name that is not built in."""
        if cmd_name in BUILT_IN:
            module, _, name = BUILT_IN[cmd_name].partition(":")
            command: click.Command = getattr(importlib.import_module(module), name)
            return command
        self.warn_of_failures()
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the user asked for; an unknown one is an error that suggests similar names."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=2)
            question = f"; did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"there is no command {args[0]!r}{question}", ctx)
        return super().resolve_command(ctx, args)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add the command of a plugin.

        Raises:
            ValueError: if there is a command of that name already.
        """
        name = name or cmd.name or ""
        if name in BUILT_IN or name in self.commands:
            raise ValueError(f"there is already a command {name!r}")
        super().add_command(cmd, name)

    def failures(self) -> list[tuple[Plugin, Fault]]:
        """Let the plugins add their commands, if they have not done so yet, and return what failed."""
        if self._failures is None:
            from zoo.plugins import extend_commands

            self._failures = []
            self._failures = extend_commands(self)
        return self._failures

    def warn_of_failures(self) -> None:
        """Let the plugins add their commands; the first time, print one line for each that fails."""
        first = self._failures is None
        for plugin, fault in self.failures() if first else ():
            warn(f"the commands of {plugin.distribution} are missing: {fault.reason}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status: 0, 1 after an error (one line on stderr) or 130 after Ctrl-C."""
    arguments, debug = _without_debug(sys.argv[1:] if arguments is None else arguments)
    try:
        status = Commands().main(arguments, prog_name="zoo", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except BrokenPipeError:
        # The reader of a pipe has gone, as `head` does. Python would report it again when it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted", status=130)
    except Exception as error:
        if debug:
            raise
        return _fail(_one_line(error))


def _without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """Return the arguments without ``--debug``, wherever it stands before ``--``, and whether it was there."""
    arguments = list(arguments)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept = [argument for argument in arguments[:end] if argument != "--debug"]
    return kept + arguments[end:], len(kept) < end


def _one_line(error: Exception) -> str:
    if isinstance(error, ZooError):
        return str(error)
    if isinstance(error, click.ClickException):
        message = error.format_message().rstrip(".")
        context = getattr(error, "ctx", None)
        return f"{message[:1].lower()}{message[1:]}; see {context.command_path if context else 'zoo'} --help"
    if isinstance(error, OSError) and error.strerror:
        return f"the operating system reports: {error.strerror}{f' ({error.filename})' if error.filename else ''}"
    found = f"{type(error).__name__}: {error}"
    return f"this is a bug in Zoo or in a plugin: {found}; please report it with the output of --debug"


def _fail(message: str, status: int = 1) -> int:
    click.echo(f"zoo: {' '.join(message.split())}", err=True)
    return status
