"""``zoo build`` and ``zoo lock``: a model, whether its parameter count is the declared one, what it is made of."""

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
@click.option("--weights", metavar="TAG_OR_PATH", help="Load these weights.")
@click.option("--classes", type=int, metavar="N", help="Another number of classes.")
@click.option("--input-shape", type=shape, metavar="HxWxC", help="Another input, such as 32x32x3 or 32,32,3.")
@click.option("--no-top", is_flag=True, help="Leave the classifier out.")
@click.option("--pooling", type=click.Choice(["avg", "max"]), help="Without a top, pool the feature maps.")
@key_value_option("--option", "An option of the model; see zoo info.")
@click.option("--locked", is_flag=True, help="Only as zoo.lock in this folder says: plugins, weights, preprocessing.")
@click.option("--summary", is_flag=True, help="Show every layer.")
@output.json_option
@output.with_example("zoo build resnet50 --classes 5 --input-shape 128x128x3")
def build(
    name: str,
    weights: str | None,
    classes: int | None,
    input_shape: tuple[int | None, ...] | None,
    no_top: bool,
    pooling: str | None,
    option: Options,
    locked: bool,
    summary: bool,
    as_json: bool,
) -> None:
    """Build a model and verify its parameter count."""
    start_tensorflow()
    model = zoo.build(
        name,
        weights=weights,
        classes=classes,
        input_shape=input_shape,
        include_top=not no_top,
        pooling=pooling,
        locked=locked,
        **option,
    )
    facts = built_facts(model)
    if as_json:
        output.print_json(facts)
        return
    if summary:
        model.summary(print_fn=click.echo)
    print_built(facts)


def built_facts(model: Any) -> dict[str, Any]:
    """Return what there is to say of a model that Zoo has built, ready for JSON."""
    from zoo.models.build_info import build_of
    from zoo.models.options import resolve_options
    from zoo.registry import Entry

    known = build_of(model)
    assert known is not None  # only models of zoo.build come here
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
    """Print :func:`built_facts` for people."""
    if facts["verified"]:
        check = "verified" + (f" against {facts['reference']}" if facts["reference"] else "")
    else:
        check = "not the declared configuration: not checked"
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
    from zoo.models.load_report import LoadReport

    return tuple(str(LoadReport(**report)).splitlines())


@click.command()
@click.argument("names", nargs=-1, metavar="[MODEL[.TAG]]...")
@click.option("--file", "path", type=click.Path(dir_okay=False), default="zoo.lock", help="Another file than zoo.lock.")
@output.json_option
@output.with_example("zoo lock lenet5.digits_0_4")
def lock(names: tuple[str, ...], path: str, as_json: bool) -> None:
    """Write down what models are made of: plugins and their versions, digests of weights, preprocessing.

    MODEL=FILE locks a model with a file of weights. Without a name, what zoo.lock holds is written anew. `zoo build
    --locked` refuses whatever differs.
    """
    from zoo.lockfile import lock

    locked = lock(names, path)
    if as_json:
        output.print_json([vars(each) for each in locked])
        return
    output.table(
        [
            {
                "model": each.key,
                "sha256": (each.sha256 or "")[:12],
                "plugins": ", ".join(f"{name} {version}" for name, version in each.distributions.items()),
            }
            for each in locked
        ]
    )
