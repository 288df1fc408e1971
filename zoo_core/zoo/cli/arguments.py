"""How words of the command line become values, and the options that several commands share."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import click

from zoo.cli import help_page

F = TypeVar("F", bound=Callable[..., Any])

Options: TypeAlias = dict[str, Any]

#: The key in ``click.Context.meta`` under which the device options of a command are kept.
DEVICES = "zoo.devices"

_WORDS = {"true": True, "yes": True, "false": False, "no": False, "none": None}


# -- values


def shape(text: str) -> tuple[int | None, ...]:
    """Return the input shape that ``text`` describes; a size may be ``any``.

    >>> shape("32x32x3"), shape("any,any,3")
    ((32, 32, 3), (None, None, 3))
    """
    sizes = text.lower().strip("()").replace("x", ",").rstrip(",").split(",")
    try:
        return tuple(None if size.strip() in ("any", "none") else int(size) for size in sizes)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a shape; write one such as 32x32x3") from None


def names(text: str) -> tuple[str, ...]:
    """Return the names in a comma-separated list.

    >>> names("cat, dog")
    ('cat', 'dog')
    """
    return tuple(name.strip() for name in text.split(",") if name.strip())


def fraction_or_path(text: str) -> float | str:
    """Return a fraction of the training data, or the path of another folder.

    >>> fraction_or_path("0.2"), fraction_or_path("photos/test")
    (0.2, 'photos/test')
    """
    try:
        return float(text)
    except ValueError:
        return text


def learning_rate(text: str) -> float | str:
    """Return a learning rate, or the word ``find``, with which Zoo searches for one.

    >>> learning_rate("0.001"), learning_rate("find")
    (0.001, 'find')
    """
    try:
        return text if text == "find" else float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor 'find'") from None


def augmentation(text: str) -> bool | Options:
    """Return how images are augmented: True for the standard way, or the options in a comma-separated list.

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


def value_of(text: str) -> Any:
    """Return the Python value that ``text`` describes, or the text itself.

    >>> value_of("0.5"), value_of("(16, 32)"), value_of("true"), value_of("relu")
    (0.5, (16, 32), True, 'relu')
    """
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


# -- options


def options(several: Sequence[Callable[[F], F]]) -> Callable[[F], F]:
    """Return one decorator that adds several options, which stand in the help page in this order."""

    def decorate(function: F) -> F:
        for option in reversed(several):
            function = option(function)
        return function

    return decorate


def key_value_option(section: str, name: str, text: str) -> Callable[[F], F]:
    """Return a repeatable option whose ``key=value`` pairs become a dictionary of Python values."""
    return help_page.option(
        section, name, multiple=True, metavar="KEY=VALUE", callback=_dictionary, help=f"{text} Repeatable."
    )


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


def weights_option(section: str) -> Callable[[F], F]:
    """Return the option that names the weights of a model which the command is given by its name."""
    text = "The weights to load, if the model is given by its name."
    return help_page.option(section, "--weights", metavar="TAG_OR_PATH", help=text)


def seed_option(section: str, text: str) -> Callable[[F], F]:
    """Return the option ``--seed``; ``text`` says what it decides."""
    return help_page.option(section, "--seed", type=int, metavar="N", help=text)


def device_options(*, several: bool = False) -> Callable[[F], F]:
    """Return the options that say where to compute; :func:`zoo.cli.startup.start_tensorflow` applies them.

    With ``several``, the function of the command gets the names of the devices as ``device``.
    """
    if several:
        device = help_page.option(
            "Hardware",
            "--device",
            multiple=True,
            metavar="NAME",
            callback=lambda _context, _parameter, names: names or None,
            help="The device to compute on, such as gpu:1. Repeatable: several devices share the stages of the model.",
        )
    else:
        text = "The device to compute on, such as gpu:1; zoo devices lists them."
        device = _device_option("--device", metavar="NAME", help=text)
    growth = "Whether a GPU's memory is taken as it is needed, or all at the start."
    return options(
        (
            device,
            _device_option("--memory-growth/--no-memory-growth", default=None, help=growth),
            _device_option("--memory-limit", type=int, metavar="MIB", help="The most memory to take of each GPU."),
        )
    )


def _device_option(*names: str, **settings: Any) -> Callable[[F], F]:
    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value is not None:
            context.meta.setdefault(DEVICES, {})[parameter.name] = value

    return help_page.option("Hardware", *names, callback=keep, expose_value=False, **settings)
