"""``zoo weights``: listing trained weights; downloading, verifying and converting their files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

import zoo
from zoo import registry
from zoo.cli import output
from zoo.cli.arguments import Options, key_value_option, shape
from zoo.cli.spec_document import spec_document
from zoo.cli.startup import show_warnings_of_zoo, start_tensorflow
from zoo.errors import ArgumentError, asking
from zoo.registry import Entry
from zoo.specs import WeightsSpec

weights = click.Group(
    "weights",
    help="List trained weights; download, verify and convert their files.",
    callback=output.show_help,
    invoke_without_command=True,
)


@weights.command("list")
@click.argument("pattern", default="*")
@output.json_option
@output.with_example("zoo weights list 'lenet5*'")
def list_(pattern: str, as_json: bool) -> None:
    """List the trained weights that the installed plugins offer, as MODEL.TAG.

    PATTERN is a part of the name, or a shell pattern. If nothing matches, the list is empty and the exit status is
    still 0.
    """
    names = zoo.list_weights(output.as_pattern(pattern))
    entries = [entry for entry in _all() if _name(entry) in names]
    if as_json:
        output.print_json([spec_document(entry) for entry in entries])
    elif entries:
        rows = [
            {
                "name": _name(entry),
                "classes": f"{entry.spec.classes:,}",
                "metrics": output.figures(entry.spec.metrics),
                "plugin": entry.distribution,
                "summary": entry.spec.summary,
            }
            for entry in entries
        ]
        output.table(rows, right=("classes",))
    else:
        output.note("no weights match; a file of weights is loaded by its path")


def _all() -> list[Entry[WeightsSpec]]:
    return [
        Entry(spec, plugin.distribution)
        for plugin in zoo.list_plugins()
        for spec in plugin.specs.get("zoo_weights", ())
    ]


def _name(entry: Entry[WeightsSpec]) -> str:
    return f"{entry.spec.model.rpartition('/')[2]}.{entry.spec.name}"


@weights.command("verify")
@click.argument("name_or_file")
@click.option("--model", metavar="MODEL", help="The model that the file is for.")
@output.json_option
@output.with_example("zoo weights verify resnet20.safetensors --model resnet20_cifar")
def verify(name_or_file: str, model: str | None, as_json: bool) -> None:
    """Check that a file of weights is complete and undamaged.

    Every array of the file must fit its model. The file of MODEL.TAG must also have the digest that its plugin
    declares, and the outputs of the network must agree with the fingerprint.
    """
    if model is None and os.path.exists(name_or_file):
        raise ArgumentError(
            f"verify the file {name_or_file!r}", "it does not say which model it is for", "pass --model as well"
        )
    start_tensorflow()
    from zoo.weights import verify

    verified = verify(name_or_file, model=model)
    if as_json:
        output.print_json(verified.as_dict())
        return
    report = verified.report
    output.title(name_or_file, "is complete and undamaged")
    output.sheet(
        {
            "file": report.source,
            "format": f"{report.format}, {report.layout} names",
            "sha256": report.sha256,
            "variables": f"{len(report.loaded)}, all loaded",
            "not used": report.unexpected,
            "fingerprint": None if verified.deviation is None else f"the outputs agree within {verified.deviation:.0e}",
        }
    )


@weights.command("fetch")
@click.argument("names", nargs=-1, required=True)
@output.json_option
@output.with_example("zoo weights fetch mobilenet_v2.imagenet")
def fetch(names: tuple[str, ...], as_json: bool) -> None:
    """Download weights to the store, and show where the files are.

    NAMES are tags, as MODEL.TAG, or URLs. A file that is in the store already is not downloaded again.
    """
    show_warnings_of_zoo()
    from zoo.weights.sources import find_source

    found = []
    for name in names:
        model, tag = (None, name) if "://" in name else registry.find_model(name)
        if tag is None:
            raise ArgumentError(
                f"fetch {name!r}", "the name has no weights tag", "pass MODEL.TAG; zoo weights list shows the tags"
            )
        with asking(f"fetch {name!r}"):
            source = find_source(model, tag).settled()
        found.append({"name": name, "file": str(source.path), "sha256": source.sha256})
    if as_json:
        output.print_json(found)
        return
    for each in found:
        output.title(each["name"], "is on this machine")
        output.sheet({"file": each["file"], "sha256": each["sha256"]})


@weights.command("convert")
@click.argument("source")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--model", metavar="MODEL", required=True, help="The model that the weights are for.")
@click.option("--classes", type=int, metavar="N", help="The number of classes in the file, if not the model's own.")
@click.option("--input-shape", type=shape, metavar="HxWxC", help="The input shape of the file, if not the model's own.")
@click.option("--no-top", is_flag=True, help="Leave the classifier out. A file without one needs this.")
@click.option("--force", is_flag=True, help="Replace PATH if it exists.")
@key_value_option("Model", "--option", "An option of the model; zoo info shows them.")
@output.json_option
@output.with_example("zoo weights convert old.h5 new.safetensors --model resnet50")
# More than seven parameters, because click passes each option as one.
def convert(
    source: str, path: Path, model: str, no_top: bool, force: bool, option: Options, as_json: bool, **shapes: Any
) -> None:
    """Write the weights of SOURCE to PATH, as a .safetensors or .weights.h5 file.

    SOURCE is a tag, a file or a URL. It must have an array for every variable of the model. The report says which
    naming scheme the file follows, and which arrays were changed to fit.
    """
    start_tensorflow()
    from zoo.weights import convert

    options = {name: value for name, value in shapes.items() if value is not None} | option
    if no_top:
        options["include_top"] = False
    report = convert(source, model, path, overwrite=force, **options)
    if as_json:
        output.print_json(report.as_dict())
        return
    output.title(path.name, f"contains the weights of {model}")
    click.echo(str(report))
