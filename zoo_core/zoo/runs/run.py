"""A run: the result of a training, in memory and as a folder that can be opened again."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo import registry
from zoo.data import Table
from zoo.errors import DataError, RunError, UnknownNameError, ZooError, asked, asking, one_line
from zoo.models.build_info import Build, annotate, require_build
from zoo.models.load_report import LoadReport
from zoo.models.network import build_from
from zoo.registry import Entry
from zoo.runs.folder import ADVICE, FORMAT, HISTORY, RECORD, new_folder, read_json, read_record, writing
from zoo.runs.metrics import Metrics
from zoo.specs import ModelSpec, Preprocessing, read_preprocessing
from zoo.weights import load_weights

MODEL = "model.keras"

#: The report of the run, as Markdown and as HTML.
DOCUMENTS = ("report.md", "report.html")


@dataclass(frozen=True, eq=False)
class Run:
    """The result of one training.

    - ``model``: the trained network; Zoo knows its preprocessing and class names;
    - ``history``: a record for each epoch, with its phase, learning rate, seconds, losses and accuracies;
    - ``report``: where the initial weights came from, or None if training started from random values;
    - ``metrics``: the figures on the test split or, if there is none, on the validation split; None without either;
    - ``folder``: where the run is stored, or None if it is only in memory;
    - ``info``: how it was trained: data, strategy with its phases, seed, versions, seconds;
    - ``pictures``: the drawings of the run, as PNG bytes by file name;
    - ``documents``: the report of the run by file name, ``report.md`` and ``report.html``.
    """

    model: keras.Model
    history: list[dict[str, Any]]
    report: LoadReport | None
    metrics: Metrics | None
    info: Mapping[str, Any]
    folder: Path | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    documents: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def build(self) -> Build:
        """What Zoo knows of the model: its spec, options, preprocessing and class names."""
        with asking("read a run"):
            return require_build(self.model)

    def save(self, folder: str | os.PathLike[str]) -> Run:
        """Write the run to ``folder``, which must be new or empty, and return the run of that folder.

        A run that was opened from another folder is written with all its pictures and documents.

        Raises:
            RunError: if the folder is not empty or cannot be written; then nothing is left there.
        """
        with new_folder(folder) as (temporary, final):
            run = replace(self, folder=final)
            write(run, temporary)
        return run


def write(run: Run, folder: Path) -> None:
    """Write all files of the run into ``folder``, which exists and is empty."""
    build = run.build
    record = {
        "format": FORMAT,
        "model": {
            "name": build.qualified,
            "version": build.version,
            "options": build.options,
            "preprocessing": asdict(build.preprocessing) if build.preprocessing else None,
            "class_names": build.class_names,
            "table": build.table.as_dict() if build.table else None,
        },
        "weights": run.report.as_dict() if run.report else None,
        "metrics": run.metrics.as_dict() if run.metrics else None,
        **run.info,
    }
    with asking(f"write the run {str(run.folder)!r}"), writing():
        (folder / RECORD).write_text(to_json(record), encoding="utf-8")
        (folder / HISTORY).write_text(to_json(run.history), encoding="utf-8")
        with (folder / "history.csv").open("w", encoding="utf-8", newline="") as file:
            columns = dict.fromkeys(key for epoch in run.history for key in epoch)
            rows = csv.DictWriter(file, list(columns))
            rows.writeheader()
            rows.writerows(run.history)
        run.model.save(folder / MODEL)
        for name, content in run.pictures.items():
            (folder / name).write_bytes(content)
        for name, text in run.documents.items():
            (folder / name).write_text(text, encoding="utf-8")


def load(folder: str | os.PathLike[str]) -> Run:
    """Open the run in ``folder``: its model with preprocessing and class names, its history, metrics and reports.

    The model is built by its plugin and then gets the arrays of ``model.keras``; no code from that file is run.

    Raises:
        RunError: if the folder is not that of a run, a file is missing or damaged, the plugin of the model is not
            installed, or the run was written by a later Zoo.

    >>> run = load("runs/digits")  # doctest: +SKIP
    >>> run.metrics.top1  # doctest: +SKIP
    0.98
    """
    path = Path(folder).expanduser()
    with asking(f"open the run {str(folder)!r}"):
        record = read_record(path)
        try:
            declared = record["model"]
            entry = _entry(declared["name"], declared["version"])
            preprocessing, table = declared["preprocessing"], declared["table"]
            report = LoadReport.from_dict(_tuples(record["weights"])) if record["weights"] else None
            known = {
                "preprocessing": Preprocessing(**_tuples(read_preprocessing(preprocessing))) if preprocessing else None,
                "class_names": tuple(declared["class_names"]),
                "table": Table.from_dict(table) if table else None,
                "report": report,
            }
            options = {key: _tuples(value) for key, value in declared["options"].items()}
            metrics = Metrics.from_dict(record["metrics"]) if record["metrics"] else None
            history = read_json(path / HISTORY)
        except RunError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, DataError) as error:
            raise RunError(asked(), f"{RECORD} is damaged ({one_line(error)})", ADVICE) from error
        info = {key: value for key, value in record.items() if key not in ("format", "model", "weights", "metrics")}
        model = _model(entry, options, path)
        annotate(model, **known)
        pictures = {each.name: each.read_bytes() for each in sorted(path.glob("*.png"))}
        documents = {name: (path / name).read_text(encoding="utf-8") for name in DOCUMENTS if (path / name).is_file()}
        return Run(model, history, report, metrics, info, path, pictures, documents)


def to_json(content: Any) -> str:
    """Return ``content`` as JSON; NumPy values become numbers or lists, and paths become text.

    Raises:
        TypeError: if JSON has no form for a value.
    """

    def plain(value: Any) -> Any:
        if isinstance(value, (np.generic, np.ndarray)):
            return value.tolist()
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        raise TypeError(f"JSON has no form for {value!r}, a value of type {type(value).__name__}")

    return json.dumps(content, indent=2, default=plain, ensure_ascii=False) + "\n"


# -- inside


def _entry(name: str, version: str) -> Entry[ModelSpec]:
    try:
        return registry.find_model(name)[0]
    except UnknownNameError as error:
        distribution = name.partition("/")[0]
        found = f"no installed plugin offers its model {name!r}"
        raise RunError(asked(), found, f"install {distribution} {version} or later") from error


def _model(entry: Entry[ModelSpec], options: dict[str, Any], folder: Path) -> keras.Model:
    if not (folder / MODEL).is_file():
        raise RunError(asked(), f"{MODEL} is missing", ADVICE)
    try:
        model = build_from(entry, options)
        report = load_weights(model, folder / MODEL)
    except (ZooError, KeyError, TypeError) as error:
        raise RunError(asked(), f"its model cannot be restored ({error})", ADVICE) from error
    if report.missing:
        variable, reason = report.missing[0]
        raise RunError(asked(), f"{MODEL} has no values for {variable} ({reason})", ADVICE)
    return model


def _tuples(value: Any) -> Any:
    """Return the value with all lists turned back into the tuples that they were before JSON, at any depth."""
    if isinstance(value, list):
        return tuple(_tuples(each) for each in value)
    return {key: _tuples(each) for key, each in value.items()} if isinstance(value, dict) else value
