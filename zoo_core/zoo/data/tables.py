"""Tables of numbers and words from a CSV file, encoded as the training rows say."""

from __future__ import annotations

import csv
import math
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zoo.data.datasets import Dataset, Split
from zoo.data.splits import check_fractions, divide_indices
from zoo.errors import ArgumentError, DataError
from zoo.registry import did_you_mean

#: How a number that is not known is written, whatever the case.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})

#: A column of more different words is a name or a text, and one column for each would be of no use.
MOST_CATEGORIES = 1_000

Row = Mapping[str, str]


@dataclass(frozen=True)
class Numeric:
    """A column of numbers: what is missing is ``median``, then ``(value - mean) / std``; 0 where ``std`` is 0."""

    name: str
    median: float
    mean: float
    std: float

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The one feature it gives."""
        return (self.name,)

    def encode(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Return the column of ``rows`` as ``(N, 1)``."""
        values = _numbers(self.name, rows)
        values[np.isnan(values)] = self.median
        return np.asarray((values - self.mean) / self.std if self.std else np.zeros_like(values))[:, None]


@dataclass(frozen=True)
class Categorical:
    """A column of words: one feature for each of ``categories``, all of them 0 for any other word."""

    name: str
    categories: tuple[str, ...]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One feature for each category."""
        return tuple(f"{self.name}={category}" for category in self.categories)

    def encode(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Return the column of ``rows`` as ``(N, categories)``."""
        words = np.array([row[self.name].strip() for row in rows], dtype=object)
        return np.asarray(words[:, None] == np.array(self.categories, dtype=object), np.float64)


