"""``zoo evaluate``: how good a model is on data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import zoo
from zoo import registry
from zoo.cli import help_page, output
from zoo.cli.arguments import Options, device_options, seed_option, weights_option
from zoo.cli.data import data_options, load
from zoo.cli.startup import start_tensorflow
from zoo.errors import UnknownNameError

if TYPE_CHECKING:
    from zoo.data import Dataset
    from zoo.runs.metrics import Metrics
    from zoo.transfer import Run

#: The most classes whose figures are printed one by one.
_MOST_CLASSES = 20


@click.command(cls=help_page.Command)
@click.argument("run_or_model")
@weights_option("Model")
@data_options()
@help_page.option(
    "Data",
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="The part of the data to measure on. The default is test, or else validation, or else train.",
)
@seed_option("Data", "The seed of how the data is split.")
@output.json_option
@device_options()
@output.with_example("zoo evaluate resnet20_cifar --weights resnet20.safetensors --data cifar10 --data-path cifar/")
def evaluate(
    run_or_model: str, data: str | None, weights: str | None, split: str | None, as_json: bool, **chosen_data: Any
) -> None:
    """Measure how good a model is on data.

    RUN_OR_MODEL is the folder of a run or the name of a model. Without --data, a run is measured on the part of its own
    data that was not used for training. --validation 0 measures on all photographs of a folder that is not divided into
    train/ and validation/.
    """
    start_tensorflow()
    run = _run_of(run_or_model)
    if run is not None:
        dataset = _load_as_trained(run, data, chosen_data)
    elif data is not None:
        dataset = load(data, **chosen_data)
    else:
        raise click.UsageError(f"{run_or_model!r} is not the folder of a run; pass --data to say what to measure on")
    metrics = zoo.evaluate(run or run_or_model, dataset, weights=weights, split=split)
    if as_json:
        output.print_json(metrics.as_dict())
    else:
        print_metrics(metrics)


def print_metrics(metrics: Metrics) -> None:
    """Print the figures with their intervals and, for a few classes, the figures of each."""
    from zoo.runs.metrics import readable

    click.echo(str(metrics))
    facts = {name: f"{readable(low)} to {readable(high)} (95%)" for name, (low, high) in metrics.intervals.items()}
    if metrics.calibration_error is not None:
        facts["calibration"] = f"{metrics.calibration_error:.4f} expected error"
    output.sheet(facts)
    if 0 < len(metrics.recall) <= _MOST_CLASSES:
        rows = [
            {
                "class": name,
                "recall": f"{recall:.1%}",
                "precision": "" if metrics.precision.get(name) is None else f"{metrics.precision[name]:.1%}",
                "F1": f"{metrics.f1[name]:.3f}",
                "samples": f"{metrics.support[name]:,}",
            }
            for name, recall in metrics.recall.items()
        ]
        output.table(rows, right=("recall", "precision", "F1", "samples"))


def _run_of(run_or_model: str) -> Run | None:
    from zoo.runs.folder import RECORD

    return zoo.load(run_or_model) if (Path(run_or_model) / RECORD).is_file() else None


def _load_as_trained(run: Run, data: str | None, chosen_data: Options) -> Dataset:
    """Load data for a run.

    The data that the run was trained on is split as it was then, so that no training sample is among the test samples.
    """
    origin = dict(run.info["data"]["origin"])
    own = origin.pop("name_or_folder")
    if data is None or own in (_qualified(data), os.path.abspath(data)):
        data = str(own)
        chosen_data = {**origin, **{key: value for key, value in chosen_data.items() if value not in (None, {})}}
    return load(data, **chosen_data)


def _qualified(name: str) -> str | None:
    try:
        return registry.find_dataset(name).qualified
    except UnknownNameError:
        return None
