"""The report of a run: what was trained, how, and how well, in words, tables and drawings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.reporting import documents
from zoo.reporting.documents import Block, Code, Figure, Grid, Heading, Items, Paragraph, Snippet, Strong, Words
from zoo.reporting.recipe import recipe_of
from zoo.runs.metrics import Metrics, readable

if TYPE_CHECKING:
    from zoo.runs.run import Run

#: The classes with the lowest recall that the report lists.
_MOST_CLASSES = 50


def render(run: Run) -> dict[str, str]:
    """Return the report by file name: as Markdown, which shows the PNG files beside it, and as one HTML file.

    The report does not mention the run's own folder, so it stays right when the folder is renamed, copied or moved.
    """
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
        *_figure(run, "curves.png", f"Loss and {_measure(run)} over the epochs, for training and validation"),
        *_figure(run, "learning_rate.png", "Loss at each learning rate that was tried"),
        *_epochs(run.history),
        *_results(run),
        *_mistakes(run),
        *_figure(run, "predictions.png", f"Predictions for {'held-out' if run.metrics else 'training'} samples"),
        Heading("Predict with this model"),
        *_predict(run),
        Heading("Initial weights"),
        _weights(run),
        Heading("Train it again"),
        *_train_again(run),
        Heading("Versions"),
        Grid(
            ("software", "version"), (*info["versions"].items(), (f"{run.build.qualified} (plugin)", run.build.version))
        ),
    ]


def _title(run: Run) -> str:
    return f"{run.build.spec.name} on {run.info['data']['name']}"


def _figure(run: Run, file: str, caption: str) -> list[Block]:
    return [Figure(file, caption)] if file in run.pictures else []


def _summary(run: Run) -> Words:
    if run.metrics is None:
        return "No data was held out to test the model, so this report cannot say how good it is on new data."
    return Strong(f"{run.metrics}.")


def _training(run: Run) -> list[Block]:
    info, strategy = run.info, run.info["strategy"]
    options = _options(strategy["options"])
    counts = info["parameters"]
    rows: list[tuple[Words, ...]] = [
        ("model", (Code(run.build.qualified), f", input {_shape(run.build.options['input_shape'])}")),
        ("parameters", f"{counts['total']:,}, of which {counts['trained']:,} were trained"),
        ("strategy", (Code(strategy["name"]), f" ({options})" if options else "")),
        ("head", info["head"]),
        *([("warning", info["warning"])] if info.get("warning") else []),
        *([("options", _options(info["training"]))] if info.get("training") else []),
        *([("interrupted", "yes, before the last epoch had finished")] if info.get("interrupted") else []),
        ("batch size", str(info["batch_size"])),
        ("seed", str(info["seed"])),
        ("time", f"{info['seconds']['training']:.1f} s for training, {info['seconds']['total']:.1f} s in total"),
        *([("speed", f"{examples_per_second(run):,.0f} examples a second")] if examples_per_second(run) else []),
    ]
    phases = tuple(
        (each["name"], _layers(each["trainable"]), str(each["epochs"]), f"{each['learning_rate']:g}")
        for each in strategy["phases"]
    )
    return [Grid(("", ""), tuple(rows)), Grid(("phase", "trained layers", "epochs", "learning rate"), phases)]


def examples_per_second(run: Run) -> float | None:
    """Return how many training examples per second the epochs went through, the time for validation included.

    Returns None if no epoch was finished, or if the run is from an earlier Zoo, which did not write down the number of
    examples.
    """
    count = run.info["data"].get("samples", {}).get("train", 0)
    seconds = sum(each["seconds"] for each in run.history)
    return count * len(run.history) / seconds if count and seconds else None


def _measure(run: Run) -> str:
    """Return the name of the figure that each epoch has besides the loss."""
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
        return Paragraph("None: training started from random values.")
    source = Code(Path(run.report.source).name)
    lines: list[Words] = [
        (source, " (tag ", Code(run.report.tag), ")") if run.report.tag else source,
        *([f"SHA-256 {run.report.sha256}"] if run.report.sha256 else []),
        f"{len(run.report.loaded)} variables were loaded from it ({run.report.format}, {run.report.layout} names)",
        *((Code(variable), f" kept its initial value: {reason}") for variable, reason in run.report.missing),
        *((Code(array), " in the file was not used") for array in run.report.unexpected),
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
        *_figure(run, "confusion.png", "Confusion matrix: the true classes against the predicted ones"),
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
    return [
        *blocks,
        *_figure(run, "calibration.png", "Reliability diagram: how often predictions are right, by their probability"),
    ]


def _interval(metrics: Metrics, figure: str) -> str:
    ends = metrics.intervals.get(figure)
    return f"{readable(ends[0])} to {readable(ends[1])}" if ends else ""


def _mistakes(run: Run) -> list[Block]:
    if run.metrics is None or not run.metrics.mistakes:
        return []
    rows = tuple((each.name, each.truth, each.predicted, f"{each.probability:.1%}") for each in run.metrics.mistakes)
    return [
        Heading("Worst mistakes"),
        *_figure(run, "mistakes.png", "The wrong predictions with the highest probabilities"),
        Grid(("sample", "true", "predicted", "probability"), rows),
    ]


def _predict(run: Run) -> list[Block]:
    file, content = ("rows.csv", "a table") if run.build.table else ("photo.jpg", "an image")
    return [
        Paragraph(
            (f"For predictions on {content} of your own, here ", Code(file), ", run this in the folder of this report:")
        ),
        Snippet(f"zoo predict . {file}"),
        Paragraph("or, in Python:"),
        Snippet(f'import zoo\n\nzoo.predict(".", "{file}")', "python"),
    ]


def _train_again(run: Run) -> list[Block]:
    command = Code("zoo train --recipe recipe.toml")
    return [
        Paragraph(("Save this recipe as ", Code("recipe.toml"), ", then run ", command, ":")),
        Snippet(recipe_of(run), "toml"),
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
