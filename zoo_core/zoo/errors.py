"""The errors Zoo raises: one family, each saying what was asked, what was found and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from zoo._moved import moved_names

_request: ContextVar[str] = ContextVar("zoo_request", default="do what was asked")


@contextmanager
def asking(request: str) -> Iterator[None]:
    """Say what a public function was asked to do; the errors that are raised in the context name it.

    >>> with asking("evaluate 'resnet50' on 'photos'"):
    ...     print(asked("with split='test'"))
    evaluate 'resnet50' on 'photos' with split='test'
    """
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def asked(detail: str = "") -> str:
    """Return what the innermost :func:`asking` says, with a ``detail`` such as the argument that does not fit."""
    return f"{_request.get()} {detail}".rstrip()


class ZooError(Exception):
    """Base of every error that Zoo raises on purpose.

    The three parts are kept apart so that a program can read them and so that none of them can be forgotten:

    - ``asked``: what the caller wanted, with the name or path given;
    - ``found``: what Zoo met instead;
    - ``advice``: what to do next.

    >>> print(ZooError("build 'resnet5O'", "no plugin offers that name", "did you mean 'resnet50'?"))
    build 'resnet5O': no plugin offers that name; did you mean 'resnet50'?
    """

    def __init__(self, asked: str, found: str, advice: str) -> None:
        super().__init__(asked, found, advice)
        self.asked = asked
        self.found = found
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.asked}: {self.found}; {self.advice}"


class UnknownNameError(ZooError, LookupError):
    """A model, weights tag, dataset or strategy that no installed plugin offers."""


class AmbiguousNameError(ZooError, LookupError):
    """A bare name that several plugins claim."""


class ArgumentError(ZooError, ValueError):
    """An argument that does not fit: a negative class count, an input too small for the network, an unknown option."""


class PluginError(ZooError):
    """A plugin that was found but cannot do what it declares."""


class ParameterCountError(PluginError):
    """A model whose parameter count is not the one its plugin declares."""


class WeightsError(ZooError):
    """Weights that cannot be used. Nothing was assigned to the model."""


class WeightsFileError(WeightsError):
    """A weights file that is missing, damaged, of another type than it claims, or unsafe."""


class WeightsMismatchError(WeightsError):
    """A readable weights file whose arrays are not those of the model."""


class LockError(ZooError):
    """A zoo.lock that cannot be read or written, or that is not what is installed."""


class DataError(ZooError):
    """Data that is missing, damaged or unfit for the task."""


class DeviceError(ZooError):
    """A device that is not there, or that can no longer be set up."""


class RunError(ZooError):
    """A run folder that cannot be written or opened."""


def one_line(error: BaseException) -> str:
    """Return the type and message of another library's error on one line, to stand inside one of ours."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


#: Characters that are mistaken for one another when a name is typed.
_LOOKALIKES = str.maketrans({"o": "0", "l": "1", "i": "1", "-": None, "_": None, " ": None, ".": None})


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question that offers the names nearest to ``name``, or nothing if none is near."""
    known = list(known)
    plain = name.lower().translate(_LOOKALIKES)
    near = [each for each in known if each.lower().translate(_LOOKALIKES) == plain]
    near = near or difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(repr(each) for each in near)}?" if near else ""


if not TYPE_CHECKING:
    __getattr__ = moved_names(__name__)
