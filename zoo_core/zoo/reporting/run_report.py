"""What a person reads of a run: the report in words and tables, and its drawings."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.reporting import documents
from zoo.reporting.documents import Block, Code, Figure, Grid, Heading, Items, Paragraph, Snippet, Strong, Words
from zoo.runs.folder import RECORD
from zoo.runs.metrics import Metrics, readable

if TYPE_CHECKING:
    from zoo.runs.run import Run

_MOST_CLASSES = 50


# -- drawings


# -- the report


def render(run: Run) -> dict[str, str]:
    """Return the run's report by file name: in Markdown, with the pictures beside it, and as one HTML file."""
    blocks = _report(run)
    return {
        "report.md": documents.markdown(blocks),
        "report.html": documents.page(_title(run), blocks, run.pictures),
    }


def _report(run: Run) -> list[Block]:
    info = run.info
    return [
        Heading(_title(run), 1),
        Paragraph(_summary(run)),
        Heading("Data"),
        Paragraph(info["data"]["description"]),
        Heading("Training"),
        *_training(run),
        *_figure(run, "curves.png", f"loss and {_measure(run)} over the epochs, in training and in validation"),
        *_figure(run, "learning_rate.png", "the loss at each learning rate that was tried"),
        *_epochs(run.history),
        Heading("To do it again"),
        *_again(run),
        Heading("Weights it began with"),
        _weights(run),
        *_results(run),
        *_mistakes(run),
        *_figure(run, "predictions.png", "held-out samples and what was predicted of them"),
        Heading("To predict"),
        *_next(run),
        Heading("Made with"),
        Grid(("what", "version"), (*info["versions"].items(), (f"{run.build.qualified} (plugin)", run.build.version))),
    ]


def _title(run: Run) -> str:
    return f"{run.build.spec.name} on {run.info['data']['name']}"


def _figure(run: Run, file: str, caption: str) -> list[Block]:
    return [Figure(file, caption)] if file in run.pictures else []


def _summary(run: Run) -> Words:
    if run.metrics is None:
        return "Nothing was held out, so nothing is known of how well it does on new data."
    return Strong(f"{run.metrics}.")


def _training(run: Run) -> list[Block]:
    info, strategy = run.info, run.info["strategy"]
    options = _options(strategy["options"])
    counts = info["parameters"]
    rows: list[tuple[Words, ...]] = [
        ("model", (Code(run.build.qualified), f", input {_shape(run.build.options['input_shape'])}")),
        ("parameters", f"{counts['total']:,}, of which {counts['trained']:,} learnt"),
        ("strategy", (Code(strategy["name"]), f" ({options})" if options else "")),
        ("head", info["head"]),
        *([("warning", info["warning"])] if info.get("warning") else []),
        *([("options", _options(info["training"]))] if info.get("training") else []),
        *([("interrupted", "before the last epoch was done")] if info.get("interrupted") else []),
        ("batch size", str(info["batch_size"])),
        ("seed", str(info["seed"])),
        ("time", f"{info['seconds']['training']:.1f} s of training, {info['seconds']['total']:.1f} s in all"),
        *([("speed", f"{examples_per_second(run):,.0f} examples a second")] if examples_per_second(run) else []),
    ]
    phases = tuple(
        (each["name"], _layers(each["trainable"]), str(each["epochs"]), f"{each['learning_rate']:g}")
        for each in strategy["phases"]
    )
    return [Grid(("", ""), tuple(rows)), Grid(("phase", "layers that learn", "epochs", "learning rate"), phases)]


def examples_per_second(run: Run) -> float | None:
    """Return how many training examples an epoch has gone through in a second, its validation included.

    None if no epoch was ended, or an earlier Zoo has not kept how many examples there were.
    """
    count = run.info["data"].get("samples", {}).get("train", 0)
    seconds = sum(each["seconds"] for each in run.history)
    return count * len(run.history) / seconds if count and seconds else None


def _measure(run: Run) -> str:
    """Return what is measured of an epoch besides the loss."""
    return "mean absolute error" if any("mae" in each for each in run.history) else "accuracy"


def _options(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in values.items())


def _epochs(history: list[dict[str, Any]]) -> list[Block]:
    if not history:
        return []
    columns = tuple(name for name in history[-1] if name not in ("learning_rate", "seconds"))
    rows = [tuple(_cell(record.get(name)) for name in columns) for record in history]
    kept = rows if len(rows) <= 20 else [*rows[:10], ("...",) * len(columns), *rows[-10:]]
    return [Grid(columns, tuple(kept))]


