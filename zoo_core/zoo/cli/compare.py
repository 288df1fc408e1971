"""``zoo compare``: runs side by side, and whether one is better or the difference could be chance."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

import zoo
from zoo.cli import output

if TYPE_CHECKING:
    from zoo.inference.comparison import Compared, Comparison

#: How many characters of a setting's value a table shows.
_WIDTH = 40


@click.command()
@click.argument("run", nargs=-1, required=True)
@output.json_option
@output.with_example("zoo compare runs/lenet5-digits-1 runs/lenet5-digits-2")
def compare(run: tuple[str, ...], as_json: bool) -> None:
    """Compare runs with the first of them.

    It shows the model, the data and the figures of each run, the settings that differ, and whether each run is better
    than the first or the difference could be chance.
    """
    comparison = zoo.compare(run)
    if as_json:
        output.print_json(comparison.as_dict())
    else:
        print_comparison(comparison)


def print_comparison(comparison: Comparison) -> None:
    """Print the runs, the settings in which they differ, and the verdict on each run but the first."""
    names = _short_names([each.name for each in comparison.runs])
    rows = [{"run": name, **_row(each)} for name, each in zip(names, comparison.runs, strict=True)]
    # An older run may lack a figure that a newer one has.
    columns = dict.fromkeys(name for row in rows for name in row)
    output.table(
        [{name: row.get(name, "") for name in columns} for row in rows], right=("epochs", "trained", "seconds")
    )
    if comparison.differences:
        click.echo()
        output.table(
            [
                {"setting": setting, **dict(zip(names, map(_cut, values), strict=True))}
                for setting, values in comparison.differences.items()
            ]
        )
    click.echo()
    for name, verdict in zip(names[1:], comparison.verdicts, strict=True):
        output.sheet({f"{name} against {names[0]}": verdict.reason})


def _short_names(paths: Sequence[str]) -> list[str]:
    """Return the names of folders without the path that they have in common."""
    common = os.path.commonpath([os.path.dirname(os.path.abspath(each)) for each in paths])
    names = [os.path.relpath(os.path.abspath(each), common) for each in paths]
    # A run may be compared with itself, and every column of a table needs a name of its own.
    return names if len(set(names)) == len(names) else [f"{name} ({place})" for place, name in enumerate(names, 1)]


def _row(run: Compared) -> dict[str, str]:
    row = {
        "model": run.model,
        "data": run.data,
        "strategy": run.strategy,
        "epochs": f"{run.epochs:,}",
        "trained": "" if run.trained is None else f"{run.trained:,}",
        "seconds": "" if run.seconds is None else f"{run.seconds:.1f}",
    }
    if run.metrics is not None:
        from zoo.runs.metrics import readable

        for name, value in run.metrics.figures().items():
            ends = run.metrics.intervals.get(name)
            row[name] = readable(value) + (f" ({readable(ends[0])} to {readable(ends[1])})" if ends else "")
    return row


def _cut(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
