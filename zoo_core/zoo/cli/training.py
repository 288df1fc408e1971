"""The commands that use a network: train, evaluate, predict."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import zoo
from zoo import registry
from zoo.cli import output
from zoo.cli.arguments import (
    Options,
    augmentation,
    device_options,
    fraction_or_path,
    key_value_option,
    names,
    options,
    rate,
)
from zoo.cli.startup import start_tensorflow
from zoo.errors import ArgumentError, UnknownNameError

if TYPE_CHECKING:
    from zoo.data import Dataset
    from zoo.inference.prediction import Prediction
    from zoo.runs.metrics import Metrics
    from zoo.transfer import Run

#: Of the files that a dataset leaves out, so many are named.
_MOST_SKIPPED = 5

OPTIONS_OF_DATA = (
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


_NAMES_OF_DATA = {"path", "classes", "validation", "test", "on_error", "data_option"}

# -- zoo train


#: The options of a training; each but the switches has no default here, so that those given can be told.
_OPTIONS_OF_TRAINING = (
    click.option("--augment", type=augmentation, metavar="WHAT", help="standard, or flip=horizontal,rotation=15,..."),
    click.option("--views", type=int, metavar="N", help="Cache N augmented views of each picture."),
    click.option("--cache", type=click.Choice(["auto", "memory", "disk", "off"]), help="Where frozen features lie."),
    click.option("--early-stopping", type=int, metavar="EPOCHS", help="Stop after so many without improvement."),
    click.option("--keep-best", is_flag=True, default=None, help="End with the weights of the best epoch."),
    click.option("--monitor", metavar="FIGURE", help="What is to improve: val_loss, val_accuracy, ..."),
    click.option("--schedule", type=click.Choice(["constant", "cosine", "exponential", "step"]), help="Of the rate."),
    click.option("--warmup", type=float, metavar="EPOCHS", help="In which the rate rises from 0."),
    click.option("--lr-decay", type=float, metavar="SHARE", help="What the schedule leaves of the rate."),
    click.option("--lr-decay-every", type=int, metavar="EPOCHS", help="Between two steps of the schedule 'step'."),
    click.option("--ema", type=float, metavar="MOMENTUM", help="Average the weights, with 0.999 for example."),
    click.option("--class-weights", type=click.Choice(["balanced"]), help="Let rare classes count more."),
    click.option("--label-smoothing", type=float, metavar="SHARE", help="Spread of each label over all classes."),
    click.option("--l1", type=float, help="Penalty on the sizes of kernels."),
    click.option("--l2", type=float, help="Penalty on the squares of kernels."),
    click.option("--exact", is_flag=True, default=None, help="Decode and resize every pixel, as reference figures."),
    click.option("--mixed-precision", is_flag=True, default=None, help="16 bits where the device is faster with them."),
    click.option(
        "--gradient-accumulation-steps", type=int, metavar="BATCHES", help="Average so many gradients before a step."
    ),
    click.option("--tensorboard", metavar="FOLDER", help="Write logs for TensorBoard."),
)


@click.command()
@click.argument("model", required=False)
@click.option("--data", metavar="FOLDER_OR_NAME", help="Class folders, a CSV file or a dataset's name.")
@click.option("--strategy", help="Which layers learn: by default head, or full without weights; see zoo list.")
@click.option("--weights", metavar="TAG_OR_PATH", help="Begin with these weights.")
@click.option("--epochs", type=int, metavar="N", help="How often the data is gone through: 10 if nothing is said.")
@click.option("--batch-size", type=int, metavar="N", help="Samples in a step: 32 if nothing is said.")
@click.option("--learning-rate", type=rate, metavar="RATE", help="Of Adam, or find; by default as the strategy says.")
@click.option("--out", metavar="RUN", help="The folder to write; by default a new one in runs/.")
@click.option("--recipe", metavar="FILE.toml", help="Take what is not said here from this file.")
@click.option("--resume", metavar="RUN", help="Go on with a training that was killed or interrupted.")
@key_value_option("--option", "An option of the strategy or of the model, such as layers=3.")
@options(_OPTIONS_OF_TRAINING)
@device_options(several=True)
@options(OPTIONS_OF_DATA)
@output.json_option
@output.with_example("zoo train lenet5.digits_0_4 --data digits --classes 5,6,7,8,9")
def train(
    model: str | None,
    data: str | None,
    recipe: str | None,
    resume: str | None,
    seed: int | None,
    option: Options,
    as_json: bool,
    **given: Any,
) -> None:
    """Adapt a model to your data and keep the outcome as a run.

    MODEL is a model's name, with a weights tag or not, or the folder of a run to go on from; the strategy head gives
    that a new head all the same. The run's folder holds the model, its history, drawings, report.md and report.html.
    Ctrl-C ends training after the batch, with a run that can be used; --resume goes on from there.
    """
    given = {name: value for name, value in given.items() if value is not None and value != {}}
    if resume is not None:
        if model or data or recipe or given or option:
            raise click.UsageError("--resume takes everything from the training that it goes on with")
        start_tensorflow()
        from zoo.transfer import resume as go_on

        run = go_on(resume)
    else:
        run = _trained(model, data, recipe, seed, option, given)
    if as_json:
        output.print_json(_run_document(run))
    else:
        print_run(run)


def _trained(
    model: str | None, data: str | None, recipe: str | None, seed: int | None, option: Options, given: Options
) -> Run:
    """Train what the line says and, where it says nothing, what the recipe says."""
    options_of_data = {name: given.pop(name) for name in _NAMES_OF_DATA & given.keys()}
    arguments: Options = {}
    if recipe is not None:
        start_tensorflow()
        from zoo.transfer.recipes import read_recipe

        written = read_recipe(recipe)
        model, arguments = model or written.model, dict(written.arguments)
        if data is None and written.data is not None:
            options_of_data = {**written.data, **options_of_data}
            data = options_of_data.pop("name_or_folder")
    for value, what in ((model, "MODEL"), (data, "--data")):
        if value is None:
            raise click.UsageError(f"say {what}, or name a recipe that does")
    assert model is not None
    assert data is not None
    arguments |= {**option, **given, **({} if seed is None else {"seed": seed})}
    is_loaded = Path(model).exists() or registry.find_model(model)[1] is not None or "weights" in arguments
    # Nobody wants a new head on layers that have learnt nothing.
    arguments.setdefault("strategy", "head" if is_loaded else "full")
    registry.find_strategy(arguments["strategy"])  # a typing error is found before seconds are spent
    start_tensorflow()
    if "out" in arguments:
        from zoo.transfer.unfinished import refuse_taken

        refuse_taken(arguments["out"])  # before thousands of pictures are looked at
    if seed is not None or "seed" not in options_of_data:
        options_of_data["seed"] = arguments.get("seed")
    dataset = load(data, **options_of_data)
    arguments.setdefault("out", new_run_folder(f"{Path(model).name}-{dataset.name}"))
    return zoo.transfer(model, dataset, **arguments)


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
            "interrupted": f"zoo train --resume {shlex.quote(folder)} goes on" if run.info.get("interrupted") else None,
            "time": f"{run.info['seconds']['training']:.1f} s of training",
            "seed": run.info["seed"],
            "head": run.info["head"],
            "result": str(run.metrics) if run.metrics else "unknown: nothing was held out",
            "report": os.path.join(folder, "report.html"),
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
@options(OPTIONS_OF_DATA)
@click.option("--weights", metavar="TAG_OR_PATH", help="For a model's name: its weights.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help="By default the last there is.")
@device_options()
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
        dataset = load(data, **options_of_data)
    else:
        raise click.UsageError(f"{run_or_model!r} is no run's folder, so that --data must say what to measure on")
    metrics = zoo.evaluate(run or run_or_model, dataset, weights=weights, split=split)
    if as_json:
        output.print_json(metrics.as_dict())
    else:
        print_metrics(metrics)


def print_metrics(metrics: Metrics) -> None:
    """Print the figures and how sure they are, and for a few classes those of each."""
    from zoo.runs.metrics import readable

    click.echo(str(metrics))
    facts = {name: f"{readable(low)} to {readable(high)} (95%)" for name, (low, high) in metrics.intervals.items()}
    if metrics.calibration_error is not None:
        facts["calibration"] = f"{metrics.calibration_error:.4f} expected error"
    output.sheet(facts)
    if 0 < len(metrics.recall) <= 20:
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


def _load_as_trained(run: Run, data: str | None, options: Options) -> Dataset:
    """Load data for a run; what it was trained on is divided as it was then, lest old samples pass for new ones."""
    origin = dict(run.info["data"]["origin"])
    own = origin.pop("name_or_folder")
    if data is None or own in (_qualified(data), os.path.abspath(data)):
        data = str(own)
        options = {**origin, **{key: value for key, value in options.items() if value not in (None, {})}}
    return load(data, **options)


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
@device_options()
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


def load(
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
