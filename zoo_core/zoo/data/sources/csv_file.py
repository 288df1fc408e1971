"""Tables from CSV files: which columns are numbers and which are words, and how the training rows encode them."""

from __future__ import annotations

import csv
import math
import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zoo.data.dataset import Dataset, Split
from zoo.data.splits import check_fractions, divide_indices
from zoo.data.table_encoding import MISSING, Categorical, Numeric, Row, Table, number_of, numbers_of
from zoo.errors import ArgumentError, DataError, asked, asking, did_you_mean

#: A column with more different words than this holds names or texts, and a feature for each word would be useless.
MOST_CATEGORIES = 1_000


# Nine parameters: each is an option of `zoo train` and a key of a recipe, documented below.
def table(
    path: str | os.PathLike[str],
    target: str | None = None,
    *,
    drop: Collection[str] = (),
    categorical: Collection[str] = (),
    task: Literal["classification", "regression"] | None = None,
    name: str | None = None,
    validation: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """Return the rows of a CSV file with a header; by default a fifth each is for validation and for testing.

    Missing values in a column of numbers are replaced by the median, and the column is standardised. A column of words
    becomes one feature for each different word. Medians, means, standard deviations and words are those of the training
    rows. Identical rows stay in the same part. The targets of a regression are left as they are.

    Args:
        path: the file, comma-separated, in UTF-8.
        target: the column to predict; without it, the error lists the columns of the file.
        drop: columns to leave out.
        categorical: columns of numbers that are treated as words, such as codes.
        task: by default regression for a target of numbers and classification for one of words.
        name: the name of the dataset; by default that of the file.
        validation, test: fractions of the rows.
        seed: determines which rows are in which part.

    Raises:
        DataError: if the file is missing or damaged, has rows of different lengths or none, lacks a column, or has a
            word in a column of numbers.
        ArgumentError: if an argument does not fit.
    """
    file = Path(path).expanduser()
    with asking(f"read the table {str(file)!r}"):
        check_fractions(validation, test, seed)
        if task not in (None, "classification", "regression"):
            raise ArgumentError(asked(), f"task is {task!r}", "pass 'classification' or 'regression'")
        header, rows, lines = _read(file)
        target = _checked_target(target, header, drop, categorical)
        names = [column for column in header if column != target and column not in drop]
        if not names:
            raise ArgumentError(asked(), "every column except the target is dropped", "drop fewer columns")
        _check_no_target_is_missing(target, rows, lines)
        numeric = {column for column in names if column not in categorical and _is_numeric(column, rows)}
        for column in numeric:
            numbers_of(column, rows, lines)  # raises for a word, with its line; later only the row would be known
        regression = task == "regression" or (task is None and target not in categorical and _is_numeric(target, rows))
        labels, class_names = _targets(target, rows, lines) if regression else _class_labels(target, rows)

        groups = [tuple(row[column].strip() for column in (*names, target)) for row in rows]
        indices_of = divide_indices(labels, groups, validation=validation, test=test, seed=seed)
        training = [rows[index] for index in indices_of["train"]]
        fits = {column: _fit_numeric if column in numeric else _fit_words for column in names}
        encoding = Table(target, tuple(fit(column, training) for column, fit in fits.items()))
        features = encoding.encode(rows)
        parts = {part: Split(features[those], labels[those]) for part, those in indices_of.items() if those.size}
        return Dataset(
            name=name or file.stem,
            task="regression" if regression else "classification",
            class_names=class_names,
            table=encoding,
            **parts,  # type: ignore[arg-type]
        )


def read_rows(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header as text, as :meth:`Table.encode` takes them.

    Raises:
        DataError: if the file is missing or damaged, or has rows of different lengths or none.
    """
    with asking(f"read the rows of {str(path)!r}"):
        return _read(Path(path).expanduser())[1]


def _read(file: Path) -> tuple[list[str], list[dict[str, str]], list[int]]:
    """Return the header, the rows, and the number of the line on which each row ends."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = [column.strip() for column in next(reader, [])]
            content = [(row, reader.line_num) for row in reader if row]
    except FileNotFoundError as error:
        raise DataError(asked(), "there is no such file", "check the path") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(asked(), f"it is not a CSV file ({error})", "pass a comma-separated file in UTF-8") from error
    twice = [column or "(no name)" for column, count in Counter(header).items() if count > 1 or not column]
    if twice:
        found = f"its header repeats a name or leaves one out: {', '.join(twice)}"
        raise DataError(asked(), found, "give every column its own name")
    if not content:
        raise DataError(asked(), "it has no rows" if header else "it is empty", "pass a file with a header and rows")
    for row, line in content:
        if len(row) != len(header):
            found = f"line {line} has {len(row)} fields, but the header has {len(header)}"
            raise DataError(asked(), found, "correct the line")
    return header, [dict(zip(header, row, strict=True)) for row, _ in content], [line for _, line in content]


def _checked_target(
    target: str | None, header: Sequence[str], drop: Collection[str], categorical: Collection[str]
) -> str:
    """Return the target, after checking that it and the other columns that are named exist, and that it is kept."""
    if target is None:
        advice = f"pass target={header[-1]!r}, for example; to `zoo train`, --data-option target={header[-1]}"
        raise ArgumentError(asked(), f"the column to predict is not named; the columns are {', '.join(header)}", advice)
    for column in (target, *drop, *categorical):
        if column not in header:
            found = f"there is no column {column!r} among {', '.join(header)}"
            raise DataError(asked(), found, did_you_mean(column, header) or "name one of these")
    if target in drop:
        raise ArgumentError(asked(), f"the target {target!r} is also dropped", f"leave {target!r} out of drop")
    return target


def _check_no_target_is_missing(target: str, rows: Sequence[Row], lines: Sequence[int]) -> None:
    empty = [line for line, row in zip(lines, rows, strict=True) if row[target].strip().lower() in MISSING]
    if empty:
        found = f"the target {target!r} is missing in {len(empty)} rows, the first in line {empty[0]}"
        raise DataError(asked(), found, "fill in the values or remove the rows")


def _targets(target: str, rows: Sequence[Row], lines: Sequence[int]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return the numbers to predict; a regression has no class names."""
    return numbers_of(target, rows, lines).astype(np.float32), ()


def _class_labels(target: str, rows: Sequence[Row]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the class index of each row, and the names of the classes in alphabetical order."""
    words = [row[target].strip() for row in rows]
    class_names = tuple(sorted(set(words)))
    if len(class_names) < 2:
        found = f"the target {target!r} is {class_names[0]!r} in every row"
        raise DataError(asked(), found, "choose another target")
    index_of = {word: index for index, word in enumerate(class_names)}
    return np.array([index_of[word] for word in words], np.int64), class_names


def _is_numeric(column: str, rows: Sequence[Row]) -> bool:
    """Say whether most of the values are numbers, missing ones aside; a few words among numbers are mistakes."""
    present = [row[column] for row in rows if row[column].strip().lower() not in MISSING]
    return 2 * sum(number_of(text) is not None for text in present) > len(present)


def _fit_numeric(column: str, rows: Sequence[Row]) -> Numeric:
    values = numbers_of(column, rows)
    known = values[~np.isnan(values)]
    median = float(np.median(known)) if known.size else 0.0
    values[np.isnan(values)] = median
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(values.mean()), float(values.std())
    if not math.isfinite(std):
        found = f"the numbers of column {column!r} are too large to be standardised"
        raise DataError(asked(), found, "scale them down")
    return Numeric(column, median, mean, 0.0 if np.ptp(values) == 0 else std)


def _fit_words(column: str, rows: Sequence[Row]) -> Categorical:
    words = sorted({row[column].strip() for row in rows} - {""})
    if len(words) > MOST_CATEGORIES:
        found = f"the column {column!r} has {len(words):,} different words, too many for one feature each"
        raise DataError(asked(), found, f"leave it out with drop=({column!r},)")
    return Categorical(column, tuple(words))
