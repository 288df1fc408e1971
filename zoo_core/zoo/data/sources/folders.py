"""Photographs in folders, each decoded once before anything is trained on it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo.data.dataset import Dataset, Skipped, Split
from zoo.data.decoding import digest_of_image
from zoo.data.sources.csv_file import read_rows
from zoo.data.splits import check_fractions, divide, leaks
from zoo.data.thread_pool import in_threads
from zoo.errors import ArgumentError, DataError, asked, asking

#: What people call the folders of a split.
PART_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}

#: In a folder without class folders, the table of its pictures: the columns ``file`` and ``class_index``, and perhaps
#: ``label``; and the file that names all classes, as Keras writes it: ``{"0": ["n01440764", "tench"], ...}``.
LABELS, CLASS_INDEX = "labels.csv", "class_index.json"

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

    A folder of loose pictures with a ``labels.csv`` (columns ``file`` and ``class_index``) is read as well. Its classes
    stand in the order of their indices, named by its ``class_index.json`` or the column ``label``. All of it is for
    testing, unless ``validation`` or ``test`` is a fraction; then the rest is for training.

    Raises:
        DataError: if there are no class folders, fewer than two, one without a picture, or parts with different
            classes; if ``labels.csv`` does not say which class a picture has; with ``on_error="refuse"`` also if any
            file is no whole picture.
        ArgumentError: if an argument does not fit.
    """
    root = Path(path).expanduser()
    with asking(f"read the pictures of {str(root)!r}"):
        if on_error not in ("skip", "refuse"):
            raise ArgumentError(asked(), f"on_error is {on_error!r}", "pass 'skip' or 'refuse'")
        if _is_labelled(root):
            return _labelled(root, validation=validation, test=test, seed=seed, on_error=on_error)
        fractions: dict[str, float] = {"validation": 0.2, "test": 0.0}
        folders = _parts(root)
        for part, value in (("validation", validation), ("test", test)):
            if value is not None and part in folders:
                found = f"{str(folders[part])!r} is its {part} split already, and {part}={value!r} asks for another"
                raise ArgumentError(
                    asked(), found, f"leave {part} away, or pass {str(folders['train'])!r} as the folder"
                )
            if isinstance(value, (str, os.PathLike)):
                folders[part] = Path(value).expanduser()
                with asking(f"read the {part} pictures of {os.fspath(value)!r}"):
                    _subfolders(folders[part])
            elif value is not None:
                fractions[part] = value
        for part in folders.keys() & fractions.keys():
            fractions[part] = 0.0
        check_fractions(**fractions, seed=seed)

        class_names = _class_names(folders)
        scans = {part: _scan(folder, class_names) for part, folder in folders.items()}
        skipped = tuple(each for scan in scans.values() for each in scan.skipped)
        _check_skipped(skipped, on_error)
        for part, scan in scans.items():
            for index in sorted(set(range(len(class_names))) - set(scan.split.labels.tolist())):
                folder = folders[part] / class_names[index]
                lost = [each for each in scan.skipped if folder in each.path.parents]
                found = (
                    f"no file of the class folder {str(folder)!r} is a whole picture: {_listed(lost)}" if lost else ""
                )
                found = found or f"the class folder {str(folder)!r} holds no picture"
                raise DataError(asked(), found, "add pictures to it or remove the folder")

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


def _parts(root: Path) -> dict[str, Path]:
    """Return the folder of each part that lies inside ``root``, or ``root`` itself for training."""
    folders = _subfolders(root)
    known = {folder: part for part, names in PART_NAMES.items() for folder in folders if folder.name.lower() in names}
    parts = {part: folder for folder, part in known.items()}
    if "train" not in parts and len(known) < len(folders):
        return {"train": root}
    if "train" in parts and len(parts) == 1 and len(folders) > 1:
        return {"train": root}  # a class of railway trains among others
    names = ", ".join(folder.name for folder in folders)
    advice = "keep one folder for train, validation and test each, with the class folders inside"
    if "train" not in parts:
        raise DataError(asked(), f"it holds {names}, but no folder named train", advice)
    if len(parts) < len(folders):
        raise DataError(asked(), f"it mixes the folders of a split with others: {names}", advice)
    return parts


def _class_names(folders: dict[str, Path]) -> tuple[str, ...]:
    """Return the names of the class folders, which must be the same in every part."""
    names = {}
    for part, folder in folders.items():
        with asking(f"read the pictures of {str(folder)!r}"):
            names[part] = tuple(each.name for each in _subfolders(folder))
    train = names["train"]
    request = f"find the classes of {str(folders['train'])!r}"
    if len(train) < 2:
        raise DataError(request, f"there is one class only, {train[0]!r}", "add a folder for each further class")
    for part, theirs in names.items():
        only_train, only_theirs = sorted({*train} - {*theirs}), sorted({*theirs} - {*train})
        if only_train or only_theirs:
            found = f"{str(folders[part])!r} has other classes: {', '.join(only_train) or 'none'} only in train, "
            found += f"{', '.join(only_theirs) or 'none'} only in {part}"
            raise DataError(request, found, "give every part the same class folders")
    return train


