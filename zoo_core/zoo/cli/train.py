"""``zoo train``: a model adapted to data of your own, and kept as a run."""

from __future__ import annotations

import itertools
import os
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import zoo
from zoo import registry
from zoo.cli import help_page, output
from zoo.cli.arguments import (
    Options,
    augmentation,
    device_options,
    key_value_option,
    learning_rate,
    options,
    seed_option,
)
from zoo.cli.data import DATA_PARAMETERS, data_options, load
from zoo.cli.startup import start_tensorflow

if TYPE_CHECKING:
    from zoo.transfer import Run

#: Flags of Zoo 0.1 that have another name now, as the parameters of :func:`train`. They go with the next release.
_RENAMED = {"decay": "lr_decay", "decay_every": "lr_decay_every", "accumulate": "gradient_accumulation_steps"}

_model = partial(help_page.option, "Model")
_data = partial(help_page.option, "Data")
_training = partial(help_page.option, "Training")
_stopping = partial(help_page.option, "Stopping")
_regularisation = partial(help_page.option, "Regularisation")
_output = partial(help_page.option, "Output")
_hardware = partial(help_page.option, "Hardware")

# No option has a default here: what was not given is taken from the recipe, or is a default of zoo.transfer.
_MODEL_OPTIONS = (
    _model("--weights", metavar="TAG_OR_PATH", help="The weights to start from."),
    _model(
        "--strategy",
        metavar="NAME",
        help="Which layers are trained. The default is head, or full if no weights are loaded; "
        "zoo list --strategies shows all.",
    ),
    key_value_option("Model", "--option", "An option of the strategy or of the model, such as layers=3."),
)
_AUGMENTATION_OPTIONS = (
    _data(
        "--augment",
        type=augmentation,
        metavar="HOW",
        help="Change the training images at random: standard, or options such as flip=horizontal,rotation=15.",
    ),
    _data(
        "--views", type=int, metavar="N", help="Cache N augmented versions of each image, instead of making new ones."
    ),
    _data(
        "--exact", is_flag=True, default=None, help="Decode every pixel of large JPEG files, as reference code does."
    ),
)
_TRAINING_OPTIONS = (
    _training("--recipe", metavar="FILE.toml", help="A file with the options that are not given here."),
    _training("--resume", metavar="RUN", help="Continue a training that was killed or interrupted."),
    _training("--epochs", type=int, metavar="N", help="How many times to go through the training data.  [default: 10]"),
    _training("--batch-size", type=int, metavar="N", help="The number of samples in a step.  [default: 32]"),
    _training(
        "--learning-rate",
        type=learning_rate,
        metavar="RATE",
        help="The learning rate of the Adam optimiser, or find to search for one. The default is the strategy's.",
    ),
    _training(
        "--schedule",
        type=click.Choice(["constant", "cosine", "exponential", "step"]),
        help="How the learning rate changes during training.  [default: constant]",
    ),
    _training("--warmup", type=float, metavar="EPOCHS", help="Raise the learning rate from 0 during the first epochs."),
    _training(
        "--lr-decay",
        type=float,
        metavar="FACTOR",
        help="The share of the learning rate that is left at the end, or after each step of the schedule step.  "
        "[default: 0.1]",
    ),
    _training(
        "--lr-decay-every",
        type=int,
        metavar="EPOCHS",
        help="The number of epochs between two steps of the schedule step.  [default: 10]",
    ),
    _training(
        "--gradient-accumulation-steps",
        type=int,
        metavar="BATCHES",
        help="Average the gradients of this many batches before each step.  [default: 1]",
    ),
    seed_option("Training", "The seed of everything random, including how the data is split."),
    click.option("--decay", type=float, hidden=True),
    click.option("--decay-every", type=int, hidden=True),
    click.option("--accumulate", type=int, hidden=True),
)
_STOPPING_OPTIONS = (
    _stopping(
        "--early-stopping", type=int, metavar="EPOCHS", help="Stop after this many epochs without an improvement."
    ),
    _stopping("--keep-best", is_flag=True, default=None, help="Finish with the weights of the best epoch."),
    _stopping(
        "--monitor",
        metavar="METRIC",
        help="The metric that should improve, such as val_accuracy.  [default: val_loss]",
    ),
)
_REGULARISATION_OPTIONS = (
    _regularisation("--l1", type=float, metavar="FACTOR", help="Add a penalty on the absolute values of the kernels."),
    _regularisation("--l2", type=float, metavar="FACTOR", help="Add a penalty on the squares of the kernels."),
    _regularisation(
        "--label-smoothing", type=float, metavar="SHARE", help="Spread this share of each label over all classes."
    ),
    _regularisation(
        "--class-weights", type=click.Choice(["balanced"]), help="Give rare classes more weight in the loss."
    ),
    _regularisation(
        "--ema",
        type=float,
        metavar="MOMENTUM",
        help="Finish with a moving average of the weights; try a momentum of 0.999.",
    ),
)
_OUTPUT_OPTIONS = (
    _output("--out", metavar="RUN", help="The folder to write the run to. The default is a new one in runs/."),
    _output("--tensorboard", metavar="FOLDER", help="Write logs for TensorBoard to this folder."),
    output.json_option,
)
_HARDWARE_OPTIONS = (
    device_options(several=True),
    _hardware(
        "--mixed-precision", is_flag=True, default=None, help="Compute in 16 bits if the device is faster that way."
    ),
    _hardware(
        "--cache",
        type=click.Choice(["auto", "memory", "disk", "off"]),
        help="Where to keep the outputs of frozen layers.  [default: auto]",
    ),
)


