"""``zoo devices``: the devices that TensorFlow can compute on."""

from __future__ import annotations

import click

import zoo
from zoo.cli import output
from zoo.cli.startup import start_tensorflow


@click.command()
@output.json_option
@output.with_example("zoo devices")
def devices(as_json: bool) -> None:
    """List the devices that you can pass as --device.

    Train on one with --device gpu:1, or divide the stages of a network among several: --device gpu:0 --device gpu:1.
    """
    start_tensorflow()
    found = zoo.list_devices()
    if as_json:
        output.print_json(found)
        return
    rows = [
        {
            "device": each.name,
            "part of": each.part_of,
            "memory": "" if each.memory is None else f"{each.memory / 2**30:.1f} GiB",
            "description": each.description,
        }
        for each in found
    ]
    output.table(rows, right=("memory",))
