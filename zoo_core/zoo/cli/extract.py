"""``zoo extract``: the features of a dataset, as arrays for any other classifier."""

from __future__ import annotations

from typing import Any

import click

import zoo
from zoo.cli import help_page, output
from zoo.cli.arguments import device_options, seed_option, weights_option
from zoo.cli.data import data_options, load
from zoo.cli.startup import start_tensorflow
from zoo.errors import ArgumentError


@click.command(cls=help_page.Command)
@click.argument("run_or_model")
@weights_option("Model")
@help_page.option(
    "Model",
    "--layer",
    metavar="NAME",
    help="The layer whose output to write. The default is the one whose output the classifier takes.",
)
@data_options(required=True)
@seed_option("Data", "The seed of how the data is split.")
@help_page.option("Output", "--out", required=True, metavar="FILE.npz", help="The file to write.")
@output.json_option
@device_options()
@output.with_example("zoo extract lenet5.digits_0_4 --data digits --out digits.npz")
def extract(
    run_or_model: str, data: str, weights: str | None, layer: str | None, out: str, as_json: bool, **chosen_data: Any
) -> None:
    """Write the features of a dataset to an .npz file.

    The features are what a network computes from the samples before it classifies them. RUN_OR_MODEL is the folder of a
    run or the name of a model. The file holds the features and labels of each part of the data: training, validation
    and test.
    """
    if not out.endswith(".npz"):
        found, advice = "features are written as .npz", "pass a name that ends in .npz"
        raise ArgumentError(f"write the features to {out!r}", found, advice)
    start_tensorflow()
    features = zoo.extract(run_or_model, load(data, **chosen_data), weights=weights, layer=layer)
    features.save(out)
    shapes = {name: list(values.shape) for name, (values, _) in features.splits.items()}
    if as_json:
        output.print_json({"file": out, "layer": features.layer, "splits": shapes})
        return
    output.title(out, f"features from {features.layer}")
    output.sheet({name: f"{shape[0]:,} samples of {output.shape(tuple(shape[1:]))}" for name, shape in shapes.items()})
