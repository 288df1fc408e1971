"""The columns of a table as a network meets them: which of its features are numbers, and which are words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo.errors import ArgumentError, did_you_mean

#: Buckets divide this range evenly, in standard deviations; the outer two have no end.
RANGE = (-2.0, 2.0)

#: A count of buckets for every column of numbers, or for each its count or the boundaries between its buckets.
Buckets = int | Mapping[str, int | Sequence[float]]


@dataclass(frozen=True)
class Column:
    """A column of numbers, one feature, or of ``words``, one feature for each; ``start`` is its first feature."""

    name: str
    start: int
    words: int | None

    @property
    def positions(self) -> range:
        """Where its features stand."""
        return range(self.start, self.start + (1 if self.words is None else self.words))


def columns_of(asked: str, features: int, described: Mapping[str, int | None] | None) -> tuple[Column, ...]:
    """Return the columns of rows of ``features`` features: those described, or numbers by the names 0, 1, ...

    Raises:
        ArgumentError: if the columns described have another number of features.
    """
    named = described or {str(position): None for position in range(features)}
    columns = laid_out(Column(name, 0, words) for name, words in named.items())
    total = width_of(columns)
    if total != features:
        found = f"they are {total} features, and the input has {features}"
        raise ArgumentError(f"{asked} with {len(columns)} columns", found, f"pass input_shape=({total},)")
    return columns


def laid_out(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Return the columns as they stand in rows that hold them alone, one after another."""
    placed: list[Column] = []
    for column in columns:
        placed.append(replace(column, start=width_of(placed)))
    return tuple(placed)


def width_of(columns: Iterable[Column]) -> int:
    """Return the number of features of ``columns``."""
    return sum(len(column.positions) for column in columns)


def chosen(asked: str, columns: Sequence[Column], names: Iterable[str | int]) -> tuple[Column, ...]:
    """Return the columns of these names, in the order of ``names``.

    Raises:
        ArgumentError: if there is no such column, or none is named.
    """
    known = {column.name: column for column in columns}
    names = [names] if isinstance(names, (str, int)) else list(names)
    for name in names:
        if str(name) not in known:
            advice = did_you_mean(str(name), known) or f"the columns are {', '.join(known)}"
            raise ArgumentError(asked, f"there is no column {name!r} in this part of the network", advice)
    if not names:
        raise ArgumentError(asked, "no column is named", f"name some of {', '.join(known)}")
    return tuple(known[str(name)] for name in names)


def parts_of(asked: str, columns: Sequence[Column], buckets: Buckets) -> list[int | list[float]]:
    """Return for each column the number of its words, or the boundaries of its buckets.

    Raises:
        ArgumentError: if ``buckets`` does not say what they are.
    """
    return [_boundaries(asked, column, buckets) if column.words is None else column.words for column in columns]


def _boundaries(asked: str, column: Column, buckets: Buckets) -> list[float]:
    given: Any = buckets.get(column.name) if isinstance(buckets, Mapping) else buckets
    asked = f"{asked} with buckets={given!r} for the column {column.name!r}"
    advice = "pass a number from 2 on, or rising boundaries in standard deviations"
    if isinstance(given, int) and not isinstance(given, bool):
        if given < 2:
            raise ArgumentError(asked, "one bucket says nothing", advice)
        return [float(each) for each in np.linspace(*RANGE, given + 1)[1:-1]]
    try:
        boundaries = [float(each) for each in given]
    except (TypeError, ValueError):
        raise ArgumentError(asked, "those are no boundaries", advice) from None
    if not boundaries or sorted(set(boundaries)) != boundaries:
        raise ArgumentError(asked, "they do not rise", advice)
    return boundaries
