"""Folders of images, one for each class."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.data.dataset import Dataset, Skipped, Split
from zoo.data.sources.image_files import (
    check_images,
    files_below,
    is_ignored,
    listed,
    looks_like_image,
    refuse_skipped,
)
from zoo.data.sources.labelled_folder import is_labelled, labelled_images
from zoo.data.splits import check_fractions, divide, leaks
from zoo.errors import ArgumentError, DataError, asked, asking

#: The names that people give to the folders of a split.
PART_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True, eq=False)
class _Scan:
    """The images of one folder of class folders, each decoded once."""

    split: Split
    digests: list[str]
    skipped: tuple[Skipped, ...]


def image_folder(
    path: str | os.PathLike[str],
    *,
    validation: float | str | os.PathLike[str] | None = None,
    test: float | str | os.PathLike[str] | None = None,
    seed: int = 0,
    on_error: str = "skip",
) -> Dataset:
    """Return the images below ``path``, labelled by the folders they are in; the classes are sorted by name.

    The layout is ``path/<class>/...``, or ``path/<part>/<class>/...`` with the parts train, validation and test (or
    training, valid, val, testing). ``validation`` and ``test`` may be other folders with the same classes. A part for
    which there is no folder is a fraction of the training images: by default a fifth for validation and none for
    testing. Files with identical bytes stay in the same part.

    A folder of images with a ``labels.csv`` (columns ``file`` and ``class_index``) instead of class folders is read as
    well. Its classes are in the order of their indices, and are named by its ``class_index.json`` or the column
    ``label``. All its images are for testing, unless ``validation`` or ``test`` is a fraction; then the rest is for
    training.

    Raises:
        DataError: if there are no class folders, fewer than two, one without an image, or parts with different
            classes; if ``labels.csv`` does not name the class of each image; and with ``on_error="refuse"`` also if
            any file is not a complete image.
        ArgumentError: if an argument does not fit.
    """
    root = Path(path).expanduser()
    with asking(f"read the images of {str(root)!r}"):
        if on_error not in ("skip", "refuse"):
            raise ArgumentError(asked(), f"on_error is {on_error!r}", "pass 'skip' or 'refuse'")
        if is_labelled(root):
            return labelled_images(root, validation=validation, test=test, seed=seed, on_error=on_error)
        folders, fractions = _folders_and_fractions(root, {"validation": validation, "test": test})
        check_fractions(**fractions, seed=seed)
        class_names = _class_names(folders)
        scans = {part: _scan(folder, class_names) for part, folder in folders.items()}
        skipped = tuple(each for scan in scans.values() for each in scan.skipped)
        refuse_skipped(skipped, on_error)
        for part, scan in scans.items():
            _check_every_class_has_images(folders[part], class_names, scan)
        train = scans.pop("train")
        parts = divide(train.split, train.digests, **fractions, seed=seed)
        parts |= {part: scan.split for part, scan in scans.items()}
        notes = leaks(train.digests, **{part: scan.digests for part, scan in scans.items()})
        contradictory = len({*zip(train.digests, train.split.labels.tolist(), strict=True)}) - len(set(train.digests))
        if contradictory:
            images = "1 image is" if contradictory == 1 else f"{contradictory} images are"
            notes += (f"{images} in more than one class folder",)
        return Dataset(
            name=root.resolve().name,
            task="image-classification",
            class_names=class_names,
            skipped=skipped,
            notes=notes,
            **parts,  # type: ignore[arg-type]
        )


def _folders_and_fractions(
    root: Path, given: Mapping[str, float | str | os.PathLike[str] | None]
) -> tuple[dict[str, Path], dict[str, float]]:
    """Return the folder of each part that has one, and for validation and test the fraction of the training images.

    ``given`` holds what the caller has passed for validation and test.
    """
    folders = _part_folders(root)
    fractions = {"validation": 0.2, "test": 0.0}
    for part, value in given.items():
        if value is not None and part in folders:
            found = f"{str(folders[part])!r} is its {part} split already, and {part}={value!r} asks for another"
            raise ArgumentError(asked(), found, f"leave out {part}, or pass {str(folders['train'])!r} as the folder")
        if isinstance(value, (str, os.PathLike)):
            folders[part] = Path(value).expanduser()
            with asking(f"read the {part} images of {os.fspath(value)!r}"):
                _subfolders(folders[part])
        elif value is not None:
            fractions[part] = value
    return folders, {part: 0.0 if part in folders else fraction for part, fraction in fractions.items()}


def _part_folders(root: Path) -> dict[str, Path]:
    """Return the folder of each part that is inside ``root``, or ``root`` itself for training."""
    folders = _subfolders(root)
    known = {folder: part for part, names in PART_NAMES.items() for folder in folders if folder.name.lower() in names}
    parts = {part: folder for folder, part in known.items()}
    if "train" not in parts and len(known) < len(folders):
        return {"train": root}
    if "train" in parts and len(parts) == 1 and len(folders) > 1:
        return {"train": root}  # "train" is one of the classes: railway trains
    names = ", ".join(folder.name for folder in folders)
    advice = "keep one folder each for train, validation and test, with the class folders inside"
    if "train" not in parts:
        raise DataError(asked(), f"it holds {names}, but no folder named train", advice)
    if len(parts) < len(folders):
        raise DataError(asked(), f"it mixes the folders of a split with others: {names}", advice)
    return parts


def _class_names(folders: Mapping[str, Path]) -> tuple[str, ...]:
    """Return the names of the class folders, which must be the same in every part."""
    names = {}
    for part, folder in folders.items():
        with asking(f"read the images of {str(folder)!r}"):
            names[part] = tuple(each.name for each in _subfolders(folder))
    train = names["train"]
    request = f"find the classes of {str(folders['train'])!r}"
    if len(train) < 2:
        raise DataError(request, f"there is only one class, {train[0]!r}", "add a folder for each further class")
    for part, others in names.items():
        only_train, only_others = sorted({*train} - {*others}), sorted({*others} - {*train})
        if only_train or only_others:
            found = f"{str(folders[part])!r} has other classes: {', '.join(only_train) or 'none'} only in train, "
            found += f"{', '.join(only_others) or 'none'} only in {part}"
            raise DataError(request, found, "give every part the same class folders")
    return train


def _subfolders(folder: Path) -> list[Path]:
    """Return the visible folders in ``folder`` by name.

    Raises:
        DataError: if there are none; it says what is there instead.
    """
    if not folder.is_dir():
        found = "it is a file" if folder.exists() else "there is no such folder"
        raise DataError(asked(), found, "pass a folder that has one folder of images for each class")
    try:
        visible = [each for each in sorted(folder.iterdir()) if not is_ignored(each.name)]
    except OSError as error:
        raise DataError(asked(), f"{str(folder)!r} cannot be read ({error})", "check its permissions") from error
    folders = [each for each in visible if each.is_dir()]
    if not folders:
        images = sum(map(looks_like_image, visible))
        found = f"it holds {images} images, but no class folders" if images else "it holds no class folders"
        found = found if visible else "the folder is empty"
        raise DataError(asked(), found, "make one folder of images for each class")
    return folders


def _scan(folder: Path, class_names: Sequence[str]) -> _Scan:
    """Decode every file below the class folders and take the digest of its bytes; list those that are not images."""
    files = [(file, label) for label, name in enumerate(class_names) for file in files_below(folder / name)]
    checked = check_images([file for file, _ in files])
    good = [(*each, digest) for each, digest in zip(files, checked, strict=True) if isinstance(digest, str)]
    loose = [each for each in sorted(folder.iterdir()) if not each.is_dir() and looks_like_image(each)]
    return _Scan(
        Split(tuple(file for file, _, _ in good), np.array([label for _, label, _ in good], np.int64)),
        [digest for _, _, digest in good],
        (
            *(each for each in checked if isinstance(each, Skipped)),
            *(Skipped(file, "it is beside the class folders, not in one of them") for file in loose),
        ),
    )


def _check_every_class_has_images(folder: Path, class_names: Sequence[str], scan: _Scan) -> None:
    """Refuse a class folder without a single image that can be decoded."""
    for label in sorted(set(range(len(class_names))) - set(scan.split.labels.tolist())):
        class_folder = folder / class_names[label]
        damaged = [each for each in scan.skipped if class_folder in each.path.parents]
        found = f"the class folder {str(class_folder)!r} holds no images"
        if damaged:
            found = f"no file of the class folder {str(class_folder)!r} is a complete image: {listed(damaged)}"
        raise DataError(asked(), found, "add images to it or remove the folder")
