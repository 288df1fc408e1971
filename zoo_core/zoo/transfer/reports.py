"""What a person reads of a run: the report in words and tables, and its drawings."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import pictures
from zoo.data import Dataset
from zoo.data.images import open_image
from zoo.data.pipeline import arrays
from zoo.evaluation import Metrics, held_out, readable
from zoo.prediction import named
from zoo.subject import Subject

if TYPE_CHECKING:
    from zoo.transfer.runs import Run

_MOST_CLASSES = 50

#: How many held-out samples are drawn: pictures on a sheet, or points of a regression.
_PICTURES = 16
_POINTS = 2_000


def drawings(
    subject: Subject, dataset: Dataset, history: Sequence[dict[str, Any]], metrics: Metrics | None
) -> dict[str, bytes]:
    """Return the PNGs of a run by file name: its curves, and predictions of held-out samples beside the truth."""
    part, samples = held_out(f"draw {dataset.name!r}", dataset)
    title = f"{subject.build.spec.name} on {dataset.name}, {part} samples"
    drawn = {"curves.png": pictures.curves(history)}
    preprocessing, shape = subject.build.preprocessing, subject.build.options["input_shape"]
    if preprocessing is None and not subject.is_regression:
        if metrics is not None:
            drawn["predictions.png"] = pictures.class_bars(metrics.per_class, f"{title}: recognised")
        return drawn
    count = min(_POINTS if preprocessing is None else _PICTURES, len(samples))
    # Evenly spaced, so that samples that lie class by class show every class.
    chosen = samples.take(np.linspace(0, len(samples) - 1, count).astype(int))
    outputs = subject.outputs(arrays(chosen, preprocessing, shape)[0])
    if subject.is_regression:
        target = dataset.table.target if dataset.table else "value"
        drawn["predictions.png"] = pictures.scatter(chosen.labels, np.ravel(outputs), target, title)
        return drawn
    examples = [
        pictures.Example(open_image(picture), dataset.class_names[label], best.label, best.probability or 0.0)
        for picture, label, (best, *_) in zip(chosen.inputs, chosen.labels, named(subject, outputs, top=1), strict=True)
    ]
    drawn["predictions.png"] = pictures.contact_sheet(examples, title)
    return drawn


def markdown(run: Run) -> str:
    """Return the run's report in Markdown."""
    build, info = run.build, run.info
    parts = [
        f"# {build.spec.name} on {info['data']['name']}",
        _summary(run),
        "## Data",
        info["data"]["description"],
        "## Training",
        _training(run),
        *([f"![curves]({name})" for name in run.pictures if name == "curves.png"]),
        _epochs(run.history),
        "## Weights it began with",
        _weights(run),
        "## Results",
        _results(run),
        *([f"![predictions]({name})" for name in run.pictures if name == "predictions.png"]),
        "## To predict",
        _next(run),
        "## Made with",
        _table(("what", "version"), [*info["versions"].items(), (f"{build.qualified} (plugin)", build.version)]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(run: Run) -> str:
    if run.metrics is None:
        return "Nothing was held out, so nothing is known of how well it does on new data."
    return f"**{run.metrics}.**"


def _training(run: Run) -> str:
    info, strategy = run.info, run.info["strategy"]
    options = ", ".join(f"{key}={value!r}" for key, value in strategy["options"].items())
    rows = [
        ("model", f"`{run.build.qualified}`, input {_shape(run.build.options['input_shape'])}"),
        ("parameters", f"{run.model.count_params():,}"),
        ("strategy", f"`{strategy['name']}`" + (f" ({options})" if options else "")),
        ("head", info["head"]),
        *([("warning", info["warning"])] if info.get("warning") else []),
        ("batch size", info["batch_size"]),
        ("seed", info["seed"]),
        ("time", f"{info['seconds']['training']:.1f} s of training, {info['seconds']['total']:.1f} s in all"),
    ]
    phases = [
        (each["name"], _layers(each["trainable"]), each["epochs"], f"{each['learning_rate']:g}")
        for each in strategy["phases"]
    ]
    return _table(("", ""), rows) + "\n\n" + _table(("phase", "layers that learn", "epochs", "learning rate"), phases)


def _epochs(history: list[dict[str, Any]]) -> str:
    columns = [name for name in history[-1] if name not in ("learning_rate", "seconds")]
    rows = [[_cell(record.get(name)) for name in columns] for record in history]
    kept = rows if len(rows) <= 20 else [*rows[:10], ["..."] * len(columns), *rows[-10:]]
    return _table(columns, kept)


def _weights(run: Run) -> str:
    if run.report is None:
        return "None: training began from random values."
    name = Path(run.report.source).name
    lines = [
        f"`{name}`" + (f" (tag `{run.report.tag}`)" if run.report.tag else ""),
        f"{len(run.report.loaded)} variables loaded ({run.report.format}, {run.report.layout} names)",
        *(f"`{variable}` left at its initial value: {reason}" for variable, reason in run.report.initial),
        *(f"`{array}` of the file not used" for array in run.report.unused),
    ]
    if run.report.sha256:
        lines.insert(1, f"SHA-256 {run.report.sha256}")
    return "\n".join(f"- {line}" for line in lines)


def _results(run: Run) -> str:
    if run.metrics is None:
        return ""
    rows = [(name, readable(value)) for name, value in run.metrics.figures().items()]
    figures = _table((f"{run.metrics.count:,} {run.metrics.split} samples", ""), rows)
    worst = sorted(run.metrics.per_class.items(), key=lambda item: item[1])[:_MOST_CLASSES]
    if not worst:
        return figures
    return figures + "\n\n" + _table(("class", "top-1"), [(name, readable(value)) for name, value in worst])


def _next(run: Run) -> str:
    folder = run.folder.name if run.folder else "FOLDER"
    inputs = "rows.csv" if run.build.table else "picture.jpg"
    shell, python = f"zoo predict {shlex.quote(folder)} {inputs}", f"zoo.predict({folder!r}, {inputs!r})"
    return f"Beside this folder, in a shell or in Python:\n\n```\n{shell}\n```\n\n```python\n{python}\n```"


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return readable(value) if isinstance(value, float) else "" if value is None else str(value)


def _layers(names: Any) -> str:
    names = list(names)
    if names == ["*"]:
        return "all"
    return ", ".join(f"`{name}`" for name in names) if len(names) <= 4 else f"{len(names)}, from `{names[0]}` on"


def _shape(shape: Any) -> str:
    return "x".join("any" if size is None else str(size) for size in shape)
