"""``zoo info``: what Zoo knows about a model and its weights."""

from __future__ import annotations

from pathlib import Path

import click

from zoo import registry
from zoo.cli import output
from zoo.cli.preprocessing_text import in_a_few_words, in_words
from zoo.cli.spec_document import spec_document
from zoo.registry import Entry
from zoo.specs import ModelSpec, ParameterCount, WeightsSpec


@click.command()
@click.argument("name")
@output.json_option
@output.with_example("zoo info resnet50")
def info(name: str, as_json: bool) -> None:
    """Show everything that Zoo knows about a model.

    That is its parameters and their source, its options, its preprocessing and its weights.
    """
    output.end_quickly()
    entry, tag = registry.find_model(name)
    weights = registry.weights_of(entry) if tag is None else [registry.find_weights(entry, tag)]
    if as_json:
        output.print_json({**spec_document(entry), "weights": [spec_document(each) for each in weights]})
        return
    spec, parameters = entry.spec, entry.spec.parameters
    output.title(spec.name, spec.summary)
    output.sheet(
        {
            "full name": entry.qualified,
            "also called": ", ".join(spec.aliases),
            "task": f"{spec.task}, {output.count(spec.classes, 'output')}, {spec.classifier_activation or 'linear'}",
            "input": output.shape(spec.input_shape) + _least(spec),
            "parameters": f"{parameters.total:,}, {_trainable(parameters)} trainable",
            "file size": f"{output.metric(4 * parameters.total)}B of weights in float32",
            "cost": _computed(spec),
            "reference": spec.reference,
            "paper": f"{spec.paper} ({spec.year})" if spec.paper and spec.year else spec.paper or spec.year,
            "options": tuple(f"{key} = {value!r}" for key, value in spec.config.items()),
            "head": ", ".join(spec.head),
            "preprocessing": in_words(spec.preprocessing, spec.input_shape) if spec.preprocessing else None,
            "reads weights of": ", ".join(("Zoo", *spec.layouts)),
            "weights": None if weights else "none published; pass the path of a file",
        }
    )
    if len(weights) > 1:
        click.echo()
        output.table([_weights_row(each.spec, spec) for each in weights], right=("top-1", "top-5"), cut=True)
        output.note(f"\nzoo info {spec.name}.{weights[0].spec.name} shows everything about these weights")
        return
    for each in weights:
        click.echo()
        output.title(f"{spec.name}.{each.spec.name}", each.spec.summary)
        output.sheet(_weights_facts(each, spec))


def _weights_row(weights: WeightsSpec, model: ModelSpec) -> dict[str, str]:
    shape = weights.input_shape or model.input_shape
    preprocessing = weights.preprocessing or model.preprocessing
    return {
        "weights": weights.name,
        "top-1": output.share(weights.metrics.get("top-1")),
        "top-5": output.share(weights.metrics.get("top-5")),
        "input": output.shape(shape),
        "preprocessing": in_a_few_words(preprocessing, shape) if preprocessing else "",
        "file": Path(weights.file_name).suffix,
        "licence": weights.licence or "",
        "summary": weights.summary,
    }


def _computed(spec: ModelSpec) -> str | None:
    if spec.macs is None:
        return None
    return f"{output.metric(spec.macs)} multiply-accumulates, {output.metric(spec.activation_bytes)}B of activations"


def _trainable(parameters: ParameterCount) -> str:
    return f"{parameters.trainable:,} of them" if parameters.non_trainable else "all of them"


def _least(spec: ModelSpec) -> str:
    pixels = len(spec.input_shape) == 3 and spec.min_size > 1
    least = f", at least {spec.min_size}x{spec.min_size}" if pixels else ""
    return least + (", or the rows of a table" if spec.takes_rows else "")


def _weights_facts(entry: Entry[WeightsSpec], model: ModelSpec) -> dict[str, object]:
    weights = entry.spec
    class_names = weights.names_of_classes()
    names = ", ".join(class_names[:10]) + (", ..." if len(class_names) > 10 else "")
    shape = weights.input_shape or model.input_shape
    called = weights.file_name if not weights.source.endswith(weights.file_name) else None
    return {
        "plugin": entry.distribution,
        "input": output.shape(shape),
        "classes": f"{weights.classes:,}" + (f" ({names})" if names else ""),
        "classifier": None
        if weights.include_top
        else "not in the file; build with include_top=False, or train a new one",
        "options": tuple(f"{key} = {value!r}" for key, value in weights.config.items()),
        "metrics": output.figures(weights.metrics),
        "preprocessing": in_words(weights.preprocessing, shape) if weights.preprocessing else "the same as the model's",
        "licence": weights.licence,
        "source": weights.reference,
        "file": weights.source,
        "saved as": called,
        "sha256": weights.sha256 and weights.sha256 + ("..." if len(weights.sha256) < 64 else ""),
        "md5": weights.md5,
        "digest": None
        if weights.sha256 or weights.md5
        else "not published; Zoo keeps the digest of the first file that it downloads",
    }
