"""Rows of numbers and words from a CSV file, encoded as the training rows say."""

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

#: A column of more different words is a name or a text, and one column for each would be of no use.
MOST_CATEGORIES = 1_000


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
    """Return the rows of a CSV file with a header, a fifth of them for validation and a fifth for testing.

    A column of numbers has its gaps filled with the median and is standardised, a column of words becomes one feature
    for each word; medians, means, deviations and words are those of the training rows. Identical rows stay together.
    Regression targets are left as they are.

    Args:
        path: the file, comma-separated, in UTF-8.
        target: the column to predict; without one, the error names the columns that there are.
        drop: columns to leave out.
        categorical: columns of numbers that are names, such as codes.
        task: by default regression for a target of numbers and classification for one of words.
        name: what to call the dataset; by default the file's name.
        validation, test: fractions of the rows.
        seed: decides which rows go where.

    Raises:
        DataError: if the file is missing, damaged or ragged, has no rows, lacks a column or has a word among numbers.
        ArgumentError: if an argument does not fit.
    """
    file = Path(path).expanduser()
    with asking(f"read the table {str(file)!r}"):
        check_fractions(validation, test, seed)
        if task not in (None, "classification", "regression"):
            raise ArgumentError(asked(), f"task is {task!r}", "pass 'classification' or 'regression'")
        header, rows, lines = _read(file)
        if target is None:
            advice = f"pass target={header[-1]!r}, for example; to `zoo train`, --data-option target={header[-1]}"
            raise ArgumentError(asked(), f"which of its columns to predict is not said: {', '.join(header)}", advice)
        for column in (target, *drop, *categorical):
            if column not in header:
                found = f"there is no column {column!r} among {', '.join(header)}"
                raise DataError(asked(), found, did_you_mean(column, header) or "name one of these")
        names = [column for column in header if column != target and column not in drop]
        if not names or target in drop:
            raise ArgumentError(asked(), "the target or every other column is dropped", "drop fewer columns")

        empty = [line for line, row in zip(lines, rows, strict=True) if row[target].strip().lower() in MISSING]
        if empty:
            found = f"the target {target!r} is missing in {len(empty)} rows, the first in line {empty[0]}"
            raise DataError(asked(), found, "fill or remove them")
        numeric = {column for column in names if column not in categorical and _is_numeric(column, rows)}
        for column in numeric:
            numbers_of(column, rows, lines)  # a bad number is an error with its line while the line is known
        regression = task == "regression" or (task is None and target not in categorical and _is_numeric(target, rows))

        labels: NDArray[np.float32] | NDArray[np.int64]
        class_names: tuple[str, ...] = ()
        if regression:
            labels = numbers_of(target, rows, lines).astype(np.float32)
        else:
            words = [row[target].strip() for row in rows]
            class_names = tuple(sorted(set(words)))
            if len(class_names) < 2:
                raise DataError(
                    asked(), f"the target {target!r} is {class_names[0]!r} in every row", "choose another target"
                )
            index_of = {word: index for index, word in enumerate(class_names)}
            labels = np.array([index_of[word] for word in words], np.int64)

        groups = [tuple(row[column].strip() for column in (*names, target)) for row in rows]
        sides = divide_indices(labels, groups, validation=validation, test=test, seed=seed)
        training = [rows[index] for index in sides["train"]]
        fits = {column: _fit_numeric if column in numeric else _fit_words for column in names}
        encoding = Table(target, tuple(fit(column, training) for column, fit in fits.items()))
        features = encoding.encode(rows)
        parts = {part: Split(features[indices], labels[indices]) for part, indices in sides.items() if indices.size}
        return Dataset(
            name=name or file.stem,
            task="regression" if regression else "classification",
            class_names=class_names,
            table=encoding,
            **parts,  # type: ignore[arg-type]
        )


def read_rows(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header as text, ready for :meth:`Table.encode`.

    Raises:
        DataError: if the file is missing, damaged or ragged, or has no rows.
    """
    with asking(f"read the rows of {str(path)!r}"):
        return _read(Path(path).expanduser())[1]


def _read(file: Path) -> tuple[list[str], list[dict[str, str]], list[int]]:
    """Return the header, the rows and the line each row ends on."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = [column.strip() for column in next(reader, [])]
            content = [(row, reader.line_num) for row in reader if row]
    except FileNotFoundError as error:
        raise DataError(asked(), "there is no such file", "check the path") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(asked(), f"it is no CSV file ({error})", "pass a comma-separated file in UTF-8") from error
    twice = [column or "(no name)" for column, count in Counter(header).items() if count > 1 or not column]
    if twice:
        raise DataError(asked(), f"its header repeats or does not name {', '.join(twice)}", "name every column once")
    if not content:
        raise DataError(asked(), "it has no rows" if header else "it is empty", "pass a file with a header and rows")
    for row, line in content:
        if len(row) != len(header):
            raise DataError(
                asked(), f"line {line} has {len(row)} fields, and the header {len(header)}", "mend the line"
            )
    return header, [dict(zip(header, row, strict=True)) for row, _ in content], [line for _, line in content]


def _is_numeric(column: str, rows: Sequence[Row]) -> bool:
    """Say whether most of what is there are numbers; a few words among them are mistakes, not categories."""
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
        raise DataError(
            asked(), f"the numbers of column {column!r} are too large to be standardised", "scale them down"
        )
    return Numeric(column, median, mean, 0.0 if np.ptp(values) == 0 else std)


def _fit_words(column: str, rows: Sequence[Row]) -> Categorical:
    words = sorted({row[column].strip() for row in rows} - {""})
    if len(words) > MOST_CATEGORIES:
        found = f"the column {column!r} has {len(words):,} different words, too many for one feature each"
        raise DataError(asked(), found, f"leave it out with drop=({column!r},)")
    return Categorical(column, tuple(words))
