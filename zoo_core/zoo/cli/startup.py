"""Starting TensorFlow, which takes seconds: the user is told, and TensorFlow's start messages are left out."""

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

#: The lines that TensorFlow's C++ code prints when it starts, whatever its log level: notes on oneDNN and CUDA, and a
#: warning that logging is not set up yet.
_START_MESSAGE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called|I\d{4} [\d:.]+ +\d+ (port|cudart_stub)\.cc:"
)


def start_tensorflow() -> None:
    """Import Keras with TensorFlow, and apply the device options of the command."""
    _import_keras()
    context = click.get_current_context(silent=True)
    settings = dict(context.meta.get(DEVICES, {})) if context else {}
    device = settings.pop("device", None)
    if settings:
        devices.configure(**settings)
    if context and device:
        context.with_resource(devices.on(device))


def _import_keras() -> None:
    """Import Keras; everything but the start messages still reaches stderr."""
    if "keras" in sys.modules:
        return
    # Level 2 shows errors. Without a GPU, TensorFlow reports as an error that CUDA found none; level 3 hides that.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if glob.glob("/dev/nvidia*") else "3")
    show_warnings_of_zoo()
    on_terminal = sys.stderr.isatty()
    if on_terminal:
        click.echo("starting TensorFlow ...", nl=False, err=True)
    try:
        with _without_start_messages():
            import keras  # noqa: F401
    finally:
        if on_terminal:
            click.echo("\r\x1b[K", nl=False, err=True)


@contextmanager
def _without_start_messages() -> Iterator[None]:
    """Hold back what is written to the file descriptor of stderr, and write it afterwards without the start messages.

    They come from C++ before it reads any setting of its logging, so Python cannot turn them off.
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
                if not _START_MESSAGE.match(line):
                    os.write(2, line)


def show_warnings_of_zoo() -> None:
    """Print the warnings that Zoo logs to stderr, each after ``zoo:``."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("zoo: %(message)s"))
    logging.getLogger("zoo").addHandler(handler)
