"""``zoo build``: a model, and whether its parameter count is the declared one."""

from __future__ import annotations

import math
from typing import Any

import click

import zoo
from zoo.cli import output
from zoo.cli.arguments import Options, key_value_option, shape
from zoo.cli.startup import start_tensorflow


@click.command()
@click.argument("name")
@click.option("--weights", metavar="TAG_OR_PATH", help="The weights to load. Without them, the weights are random.")
@click.option("--classes", type=int, metavar="N", help="The number of classes, if not the model's own.")
@click.option("--input-shape", type=shape, metavar="HxWxC", help="The input, if not the model's own, such as 32x32x3.")
@click.option("--no-top", is_flag=True, help="Leave the classifier out.")
@click.option(
    "--pooling", type=click.Choice(["avg", "max"]), help="Pool the feature maps of a model without classifier."
)
@key_value_option("Model", "--option", "An option of the model; zoo info shows them.")
@click.option("--locked", is_flag=True, help="Refuse a model that differs from zoo.lock in the current folder.")
@click.option("--summary", is_flag=True, help="Show every layer.")
@output.json_option
@output.with_example("zoo build resnet50 --classes 5 --input-shape 128x128x3")
def build(name: str, no_top: bool, option: Options, summary: bool, as_json: bool, **options: Any) -> None:
    """Build a model and verify its parameter count."""
    start_tensorflow()
    model = zoo.build(name, include_top=not no_top, **options, **option)
    facts = built_facts(model)
    if as_json:
        output.print_json(facts)
        return
    if summary:
        model.summary(print_fn=click.echo)
    print_built(facts)


def built_facts(model: Any) -> dict[str, Any]:
    """Return what ``zoo build`` says about a model that Zoo has built, ready for JSON."""
    from zoo.models.build_info import build_of
    from zoo.models.options import resolve_options
    from zoo.registry import Entry

    known = build_of(model)
    assert known is not None  # the model comes from zoo.build
    declared = known.options == resolve_options(Entry(known.spec, known.distribution))
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return {
        "name": known.spec.name,
        "qualified": known.qualified,
        "version": known.version,
        "total": model.count_params(),
        "trainable": trainable,
        "verified": declared,
        "reference": known.spec.reference,
        "input_shape": model.input_shape,
        "output_shape": model.output_shape,
        "options": known.options,
        "class_names": known.class_names,
        "weights": known.report.as_dict() if known.report else None,
    }


def print_built(facts: dict[str, Any]) -> None:
    """Print :func:`built_facts` as text."""
    if facts["verified"]:
        check = "verified" + (f" against {facts['reference']}" if facts["reference"] else "")
    else:
        check = "not checked, since this is not the declared configuration"
    report = facts["weights"]
    output.title(facts["name"], f"from {facts['qualified'].partition('/')[0]} {facts['version']}")
    output.sheet(
        {
            "parameters": f"{facts['total']:,}  ({check})",
            "trainable": f"{facts['trainable']:,}",
            "input": output.shape(facts["input_shape"][1:]),
            "output": output.shape(facts["output_shape"][1:]),
            "weights": _in_words(report) if report else "random initial values",
        }
    )


def _in_words(report: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(zoo.LoadReport(**report)).splitlines())
