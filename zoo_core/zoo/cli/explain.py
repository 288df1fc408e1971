"""``zoo explain``: where a network sees a class, what its layers compute, and its filters, as images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli import output
from zoo.cli.arguments import device_options, weights_option
from zoo.cli.startup import start_tensorflow
from zoo.errors import ArgumentError, asking

if TYPE_CHECKING:
    from zoo.inference.explanation import Explanation, FeatureMaps, Filters


@click.command()
@click.argument("run_or_model")
@click.argument("image", nargs=-1)
@weights_option("Model")
@click.option(
    "--kind",
    type=click.Choice(["cam", "maps", "filters"]),
    default="cam",
    show_default=True,
    help="What to draw: where a class is seen (cam, by Grad-CAM), the feature maps of a layer, or the filters of a "
    "convolution.",
)
@click.option(
    "--layer",
    metavar="NAME",
    help="The layer to look at. The default is the last feature map for cam, the first stage for maps, the first "
    "convolution for filters.",
)
@click.option(
    "--class", "label", metavar="NAME_OR_INDEX", help="The class to look for. The default is the class predicted."
)
@click.option("--out", metavar="FOLDER", default=".", help="The folder to write to. The default is this folder.")
@output.json_option
@device_options()
@output.with_example("zoo explain lenet5.digits_0_4 digit.png --class 3")
# More than seven parameters, because click passes each option as one.
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
    """Draw where in a photograph a network sees a class.

    It can also draw the feature maps of a layer, or the filters of a convolution. RUN_OR_MODEL is the folder of a run
    or the name of a model. One PNG file is written for each photograph, and one for the filters, which need no
    photograph.
    """
    if bool(image) == (kind == "filters"):
        raise click.UsageError("--kind filters takes no photograph" if image else f"--kind {kind} needs a photograph")
    if label is not None and kind != "cam":
        raise click.UsageError("--class works with --kind cam alone")
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
        rows = [{**each, "input": Path(each["input"]).name} for each in answers]
        output.table([{key: _figure(value) for key, value in row.items()} for row in rows])


def _facts(drawn: Explanation | FeatureMaps | Filters) -> dict[str, Any]:
    names = ("label", "probability", "value", "layer")
    return {name: getattr(drawn, name) for name in names if getattr(drawn, name, None) is not None}


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _new(folder: Path, name: str, taken: list[Path]) -> Path:
    """Return a path that is not ``taken`` yet: photographs in two folders may have the same name."""
    path, number = folder / f"{name}.png", 1
    while path in taken:
        number += 1
        path = folder / f"{name}-{number}.png"
    return path