def _subfolders(folder: Path) -> list[Path]:
    """Return the visible folders in ``folder`` by name; there is at least one, or an error that says what there is."""
    if not folder.is_dir():
        found = "it is a file" if folder.exists() else "there is no such folder"
        raise DataError(asked(), found, "pass a folder with one folder of pictures for each class")
    try:
        visible = [each for each in sorted(folder.iterdir()) if not _is_litter(each.name)]
    except OSError as error:
        raise DataError(asked(), f"{str(folder)!r} cannot be read ({error})", "check its permissions") from error
    folders = [each for each in visible if each.is_dir()]
    if not folders:
        pictures = sum(map(_looks_like_picture, visible))
        found = f"it holds {pictures} loose pictures and no class folder" if pictures else "it holds no class folder"
        found = found if visible else "the folder is empty"
        raise DataError(asked(), found, "make one folder of pictures for each class")
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


def _check_skipped(skipped: tuple[Skipped, ...], on_error: str) -> None:
    if skipped and on_error == "refuse":
        raise DataError(
            asked(), f"{len(skipped)} files are no whole pictures: {_listed(skipped)}", "mend or remove them"
        )


def _listed(skipped: tuple[Skipped, ...] | list[Skipped]) -> str:
    listed = ", ".join(f"{each.path} ({each.reason})" for each in skipped[:10])
    return listed + (f" and {len(skipped) - 10} more" if len(skipped) > 10 else "")


# -- loose pictures and a table


def _is_labelled(root: Path) -> bool:
    """Say whether a table, and no class folder, tells what is on the pictures."""
    return (root / LABELS).is_file() and not any(each.is_dir() and not _is_litter(each.name) for each in root.iterdir())


def _labelled(root: Path, *, validation: Any, test: Any, seed: int, on_error: str) -> Dataset:
    """Return the pictures that the table in ``root`` names, as :func:`image_folder` does."""
    fractions = {"validation": validation or 0.0, "test": test or 0.0}
    check_fractions(**fractions, seed=seed)
    rows, indices = _rows_and_indices(root)
    class_names = _class_names_by_index(root, rows, indices)
    files = [root / row["file"] for row in rows]
    found = in_threads(_digest_or_reason, files)
    unnamed = [each for each in sorted({*root.iterdir()} - {*files}) if _looks_like_picture(each)]
    skipped = (
        *(bad for bad in found if isinstance(bad, Skipped)),
        *(Skipped(file, f"{LABELS} does not name it") for file in unnamed),
    )
    _check_skipped(skipped, on_error)
    good = [index for index, digest in enumerate(found) if isinstance(digest, str)]
    if not good:
        raise DataError(asked(), f"no file of {LABELS} is a whole picture: {_listed(skipped)}", "mend or replace them")
    split = Split(tuple(files[index] for index in good), np.array(indices, np.int64)[good])
    parts = divide(split, [found[index] for index in good], **fractions, seed=seed)
    if not any(fractions.values()):
        parts = {"test": split}
    return Dataset(
        name=root.resolve().name,
        task="image-classification",
        class_names=class_names,
        skipped=skipped,
        **parts,  # type: ignore[arg-type]
    )


def _rows_and_indices(root: Path) -> tuple[list[dict[str, str]], list[int]]:
    rows = read_rows(root / LABELS)
    missing = [column for column in ("file", "class_index") if column not in rows[0]]
    if missing:
        found = f"{LABELS} has the columns {', '.join(rows[0])}, and not {' and '.join(missing)}"
        raise DataError(
            asked(), found, "name the pictures in the column file and their classes, from 0 on, in class_index"
        )
    for row in rows:
        if not row["class_index"].strip().isdecimal():
            found = f"{LABELS} gives {row['file']!r} the class_index {row['class_index']!r}"
            raise DataError(asked(), found, "number the classes from 0 on")
    return rows, [int(row["class_index"]) for row in rows]


def _class_names_by_index(root: Path, rows: list[dict[str, str]], indices: list[int]) -> tuple[str, ...]:
    """Return a name for each class up to the last, no two of them alike."""
    if (root / CLASS_INDEX).is_file():
        names = _class_index(root / CLASS_INDEX)
        if max(indices) >= len(names):
            found = f"{LABELS} has the class_index {max(indices)}, and {CLASS_INDEX} names {len(names)} classes"
            raise DataError(asked(), found, "mend one of the two")
        return names
    labels = {index: row.get("label", "").strip() for row, index in zip(rows, indices, strict=True)}
    return _told_apart([(str(index), labels.get(index) or str(index)) for index in range(max(indices) + 1)])


def _class_index(file: Path) -> tuple[str, ...]:
    try:
        numbered = json.loads(file.read_text(encoding="utf-8"))
        keys_and_names = [numbered[str(index)] for index in range(len(numbered))]
        return _told_apart([(str(key), str(name)) for key, name in keys_and_names])
    except (OSError, ValueError, LookupError, TypeError) as error:
        found = f"{CLASS_INDEX} does not name the classes ({type(error).__name__}: {error})"
        raise DataError(asked(), found, 'write it as {"0": ["n01440764", "tench"], ...}, or remove it') from error


def _told_apart(names: list[tuple[str, str]]) -> tuple[str, ...]:
    """Return the second of each pair, with the first added to those that are not unique: ImageNet has two cranes."""
    counts = Counter(name for _, name in names)
    return tuple(name if counts[name] == 1 else f"{name} {key}" for key, name in names)
