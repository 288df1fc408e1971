"""The commands for a closer look: ``zoo compare`` at several runs, ``zoo explain`` at what a network sees."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import zoo
from zoo.cli import output
from zoo.cli.arguments import device_options
from zoo.cli.startup import start_tensorflow
from zoo.errors import ArgumentError, asking

if TYPE_CHECKING:
    from zoo.inference.comparison import Compared, Comparison
    from zoo.inference.explanation import Explanation, FeatureMaps, Filters

#: What a setting's value is cut to in a table.
_WIDTH = 40


# -- zoo compare


@click.command()
@click.argument("run", nargs=-1, required=True)
@output.json_option
@output.with_example("zoo compare runs/lenet5-digits-1 runs/lenet5-digits-2")
def compare(run: tuple[str, ...], as_json: bool) -> None:
    """Put runs side by side and say whether the others are better than the first.

    Shows what was trained and how well, the settings that differ, and whether the difference could be chance.
    """
    comparison = zoo.compare(run)
    if as_json:
        output.print_json(comparison.as_dict())
    else:
        print_comparison(comparison)


def print_comparison(comparison: Comparison) -> None:
    """Print the runs, their settings that differ, and how each stands to the first."""
    names = _short_names([each.name for each in comparison.runs])
    rows = [{"run": name, **_row(each)} for name, each in zip(names, comparison.runs, strict=True)]
    # An older run may lack what another says.
    columns = dict.fromkeys(name for row in rows for name in row)
    output.table(
        [{name: row.get(name, "") for name in columns} for row in rows], right=("epochs", "trained", "seconds")
    )
    if comparison.differences:
        click.echo()
        output.table(
            [
                {"setting": setting, **dict(zip(names, map(_cut, values), strict=True))}
                for setting, values in comparison.differences.items()
            ]
        )
    click.echo()
    for name, verdict in zip(names[1:], comparison.verdicts, strict=True):
        output.sheet({f"{name} against {names[0]}": verdict.reason})


def _short_names(paths: Sequence[str]) -> list[str]:
    """Return the names of folders without the path that they have in common."""
    common = os.path.commonpath([os.path.dirname(os.path.abspath(each)) for each in paths])
    names = [os.path.relpath(os.path.abspath(each), common) for each in paths]
    # The same run may be compared with itself, and a table has a column for each.
    return names if len(set(names)) == len(names) else [f"{name} ({place})" for place, name in enumerate(names, 1)]


def _row(run: Compared) -> dict[str, str]:
    row = {
        "model": run.model,
        "data": run.data,
        "strategy": run.strategy,
        "epochs": f"{run.epochs:,}",
        "trained": "" if run.trained is None else f"{run.trained:,}",
        "seconds": "" if run.seconds is None else f"{run.seconds:.1f}",
    }
    if run.metrics is not None:
        from zoo.runs.metrics import readable

        for name, value in run.metrics.figures().items():
            ends = run.metrics.intervals.get(name)
            row[name] = readable(value) + (f" ({readable(ends[0])} to {readable(ends[1])})" if ends else "")
    return row


def _cut(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


# -- zoo explain


@click.command()
@click.argument("run_or_model")
@click.argument("image", nargs=-1)
@click.option("--weights", metavar="TAG_OR_PATH", help="For a model's name: its weights.")
@click.option(
    "--kind",
    type=click.Choice(["cam", "maps", "filters"]),
    default="cam",
    show_default=True,
    help="Where a class is seen, what a layer gives, or the kernels of a convolution.",
)
@click.option("--layer", metavar="NAME", help="By default the last feature map, the first stage, the first kernels.")
@click.option("--class", "label", metavar="NAME_OR_INDEX", help="The class to look for; by default the one predicted.")
@click.option("--out", metavar="FOLDER", default=".", help="Where to write the pictures; by default here.")
@device_options()
@output.json_option
@output.with_example("zoo explain lenet5.digits_0_4 digit.png --class 3")
def explain(
    run_or_model: str,
    image: tuple[str, ...],
    weights: str | None,
    kind: str,
    layer: str | None,
    label: str | None,
    out: str,
    as_json: bool,
) -> None:
    """Draw where in photographs a network sees what it says (Grad-CAM), its feature maps or its filters.

    RUN_OR_MODEL is the folder of a run or the name of a model. A PNG is written for each photograph.
    """
    if bool(image) == (kind == "filters"):
        raise click.UsageError("filters need no photograph" if image else f"--kind {kind} needs a photograph")
    if label is not None and kind != "cam":
        raise click.UsageError("--class goes with --kind cam")
    missing = next((each for each in image if not os.path.isfile(each)), None)
    if missing:
        raise ArgumentError(f"explain {missing!r}", "there is no such file", "check the path")
    start_tensorflow()
    from zoo.inference import explanation
    from zoo.inference.loaded_model import load_model

    with asking(f"explain {run_or_model!r}"):
        model = load_model(run_or_model, weights).model
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    answers: list[dict[str, Any]] = []
    for name in image or (Path(run_or_model).name,):
        drawn: Explanation | FeatureMaps | Filters
        if kind == "cam":
            drawn = explanation.explain(model, name, layer=layer, label=label)
        elif kind == "maps":
            drawn = explanation.feature_maps(model, name, layer)
        else:
            drawn = explanation.filters(model, layer)
        path = _new(folder, f"{Path(name).stem if image else name}-{kind}", [each["picture"] for each in answers])
        path.write_bytes(drawn.png())
        answers.append({"input": name, **_facts(drawn), "picture": path})
    if as_json:
        output.print_json(answers)
    else:
        output.table([{key: _figure(value) for key, value in each.items()} for each in answers])


def _facts(drawn: Explanation | FeatureMaps | Filters) -> dict[str, Any]:
    names = ("label", "probability", "value", "layer")
    return {name: getattr(drawn, name) for name in names if getattr(drawn, name, None) is not None}


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _new(folder: Path, name: str, taken: list[Path]) -> Path:
    """Return a path that no picture of this call has: photographs of two folders may be called alike."""
    path, number = folder / f"{name}.png", 1
    while path in taken:
        number += 1
        path = folder / f"{name}-{number}.png"
    return path
