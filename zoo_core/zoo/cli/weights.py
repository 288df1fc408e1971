"""``zoo weights``: the trained weights there are, fetching, verifying and converting their files."""

from __future__ import annotations

import os
from pathlib import Path

import click

from zoo import registry
from zoo.cli import output
from zoo.cli.arguments import Options, key_value_option, shape
from zoo.cli.listing import document
from zoo.cli.startup import show_warnings_of_zoo, start_tensorflow
from zoo.errors import ArgumentError, asking
from zoo.plugins import load_plugins
from zoo.registry import Entry
from zoo.specs import WeightsSpec

weights = click.Group(
    "weights",
    help="List trained weights; fetch, verify and convert their files.",
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

    The file of MODEL.TAG must have the digest that its plugin declares, and its network must say what its fingerprint
    says; of any file, every array must fit its model.
    """
    if model is None and os.path.exists(name_or_file):
        raise ArgumentError(
            f"verify the file {name_or_file!r}", "nothing says which model it is for", "pass --model as well"
        )
    start_tensorflow()
    from zoo.weights import verify

    verified = verify(name_or_file, model=model)
    if as_json:
        output.print_json(verified.as_dict())
        return
    report = verified.report
    output.title(name_or_file, "is whole")
    output.sheet(
        {
            "file": report.source,
            "format": f"{report.format}, {report.layout} names",
            "sha256": report.sha256,
            "variables": f"{len(report.loaded)}, all loaded",
            "not used": report.unexpected,
            "fingerprint": None if verified.deviation is None else f"outputs within {verified.deviation:.0e} of it",
        }
    )


@weights.command("fetch")
@click.argument("names", nargs=-1, required=True)
@output.json_option
@output.with_example("zoo weights fetch mobilenet_v2.imagenet")
def fetch(names: tuple[str, ...], as_json: bool) -> None:
    """Bring the files of NAMES, each MODEL.TAG or a URL, into the store, and say where they lie.

    What is there already is not fetched again. Nothing is loaded, and TensorFlow is not imported.
    """
    show_warnings_of_zoo()
    from zoo.weights.sources import find_source

    found = []
    for name in names:
        model, tag = (None, name) if "://" in name else registry.find_model(name)
        if tag is None:
            raise ArgumentError(f"fetch {name!r}", "that names no weights", "pass MODEL.TAG; see zoo weights list")
        with asking(f"fetch {name!r}"):
            source = find_source(model, tag).settled()
        found.append({"name": name, "file": str(source.path), "sha256": source.sha256})
    if as_json:
        output.print_json(found)
        return
    for each in found:
        output.title(each["name"], "is in the store")
        output.sheet({"file": each["file"], "sha256": each["sha256"]})


@weights.command("convert")
@click.argument("source")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--model", metavar="MODEL", required=True, help="The model that the weights are for.")
@click.option(
    "--classes", type=int, metavar="N", help="The number of classes of the file, where it is not the model's."
)
@click.option("--input-shape", type=shape, metavar="HxWxC", help="The input of the file, where not the model's.")
@click.option("--no-top", is_flag=True, help="The file lacks the classifier, or it is to be left out.")
@click.option("--force", is_flag=True, help="Replace PATH if it is there.")
@key_value_option("--option", "An option of the model; see zoo info.")
@output.json_option
@output.with_example("zoo weights convert old.h5 new.safetensors --model resnet50")
def convert(
    source: str,
    path: Path,
    model: str,
    classes: int | None,
    input_shape: tuple[int | None, ...] | None,
    no_top: bool,
    force: bool,
    option: Options,
    as_json: bool,
) -> None:
    """Write the weights of SOURCE, a tag, a file or a URL, to PATH: .safetensors or .weights.h5.

    Every variable of the model must get its array; the report says from which names and what was changed on the way.
    """
    start_tensorflow()
    from zoo.weights import convert

    given: Options = {"classes": classes, "input_shape": input_shape}
    options = {name: value for name, value in given.items() if value is not None} | option
    if no_top:
        options["include_top"] = False
    report = convert(source, model, path, overwrite=force, **options)
    if as_json:
        output.print_json(report.as_dict())
        return
    output.title(path.name, f"holds {model}")
    click.echo(str(report))
