"""A copy of a folder of images with augmented copies added, for programs that train on a folder as it is."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.atomic import absolute, folder_in_one_step
from zoo.data.augmentation import Augmentation, augmenter
from zoo.data.dataset import Skipped
from zoo.data.decoding import open_image
from zoo.data.sources.folders import PART_NAMES, image_folder
from zoo.errors import ArgumentError, DataError

#: The JPEG quality of the copies of JPEG files; copies of other files are written as PNG.
QUALITY = 95


@dataclass(frozen=True)
class Augmented:
    """What was written: a ``folder`` with so many ``originals`` and ``copies``; and the files that were ``skipped``."""

    folder: Path
    originals: int
    copies: int
    skipped: tuple[Skipped, ...]


def augment_folder(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    augmentation: Augmentation,
    *,
    copies: int = 1,
    seed: int = 0,
) -> Augmented:
    """Write the images of ``folder`` (class folders) to ``out``, and ``copies`` changed versions of each.

    The originals are copied byte for byte, in the same layout. If the folder is divided into the parts of a split, only
    the images for training get copies. A copy is named after its original (``cat.jpg.augmented-1.jpg``), has the same
    size, and is the same for the same seed.

    Raises:
        ArgumentError: if ``copies`` is not positive, the augmentation is off, or ``out`` is not empty or is inside
            ``folder``.
        DataError: if ``folder`` does not hold class folders, or ``out`` cannot be written; nothing is left of it then.

    >>> augment_folder("photos", "more_photos", Augmentation.standard(), copies=3).copies  # doctest: +SKIP
    3000
    """
    root, final = Path(folder).expanduser().resolve(), absolute(out)
    request = f"write augmented copies of {str(folder)!r} to {str(out)!r}"
    if copies < 1:
        raise ArgumentError(request, f"{copies} copies were asked for", "pass copies=1 or more")
    if augmentation.is_off:
        raise ArgumentError(request, "the augmentation changes nothing", "pass flip='horizontal', for example")
    if root in (final.resolve(), *final.resolve().parents):
        raise ArgumentError(request, "the copies would be among the originals", "pass a folder outside of it")
    dataset = image_folder(root)
    if dataset.train is None:
        raise DataError(request, "it has no class folders", "make one folder of images for each class")
    files = sorted(Path(file) for split in dataset.splits.values() for file in split.inputs)
    try:
        with folder_in_one_step(final) as temporary:
            made = _write(root, temporary, files, dataset.class_names, augmentation, copies, seed)
    except FileExistsError as error:
        raise ArgumentError(request, "the folder exists and is not empty", "pass another folder") from error
    except OSError as error:
        raise DataError(
            request, f"it cannot be written ({error})", "free disk space, or pass another folder"
        ) from error
    return Augmented(final, len(files), made, dataset.skipped)


def _write(
    root: Path,
    out: Path,
    files: list[Path],
    class_names: tuple[str, ...],
    augmentation: Augmentation,
    copies: int,
    seed: int,
) -> int:
    """Write the originals and the copies, and return the number of copies."""
    augment = augmenter(augmentation, 3)
    made = 0
    for index, file in enumerate(files):
        relative = file.relative_to(root)
        target = out / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        if relative.parts[0] not in class_names and relative.parts[0].lower() not in PART_NAMES["train"]:
            continue  # an image for validation or testing
        image = open_image(file)
        pixels = np.asarray(image.convert("RGB"))[None]
        for copy in range(1, copies + 1):
            changed = Image.fromarray(np.rint(augment(pixels, (seed, copy, index))[0]).astype(np.uint8))
            suffix = ".jpg" if file.suffix.lower() in (".jpg", ".jpeg") else ".png"
            name = target.with_name(f"{target.name}.augmented-{copy}{suffix}")
            changed.convert(image.mode).save(name, quality=QUALITY)  # PNG ignores the quality
            made += 1
    return made
