"""``zoo augment``: a folder of photographs with augmented copies, written once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from zoo.cli import output
from zoo.cli.startup import start_tensorflow

F = TypeVar("F", bound=Callable[..., Any])

_SHARES = {
    "zoom": "Up to so much larger or smaller.",
    "shift": "Up to this share of height and width.",
    "crop": "Up to this share of each side is cut away.",
    "contrast": "The distance from the mean changes by up to this share.",
    "brightness": "Up to this share of the range is added or taken.",
    "saturation": "Up to this share of what Keras' layer can do.",
    "hue": "Likewise.",
    "noise": "The standard deviation of noise, as a share of the range.",
}


def _shares(function: F) -> F:
    for name, text in reversed(_SHARES.items()):
        function = click.option(f"--{name}", type=float, default=0.0, metavar="SHARE", help=text)(function)
    return function


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--copies", type=int, default=1, show_default=True, help="Changed copies of each photograph.")
@click.option("--flip", metavar="WAY", help="horizontal, vertical or both, with a probability of a half.")
@click.option("--rotation", type=float, default=0.0, metavar="DEGREES", help="Up to so far to either side.")
@_shares
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Decides all that is random.")
@output.json_option
@output.with_example("zoo augment photos/ more_photos/ --copies 3 --flip horizontal --rotation 15")
def augment(folder: Path, out: Path, copies: int, seed: int, as_json: bool, **changes: Any) -> None:
    """Write the photographs of FOLDER to the new folder OUT, with changed copies beside them.

    FOLDER holds a folder for each class, or such folders in train/, validation/ and test/; then only those for training
    get copies. Without any change named, it is the standard one: flip horizontal, rotation 15, zoom, shift and contrast
    0.1.
    """
    start_tensorflow()
    from zoo.data.augmentation import Augmentation
    from zoo.data.augmented_folder import augment_folder

    given = {name: value for name, value in changes.items() if value}
    augmentation = Augmentation.from_dict(given) if given else Augmentation.standard()
    written = augment_folder(folder, out, augmentation, copies=copies, seed=seed)
    if as_json:
        output.print_json({**vars(written), "augmentation": augmentation.as_dict(), "seed": seed})
        return
    output.title(str(out), f"holds {written.originals:,} originals and {written.copies:,} augmented copies")
    output.sheet({**augmentation.as_dict(), "seed": seed})
    for each in written.skipped:
        output.note(f"  skipped {each.path}: {each.reason}")
