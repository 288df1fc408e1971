"""``zoo list --plot``: a plot of the models' accuracy against their cost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from zoo import registry
from zoo.cli import output
from zoo.errors import ArgumentError
from zoo.registry import Entry
from zoo.specs import ModelSpec, WeightsSpec


def draw_models(names: list[str], entries: list[Entry[ModelSpec]], path: Path) -> None:
    """Plot the models that have a published accuracy and a known cost, and print how many they are.

    The accuracy is that of the tag ``imagenet``, or else the best one, measured at the input size that the cost is for.
    Accuracies on different numbers of classes cannot be compared, so only models with the most common number of classes
    are plotted.

    Raises:
        ArgumentError: if the file cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise click.UsageError(f"--plot writes a PNG file; name it {path.with_suffix('.png')}")
    figures = {name: figure for name, entry in zip(names, entries, strict=True) if (figure := _figure(entry))}
    if not figures:
        output.note("nothing to plot: no model in the list has both a published top-1 accuracy and a known cost")
        return
    (classes, _), *_ = Counter(weights.classes for weights in figures.values()).most_common(1)

    from zoo.reporting.model_chart import Cost, accuracy_against_cost

    drawn = [
        Cost(
            name,
            entry.distribution.removeprefix("zoo-"),
            entry.spec.macs or 0,
            entry.spec.parameters.total,
            figures[name].metrics["top-1"],
        )
        for name, entry in zip(names, entries, strict=True)
        if name in figures and figures[name].classes == classes
    ]
    try:
        path.write_bytes(accuracy_against_cost(drawn, f"{classes:,} classes"))
    except OSError as error:
        found = f"it cannot be written ({error.strerror or error})"
        raise ArgumentError(f"plot the models to {path}", found, "pass another path") from error
    others = len(names) - len(drawn)
    without = (
        f"; {output.count(others, 'model')} without a published top-1 accuracy on {classes:,} classes left out"
        if others
        else ""
    )
    click.echo(f"{path}: {output.count(len(drawn), 'model')}{without}")


def _figure(entry: Entry[ModelSpec]) -> WeightsSpec | None:
    """Return the weights whose accuracy is plotted for the model, if there are any."""
    own_size = (None, entry.spec.input_shape)
    candidates = [
        each.spec
        for each in registry.weights_of(entry)
        if "top-1" in each.spec.metrics and each.spec.input_shape in own_size
    ]
    if entry.spec.macs is None:
        return None
    named = (each for each in candidates if each.name == "imagenet")
    return next(named, max(candidates, key=lambda each: each.metrics["top-1"], default=None))
