"""How the rows of a table, numbers and words, become the features of a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.errors import DataError, asked, asking

#: How a missing value is written, in upper or lower case.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})


Row = Mapping[str, str]


@dataclass(frozen=True)
class Numeric:
    """A column of numbers: a missing value is ``median``; each becomes ``(value - mean) / std``, 0 if ``std`` is 0."""

    name: str
    median: float
    mean: float
    std: float

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of its only feature."""
        return (self.name,)

    def encode(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Return the column of ``rows`` as ``(N, 1)``."""
        values = numbers_of(self.name, rows)
        values[np.isnan(values)] = self.median
        return np.asarray((values - self.mean) / self.std if self.std else np.zeros_like(values))[:, None]


@dataclass(frozen=True)
class Categorical:
    """A column of words: one feature for each of ``categories``; for any other word all of them are 0."""

    name: str
    categories: tuple[str, ...]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for each category: ``column=category``."""
        return tuple(f"{self.name}={category}" for category in self.categories)

    def encode(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Return the column of ``rows`` as ``(N, categories)``."""
        words = np.array([row[self.name].strip() for row in rows], dtype=object)
        return np.asarray(words[:, None] == np.array(self.categories, dtype=object), np.float64)


@dataclass(frozen=True)
class Table:
    """How rows become the float32 features of a model; ``columns`` are in the order of the file, without the target."""

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
        """Return ``rows`` as ``(N, features)``; other columns, such as the target, are ignored.

        Raises:
            DataError: if a row lacks a column, or has a word in a column of numbers.
        """
        for number, row in enumerate(rows, 1):
            lacking = [column.name for column in self.columns if not isinstance(row.get(column.name), str)]
            if lacking:
                found = f"row {number} has no text for {', '.join(lacking)}"
                raise DataError(f"encode {len(rows)} rows", found, "pass every column, as text")
        with asking(f"encode {len(rows)} rows"):
            encoded = [column.encode(rows) for column in self.columns]
        return np.concatenate(encoded, axis=1).astype(np.float32)

    def as_dict(self) -> dict[str, Any]:
        """Return the table as a dictionary that JSON can hold; :meth:`from_dict` reads it."""
        return {"target": self.target, "columns": [asdict(column) for column in self.columns]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Table:
        """Return the table that :meth:`as_dict` has written.

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
            found = f"the description is damaged ({error!r})"
            raise DataError("read how a table is encoded", found, "train again") from error


def number_of(text: str) -> float | None:
    """Return ``text`` as a finite number, NaN if it stands for a missing value, and None if it is something else."""
    if text.strip().lower() in MISSING:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def numbers_of(column: str, rows: Sequence[Row], lines: Sequence[int] | None = None) -> NDArray[np.float64]:
    """Return a column as numbers, NaN where the value is missing.

    Raises:
        DataError: if a value is a word; it names the line, if the ``lines`` of the rows are given, or else the row.
    """
    values = [number_of(row[column]) for row in rows]
    if None in values:
        index = values.index(None)
        place = f"line {lines[index]}" if lines else f"row {index + 1}"
        found = f"{rows[index][column]!r} in column {column!r} of {place} is not a number"
        advice = "correct it" + (f", or pass categorical=({column!r},) if its values are names" if lines else "")
        raise DataError(asked(), found, advice)
    return np.array(values, np.float64)