@dataclass(frozen=True)
class Table:
    """How raw rows become the float32 features of a model: ``columns`` in the order of the file, without the target."""

    target: str
    columns: tuple[Numeric | Categorical, ...]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features, in order: ``income``, ``ocean_proximity=INLAND``, ..."""
        return tuple(name for column in self.columns for name in column.feature_names)

    @property
    def category_counts(self) -> dict[str, int | None]:
        """For each column by name the number of its categories, or None for a column of numbers."""
        return {
            column.name: len(column.categories) if isinstance(column, Categorical) else None for column in self.columns
        }

    def encode(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """Return ``rows`` as ``(N, features)``; what else they hold, the target too, is ignored.

        Raises:
            DataError: if a row lacks a column, or has something else than a number where one belongs.
        """
        for number, row in enumerate(rows, 1):
            lacking = [column.name for column in self.columns if not isinstance(row.get(column.name), str)]
            if lacking:
                found = f"row {number} has no text for {', '.join(lacking)}"
                raise DataError(f"encode {len(rows)} rows", found, "pass every column as it stands in the CSV file")
        encoded = [column.encode(rows) for column in self.columns]
        return np.concatenate(encoded, axis=1).astype(np.float32)

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON keeps; :meth:`from_dict` reads it."""
        return {"target": self.target, "columns": [asdict(column) for column in self.columns]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Table:
        """Return the table of :meth:`as_dict`.

        Raises:
            DataError: if ``content`` is not such a dictionary.
        """
        try:
            columns = tuple(
                Categorical(each["name"], tuple(each["categories"])) if "categories" in each else Numeric(**each)
                for each in content["columns"]
            )
            return cls(content["target"], columns)
        except (KeyError, TypeError) as error:
            found = f"the record is damaged ({error!r})"
            raise DataError("read how a table is encoded", found, "train again") from error


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
    asked = f"read the table {str(file)!r}"
    check_fractions(validation, test, seed)
    if task not in (None, "classification", "regression"):
        raise ArgumentError(asked, f"task is {task!r}", "pass 'classification' or 'regression'")
    header, rows, lines = _read(file, asked)
    if target is None:
        advice = f"pass target={header[-1]!r}, for example; to `zoo train`, --data-option target={header[-1]}"
        raise ArgumentError(asked, f"which of its columns to predict is not said: {', '.join(header)}", advice)
    for column in (target, *drop, *categorical):
        if column not in header:
            found = f"there is no column {column!r} among {', '.join(header)}"
            raise DataError(asked, found, did_you_mean(column, header) or "name one of these")
    names = [column for column in header if column != target and column not in drop]
    if not names or target in drop:
        raise ArgumentError(asked, "the target or every other column is dropped", "drop fewer columns")

    empty = [line for line, row in zip(lines, rows, strict=True) if row[target].strip().lower() in MISSING]
    if empty:
        found = f"the target {target!r} is missing in {len(empty)} rows, the first in line {empty[0]}"
        raise DataError(asked, found, "fill or remove them")
    numeric = {column for column in names if column not in categorical and _is_numeric(column, rows)}
    for column in numeric:
        _numbers(column, rows, asked, lines)  # a bad number is an error with its line while the line is known
    regression = task == "regression" or (task is None and target not in categorical and _is_numeric(target, rows))

    labels: NDArray[np.float32] | NDArray[np.int64]
    class_names: tuple[str, ...] = ()
    if regression:
        labels = _numbers(target, rows, asked, lines).astype(np.float32)
    else:
        words = [row[target].strip() for row in rows]
        class_names = tuple(sorted(set(words)))
        if len(class_names) < 2:
            raise DataError(asked, f"the target {target!r} is {class_names[0]!r} in every row", "choose another target")
        index_of = {word: index for index, word in enumerate(class_names)}
        labels = np.array([index_of[word] for word in words], np.int64)

    groups = [tuple(row[column].strip() for column in (*names, target)) for row in rows]
    sides = divide_indices(labels, groups, validation=validation, test=test, seed=seed)
    training = [rows[index] for index in sides["train"]]
    fits = {column: _fit_numeric if column in numeric else _fit_words for column in names}
    encoding = Table(target, tuple(fit(column, training, asked) for column, fit in fits.items()))
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
    return _read(Path(path).expanduser(), f"read the rows of {str(path)!r}")[1]


def _read(file: Path, asked: str) -> tuple[list[str], list[dict[str, str]], list[int]]:
    """Return the header, the rows and the line each row ends on."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = [column.strip() for column in next(reader, [])]
            content = [(row, reader.line_num) for row in reader if row]
    except FileNotFoundError as error:
        raise DataError(asked, "there is no such file", "check the path") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(asked, f"it is no CSV file ({error})", "pass a comma-separated file in UTF-8") from error
    twice = [column or "(no name)" for column, count in Counter(header).items() if count > 1 or not column]
    if twice:
        raise DataError(asked, f"its header repeats or does not name {', '.join(twice)}", "name every column once")
    if not content:
        raise DataError(asked, "it has no rows" if header else "it is empty", "pass a file with a header and rows")
    for row, line in content:
        if len(row) != len(header):
            raise DataError(asked, f"line {line} has {len(row)} fields, and the header {len(header)}", "mend the line")
    return header, [dict(zip(header, row, strict=True)) for row, _ in content], [line for _, line in content]


def _is_numeric(column: str, rows: Sequence[Row]) -> bool:
    """Say whether most of what is there are numbers; a few words among them are mistakes, not categories."""
    present = [row[column] for row in rows if row[column].strip().lower() not in MISSING]
    return 2 * sum(_number(text) is not None for text in present) > len(present)


def _number(text: str) -> float | None:
    """Return the finite number that ``text`` is, NaN if it says that there is none, or None."""
    if text.strip().lower() in MISSING:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _numbers(
    column: str, rows: Sequence[Row], asked: str | None = None, lines: Sequence[int] | None = None
) -> NDArray[np.float64]:
    """Return a column as numbers, NaN where there is none."""
    values = [_number(row[column]) for row in rows]
    if None in values:
        index = values.index(None)
        place = f"line {lines[index]}" if lines else f"row {index + 1}"
        found = f"{rows[index][column]!r} in column {column!r} of {place} is not a number"
        advice = "mend it, or say that the column holds names with categorical=" if lines else "mend it"
        raise DataError(asked or f"encode {len(rows)} rows", found, advice)
    return np.array(values, np.float64)


def _fit_numeric(column: str, rows: Sequence[Row], asked: str) -> Numeric:
    values = _numbers(column, rows)
    known = values[~np.isnan(values)]
    median = float(np.median(known)) if known.size else 0.0
    values[np.isnan(values)] = median
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(values.mean()), float(values.std())
    if not math.isfinite(std):
        raise DataError(asked, f"the numbers of column {column!r} are too large to be standardised", "scale them down")
    return Numeric(column, median, mean, 0.0 if np.ptp(values) == 0 else std)


def _fit_words(column: str, rows: Sequence[Row], asked: str) -> Categorical:
    words = sorted({row[column].strip() for row in rows} - {""})
    if len(words) > MOST_CATEGORIES:
        found = f"the column {column!r} has {len(words):,} different words, too many for one feature each"
        raise DataError(asked, found, f"leave it out with drop=({column!r},)")
    return Categorical(column, tuple(words))
