"""A folder of images without class folders, in which a CSV file names the class of each image."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.dataset import Dataset, Skipped, Split
from zoo.data.sources.csv_file import read_rows
from zoo.data.sources.image_files import check_images, is_ignored, listed, looks_like_image, refuse_skipped
from zoo.data.splits import check_fractions, divide
from zoo.data.table_encoding import Row
from zoo.errors import DataError, asked

#: The table of the images, with the columns ``file`` and ``class_index`` and, optionally, ``label``.
LABELS = "labels.csv"

#: The file that names all classes, in the form in which Keras writes it: ``{"0": ["n01440764", "tench"], ...}``.
CLASS_INDEX = "class_index.json"


def is_labelled(root: Path) -> bool:
    """Say whether the folder has such a table, and no class folders."""
    return (root / LABELS).is_file() and not any(each.is_dir() and not is_ignored(each.name) for each in root.iterdir())


def labelled_images(root: Path, *, validation: Any, test: Any, seed: int, on_error: str) -> Dataset:
    """Return the images that the table names; without fractions for validation or testing, all are for testing.

    ``validation`` and ``test`` are those of :func:`zoo.data.sources.folders.image_folder`, but cannot be folders here.

    Raises:
        DataError: if the table or the names of the classes are wrong, if none of the images can be decoded, and with
            ``on_error="refuse"`` also if one of them cannot.
        ArgumentError: if a fraction or the seed does not fit.
    """
    fractions = {"validation": validation or 0.0, "test": test or 0.0}
    check_fractions(**fractions, seed=seed)
    rows, class_indices = _rows_and_class_indices(root)
    class_names = _class_names(root, rows, class_indices)
    files = [root / row["file"] for row in rows]
    checked = check_images(files)
    unnamed = [each for each in sorted({*root.iterdir()} - {*files}) if looks_like_image(each)]
    skipped = (
        *(each for each in checked if isinstance(each, Skipped)),
        *(Skipped(file, f"{LABELS} does not name it") for file in unnamed),
    )
    refuse_skipped(skipped, on_error)
    good = [index for index, digest in enumerate(checked) if isinstance(digest, str)]
    if not good:
        found = f"no file that {LABELS} names is a complete image: {listed(skipped)}"
        raise DataError(asked(), found, "repair or replace them")
    images = Split(tuple(files[index] for index in good), np.array(class_indices, np.int64)[good])
    parts = divide(images, [checked[index] for index in good], **fractions, seed=seed)
    if not any(fractions.values()):
        parts = {"test": images}
    return Dataset(
        name=root.resolve().name,
        task="image-classification",
        class_names=class_names,
        skipped=skipped,
        **parts,  # type: ignore[arg-type]
    )


def _rows_and_class_indices(root: Path) -> tuple[list[dict[str, str]], list[int]]:
    rows = read_rows(root / LABELS)
    missing = [column for column in ("file", "class_index") if column not in rows[0]]
    if missing:
        found = f"{LABELS} has the columns {', '.join(rows[0])}, but not {' and '.join(missing)}"
        advice = "put the file names into a column named file, and the class numbers, from 0, into class_index"
        raise DataError(asked(), found, advice)
    for row in rows:
        if not row["class_index"].strip().isdecimal():
            found = f"{LABELS} gives {row['file']!r} the class_index {row['class_index']!r}"
            raise DataError(asked(), found, "number the classes from 0")
    return rows, [int(row["class_index"]) for row in rows]


def _class_names(root: Path, rows: Sequence[Row], class_indices: Sequence[int]) -> tuple[str, ...]:
    """Return a name for each class up to the highest index; all names are different."""
    if (root / CLASS_INDEX).is_file():
        names = _read_class_index(root / CLASS_INDEX)
        if max(class_indices) >= len(names):
            found = f"{LABELS} has the class_index {max(class_indices)}, but {CLASS_INDEX} names {len(names)} classes"
            raise DataError(asked(), found, "correct one of the two files")
        return names
    labels = {index: row.get("label", "").strip() for row, index in zip(rows, class_indices, strict=True)}
    return _made_unique([(str(index), labels.get(index) or str(index)) for index in range(max(class_indices) + 1)])


def _read_class_index(file: Path) -> tuple[str, ...]:
    try:
        numbered = json.loads(file.read_text(encoding="utf-8"))
        keys_and_names = [numbered[str(index)] for index in range(len(numbered))]
        return _made_unique([(str(key), str(name)) for key, name in keys_and_names])
    except (OSError, ValueError, LookupError, TypeError) as error:
        found = f"{CLASS_INDEX} does not name the classes ({type(error).__name__}: {error})"
        raise DataError(asked(), found, 'write it as {"0": ["n01440764", "tench"], ...}, or remove it') from error


def _made_unique(keys_and_names: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the names; where several are the same, as ImageNet has two called crane, the key is appended."""
    counts = Counter(name for _, name in keys_and_names)
    return tuple(name if counts[name] == 1 else f"{name} {key}" for key, name in keys_and_names)
