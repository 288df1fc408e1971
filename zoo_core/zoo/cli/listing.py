"""``zoo list``: which models, datasets and strategies there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import click

import zoo
from zoo import registry
from zoo.cli import output
from zoo.cli.list_plot import draw_models
from zoo.cli.spec_document import spec_document
from zoo.registry import Entry
from zoo.specs import TASKS, ModelSpec, WeightsSpec

#: The narrowest terminal on which a list says which plugin each thing comes from.
_WIDE = 100


@click.command("list")
@click.argument("pattern", default="*")
@click.option("--weights/--no-weights", default=None, help="Only models with trained weights, or only models without.")
@click.option("--plugin", metavar="NAME", help="Only models of this plugin or distribution.")
@click.option("--task", type=click.Choice(TASKS), help="Only models for this task.")
@click.option(
    "--sort",
    type=click.Choice(["name", "parameters", "macs", "top-1"]),
    default="name",
    show_default=True,
    help="Sort by name, by cost (the smallest first), or by the best published top-1 accuracy (the best first).",
)
@click.option(
    "--plot",
    metavar="[FILE.png]",
    is_flag=False,
    flag_value="models.png",
    help="Plot the accuracy of the models against their cost, to models.png unless you name another file.",
)
@click.option("--datasets", "kind", flag_value="dataset", help="List the datasets instead of the models.")
@click.option(
    "--strategies", "kind", flag_value="strategy", help="List the strategies of training instead of the models."
)
@output.json_option
@output.with_example("zoo list 'resnet*' --sort macs")
def list_(pattern: str, sort: str, plot: str | None, kind: str | None, as_json: bool, **conditions: Any) -> None:
    """List the models of the zoo.

    PATTERN is a part of the name, or a shell pattern such as 'resnet*'. If nothing matches, the list is empty and the
    exit status is still 0. On a terminal narrower than 100 columns, the plugins are left out.
    """
    if kind and (plot or sort != "name" or any(value is not None for value in conditions.values())):
        only = "--weights, --plugin, --task, --sort and --plot are for models"
        raise click.UsageError(f"{only}; leave them out with --{output.plural(kind)}")
    if plot and as_json:
        raise click.UsageError("pass --plot or --json, not both")
    output.end_quickly()
    listing = _LISTINGS[kind or "model"]
    wanted = output.as_pattern(pattern)
    names = listing.names(wanted) if kind else zoo.list_models(wanted, **conditions)
    if sort != "name":
        names.sort(key=lambda name: _rank(registry.find_model(name)[0], sort))
    entries = [listing.find(name) for name in names]
    if plot:
        draw_models(names, entries, Path(plot))
    elif as_json:
        output.print_json([spec_document(entry) for entry in entries])
    elif entries:
        has_every_tag = bool(conditions["weights"])
        row_of = _row_with_tags if has_every_tag else listing.row
        rows = [{"name": name, **row_of(entry)} for name, entry in zip(names, entries, strict=True)]
        if output.width() < _WIDE:
            dispensable = {"plugin", *(key for key in rows[0] if not any(row[key] for row in rows))}
            rows = [{key: value for key, value in row.items() if key not in dispensable} for row in rows]
        output.table(rows, right=("parameters", "MACs", "top-1", "classes"), cut=kind is None and not has_every_tag)
    else:
        noun = kind or "model"
        output.note(f"no {noun} matches; the zoo has {output.count(len(listing.names('*')), noun)}")
    _note_broken_plugins()


class _Listing(NamedTuple):
    """How one kind of thing is listed: the names that match a pattern, the entry of a name, and its row."""

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
    """Return the main tag, and how many others there are."""
    main = "imagenet" if "imagenet" in tags else next(iter(tags), "")
    return main + (f" +{len(tags) - 1}" if len(tags) > 1 else "")


def best_figure(weights: Iterable[Entry[WeightsSpec]]) -> float | None:
    """Return the best top-1 accuracy published for any of ``weights``."""
    return max((each.spec.metrics["top-1"] for each in weights if "top-1" in each.spec.metrics), default=None)


def _rank(entry: Entry[ModelSpec], kind: str) -> tuple[bool, float]:
    """Return the key to sort by; a model whose figure is unknown comes last."""
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
    "model": _Listing(zoo.list_models, lambda name: registry.find_model(name)[0], _model_row),
    "dataset": _Listing(zoo.list_datasets, registry.find_dataset, _dataset_row),
    "strategy": _Listing(zoo.list_strategies, registry.find_strategy, _strategy_row),
}


def _note_broken_plugins() -> None:
    broken = sum(any(fault.phase != "names" for fault in plugin.faults) for plugin in zoo.list_plugins())
    if broken:
        output.note(f"{output.count(broken, 'plugin')} {'is' if broken == 1 else 'are'} broken; see zoo plugins")
