"""The commands that use a network: train, evaluate, predict."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import zoo
from zoo import registry
from zoo.cli import output
from zoo.cli.arguments import Options, fraction_or_path, key_value_option, names
from zoo.cli.starting import start_tensorflow
from zoo.errors import ArgumentError, UnknownNameError

if TYPE_CHECKING:
    from zoo.data import Dataset
    from zoo.evaluation import Metrics
    from zoo.prediction import Prediction
    from zoo.transfer import Run

F = TypeVar("F", bound=Callable[..., Any])

#: Of the files that a dataset leaves out, so many are named.
_MOST_SKIPPED = 5

_OPTIONS_OF_DATA = (
    click.option("--data-path", "path", metavar="PATH", help="Where a named dataset lies that is not shipped."),
    click.option("--classes", type=names, metavar="A,B,...", help="Only these classes, in this order."),
    click.option(
        "--validation",
        type=fraction_or_path,
        metavar="PART_OR_FOLDER",
        help="A fraction of the training data, or another folder.",
    ),
    click.option(
        "--test", type=fraction_or_path, metavar="PART_OR_FOLDER", help="Likewise, for the last word on the model."
    ),
    click.option("--on-error", type=click.Choice(["skip", "refuse"]), help="What to do about damaged pictures."),
    click.option("--seed", type=int, metavar="N", help="Decides which samples go where, and all that is random."),
    key_value_option("--data-option", "An option of the dataset, such as target=price."),
)


def _options_of_data(function: F) -> F:
    for option in reversed(_OPTIONS_OF_DATA):
        function = option(function)
    return function


# -- zoo train


@click.command()
@click.argument("model")
@click.option("--data", required=True, metavar="FOLDER_OR_NAME", help="Class folders, a CSV file or a dataset's name.")
@click.option("--strategy", default="head", show_default=True, help="Which layers learn; see zoo list --strategies.")
@click.option("--weights", metavar="TAG_OR_PATH", help="Begin with these weights.")
@click.option("--epochs", type=int, default=10, show_default=True, help="How often the data is gone through.")
@click.option("--batch-size", type=int, default=32, show_default=True, help="Samples in a step.")
@click.option("--learning-rate", type=float, help="Of Adam; by default what the strategy finds sensible.")
@click.option("--out", metavar="RUN", help="The folder to write; by default a new one in runs/.")
@key_value_option("--option", "An option of the strategy or of the model, such as layers=3.")
@_options_of_data
@output.json_option
@output.with_example("zoo train lenet5.digits_0_4 --data digits --classes 5,6,7,8,9")
def train(
    model: str,
    data: str,
    strategy: str,
    weights: str | None,
    epochs: int,
    batch_size: int,
    learning_rate: float | None,
    out: str | None,
    seed: int | None,
    option: Options,
    as_json: bool,
    **options_of_data: Any,
) -> None:
    """Adapt a model to your data and keep the outcome as a run.

    MODEL is a model's name, with a weights tag or not, or the folder of a run to go on from. The run's folder holds the
    model, its history, curves.png, predictions.png and report.md.
    """
    registry.find_strategy(strategy)  # a typing error is found before seconds are spent
    if not Path(model).exists():
        registry.find_model(model)
    start_tensorflow()
    dataset = _load(data, seed=seed, **options_of_data)
    run = zoo.transfer(
        model,
        dataset,
        strategy,
        weights=weights,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        out=out or new_run_folder(f"{Path(model).name}-{dataset.name}"),
        seed=seed,
        **option,
    )
    if as_json:
        output.print_json(_run_document(run))
    else:
        print_run(run)


def new_run_folder(name: str) -> str:
    """Return the first of ``runs/<name>-1``, ``runs/<name>-2``, ... that does not exist."""
    numbered = (os.path.join("runs", f"{name}-{number}") for number in itertools.count(1))
    return next(folder for folder in numbered if not os.path.exists(folder))


def print_run(run: Run) -> None:
    """Print what a training has come to, and what can be done with it."""
    folder, strategy = shown_path(run.folder), run.info["strategy"]["name"].rpartition("/")[2]
    output.title(folder, f"{run.build.spec.name} trained on {run.info['data']['name']}")
    output.sheet(
        {
            "strategy": f"{strategy}, {output.count(len(run.history), 'epoch')}",
            "time": f"{run.info['seconds']['training']:.1f} s of training",
            "seed": run.info["seed"],
            "head": run.info["head"],
            "result": str(run.metrics) if run.metrics else "unknown: nothing was held out",
            "report": os.path.join(folder, "report.md"),
            "next": f"zoo predict {shlex.quote(folder)} {'ROWS.csv' if run.build.table else 'PHOTO.jpg'}",
        }
    )


def shown_path(folder: Path | None) -> str:
    """Return a run's folder as one would type it here."""
    assert folder is not None  # every run of the command line has one
    near = os.path.relpath(folder)
    return str(folder) if near.startswith("..") else near


