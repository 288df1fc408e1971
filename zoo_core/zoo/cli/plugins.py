"""``zoo plugins``: which plugins are installed, what each contributes, and what is wrong with the broken ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

import zoo
from zoo.cli import output
from zoo.plugins import Plugin

#: What each hook contributes, in the singular.
_NOUNS = {
    "zoo_models": "model",
    "zoo_weights": "weights tag",
    "zoo_datasets": "dataset",
    "zoo_strategies": "strategy",
    "zoo_weight_formats": "weight format",
}


@click.command()
@click.option("--traceback", is_flag=True, help="Show the traceback of every fault.")
@output.json_option
@click.pass_context
@output.with_example("zoo plugins --traceback")
def plugins(context: click.Context, traceback: bool, as_json: bool) -> None:
    """Show the installed plugins.

    It shows what each plugin contributes, and what is wrong with the broken ones.
    """
    found = list(_with_faults_of_commands(context.find_root().command))
    if as_json:
        output.print_json([_plugin_document(plugin) for plugin in found])
        return
    rows = [
        {
            "distribution": plugin.distribution,
            "version": plugin.version,
            "plugin": plugin.name,
            "contributes": "broken" if plugin.faults and not plugin.specs else _contribution(plugin),
        }
        for plugin in found
    ]
    output.table(rows)
    for plugin in found:
        for fault in plugin.faults:
            click.echo()
            output.title(f"{plugin.distribution} {plugin.version}", f"{plugin.module} fails in the phase {fault.phase}")
            click.echo(f"  {fault.reason}")
            if traceback and fault.traceback:
                click.echo(f"\n{fault.traceback.rstrip()}")
    if any(fault.traceback for plugin in found for fault in plugin.faults) and not traceback:
        output.note("\nzoo plugins --traceback shows where they fail")


def _with_faults_of_commands(app: click.Command) -> Iterator[Plugin]:
    """Yield the plugins; the faults of the commands that they add to the program are among their faults."""
    failures = app.failures() if hasattr(app, "failures") else []
    for plugin in zoo.list_plugins():
        own = [
            fault for each, fault in failures if (each.distribution, each.name) == (plugin.distribution, plugin.name)
        ]
        yield replace(plugin, faults=(*plugin.faults, *own))


def _plugin_document(plugin: Plugin) -> dict[str, Any]:
    counts = {hook.removeprefix("zoo_"): len(specs) for hook, specs in plugin.specs.items()}
    return {("records" if key == "specs" else key): value for key, value in {**vars(plugin), "specs": counts}.items()}


def _contribution(plugin: Plugin) -> str:
    counts = [output.count(len(specs), _NOUNS[hook]) for hook, specs in plugin.specs.items() if specs]
    return ", ".join(counts) or "commands"
