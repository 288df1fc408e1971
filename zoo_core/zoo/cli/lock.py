"""``zoo lock``: what models are made of, written down so that a later build can be compared with it."""

from __future__ import annotations

import click

from zoo.cli import output


@click.command()
@click.argument("names", nargs=-1, metavar="[MODEL[.TAG]]...")
@click.option(
    "--file", "path", type=click.Path(dir_okay=False), default="zoo.lock", show_default=True, help="The file to write."
)
@output.json_option
@output.with_example("zoo lock lenet5.digits_0_4")
def lock(names: tuple[str, ...], path: str, as_json: bool) -> None:
    """Write down what models are made of.

    That is their plugins with the versions, the digests of their weights, and their preprocessing. Pass MODEL=FILE to
    lock a model together with a file of weights. Without a name, the models in zoo.lock are locked again as they are
    now. `zoo build --locked` then refuses to build anything that differs.
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
