"""How words of the command line become values: shapes, names, fractions, ``key=value`` pairs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

Options: TypeAlias = dict[str, Any]

#: Under which name the context of a command keeps what its options say of the devices.
DEVICES = "zoo.devices"

_WORDS = {"true": True, "yes": True, "false": False, "no": False, "none": None}


def shape(text: str) -> tuple[int | None, ...]:
    """Return the input shape that ``text`` writes; a size may be ``any``.

    >>> shape("32x32x3"), shape("any,any,3")
    ((32, 32, 3), (None, None, 3))
    """
    sizes = text.lower().strip("()").replace("x", ",").rstrip(",").split(",")
    try:
        return tuple(None if size.strip() in ("any", "none") else int(size) for size in sizes)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no shape such as 32x32x3") from None


def names(text: str) -> tuple[str, ...]:
    """Return names parted by commas.

    >>> names("cat, dog")
    ('cat', 'dog')
    """
    return tuple(name.strip() for name in text.split(",") if name.strip())


def fraction_or_path(text: str) -> float | str:
    """Return a part of the training data, or the path of another folder.

    >>> fraction_or_path("0.2"), fraction_or_path("photos/test")
    (0.2, 'photos/test')
    """
    try:
        return float(text)
    except ValueError:
        return text


def rate(text: str) -> float | str:
    """Return a learning rate, or the word that has one found.

    >>> rate("0.001"), rate("find")
    (0.001, 'find')
    """
    try:
        return text if text == "find" else float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor 'find'") from None


def augmentation(text: str) -> bool | Options:
    """Return how pictures are augmented: as usual, or by options parted by commas.

    >>> augmentation("standard"), augmentation("flip=horizontal,rotation=15")
    (True, {'flip': 'horizontal', 'rotation': 15})
    """
    if text == "standard":
        return True
    pairs = [pair.partition("=") for pair in text.split(",")]
    wrong = next((pair for pair in pairs if not pair[1]), None)
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is neither 'standard' nor of the form key=value")
    return {key.strip(): value_of(value.strip()) for key, _, value in pairs}


def options(several: Sequence[Callable[[F], F]]) -> Callable[[F], F]:
    """Return one decorator for several options, which stand in the help in their order."""

    def decorate(function: F) -> F:
        for option in reversed(several):
            function = option(function)
        return function

    return decorate


def key_value_option(name: str, text: str) -> Callable[[F], F]:
    """Return a repeatable option whose ``key=value`` pairs become a dictionary of Python values."""
    return click.option(name, multiple=True, metavar="KEY=VALUE", callback=_dictionary, help=f"{text} Repeatable.")


def device_options(*, several: bool = False) -> Callable[[F], F]:
    """Return the options that say what to compute on; :func:`zoo.cli.startup.start_tensorflow` does as they say.

    With ``several``, the command gets the names of the devices as ``device``.
    """
    if several:
        device = click.option(
            "--device",
            multiple=True,
            metavar="NAME",
            callback=lambda _context, _parameter, names: names or None,
            help="Compute there, such as gpu:1; of several, each takes some stages. Repeatable.",
        )
    else:
        device = _device_option("--device", metavar="NAME", help="Compute there, such as gpu:1; see zoo devices.")
    return options(
        (
            device,
            _device_option("--memory-growth/--no-memory-growth", default=None, help="Take a GPU's memory as needed."),
            _device_option("--memory-limit", type=int, metavar="MIB", help="Take no more of each GPU's memory."),
        )
    )


def _device_option(*names: str, **settings: Any) -> Callable[[F], F]:
    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value is not None:
            context.meta.setdefault(DEVICES, {})[parameter.name] = value

    return click.option(*names, callback=keep, expose_value=False, **settings)


def _dictionary(context: click.Context, parameter: click.Parameter, pairs: Sequence[str]) -> Options:
    options: Options = {}
    own = {each.name: each for each in context.command.params}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key.isidentifier():
            raise click.BadParameter(f"{pair!r} is not of the form key=value", context, parameter)
        if key in own:
            raise click.BadParameter(f"pass {key!r} as {own[key].opts[0]}", context, parameter)
        options[key] = value_of(text)
    return options


def value_of(text: str) -> Any:
    """Return the Python value that ``text`` writes, or the text itself.

    >>> value_of("0.5"), value_of("(16, 32)"), value_of("true"), value_of("relu")
    (0.5, (16, 32), True, 'relu')
    """
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
