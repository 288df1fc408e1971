"""``zoo predict``: what a model says about photographs or about the rows of a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

import zoo
from zoo.cli import output
from zoo.cli.arguments import device_options, weights_option
from zoo.cli.startup import start_tensorflow
from zoo.errors import ArgumentError

if TYPE_CHECKING:
    from zoo.inference.prediction import Prediction


@click.command()
@click.argument("run_or_model")
@click.argument("image", nargs=-1, required=True)
@weights_option("Model")
@click.option("--top", type=int, default=5, show_default=True, metavar="N", help="How many classes to show.")
@output.json_option
@device_options()
@output.with_example("zoo predict lenet5.digits_0_4 digit.png --top 2")
def predict(run_or_model: str, image: tuple[str, ...], weights: str | None, top: int, as_json: bool) -> None:
    """Say what is in photographs.

    RUN_OR_MODEL is the folder of a run or the name of a model. If the run was trained on a table, pass a CSV file of
    new rows instead of photographs.
    """
    if len(image) > 1 and any(each.lower().endswith(".csv") for each in image):
        raise click.UsageError("pass one CSV file at a time")
    missing = next((each for each in image if not os.path.exists(each)), None)
    if missing:
        raise ArgumentError(f"predict {missing!r}", "there is no such file", "check the path")
    start_tensorflow()
    answers = zoo.predict(run_or_model, image[0] if len(image) == 1 else image, top, weights=weights)
    inputs = image if len(image) == len(answers) else [f"{image[0]}, row {row}" for row in range(1, len(answers) + 1)]
    if as_json:
        pairs = zip(inputs, answers, strict=True)
        output.print_json([{"input": name, "predictions": predictions} for name, predictions in pairs])
    else:
        print_predictions(inputs, answers)


def print_predictions(inputs: Sequence[str], answers: Sequence[Sequence[Prediction]]) -> None:
    """Print the predictions for one input below each other, those for several inputs on one line each."""
    if len(answers) == 1:
        output.title(inputs[0])
        output.sheet({each.label: _figure(each) for each in answers[0]})
        return
    common = os.path.commonpath([os.path.dirname(each) for each in inputs])
    rows = [
        {
            "input": os.path.relpath(name, common) if common else name,
            "prediction": best.label,
            "": _figure(best),
            "next best": ", ".join(map(str, others)),
        }
        for name, (best, *others) in zip(inputs, answers, strict=True)
    ]
    if not any(row["next best"] for row in rows):
        rows = [{key: value for key, value in row.items() if key != "next best"} for row in rows]
    output.table(rows, right=("",), cut=True)


def _figure(prediction: Prediction) -> str:
    return f"{prediction.value:g}" if prediction.probability is None else f"{prediction.probability:6.1%}"
