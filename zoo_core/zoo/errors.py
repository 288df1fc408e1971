"""The errors that Zoo raises: each says what was asked, what was found and what to do about it."""

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
    """Say what a public function was asked to do, for the errors that the functions inside it raise.

    A public function opens this context around its work, with a request that quotes its arguments. The functions that
    it calls need not know the request: they begin their errors with :func:`asked`. If contexts are nested, the
    innermost one counts. Do not leave one open across a ``yield``.

    >>> def evaluate(name, rows):
    ...     with asking(f"evaluate {name!r} on {rows} rows"):
    ...         return checked(rows)
    >>> def checked(rows):
    ...     if rows < 1:
    ...         raise DataError(asked(), "there are no rows", "pass at least one")
    >>> evaluate("resnet50", 0)
    Traceback (most recent call last):
    zoo.errors.DataError: evaluate 'resnet50' on 0 rows: there are no rows; pass at least one
    """
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def asked(detail: str = "") -> str:
    """Return the request of the innermost :func:`asking`, followed by ``detail``, such as the argument at fault.

    >>> with asking("evaluate 'resnet50' on 'photos'"):
    ...     print(asked("with split='test'"))
    evaluate 'resnet50' on 'photos' with split='test'
    """
    return f"{_request.get()} {detail}".rstrip()


class ZooError(Exception):
    """The base of every error that Zoo raises on purpose. Catch it to catch them all; raise one of the classes below.

    An error consists of three parts, so that a program can read each of them and an author forgets none:

    - ``asked``: what the caller wanted, as a verb with the name or path that was given: ``build 'resnet5O'``. Inside a
      public function, :func:`asked` returns it;
    - ``found``: what Zoo found instead, as a clause, with the value and what was expected of it;
    - ``advice``: what to do next, as an instruction or a question.

    None of them begins with a capital or ends with a full stop, because they are printed as one sentence. To raise one
    because another library raised, put :func:`one_line` of its error into ``found`` and raise ``from`` that error.

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
    """No installed plugin offers a model, weights tag, dataset or strategy of that name."""


class AmbiguousNameError(ZooError, LookupError):
    """Several plugins claim a name, and it was given without the distribution that is meant."""


class ArgumentError(ZooError, ValueError):
    """An argument is wrong: a negative number of classes, an input too small for the network, an unknown option."""


class PluginError(ZooError):
    """A plugin was found, but it cannot do what it declares."""


class ParameterCountError(PluginError):
    """A model does not have the number of parameters that its plugin declares."""


class WeightsError(ZooError):
    """Weights cannot be used. Nothing was assigned to the model."""


class WeightsFileError(WeightsError):
    """A weights file is missing, damaged, unsafe, or of another format than its name says."""


class WeightsMismatchError(WeightsError):
    """A weights file can be read, but its arrays do not fit the model."""


class LockError(ZooError):
    """A zoo.lock cannot be read or written, or it does not match what is installed."""


class DataError(ZooError):
    """Data is missing, damaged or unsuitable for the task."""


class DeviceError(ZooError):
    """A device does not exist, or it is too late to configure it."""


class RunError(ZooError):
    """A run folder cannot be written or opened."""


def one_line(error: BaseException) -> str:
    """Return the type and message of another library's error on one line, to be part of one of ours.

    >>> one_line(KeyError("stem"))
    "KeyError: 'stem'"
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


#: Characters that people confuse when they type a name: each is compared as the one beside it, or not at all.
_LOOKALIKES = str.maketrans({"o": "0", "l": "1", "i": "1", "-": None, "_": None, " ": None, ".": None})


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question that offers the names most similar to ``name``, or an empty string if none is similar.

    >>> did_you_mean("resnet5O", ["resnet50", "vgg16"])
    "did you mean 'resnet50'?"
    """
    known = list(known)
    plain = name.lower().translate(_LOOKALIKES)
    near = [each for each in known if each.lower().translate(_LOOKALIKES) == plain]
    near = near or difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(repr(each) for each in near)}?" if near else ""


if not TYPE_CHECKING:
    __getattr__ = moved_names(__name__)
