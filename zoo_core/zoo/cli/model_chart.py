"""``zoo list --plot``: the models' accuracy against their cost, as a picture."""

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
    """Write the picture of the models that have a published accuracy and a computed cost, and say how many they are.

    Accuracy is that of the tag ``imagenet``, else the best, at the input that the cost was computed for. Since accuracy
    on ten classes says nothing beside that on a thousand, only models are drawn whose weights tell the most common
    number of classes apart.

    Raises:
        ArgumentError: if the file cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise click.UsageError(f"--plot writes PNG; call the file {path.with_suffix('.png')}")
    figures = {name: figure for name, entry in zip(names, entries, strict=True) if (figure := _figure(entry))}
    if not figures:
        output.note("nothing to draw: no model listed has a published top-1 and computed multiply-accumulates")
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
        raise ArgumentError(f"draw the models into {path}", found, "pass another file") from error
    others = len(names) - len(drawn)
    without = f"; {others} without a published top-1 on {classes:,} classes are left out" if others else ""
    click.echo(f"{path}: {output.count(len(drawn), 'model')}{without}")


def _figure(entry: Entry[ModelSpec]) -> WeightsSpec | None:
    """Return the weights whose accuracy stands for the model."""
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
