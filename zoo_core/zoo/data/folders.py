"""Photographs in class folders, each decoded once before anything is trained on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data.datasets import Dataset, Skipped, Split
from zoo.data.images import digest_of_image, in_threads
from zoo.data.splits import check_fractions, divide, leaks
from zoo.errors import ArgumentError, DataError

#: What people call the folders of a split.
PART_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}

_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


@dataclass(frozen=True, eq=False)
class _Scan:
    """The pictures of one folder of class folders."""

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
    """Return the pictures below ``path``, labelled by the folders they lie in; the classes are sorted by name.

    The layout is ``path/<class>/...``, or ``path/<part>/<class>/...`` with the parts train, validation and test (or
    training, valid, val, testing). ``validation`` and ``test`` may be other folders of the same classes. A part that
    is not given so is a fraction of the training pictures: by default a fifth for validation and none for testing.
    Pictures of identical bytes stay together.

    Raises:
        DataError: if there are no class folders, fewer than two, one without a picture, or parts with different
            classes; with ``on_error="refuse"`` also if any file is no whole picture.
        ArgumentError: if an argument does not fit.
    """
    root = Path(path).expanduser()
    asked = f"read the pictures of {str(root)!r}"
    if on_error not in ("skip", "refuse"):
        raise ArgumentError(asked, f"on_error is {on_error!r}", "pass 'skip' or 'refuse'")
    fractions: dict[str, float] = {"validation": 0.2, "test": 0.0}
    folders = _parts(root, asked)
    for part, value in (("validation", validation), ("test", test)):
        if value is not None and part in folders:
            found = f"{str(folders[part])!r} is its {part} split already, and {part}={value!r} asks for another"
            raise ArgumentError(asked, found, f"leave {part} away, or pass {str(folders['train'])!r} as the folder")
        if isinstance(value, (str, os.PathLike)):
            folders[part] = Path(value).expanduser()
            _subfolders(folders[part], f"read the {part} pictures of {os.fspath(value)!r}")
        elif value is not None:
            fractions[part] = value
    for part in folders.keys() & fractions.keys():
        fractions[part] = 0.0
    check_fractions(**fractions, seed=seed)

    class_names = _class_names(folders)
    scans = {part: _scan(folder, class_names) for part, folder in folders.items()}
    skipped = tuple(each for scan in scans.values() for each in scan.skipped)
    if skipped and on_error == "refuse":
        raise DataError(asked, f"{len(skipped)} files are no whole pictures: {_listed(skipped)}", "mend or remove them")
    for part, scan in scans.items():
        for index in sorted(set(range(len(class_names))) - set(scan.split.labels.tolist())):
            folder = folders[part] / class_names[index]
            lost = [each for each in scan.skipped if folder in each.path.parents]
            found = f"no file of the class folder {str(folder)!r} is a whole picture: {_listed(lost)}" if lost else ""
            found = found or f"the class folder {str(folder)!r} holds no picture"
            raise DataError(asked, found, "add pictures to it or remove the folder")

    train = scans.pop("train")
    parts = divide(train.split, train.digests, **fractions, seed=seed)
    parts |= {part: scan.split for part, scan in scans.items()}
    notes = leaks(train.digests, **{part: scan.digests for part, scan in scans.items()})
    contradictory = len({*zip(train.digests, train.split.labels.tolist(), strict=True)}) - len(set(train.digests))
    if contradictory:
        notes += (f"{contradictory} pictures lie in more than one class folder",)
    return Dataset(
        name=root.resolve().name,
        task="image-classification",
        class_names=class_names,
        skipped=skipped,
        notes=notes,
        **parts,  # type: ignore[arg-type]
    )


def _parts(root: Path, asked: str) -> dict[str, Path]:
    """Return the folder of each part that lies inside ``root``, or ``root`` itself for training."""
    folders = _subfolders(root, asked)
    known = {folder: part for part, names in PART_NAMES.items() for folder in folders if folder.name.lower() in names}
    parts = {part: folder for folder, part in known.items()}
    if "train" not in parts and len(known) < len(folders):
        return {"train": root}
    if "train" in parts and len(parts) == 1 and len(folders) > 1:
        return {"train": root}  # a class of railway trains among others
    names = ", ".join(folder.name for folder in folders)
    advice = "keep one folder for train, validation and test each, with the class folders inside"
    if "train" not in parts:
        raise DataError(asked, f"it holds {names}, but no folder named train", advice)
    if len(parts) < len(folders):
        raise DataError(asked, f"it mixes the folders of a split with others: {names}", advice)
    return parts


def _class_names(folders: dict[str, Path]) -> tuple[str, ...]:
    """Return the names of the class folders, which must be the same in every part."""
    names = {
        part: tuple(each.name for each in _subfolders(folder, f"read the pictures of {str(folder)!r}"))
        for part, folder in folders.items()
    }
    train = names["train"]
    asked = f"find the classes of {str(folders['train'])!r}"
    if len(train) < 2:
        raise DataError(asked, f"there is one class only, {train[0]!r}", "add a folder for each further class")
    for part, theirs in names.items():
        only_train, only_theirs = sorted({*train} - {*theirs}), sorted({*theirs} - {*train})
        if only_train or only_theirs:
            found = f"{str(folders[part])!r} has other classes: {', '.join(only_train) or 'none'} only in train, "
            found += f"{', '.join(only_theirs) or 'none'} only in {part}"
            raise DataError(asked, found, "give every part the same class folders")
    return train


def _subfolders(folder: Path, asked: str) -> list[Path]:
    """Return the visible folders in ``folder`` by name; there is at least one, or an error that says what there is."""
    if not folder.is_dir():
        found = "it is a file" if folder.exists() else "there is no such folder"
        raise DataError(asked, found, "pass a folder with one folder of pictures for each class")
    try:
        visible = [each for each in sorted(folder.iterdir()) if not _is_litter(each.name)]
    except OSError as error:
        raise DataError(asked, f"{str(folder)!r} cannot be read ({error})", "check its permissions") from error
    folders = [each for each in visible if each.is_dir()]
    if not folders:
        pictures = sum(map(_looks_like_picture, visible))
        found = f"it holds {pictures} loose pictures and no class folder" if pictures else "it holds no class folder"
        found = found if visible else "the folder is empty"
        raise DataError(asked, found, "make one folder of pictures for each class")
    return folders


def _scan(folder: Path, class_names: tuple[str, ...]) -> _Scan:
    """Decode every file below the class folders and digest its bytes; name those that are no picture."""
    files = [(file, label) for label, name in enumerate(class_names) for file in _files(folder / name)]
    found = in_threads(_digest_or_reason, [file for file, _ in files])
    good = [(*named, digest) for named, digest in zip(files, found, strict=True) if isinstance(digest, str)]
    loose = [each for each in sorted(folder.iterdir()) if not each.is_dir() and _looks_like_picture(each)]
    return _Scan(
        Split(tuple(file for file, _, _ in good), np.array([label for _, label, _ in good], np.int64)),
        [digest for _, _, digest in good],
        (
            *(bad for bad in found if isinstance(bad, Skipped)),
            *(Skipped(file, "it lies beside the class folders, in none of them") for file in loose),
        ),
    )


def _digest_or_reason(file: Path) -> str | Skipped:
    if not file.is_file():  # opening a pipe would wait for ever
        return Skipped(file, "it is no regular file" if file.exists() else "it is a link to nothing")
    try:
        return digest_of_image(file)
    except DataError as error:
        return Skipped(file, error.found)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the visible files below ``folder`` in the order of their paths; links are followed, each folder once."""
    seen = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _is_litter(name))
        yield from (Path(here, name) for name in sorted(files) if not _is_litter(name))


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def _looks_like_picture(file: Path) -> bool:
    return file.suffix.lower() in Image.registered_extensions() and not _is_litter(file.name)


def _listed(skipped: tuple[Skipped, ...] | list[Skipped]) -> str:
    listed = ", ".join(f"{each.path} ({each.reason})" for each in skipped[:10])
    return listed + (f" and {len(skipped) - 10} more" if len(skipped) > 10 else "")
