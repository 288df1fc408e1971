"""``zoo weights``: the trained weights there are, and whether their files are whole."""

from __future__ import annotations

import os

import click

from zoo import registry
from zoo.cli import output
from zoo.cli.listing import document
from zoo.cli.starting import start_tensorflow
from zoo.errors import ArgumentError
from zoo.plugins import load_plugins
from zoo.registry import Entry
from zoo.specs import WeightsSpec

weights = click.Group(
    "weights",
    help="List trained weights, verify files of weights.",
    callback=output.show_help,
    invoke_without_command=True,
)


@weights.command("list")
@click.argument("pattern", default="*")
@output.json_option
@output.with_example("zoo weights list 'lenet5*'")
def list_(pattern: str, as_json: bool) -> None:
    """List the trained weights that are installed, as MODEL.TAG.

    PATTERN is a part of the name, or a shell pattern. An empty list is an answer: the exit status is 0.
    """
    names = registry.list_weights(output.as_pattern(pattern))
    entries = [entry for entry in _all() if _name(entry) in names]
    if as_json:
        output.print_json([document(entry) for entry in entries])
    elif entries:
        rows = [
            {
                "name": _name(entry),
                "classes": f"{entry.spec.classes:,}",
                "metrics": output.figures(entry.spec.metrics),
                "from": entry.distribution,
                "summary": entry.spec.summary,
            }
            for entry in entries
        ]
        output.table(rows, right=("classes",))
    else:
        output.note("no weights are like that; a file of weights is loaded by its path")


def _all() -> list[Entry[WeightsSpec]]:
    return [
        Entry(spec, plugin.distribution) for plugin in load_plugins() for spec in plugin.records.get("zoo_weights", ())
    ]


def _name(entry: Entry[WeightsSpec]) -> str:
    return f"{entry.spec.model.rpartition('/')[2]}.{entry.spec.name}"


@weights.command("verify")
@click.argument("name_or_file")
@click.option("--model", metavar="MODEL", help="The model that a file is for.")
@output.json_option
@output.with_example("zoo weights verify resnet20.safetensors --model resnet20_cifar")
def verify(name_or_file: str, model: str | None, as_json: bool) -> None:
    """Check that a file of weights is whole.

    The file of MODEL.TAG must have the digest that its plugin declares; of any file, every array must fit its model.
    """
    if model is None and os.path.exists(name_or_file):
        raise ArgumentError(
            f"verify the file {name_or_file!r}", "nothing says which model it is for", "pass --model as well"
        )
    start_tensorflow()
    from zoo.weights import verify

    report = verify(name_or_file, model=model)
    if as_json:
        output.print_json(report.as_dict())
        return
    output.title(name_or_file, "is whole")
    output.sheet(
        {
            "file": report.source,
            "format": f"{report.format}, {report.layout} names",
            "sha256": report.sha256,
            "variables": f"{len(report.loaded)}, all loaded",
            "not used": report.unused,
        }
    )
