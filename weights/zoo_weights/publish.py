"""From a finished run to weights that this distribution ships: ``python -m zoo_weights.publish RUN TAG ...``."""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
import safetensors.numpy

import zoo
from zoo.atomic import in_one_step
from zoo.errors import ArgumentError
from zoo.models.build_info import Build, annotate
from zoo.specs import Fingerprint
from zoo.transfer import Run
from zoo.weights.conversion import arrays_of
from zoo.weights.fingerprints import take_fingerprint
from zoo_weights.plugin import CARDS

#: What the figures of an evaluation are called on a card.
FIGURES = {"top1": "top-1", "top5": "top-5", "mae": "MAE", "rmse": "RMSE", "r2": "R2"}


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("tag")
@click.option("--summary", required=True, help="One line: what the weights are for.")
@click.option("--licence", required=True, help="The licence of the data, which the weights inherit.")
@click.option("--recipe", required=True, help="The command that made the run.")
@click.option("--half", is_flag=True, help="Keep 16 bits of each value, for a network whose file would be too large.")
@click.option("--folder", type=click.Path(path_type=Path), default=CARDS, help="Where the card and the file go.")
def publish(run: Path, tag: str, summary: str, licence: str, recipe: str, half: bool, folder: Path) -> None:
    """Write the weights of RUN and their card as ``MODEL.TAG``."""
    try:
        print(write_card(run, tag, summary=summary, licence=licence, recipe=recipe, half=half, folder=folder))
    except zoo.ZooError as error:
        raise click.ClickException(str(error)) from error


def write_card(
    folder_of_run: Path,
    tag: str,
    *,
    summary: str,
    licence: str,
    recipe: str,
    half: bool = False,
    folder: Path = CARDS,
) -> Path:
    """Write ``MODEL.TAG.safetensors`` and the card beside it, and return the card's path.

    The figures on the card are those of the file itself, read again, on the run's held-out samples. ``half`` keeps 16
    bits of each value.

    Raises:
        RunError: if ``folder_of_run`` is not a run.
        ArgumentError: if the run has no held-out figures.
    """
    run = zoo.load(folder_of_run)
    if run.metrics is None:
        raise ArgumentError(
            f"publish {folder_of_run}", "the run was not evaluated on held-out samples", "train with a test split"
        )
    build = run.build
    path = folder / f"{build.spec.name}.{tag}.toml"
    arrays = {name: array.astype(np.float16) if half else array for name, array in arrays_of(run.model).items()}
    with in_one_step(path.with_suffix(".safetensors")) as unfinished:
        safetensors.numpy.save_file(arrays, unfinished)
    measured = _metrics_of(run, path.with_suffix(".safetensors"))
    card = {
        "model": build.qualified,
        "tag": tag,
        "summary": summary,
        "classes": build.options["classes"],
        "class_names": list(build.class_names),
        "input_shape": list(build.options["input_shape"]),
        "sha256": hashlib.sha256(path.with_suffix(".safetensors").read_bytes()).hexdigest(),
        "licence": licence,
        "data": run.info["data"]["description"],
        "recipe": recipe,
        "seed": run.info["seed"],
        "date": datetime.date.today().isoformat(),
        "made_with": ", ".join(f"{name} {version}" for name, version in run.info["versions"].items()),
        "measured_on": f"{run.metrics.count} {run.metrics.split} samples",
        **({"table": json.dumps(build.table.as_dict())} if build.table else {}),
        **({"config": json.dumps(config)} if (config := _own_config(build)) else {}),
        "metrics": {FIGURES[name]: round(measured[name], 4) for name in FIGURES if measured[name] is not None},
        "fingerprint": asdict(_fingerprint_of(build, path.with_suffix(".safetensors"))),
    }
    path.write_text(_toml(card), encoding="utf-8")
    return path


def _built(build: Build, file: Path, **options: Any) -> keras.Model:
    """Build the network of the run again, straight into ``file``."""
    given = {**build.options, **build.options["config"], **options}
    del given["config"]
    model = zoo.build(build.qualified, weights=str(file), **given)
    annotate(model, preprocessing=build.preprocessing, class_names=build.class_names, table=build.table)
    return model


def _metrics_of(run: Run, file: Path) -> dict[str, Any]:
    data = zoo.load_data(**run.info["data"]["origin"])
    return zoo.evaluate(_built(run.build, file), data).as_dict()


def _fingerprint_of(build: Build, file: Path) -> Fingerprint:
    return take_fingerprint(_built(build, file, classifier_activation=None), build.preprocessing)


def _own_config(build: Build) -> dict[str, Any]:
    """Return the options that differ from those of the model's spec."""
    return {name: value for name, value in build.options["config"].items() if value != build.spec.config.get(name)}


def _toml(card: dict[str, Any]) -> str:
    """Return a document of keys and one level of tables; TOML writes strings, numbers and lists as JSON does."""
    tables = {name: value for name, value in card.items() if isinstance(value, dict)}
    lines = [f"{name} = {_toml_value(value)}" for name, value in card.items() if name not in tables]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, str) and '"' in value and "'" not in value:
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    publish()
