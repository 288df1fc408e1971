"""Compute what a plugin's models cost and save it beside the plugin: ``python -m zoo.testing.figures DISTRIBUTION``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import keras

from zoo.building import build
from zoo.errors import UnknownNameError, ZooError
from zoo.models.graph import multiply_accumulates, peak_activation_bytes
from zoo.plugins import FIGURES
from zoo.registry import list_plugins


def figures_of(model: keras.Model) -> dict[str, int]:
    """Return the cost of ``model`` as its spec gives it: of inference on one input of the shape it was built for."""
    model = keras.Model(model.input, model.outputs[0])  # without auxiliary classifiers
    return {"macs": multiply_accumulates(model), "activation_bytes": peak_activation_bytes(model)}


def write_figures(distribution: str) -> Path:
    """Build every model of ``distribution``, write their figures to a file beside its plugin and return its path.

    Raises:
        UnknownNameError: if no such distribution offers models.
    """
    plugins = [each for each in list_plugins() if each.distribution == distribution and "zoo_models" in each.specs]
    if not plugins:
        asked = f"compute the figures of {distribution!r}"
        raise UnknownNameError(
            asked, "no distribution of that name offers models", "see `zoo plugins` for those that do"
        )
    figures = {}
    for spec in plugins[0].specs["zoo_models"]:
        figures[spec.name] = figures_of(build(f"{distribution}/{spec.name}"))
        keras.utils.clear_session()
    path = Path(str(sys.modules[plugins[0].module].__file__)).with_name(FIGURES)
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return path


@click.command()
@click.argument("distribution")
def main(distribution: str) -> None:
    """Compute what the models of DISTRIBUTION cost and save it beside its plugin."""
    try:
        click.echo(write_figures(distribution))
    except ZooError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
