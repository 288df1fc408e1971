"""``zoo demo``: a tour on real data, from the list of models to a run that predicts; it needs no internet."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import zoo
from zoo import registry
from zoo.cli import output
from zoo.cli.build import built_facts, print_built
from zoo.cli.startup import start_tensorflow

if TYPE_CHECKING:
    from zoo.data import Split
    from zoo.inference.prediction import Prediction
    from zoo.transfer import Run

KNOWN, PRETRAINED = "resnet50", "lenet5.digits_0_4"
NEW_DIGITS = ("5", "6", "7", "8", "9")
EPOCHS, LEARNING_RATE, SEED = 15, 0.01, 0

#: How many of the held-out digits are shown: as many as fit a terminal of 80 columns.
_DRAWN = 7

_FILES = {
    "model.keras": "the trained network",
    "run.json": "what was trained on which data; zoo.load reads it",
    "history.json": "the figures of every epoch",
    "curves.png": "the figures of every epoch as a plot",
    "predictions.png": "held-out digits with their predictions",
    "report.html": "a report on all of this; report.md is the same as text",
    "digit.png": "one of the held-out digits, to try zoo predict on",
}


@click.command()
@click.option(
    "--out",
    metavar="FOLDER",
    help="The folder to write the run to. The default is runs/demo, or the first of runs/demo-2, ... that is free.",
)
@output.with_example("zoo demo --out /tmp/my-first-run")
def demo(out: str | None) -> None:
    """Take a guided tour on handwritten digits.

    It lists the models, builds a well-known one, and adapts a small one that was trained on the digits 0 to 4 to the
    digits 5 to 9. Then it measures how good the result is. It needs no internet and takes less than two minutes.
    """
    started = time.perf_counter()
    folder = out or _new_folder()
    model, tag = registry.find_model(PRETRAINED)
    registry.find_weights(model, str(tag))  # a plugin that is not installed is reported now and not in step 3

    _step(1, "List the models of the zoo", "zoo list")
    _list()

    _step(2, f"Build {KNOWN} and count its parameters", f"zoo build {KNOWN}")
    start_tensorflow()
    _build()

    classes = ",".join(NEW_DIGITS)
    _step(
        3,
        "Adapt a network that was trained on the digits 0 to 4 to the digits 5 to 9",
        f"zoo train {PRETRAINED} --data digits --classes {classes} \\\n"
        f"     --epochs {EPOCHS} --learning-rate {LEARNING_RATE}",
    )
    digits = zoo.load_data("digits", classes=NEW_DIGITS, seed=SEED)
    click.echo(digits.describe())
    run = zoo.transfer(PRETRAINED, digits, "head", epochs=EPOCHS, learning_rate=LEARNING_RATE, seed=SEED, out=folder)
    assert run.report is not None  # training started from weights
    click.echo(f"{output.count(len(run.report.loaded), 'variable')} loaded from {PRETRAINED}; the head is new")

    _step(4, "Measure it on digits that it was not trained on", f"zoo evaluate {folder}")
    click.echo(str(zoo.evaluate(run, digits)))

    _step(5, "Predict", f"zoo predict {folder} {os.path.join(folder, 'digit.png')}")
    assert digits.test is not None  # the digits come with a test split
    _predict(run, digits.test, Path(folder))

    _step(6, "Use the run later", f"zoo.load({folder!r}) in Python")
    output.sheet({os.path.join(folder, name): what for name, what in _FILES.items()})

    click.secho(f"\nDone in {time.perf_counter() - started:.0f} seconds. What to try next", bold=True)
    for command, what in {
        f"zoo predict {folder} {os.path.join(folder, 'digit.png')}": "predict again",
        f"zoo train {PRETRAINED} --data digits --classes {classes} --strategy full": "train every layer",
        f"zoo info {KNOWN}": "what Zoo knows about a model",
    }.items():
        click.echo(f"  {command}\n      {what}")
    click.echo("For photographs of your own, in one folder for each class, see zoo train --help.")


def _new_folder() -> str:
    folders = itertools.chain(("demo",), (f"demo-{number}" for number in itertools.count(2)))
    return next(path for name in folders if not os.path.exists(path := os.path.join("runs", name)))


def _step(number: int, what: str, command: str) -> None:
    click.secho(f"\n{number}  {what}", bold=True)
    click.secho(f"   $ {command}\n", dim=True)


def _list() -> None:
    families: dict[str, list[str]] = {}
    for name in zoo.list_models():
        families.setdefault(registry.find_model(name)[0].distribution, []).append(name)
    output.table(
        [
            {"plugin": distribution, "models": str(len(names)), "": ", ".join(names)}
            for distribution, names in sorted(families.items())
        ],
        right=("models",),
        cut=True,
    )


def _build() -> None:
    print_built(built_facts(zoo.build(KNOWN)))


def _predict(run: Run, held_out: Split, folder: Path) -> None:
    from PIL import Image

    names = run.build.class_names
    # One of each class first, then further ones.
    firsts = [int((held_out.labels == label).argmax()) for label in range(len(names))]
    chosen = (firsts + [index for index in range(len(held_out)) if index not in firsts])[:_DRAWN]
    pictures: list[Any] = [held_out.inputs[index] for index in chosen]
    answers = [best for best, *_ in zoo.predict(run, pictures, top=1)]
    _draw(pictures, answers, [names[held_out.labels[index]] for index in chosen])
    Image.fromarray(pictures[0][..., 0]).save(folder / "digit.png")


def _draw(pictures: list[Any], answers: list[Prediction], truths: list[str]) -> None:
    """Print digits of 8x8 pixels side by side, two pixels to a character, with the predictions below."""
    ink = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
    for upper in range(0, 8, 2):
        rows = (picture[upper : upper + 2, :, 0] > 110 for picture in pictures)
        click.echo("   ".join("".join(ink[bool(above), bool(below)] for above, below in row.T) for row in rows))
    click.echo("   ".join(f"{answer.label} {answer.probability:.0%}".ljust(8) for answer in answers))
    wrong = sum(answer.label != truth for answer, truth in zip(answers, truths, strict=True))
    click.echo("all of them are right" if not wrong else f"{wrong} of them wrong; the digits are {', '.join(truths)}")
