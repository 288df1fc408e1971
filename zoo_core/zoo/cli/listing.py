"""The commands that only look: what is in the zoo and where it comes from. None of them imports TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from zoo import registry, settings
from zoo.cli import output
from zoo.cli.model_chart import draw_models
from zoo.plugins import Plugin, load_plugins
from zoo.registry import Entry
from zoo.specs import TASKS, ModelSpec, ParameterCount, Preprocessing, Task, WeightsSpec

#: From this width on, a list says where each thing comes from.
_WIDE = 100

#: What each hook contributes, in the singular.
_NOUNS = {
    "zoo_models": "model",
    "zoo_weights": "weights tag",
    "zoo_datasets": "dataset",
    "zoo_strategies": "strategy",
    "zoo_weight_formats": "weight format",
}


# -- zoo list


@click.command("list")
@click.argument("pattern", default="*")
@click.option("--weights/--no-weights", default=None, help="Only models with trained weights, or only those without.")
@click.option("--plugin", metavar="NAME", help="Only models of this plugin or distribution.")
@click.option("--task", type=click.Choice(TASKS), help="Only models for this task.")
@click.option(
    "--sort",
    type=click.Choice(["name", "parameters", "macs", "top-1"]),
    default="name",
    help="Smallest first; for top-1, by the best figure that is published, best first.",
)
@click.option(
    "--plot",
    metavar="[FILE.png]",
    is_flag=False,
    flag_value="models.png",
    help="Draw the models' accuracy against their cost instead; models.png by default.",
)
@click.option("--datasets", "kind", flag_value="dataset", help="List the datasets instead.")
@click.option("--strategies", "kind", flag_value="strategy", help="List the transfer strategies instead.")
@output.json_option
@output.with_example("zoo list 'resnet*' --sort macs")
def list_(
    pattern: str,
    weights: bool | None,
    plugin: str | None,
    task: Task | None,
    sort: str,
    plot: str | None,
    kind: str | None,
    as_json: bool,
) -> None:
    """List the models of the zoo.

    PATTERN is a part of the name, or a shell pattern such as 'resnet*'. An empty list is an answer: the exit status is
    0. A terminal narrower than 100 columns leaves out the plugins.
    """
    if kind and (task or plugin or plot or weights is not None or sort != "name"):
        raise click.UsageError(
            f"--weights, --plugin, --task, --sort and --plot go with models, not with --{output.plural(kind)}"
        )
    if plot and as_json:
        raise click.UsageError("pass either --plot or --json")
    listing = _LISTINGS[kind or "model"]
    wanted = output.as_pattern(pattern)
    names = listing.names(wanted) if kind else registry.list_models(wanted, weights=weights, plugin=plugin, task=task)
    if sort != "name":
        names.sort(key=lambda name: _rank(registry.find_model(name)[0], sort))
    entries = [listing.find(name) for name in names]
    if plot:
        draw_models(names, entries, Path(plot))
    elif as_json:
        output.print_json([document(entry) for entry in entries])
    elif entries:
        row_of = _row_with_tags if weights else listing.row
        rows = [{"name": name, **row_of(entry)} for name, entry in zip(names, entries, strict=True)]
        if output.width() < _WIDE:
            dispensable = {"plugin", *(key for key in rows[0] if not any(row[key] for row in rows))}
            rows = [{key: value for key, value in row.items() if key not in dispensable} for row in rows]
        output.table(rows, right=("parameters", "MACs", "top-1", "classes"), cut=kind is None and not weights)
    else:
        output.note(f"none of the {output.count(len(listing.names('*')), kind or 'model')} is like that")
    _note_broken_plugins()


class _Listing(NamedTuple):
    """How one kind of record is listed."""

    names: Callable[[str], list[str]]
    find: Callable[[str], Entry[Any]]
    row: Callable[[Entry[Any]], dict[str, str]]


def _model_row(entry: Entry[ModelSpec]) -> dict[str, str]:
    weights = registry.weights_of(entry)
    return {
        **_sizes(entry.spec, weights),
        "plugin": entry.distribution,
        "weights": _in_short([each.spec.name for each in weights]),
        "summary": entry.spec.summary,
    }


def _row_with_tags(entry: Entry[ModelSpec]) -> dict[str, str]:
    weights = registry.weights_of(entry)
    return {**_sizes(entry.spec, weights), "weights": ", ".join(each.spec.name for each in weights)}


def _sizes(spec: ModelSpec, weights: list[Entry[WeightsSpec]]) -> dict[str, str]:
    return {
        "parameters": f"{spec.parameters.total:,}",
        "MACs": output.metric(spec.macs),
        "top-1": output.share(best_figure(weights)),
        "input": output.shape(spec.input_shape),
    }


def _in_short(tags: list[str]) -> str:
    """Return the main tag and how many others there are."""
    main = "imagenet" if "imagenet" in tags else next(iter(tags), "")
    return main + (f" +{len(tags) - 1}" if len(tags) > 1 else "")


def best_figure(weights: Iterable[Entry[WeightsSpec]]) -> float | None:
    """Return the best top-1 that is published for any of ``weights``."""
    return max((each.spec.metrics["top-1"] for each in weights if "top-1" in each.spec.metrics), default=None)


def _rank(entry: Entry[ModelSpec], kind: str) -> tuple[bool, float]:
    """Return what to sort by; a model of which the figure is not known comes last."""
    if kind == "top-1":
        figure = best_figure(registry.weights_of(entry))
        return figure is None, -(figure or 0.0)
    cost = entry.spec.parameters.total if kind == "parameters" else entry.spec.macs
    return cost is None, cost or 0


def _dataset_row(entry: Entry[Any]) -> dict[str, str]:
    return {
        "task": entry.spec.task,
        "classes": str(entry.spec.classes or ""),
        "plugin": entry.distribution,
        "summary": entry.spec.summary,
    }


def _strategy_row(entry: Entry[Any]) -> dict[str, str]:
    return {
        "options": ", ".join(f"{key}={value}" for key, value in entry.spec.config.items()),
        "plugin": entry.distribution,
        "summary": entry.spec.summary,
    }


_LISTINGS = {
    "model": _Listing(registry.list_models, lambda name: registry.find_model(name)[0], _model_row),
    "dataset": _Listing(registry.list_datasets, registry.find_dataset, _dataset_row),
    "strategy": _Listing(registry.list_strategies, registry.find_strategy, _strategy_row),
}


def _note_broken_plugins() -> None:
    broken = sum(bool(plugin.faults) for plugin in load_plugins())
    if broken:
        output.note(f"{output.count(broken, 'plugin')} {'is' if broken == 1 else 'are'} broken; see zoo plugins")


def document(entry: Entry[Any]) -> dict[str, Any]:
    """Return a record as the JSON of every command shows it; a model holds its weights."""
    extra: dict[str, Any] = {"distribution": entry.distribution}
    if not isinstance(entry.spec, WeightsSpec):
        extra["qualified"] = entry.qualified
    if isinstance(entry.spec, ModelSpec):
        extra["weights"] = [document(each) for each in registry.weights_of(entry)]
    return {**vars(entry.spec), **extra}


# -- zoo info


@click.command()
@click.argument("name")
@output.json_option
@output.with_example("zoo info resnet50")
def info(name: str, as_json: bool) -> None:
    """Show everything that is known of a model: its parameters, their source, its preprocessing, its weights."""
    entry, tag = registry.find_model(name)
    weights = registry.weights_of(entry) if tag is None else [registry.find_weights(entry, tag)]
    if as_json:
        output.print_json({**document(entry), "weights": [document(each) for each in weights]})
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
            "as in": spec.reference,
            "paper": f"{spec.paper} ({spec.year})" if spec.paper and spec.year else spec.paper or spec.year,
            "options": tuple(f"{key} = {value!r}" for key, value in spec.config.items()),
            "head": ", ".join(spec.head),
            "preprocessing": in_words(spec.preprocessing, spec.input_shape) if spec.preprocessing else None,
            "reads files of": ", ".join(("our own names", *spec.layouts)),
            "weights": None if weights else "none; pass the path of a file",
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
    least = f", {spec.min_size}x{spec.min_size} at least" if pixels else ""
    return least + (", or rows" if spec.takes_rows else "")


def _weights_facts(entry: Entry[WeightsSpec], model: ModelSpec) -> dict[str, object]:
    weights = entry.spec
    class_names = weights.names_of_classes()
    names = ", ".join(class_names[:10]) + (", ..." if len(class_names) > 10 else "")
    shape = weights.input_shape or model.input_shape
    called = weights.file_name if not weights.source.endswith(weights.file_name) else None
    return {
        "from": entry.distribution,
        "input": output.shape(shape),
        "classes": f"{weights.classes:,}" + (f" ({names})" if names else ""),
        "classifier": None if weights.include_top else "not in the file; for include_top=False or a new one",
        "options": tuple(f"{key} = {value!r}" for key, value in weights.config.items()),
        "metrics": output.figures(weights.metrics),
        "preprocessing": in_words(weights.preprocessing, shape) if weights.preprocessing else "the model's",
        "licence": weights.licence,
        "source": weights.reference,
        "file": weights.source,
        "kept as": called,
        "sha256": weights.sha256 and weights.sha256 + ("..." if len(weights.sha256) < 64 else ""),
        "md5": weights.md5,
        "digest": None if weights.sha256 or weights.md5 else "not published; that of the first file fetched is kept",
    }


def in_a_few_words(preprocessing: Preprocessing, input_shape: tuple[int | None, ...]) -> str:
    """Return what happens to a photograph, so short that it fits a table: ``224 of 256 bilinear, bgr p - mean``."""
    size, shorter = _shorter_side(preprocessing, input_shape)
    cut = "squashed" if preprocessing.resize == "squash" else f"{size} of {shorter}"
    channels = "" if preprocessing.channels == "rgb" else f"{preprocessing.channels} "
    if preprocessing.per_image:
        return f"{cut} {preprocessing.interpolation}, {channels}by its own mean"
    value = _formula(preprocessing, lambda name, values: _numbers(values) if len(values) == 1 else name)
    return f"{cut} {preprocessing.interpolation}, {channels}{value}"


def in_words(preprocessing: Preprocessing, input_shape: tuple[int | None, ...]) -> tuple[str, ...]:
    """Return what happens to a photograph, a line for its size, its colours and its pixel values."""
    size = output.shape(input_shape[:2])
    if preprocessing.resize == "squash":
        first = f"squashed to {size}"
    else:
        _, shorter = _shorter_side(preprocessing, input_shape)
        first = f"shorter side to {shorter}, the centre {size} cut out"
    return (f"{first}, {preprocessing.interpolation}", _COLOURS[preprocessing.channels], _pixels(preprocessing))


def _shorter_side(preprocessing: Preprocessing, input_shape: tuple[int | None, ...]) -> tuple[str, str]:
    """Return the size of the centre that is cut out, and what the shorter side of the picture is brought to."""
    sides = [side for side in input_shape[:2] if side is not None]
    if not sides:
        return "any", "the input"
    return f"{min(sides)}", f"{min(sides) / preprocessing.crop_fraction:.0f}"


_COLOURS = {"rgb": "red, green, blue", "bgr": "blue, green, red", "grey": "grey"}


def _pixels(preprocessing: Preprocessing) -> str:
    value = _formula(preprocessing, lambda _, values: _numbers(values))
    if preprocessing.per_image:
        return f"{value} of each pixel value p, less the picture's mean, divided by its standard deviation"
    return f"{value} for each pixel value p of 0 to 255" if value != "p" else "pixel values of 0 to 255 as they are"


def _formula(preprocessing: Preprocessing, show: Callable[[str, tuple[float, ...]], str]) -> str:
    """Return what a pixel value p becomes; ``show`` writes the mean and the deviation, whose names it is given."""
    divisor = round(1 / preprocessing.scale, 6)
    value = "p" if preprocessing.scale == 1 else f"p / {divisor:g}" if divisor > 1 else f"p x {preprocessing.scale:g}"
    if preprocessing.per_image:
        return value
    if any(preprocessing.mean):
        value = f"{value} - {show('mean', preprocessing.mean)}"
    if set(preprocessing.std) != {1.0}:
        value = f"{f'({value})' if ' - ' in value else value} / {show('std', preprocessing.std)}"
    return value


def _numbers(values: tuple[float, ...]) -> str:
    return f"{values[0]:g}" if len(values) == 1 else f"({', '.join(f'{value:g}' for value in values)})"


# -- zoo plugins


@click.command()
@click.option("--traceback", is_flag=True, help="Show where in a broken plugin the fault lies.")
@output.json_option
@click.pass_context
@output.with_example("zoo plugins --traceback")
def plugins(context: click.Context, traceback: bool, as_json: bool) -> None:
    """Show the plugins installed, what each contributes, and what is wrong with the broken ones."""
    found = list(_with_faults_of_commands(context.find_root().command))
    if as_json:
        output.print_json([_plugin_document(plugin) for plugin in found])
        return
    rows = [
        {
            "distribution": plugin.distribution,
            "version": plugin.version,
            "plugin": plugin.name,
            "contributes": "broken" if plugin.faults and not plugin.records else _contribution(plugin),
        }
        for plugin in found
    ]
    output.table(rows)
    for plugin in found:
        for fault in plugin.faults:
            click.echo()
            output.title(f"{plugin.distribution} {plugin.version}", f"{plugin.module} fails in phase {fault.phase}")
            click.echo(f"  {fault.reason}")
            if traceback and fault.traceback:
                click.echo(f"\n{fault.traceback.rstrip()}")
    if any(fault.traceback for plugin in found for fault in plugin.faults) and not traceback:
        output.note("\nzoo plugins --traceback shows where")


def _with_faults_of_commands(app: click.Command) -> Iterator[Plugin]:
    from dataclasses import replace

    failures = app.failures() if hasattr(app, "failures") else []
    for plugin in registry.list_plugins():
        own = [
            fault for each, fault in failures if (each.distribution, each.name) == (plugin.distribution, plugin.name)
        ]
        yield replace(plugin, faults=(*plugin.faults, *own))


def _plugin_document(plugin: Plugin) -> dict[str, Any]:
    counts = {hook.removeprefix("zoo_"): len(records) for hook, records in plugin.records.items()}
    return {**vars(plugin), "records": counts}


def _contribution(plugin: Plugin) -> str:
    counts = [output.count(len(records), _NOUNS[hook]) for hook, records in plugin.records.items() if records]
    return ", ".join(counts) or "commands"


# -- zoo prefer


@click.command()
@click.argument("name", required=False)
@click.argument("distribution", required=False)
@click.option("--forget", metavar="NAME", help="Forget the preference for NAME.")
@output.json_option
@output.with_example("zoo prefer resnet50 zoo-resnet")
def prefer(name: str | None, distribution: str | None, forget: str | None, as_json: bool) -> None:
    """Decide which plugin an ambiguous name means; without arguments, show what was decided."""
    if forget and name:
        raise click.UsageError("pass either NAME and DISTRIBUTION or --forget NAME")
    if name and not distribution:
        raise click.UsageError(f"say of which distribution {name!r} is to be, such as zoo-resnet")
    if forget:
        if forget not in settings.preferred():
            raise click.UsageError(f"there is no preference for {forget!r} to forget")
        registry.prefer(forget, None)
    elif name:
        registry.prefer(name, distribution)
    chosen = settings.preferred()
    if as_json:
        output.print_json(chosen)
    elif chosen:
        output.table([{"name": name, "means that of": distribution} for name, distribution in sorted(chosen.items())])
    else:
        output.note("no preferences: every name means the one plugin that offers it")
