"""The recipe in a run's report: what was trained, how and on what, as TOML that ``zoo train --recipe`` reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.runs.folder import RECORD

if TYPE_CHECKING:
    from zoo.runs.run import Run


def recipe_of(run: Run) -> str:
    """Return the recipe of a run as TOML; the seed of the data and the seed of the training are separate entries."""
    info, build, report = run.info, run.build, run.report
    strategy, origin = info["strategy"], dict(info["data"]["origin"])
    model, weights = build.spec.name, None
    if report is not None and report.tag:
        model = f"{model}.{report.tag}"
    elif report is not None and (Path(report.source) / RECORD).is_file():
        model = report.source
    elif report is not None:
        weights = report.source
    rates = {phase["learning_rate"] for phase in strategy["phases"]}
    shape = build.options["input_shape"]
    top = {
        "model": model,
        "strategy": strategy["name"].rpartition("/")[2],
        "weights": weights,
        "epochs": sum(phase["epochs"] for phase in strategy["phases"]),
        "batch_size": info["batch_size"],
        "learning_rate": info["learning_rate"] if "learning_rate" in info else rates.pop() if len(rates) == 1 else None,
        "seed": info["seed"],
        **info.get("training", {}),
    }
    config = build.options["config"].items()
    options = {
        **strategy["options"],
        "input_shape": shape if build.preprocessing and tuple(shape) != tuple(build.spec.input_shape) else None,
        # The data tells the columns of a table.
        **{key: value for key, value in config if key != "columns" and value != build.spec.config.get(key)},
    }
    data = {"name": origin.pop("name_or_folder", info["data"]["name"]), **origin}
    sections = [_toml(top), f"[data]\n{_toml(data)}"]
    if options_in_toml := _toml(options):
        sections.append(f"[options]\n{options_in_toml}")
    return "\n\n".join(sections)


def _toml(values: Mapping[str, Any]) -> str:
    """Return one line for each value; None is left out, since TOML has no word for it."""
    return "\n".join(f"{key} = {_toml_value(value)}" for key, value in values.items() if value is not None)


def _toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(str(key))} = {_toml_value(each)}" for key, each in value.items() if each is not None)
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    elif isinstance(value, (np.generic, np.ndarray)):
        return _toml_value(value.tolist())
    # Strings, numbers and truth values are written as in JSON.
    return json.dumps(value, ensure_ascii=False)
