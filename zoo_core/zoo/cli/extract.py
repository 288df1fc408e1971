"""``zoo extract``: the features of a dataset, as arrays for any other classifier."""

from __future__ import annotations

from typing import Any

import click

import zoo
from zoo.cli import output
from zoo.cli.arguments import device_options, options
from zoo.cli.startup import start_tensorflow
from zoo.cli.training import OPTIONS_OF_DATA, load
from zoo.errors import ArgumentError


@click.command()
@click.argument("run_or_model")
@click.option("--data", required=True, metavar="FOLDER_OR_NAME", help="Class folders, a CSV file or a dataset's name.")
@click.option("--weights", metavar="TAG_OR_PATH", help="For a model's name: its weights.")
@click.option("--layer", metavar="NAME", help="Whose output the features are; by default what the classifier gets.")
@click.option("--out", required=True, metavar="FILE.npz", help="Where they are written.")
@options(OPTIONS_OF_DATA)
@device_options()
@output.json_option
@output.with_example("zoo extract lenet5.digits_0_4 --data digits --out digits.npz")
def extract(
    run_or_model: str,
    data: str,
    weights: str | None,
    layer: str | None,
    out: str,
    as_json: bool,
    **options_of_data: Any,
) -> None:
    """Write what a network makes of a dataset to an .npz file: features and labels of each split."""
    if not out.endswith(".npz"):
        raise ArgumentError(
            f"write the features to {out!r}", "features are written as .npz files", "pass a name that ends with .npz"
        )
    start_tensorflow()
    features = zoo.extract(run_or_model, load(data, **options_of_data), weights=weights, layer=layer)
    features.save(out)
    shapes = {name: list(values.shape) for name, (values, _) in features.splits.items()}
    if as_json:
        output.print_json({"file": out, "layer": features.layer, "splits": shapes})
        return
    output.title(out, f"features from {features.layer}")
    output.sheet({name: f"{shape[0]:,} samples of {output.shape(tuple(shape[1:]))}" for name, shape in shapes.items()})
