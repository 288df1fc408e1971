"""Tables of numbers and words from a CSV file, encoded as the training rows say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.errors import DataError, asked, asking

#: How a number that is not known is written, whatever the case.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})


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
        values = numbers_of(self.name, rows)
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
        with asking(f"encode {len(rows)} rows"):
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


def number_of(text: str) -> float | None:
    """Return the finite number that ``text`` is, NaN if it says that there is none, or None."""
    if text.strip().lower() in MISSING:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def numbers_of(column: str, rows: Sequence[Row], lines: Sequence[int] | None = None) -> NDArray[np.float64]:
    """Return a column as numbers, NaN where there is none."""
    values = [number_of(row[column]) for row in rows]
    if None in values:
        index = values.index(None)
        place = f"line {lines[index]}" if lines else f"row {index + 1}"
        found = f"{rows[index][column]!r} in column {column!r} of {place} is not a number"
        advice = "mend it, or say that the column holds names with categorical=" if lines else "mend it"
        raise DataError(asked(), found, advice)
    return np.array(values, np.float64)