@click.command(cls=help_page.Command)
@click.argument("model", required=False)
@options(_MODEL_OPTIONS)
@data_options()
@options(_AUGMENTATION_OPTIONS)
@options(_TRAINING_OPTIONS)
@options(_STOPPING_OPTIONS)
@options(_REGULARISATION_OPTIONS)
@options(_OUTPUT_OPTIONS)
@options(_HARDWARE_OPTIONS)
@output.with_example("zoo train lenet5.digits_0_4 --data digits --classes 5,6,7,8,9")
def train(
    model: str | None,
    data: str | None,
    recipe: str | None,
    resume: str | None,
    option: Options,
    as_json: bool,
    **given: Any,
) -> None:
    """Adapt a model to your data and keep the result as a run.

    MODEL is the name of a model, with or without a weights tag, or the folder of a run to continue from. With the
    strategy head, a run also gets a new head. The folder of the new run holds the model, its history, plots, report.md
    and report.html. If you press Ctrl-C, training stops after the current batch and leaves a run that you can use;
    --resume continues it.
    """
    given = _with_new_names({name: value for name, value in given.items() if value is not None and value != {}})
    if resume is not None:
        if model or data or recipe or given or option:
            raise click.UsageError("--resume takes all settings from the training that it continues; pass nothing else")
        start_tensorflow()
        from zoo.transfer import resume as resume_training

        run = resume_training(resume)
    else:
        run = _train(model, data, recipe, option, given)
    if as_json:
        output.print_json(_run_document(run))
    else:
        print_run(run)


def _with_new_names(given: Options) -> Options:
    """Return the parameters under the names of today; each of an older name is a warning on stderr."""
    for old, new in _RENAMED.items():
        if old in given:
            old_flag, new_flag = (f"--{name.replace('_', '-')}" for name in (old, new))
            if new in given:
                raise click.UsageError(f"{old_flag} is the old name of {new_flag}; pass only {new_flag}")
            output.warn(f"{old_flag} is now called {new_flag}; the old name stops working with the next release")
            given = {new if name == old else name: value for name, value in given.items()}
    return given


def _train(model: str | None, data: str | None, recipe: str | None, option: Options, given: Options) -> Run:
    """Train with the options that were given, and take all others from the recipe."""
    chosen_data = {name: given.pop(name) for name in DATA_PARAMETERS & given.keys()}
    arguments: Options = {}
    if recipe is not None:
        start_tensorflow()
        from zoo.transfer.recipes import read_recipe

        written = read_recipe(recipe)
        model, arguments = model or written.model, dict(written.arguments)
        if data is None and written.data is not None:
            chosen_data = {**written.data, **chosen_data}
            data = chosen_data.pop("name_or_folder")
    for value, what in ((model, "MODEL"), (data, "--data")):
        if value is None:
            raise click.UsageError(f"pass {what}, or a recipe that contains it")
    assert model is not None
    assert data is not None
    arguments |= {**option, **given}
    has_weights = Path(model).exists() or registry.find_model(model)[1] is not None or "weights" in arguments
    # Nobody wants a new head on layers with random weights.
    arguments.setdefault("strategy", "head" if has_weights else "full")
    registry.find_strategy(arguments["strategy"])  # a misspelt name is found before TensorFlow starts
    start_tensorflow()
    if "out" in arguments:
        from zoo.transfer.unfinished import refuse_taken

        refuse_taken(arguments["out"])  # before thousands of images are looked at
    if "seed" in given or "seed" not in chosen_data:
        chosen_data["seed"] = arguments.get("seed")
    dataset = load(data, **chosen_data)
    arguments.setdefault("out", new_run_folder(f"{Path(model).name}-{dataset.name}"))
    return zoo.transfer(model, dataset, **arguments)


def new_run_folder(name: str) -> str:
    """Return the first of ``runs/<name>-1``, ``runs/<name>-2``, ... that does not exist."""
    numbered = (os.path.join("runs", f"{name}-{number}") for number in itertools.count(1))
    return next(folder for folder in numbered if not os.path.exists(folder))


def print_run(run: Run) -> None:
    """Print the result of a training, and what can be done with it."""
    folder, strategy = _relative(run.folder), run.info["strategy"]["name"].rpartition("/")[2]
    output.title(folder, f"{run.build.spec.name} trained on {run.info['data']['name']}")
    output.sheet(
        {
            "strategy": f"{strategy}, {output.count(len(run.history), 'epoch')}",
            "interrupted": f"zoo train --resume {shlex.quote(folder)} continues"
            if run.info.get("interrupted")
            else None,
            "time": f"{run.info['seconds']['training']:.1f} s of training",
            "seed": run.info["seed"],
            "head": run.info["head"],
            "result": str(run.metrics) if run.metrics else "unknown: no data was held out",
            "report": os.path.join(folder, "report.html"),
            "next": f"zoo predict {shlex.quote(folder)} {'ROWS.csv' if run.build.table else 'PHOTO.jpg'}",
        }
    )


def _relative(folder: Path | None) -> str:
    """Return the path of a run's folder as one would type it in the current folder."""
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