def _run_document(run: Run) -> dict[str, Any]:
    return {
        "folder": run.folder,
        "model": run.build.qualified,
        "class_names": run.build.class_names,
        "metrics": run.metrics.as_dict() if run.metrics else None,
        "history": run.history,
        "weights": run.report.as_dict() if run.report else None,
        **run.info,
    }


# -- zoo evaluate


@click.command()
@click.argument("run_or_model")
@click.option("--data", metavar="FOLDER_OR_NAME", help="Class folders, a CSV file or a dataset's name.")
@_options_of_data
@click.option("--weights", metavar="TAG_OR_PATH", help="For a model's name: its weights.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help="By default the last there is.")
@output.json_option
@output.with_example("zoo evaluate resnet20_cifar --weights resnet20.safetensors --data cifar10 --data-path cifar/")
def evaluate(
    run_or_model: str,
    data: str | None,
    weights: str | None,
    split: str | None,
    as_json: bool,
    **options_of_data: Any,
) -> None:
    """Measure how good a model is on data.

    RUN_OR_MODEL is the folder of a run or the name of a model. Without --data, a run is measured on what was held out
    of its own data. --validation 0 measures on all photographs of a folder without splits.
    """
    start_tensorflow()
    run = _run_of(run_or_model)
    if run is not None:
        dataset = _load_as_trained(run, data, options_of_data)
    elif data is not None:
        dataset = _load(data, **options_of_data)
    else:
        raise click.UsageError(f"{run_or_model!r} is no run's folder, so that --data must say what to measure on")
    metrics = zoo.evaluate(run or run_or_model, dataset, weights=weights, split=split)
    if as_json:
        output.print_json(metrics.as_dict())
    else:
        print_metrics(metrics)


def print_metrics(metrics: Metrics) -> None:
    """Print the figures, and for a few classes those of each."""
    click.echo(str(metrics))
    if 0 < len(metrics.per_class) <= 20:
        output.sheet({name: f"{share:7.1%}" for name, share in metrics.per_class.items()})


def _run_of(run_or_model: str) -> Run | None:
    from zoo.transfer.runs import RECORD

    return zoo.load(run_or_model) if (Path(run_or_model) / RECORD).is_file() else None


def _load_as_trained(run: Run, data: str | None, options: Options) -> Dataset:
    """Load data for a run; what it was trained on is divided as it was then, lest old samples pass for new ones."""
    origin = dict(run.info["data"]["origin"])
    own = origin.pop("name_or_folder")
    if data is None or own in (_qualified(data), os.path.abspath(data)):
        data = str(own)
        options = {**origin, **{key: value for key, value in options.items() if value not in (None, {})}}
    return _load(data, **options)


def _qualified(name: str) -> str | None:
    try:
        return registry.find_dataset(name).qualified
    except UnknownNameError:
        return None


# -- zoo predict


@click.command()
@click.argument("run_or_model")
@click.argument("image", nargs=-1, required=True)
@click.option("--weights", metavar="TAG_OR_PATH", help="For a model's name: its weights.")
@click.option("--top", type=int, default=5, show_default=True, help="How many classes to show.")
@output.json_option
@output.with_example("zoo predict lenet5.digits_0_4 digit.png --top 2")
def predict(run_or_model: str, image: tuple[str, ...], weights: str | None, top: int, as_json: bool) -> None:
    """Say what is in photographs.

    RUN_OR_MODEL is the folder of a run or the name of a model. For a run that was trained on a table, pass a CSV file
    of new rows in place of photographs.
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
    """Print the predictions for one input below each other, those for several in a line each."""
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
            "or else": ", ".join(map(str, others)),
        }
        for name, (best, *others) in zip(inputs, answers, strict=True)
    ]
    if not any(row["or else"] for row in rows):
        rows = [{key: value for key, value in row.items() if key != "or else"} for row in rows]
    output.table(rows, right=("",), cut=True)


def _figure(prediction: Prediction) -> str:
    return f"{prediction.value:g}" if prediction.probability is None else f"{prediction.probability:6.1%}"


# -- data


def _load(
    data: str,
    *,
    path: str | None = None,
    data_option: Options | None = None,
    **options: Any,
) -> Dataset:
    """Load data and say on stderr what it is and what was left out."""
    options = {key: value for key, value in options.items() if value is not None}
    dataset = zoo.load_data(data, path=path, **options, **(data_option or {}))
    output.note(dataset.describe())
    for each in dataset.skipped[:_MOST_SKIPPED]:
        output.note(f"  skipped {each.path}: {each.reason}")
    if len(dataset.skipped) > _MOST_SKIPPED:
        output.note(f"  and {len(dataset.skipped) - _MOST_SKIPPED} more")
    return dataset
