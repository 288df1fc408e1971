"""From a finished run to weights that this distribution ships: ``python -m zoo_weights.publish RUN TAG ...``."""

from __future__ import annotations

import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import click
import keras
import safetensors.numpy

import zoo
from zoo.errors import ArgumentError
from zoo.weights.matching import targets_of
from zoo_weights.plugin import CARDS

#: What the figures of an evaluation are called on a card.
FIGURES = {"top1": "top-1", "top5": "top-5", "mae": "MAE", "rmse": "RMSE", "r2": "R2"}


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("tag")
@click.option("--summary", required=True, help="One line: what the weights are for.")
@click.option("--licence", required=True, help="The licence of the data, which the weights inherit.")
@click.option("--recipe", required=True, help="The command that made the run.")
@click.option("--folder", type=click.Path(path_type=Path), default=CARDS, help="Where the card and the file go.")
def publish(run: Path, tag: str, summary: str, licence: str, recipe: str, folder: Path) -> None:
    """Write the weights of RUN and their card as ``MODEL.TAG``."""
    try:
        print(write_card(run, tag, summary=summary, licence=licence, recipe=recipe, folder=folder))
    except zoo.ZooError as error:
        raise click.ClickException(str(error)) from error


def write_card(folder_of_run: Path, tag: str, *, summary: str, licence: str, recipe: str, folder: Path = CARDS) -> Path:
    """Write ``MODEL.TAG.safetensors`` and the card beside it, and return the card's path.

    The figures on the card are those that the run measured on its held-out samples.

    Raises:
        RunError: if ``folder_of_run`` is no run.
        ArgumentError: if the run measured nothing.
    """
    run = zoo.load(folder_of_run)
    if run.metrics is None:
        raise ArgumentError(f"publish {folder_of_run}", "it has no held-out figures", "train with a test split")
    build = run.build
    path = folder / f"{build.spec.name}.{tag}.toml"
    arrays = {target.name: keras.ops.convert_to_numpy(target.variable) for target in targets_of(run.model)}
    safetensors.numpy.save_file(arrays, path.with_suffix(".safetensors"))
    measured = run.metrics.as_dict()
    figures = {FIGURES[name]: measured[name] for name in FIGURES if measured[name] is not None}
    card = {
        "model": build.qualified,
        "tag": tag,
        "summary": summary,
        "classes": build.options["classes"],
        "class_names": list(build.class_names),
        "sha256": hashlib.sha256(path.with_suffix(".safetensors").read_bytes()).hexdigest(),
        "licence": licence,
        "data": run.info["data"]["description"],
        "recipe": recipe,
        "seed": run.info["seed"],
        "date": datetime.date.today().isoformat(),
        "made_with": ", ".join(f"{name} {version}" for name, version in run.info["versions"].items()),
        "measured_on": f"{run.metrics.count} {run.metrics.split} samples",
        "metrics": {name: round(value, 4) for name, value in figures.items()},
    }
    path.write_text(_toml(card), encoding="utf-8")
    return path


def _toml(card: dict[str, Any]) -> str:
    """Write one level of keys and one of tables, whose strings, numbers and lists TOML writes as JSON does."""
    tables = {name: value for name, value in card.items() if isinstance(value, dict)}
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in card.items() if name not in tables]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    publish()
