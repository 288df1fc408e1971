"""The data that a command works on: the options that choose it, and loading it with notes on stderr."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

import zoo
from zoo.cli import help_page, output
from zoo.cli.arguments import Options, fraction_or_path, key_value_option, names, options

if TYPE_CHECKING:
    from zoo.data import Dataset

F = TypeVar("F", bound=Callable[..., Any])

#: How many of the skipped files are named one by one.
_MOST_SKIPPED = 5

#: The parameters of :func:`load` that :func:`data_options` sets.
DATA_PARAMETERS = frozenset({"path", "classes", "validation", "test", "on_error", "data_option"})


def data_options(*, required: bool = False) -> Callable[[F], F]:
    """Return the options that say which data a command works on: ``--data`` and what belongs to it."""

    def option(*names: str, **settings: Any) -> Callable[[F], F]:
        return help_page.option("Data", *names, **settings)

    return options(
        (
            option(
                "--data",
                metavar="FOLDER_OR_NAME",
                required=required,
                help="A folder with one folder of photographs for each class, a CSV file, or the name of a dataset.",
            ),
            option(
                "--data-path", "path", metavar="PATH", help="The local copy of a dataset that is given by its name."
            ),
            option("--classes", type=names, metavar="A,B,...", help="Use only these classes, in this order."),
            option(
                "--validation",
                type=fraction_or_path,
                metavar="PART_OR_FOLDER",
                help="The validation data: a fraction of the training data, or another folder.",
            ),
            option(
                "--test",
                type=fraction_or_path,
                metavar="PART_OR_FOLDER",
                help="The test data, for the final measurement: a fraction of the training data, or another folder.",
            ),
            option(
                "--on-error",
                type=click.Choice(["skip", "refuse"]),
                help="Whether to skip damaged images (the default), or to refuse the data.",
            ),
            key_value_option("Data", "--data-option", "An option of the dataset, such as target=price."),
        )
    )


def load(data: str, *, path: str | None = None, data_option: Options | None = None, **options: Any) -> Dataset:
    """Load data, and say on stderr what it is and which files were skipped."""
    options = {key: value for key, value in options.items() if value is not None}
    dataset = zoo.load_data(data, path=path, **options, **(data_option or {}))
    output.note(dataset.describe())
    for each in dataset.skipped[:_MOST_SKIPPED]:
        output.note(f"  skipped {each.path}: {each.reason}")
    if len(dataset.skipped) > _MOST_SKIPPED:
        output.note(f"  and {len(dataset.skipped) - _MOST_SKIPPED} more")
    return dataset
