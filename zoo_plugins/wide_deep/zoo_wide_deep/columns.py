"""The columns of a table as the network sees them: which input features are numbers, and which are words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo.errors import ArgumentError, asked, did_you_mean

#: Buckets divide this range evenly, in standard deviations; the first and the last are open.
RANGE = (-2.0, 2.0)

#: The number of buckets of every column of numbers; or, by column, a number of buckets or the boundaries between them.
Buckets = int | Mapping[str, int | Sequence[float]]


@dataclass(frozen=True)
class Column:
    """A column of numbers, one feature, or of ``words``, one feature for each; ``start`` is its first feature."""

    name: str
    start: int
    words: int | None

    @property
    def positions(self) -> range:
        """The positions of its features in a row."""
        return range(self.start, self.start + (1 if self.words is None else self.words))


def columns_of(features: int, described: Mapping[str, int | None] | None) -> tuple[Column, ...]:
    """Return the columns of rows of ``features`` features: the described ones, or columns of numbers named 0, 1, ...

    Raises:
        ArgumentError: if the described columns have another number of features.
    """
    words_by_name = described or {str(position): None for position in range(features)}
    columns = laid_out(Column(name, 0, words) for name, words in words_by_name.items())
    total = width_of(columns)
    if total != features:
        found = f"the columns have {total} features, and the input has {features}"
        raise ArgumentError(asked(f"with {len(columns)} columns"), found, f"pass input_shape=({total},)")
    return columns


def laid_out(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Return the columns with the positions that they have in rows of these columns only, in this order."""
    placed: list[Column] = []
    for column in columns:
        placed.append(replace(column, start=width_of(placed)))
    return tuple(placed)


def width_of(columns: Iterable[Column]) -> int:
    """Return the number of features of ``columns``."""
    return sum(len(column.positions) for column in columns)


def chosen(columns: Sequence[Column], names: Iterable[str | int], option: str = "") -> tuple[Column, ...]:
    """Return the columns with these names, in the order of ``names``.

    ``option`` is the option that gives the names, such as ``"wide="``, if an error has to quote it.

    Raises:
        ArgumentError: if a column does not exist, or ``names`` is empty.
    """
    request = asked(f"with {option}{names!r}" if option else "")
    known = {column.name: column for column in columns}
    names = [names] if isinstance(names, (str, int)) else list(names)
    for name in names:
        if str(name) not in known:
            advice = did_you_mean(str(name), known) or f"the columns are {', '.join(known)}"
            raise ArgumentError(request, f"there is no column {name!r} in this part of the network", advice)
    if not names:
        raise ArgumentError(request, "it names no column", f"name some of {', '.join(known)}")
    return tuple(known[str(name)] for name in names)


def parts_of(columns: Sequence[Column], buckets: Buckets) -> list[int | list[float]]:
    """Return for each column the number of its words, or the boundaries of its buckets.

    Raises:
        ArgumentError: if ``buckets`` has no valid entry for a column of numbers.
    """
    return [_boundaries(column, buckets) if column.words is None else column.words for column in columns]


def _boundaries(column: Column, buckets: Buckets) -> list[float]:
    given: Any = buckets.get(column.name) if isinstance(buckets, Mapping) else buckets
    request = asked(f"with buckets={given!r} for the column {column.name!r}")
    advice = "pass a number of at least 2, or increasing boundaries in standard deviations"
    if isinstance(given, int) and not isinstance(given, bool):
        if given < 2:
            raise ArgumentError(request, "fewer than two buckets do not divide a column", advice)
        return [float(each) for each in np.linspace(*RANGE, given + 1)[1:-1]]
    try:
        boundaries = [float(each) for each in given]
    except (TypeError, ValueError):
        raise ArgumentError(request, "it is neither a number of buckets nor a list of boundaries", advice) from None
    if not boundaries or sorted(set(boundaries)) != boundaries:
        raise ArgumentError(request, "the boundaries do not increase", advice)
    return boundaries
