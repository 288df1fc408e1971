"""``zoo prefer``: which plugin an ambiguous name means."""

from __future__ import annotations

import click

import zoo
from zoo import settings
from zoo.cli import output


@click.command()
@click.argument("name", required=False)
@click.argument("distribution", required=False)
@click.option("--forget", metavar="NAME", help="Forget the choice for NAME.")
@output.json_option
@output.with_example("zoo prefer resnet50 zoo-resnet")
def prefer(name: str | None, distribution: str | None, forget: str | None, as_json: bool) -> None:
    """Choose which plugin an ambiguous name means.

    A name is ambiguous if several plugins offer a model, a dataset or a strategy of that name. Without arguments, it
    shows the choices made so far.
    """
    if forget and name:
        raise click.UsageError("pass either NAME and DISTRIBUTION, or --forget NAME")
    if name and not distribution:
        raise click.UsageError(f"pass the distribution that {name!r} should come from as well, such as zoo-resnet")
    if forget:
        if forget not in settings.preferred():
            raise click.UsageError(f"there is no preference for {forget!r}")
        zoo.prefer(forget, None)
    elif name:
        zoo.prefer(name, distribution)
    chosen = settings.preferred()
    if as_json:
        output.print_json(chosen)
    elif chosen:
        output.table([{"name": name, "comes from": distribution} for name, distribution in sorted(chosen.items())])
    else:
        output.note("no preferences are set; an ambiguous name is an error until one is")
