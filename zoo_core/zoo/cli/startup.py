"""Starting TensorFlow: seconds in which the user is told so, without TensorFlow's own greetings."""

from __future__ import annotations

import glob
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import click

from zoo import devices
from zoo.cli.arguments import DEVICES

#: What TensorFlow's C++ prints at its start whatever its log level: the notes on oneDNN and on CUDA, and that logging
#: is not set up.
_GREETING = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called|I\d{4} [\d:.]+ +\d+ (port|cudart_stub)\.cc:"
)


def start_tensorflow() -> None:
    """Import Keras on TensorFlow, saying so on a terminal, and use the devices as the line says."""
    _import_keras()
    context = click.get_current_context(silent=True)
    settings = dict(context.meta.get(DEVICES, {})) if context else {}
    device = settings.pop("device", None)
    if settings:
        devices.configure(**settings)
    if context and device:
        context.with_resource(devices.on(device))


def _import_keras() -> None:
    """Import Keras; everything but the greetings still reaches stderr."""
    if "keras" in sys.modules:
        return
    # Level 2 keeps errors; where no GPU is, that CUDA finds none is one, and level 3 leaves it out.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if glob.glob("/dev/nvidia*") else "3")
    show_warnings_of_zoo()
    on_terminal = sys.stderr.isatty()
    if on_terminal:
        click.echo("starting TensorFlow ...", nl=False, err=True)
    try:
        with _without_greetings():
            import keras  # noqa: F401
    finally:
        if on_terminal:
            click.echo("\r\x1b[K", nl=False, err=True)


@contextmanager
def _without_greetings() -> Iterator[None]:
    """Hold back what is written to the file descriptor of stderr and pass it on afterwards, less the greetings.

    The greetings come from C++ before any setting of its logging is read, so that nothing in Python can stop them.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if not _GREETING.match(line):
                    os.write(2, line)


def show_warnings_of_zoo() -> None:
    """Print what Zoo logs to stderr, as the program's own words."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("zoo: %(message)s"))
    logging.getLogger("zoo").addHandler(handler)