def _weights(run: Run) -> Block:
    if run.report is None:
        return Paragraph("None: training began from random values.")
    source = Code(Path(run.report.source).name)
    lines: list[Words] = [
        (source, " (tag ", Code(run.report.tag), ")") if run.report.tag else source,
        *([f"SHA-256 {run.report.sha256}"] if run.report.sha256 else []),
        f"{len(run.report.loaded)} variables loaded ({run.report.format}, {run.report.layout} names)",
        *((Code(variable), f" left at its initial value: {reason}") for variable, reason in run.report.missing),
        *((Code(array), " of the file not used") for array in run.report.unexpected),
    ]
    return Items(tuple(lines))


def _results(run: Run) -> list[Block]:
    metrics = run.metrics
    if metrics is None:
        return []
    rows = [(name, readable(value), _interval(metrics, name)) for name, value in metrics.figures().items()]
    if metrics.calibration_error is not None:
        rows.append(("calibration error", readable(metrics.calibration_error), ""))
    blocks: list[Block] = [
        Heading("Results"),
        Grid((f"{metrics.count:,} {metrics.split} samples", "", "95% interval"), tuple(rows)),
        *_figure(run, "confusion.png", "what the samples of each class were taken for"),
    ]
    worst = sorted(metrics.recall.items(), key=lambda item: item[1])[:_MOST_CLASSES]
    if worst:
        classes = tuple(
            (
                name,
                f"{metrics.support[name]:,}" if name in metrics.support else "",
                _cell(metrics.precision.get(name)),
                readable(recall),
                _cell(metrics.f1.get(name)),
            )
            for name, recall in worst
        )
        blocks.append(Grid(("class", "samples", "precision", "recall", "F1"), classes))
    return [*blocks, *_figure(run, "calibration.png", "how often predictions of each probability are right")]


def _interval(metrics: Metrics, figure: str) -> str:
    ends = metrics.intervals.get(figure)
    return f"{readable(ends[0])} to {readable(ends[1])}" if ends else ""


def _mistakes(run: Run) -> list[Block]:
    if run.metrics is None or not run.metrics.mistakes:
        return []
    rows = tuple((each.name, each.truth, each.predicted, f"{each.probability:.1%}") for each in run.metrics.mistakes)
    return [
        Heading("Worst mistakes"),
        *_figure(run, "mistakes.png", "the wrong predictions of the highest probability"),
        Grid(("sample", "true", "predicted", "probability"), rows),
    ]


def _next(run: Run) -> list[Block]:
    folder = run.folder.name if run.folder else "FOLDER"
    inputs = "rows.csv" if run.build.table else "picture.jpg"
    return [
        Paragraph("Beside this folder, in a shell or in Python:"),
        Snippet(f"zoo predict {shlex.quote(folder)} {inputs}"),
        Snippet(f"zoo.predict({folder!r}, {inputs!r})", "python"),
    ]


def _cell(value: Any) -> str:
    return readable(value) if isinstance(value, float) else "" if value is None else str(value)


def _layers(names: Any) -> Words:
    names = list(names)
    if names == ["*"]:
        return "all"
    if len(names) > 4:
        return f"{len(names)}, from ", Code(names[0]), " on"
    words: list[str | Code | Strong] = []
    for name in names:
        words += [", ", Code(name)] if words else [Code(name)]
    return tuple(words)


def _shape(shape: Any) -> str:
    return "x".join("any" if size is None else str(size) for size in shape)


# -- how to do it again


def _again(run: Run) -> list[Block]:
    command = Code("zoo train --recipe recipe.toml")
    return [Paragraph(("Saved as a file, this recipe is what ", command, " takes:")), Snippet(_recipe(run), "toml")]


def _recipe(run: Run) -> str:
    """Return what a run tells of its making, in TOML; the seeds of the data and of the training may differ."""
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
        # The columns of a table are told by the data.
        **{key: value for key, value in config if key != "columns" and value != build.spec.config.get(key)},
    }
    data = {"name": origin.pop("name_or_folder", info["data"]["name"]), **origin}
    top_predictions = _toml(options)
    parts = [_toml(top), "[data]\n" + _toml(data), f"[options]\n{top_predictions}" if top_predictions else ""]
    return "\n\n".join(filter(None, parts))


def _toml(values: Mapping[str, Any]) -> str:
    """Return a line for each value; TOML has none for None."""
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
