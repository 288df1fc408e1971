"""``zoo augment``: a copy of a folder of photographs, with augmented copies of each photograph."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from zoo.cli import help_page, output
from zoo.cli.arguments import options
from zoo.cli.startup import start_tensorflow

_geometry = partial(help_page.option, "Geometry")
_colour = partial(help_page.option, "Colour")
_geometry_share = partial(_geometry, type=float, default=0.0, metavar="SHARE")
_colour_share = partial(_colour, type=float, default=0.0, metavar="SHARE")

_CHANGES = (
    _geometry("--flip", metavar="WAY", help="Flip with a probability of one half: horizontal, vertical or both."),
    _geometry(
        "--rotation",
        type=float,
        default=0.0,
        metavar="DEGREES",
        help="Rotate by up to this many degrees to either side.",
    ),
    _geometry_share("--zoom", help="Zoom in or out by up to this share."),
    _geometry_share("--shift", help="Move by up to this share of the height and width."),
    _geometry_share("--crop", help="Cut away up to this share of each side."),
    _colour_share("--contrast", help="Raise the contrast by up to this share."),
    _colour_share(
        "--brightness", help="Raise or lower the brightness by up to this share of the range of pixel values."
    ),
    _colour_share("--saturation", help="Change the saturation; 1 is the most that the layer of Keras can do."),
    _colour_share("--hue", help="Change the hue; 1 is the most that the layer of Keras can do."),
    _colour_share("--noise", help="Add Gaussian noise with this standard deviation, as a share of the range."),
)
_OUTPUT = (
    help_page.option(
        "Output",
        "--copies",
        type=int,
        default=1,
        show_default=True,
        metavar="N",
        help="The number of copies of each photograph.",
    ),
    help_page.option(
        "Output",
        "--seed",
        type=int,
        default=0,
        show_default=True,
        metavar="N",
        help="The seed of all random changes.",
    ),
)


@click.command(cls=help_page.Command)
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@options(_CHANGES)
@options(_OUTPUT)
@output.json_option
@output.with_example("zoo augment photos/ more_photos/ --copies 3 --flip horizontal --rotation 15")
def augment(folder: Path, out: Path, copies: int, seed: int, as_json: bool, **changes: Any) -> None:
    """Copy a folder of photographs and add augmented copies.

    The photographs of FOLDER are written to the new folder OUT, with the augmented copies beside them. FOLDER has a
    folder for each class. If it is divided into train/, validation/ and test/, only training photographs get copies. If
    you name no change, the standard ones are made: a horizontal flip, rotation by 15 degrees, and zoom, shift and
    contrast of 0.1.
    """
    start_tensorflow()
    from zoo.data import Augmentation
    from zoo.data.augmented_folder import augment_folder

    given = {name: value for name, value in changes.items() if value}
    augmentation = Augmentation.from_dict(given) if given else Augmentation.standard()
    written = augment_folder(folder, out, augmentation, copies=copies, seed=seed)
    if as_json:
        output.print_json({**vars(written), "augmentation": augmentation.as_dict(), "seed": seed})
        return
    output.title(str(out), f"has {written.originals:,} originals and {written.copies:,} augmented copies")
    output.sheet({**augmentation.as_dict(), "seed": seed})
    for each in written.skipped:
        output.note(f"  skipped {each.path}: {each.reason}")
