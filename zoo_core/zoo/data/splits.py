"""Seeded splits that keep the classes in proportion and never leak: identical samples stay on one side."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from zoo.data.dataset import Split
from zoo.errors import ArgumentError

PARTS = ("train", "validation", "test")


def check_fractions(validation: object, test: object, seed: object) -> None:
    """Refuse what cannot split anything.

    Raises:
        ArgumentError: unless both fractions and their sum are in [0, 1), and the seed is an integer from 0 on.
    """
    request = f"split the data with validation={validation!r}, test={test!r}, seed={seed!r}"
    total = 0.0
    for name, fraction in (("validation", validation), ("test", test)):
        real = isinstance(fraction, (int, float, np.integer, np.floating)) and not isinstance(fraction, bool)
        if not real or not 0 <= fraction < 1:  # type: ignore[operator]
            raise ArgumentError(request, f"{name} is no fraction from 0 to less than 1", "pass 0.2 for a fifth")
        total += float(fraction)  # type: ignore[arg-type]
    if total >= 1:
        raise ArgumentError(
            request, f"they leave nothing to train on, being {total:g} in all", "pass smaller fractions"
        )
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ArgumentError(request, "the seed is no integer from 0 on", "pass seed=0, for example")


def divide(
    samples: Split, groups: Sequence[Hashable], *, validation: float, test: float, seed: int
) -> dict[str, Split | None]:
    """Return ``samples`` as train, validation and test splits, None where one has no sample.

    Raises:
        ArgumentError: as :func:`check_fractions`.
    """
    sides = divide_indices(samples.labels, groups, validation=validation, test=test, seed=seed)
    return {part: samples.take(indices) if indices.size else None for part, indices in sides.items()}


def divide_indices(
    labels: NDArray[np.generic], groups: Sequence[Hashable], *, validation: float, test: float, seed: int
) -> dict[str, NDArray[np.intp]]:
    """Return which samples are for train, validation and test, each in ascending order.

    Samples of equal ``groups`` (the digests of their contents) go to one side together. Class indices are split class
    by class: every class with enough samples is on every side. The outcome depends on the order of the samples and on
    ``seed`` alone.

    Raises:
        ArgumentError: as :func:`check_fractions`.
    """
    check_fractions(validation, test, seed)
    classes = labels.astype(np.int64) if np.issubdtype(labels.dtype, np.integer) else np.zeros(len(labels), np.int64)
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    strata: dict[int, list[list[int]]] = {}
    for indices in members.values():
        strata.setdefault(int(classes[indices[0]]), []).append(indices)
    sides: list[list[int]] = [[], [], []]
    for stratum, indivisible in strata.items():
        wanted = _shares(sum(map(len, indivisible)), validation, test)
        order = np.random.default_rng([seed, stratum]).permutation(len(indivisible))
        # The largest first, so that a crowd of copies cannot overfill a small side.
        for indices in sorted((indivisible[position] for position in order), key=len, reverse=True):
            side = wanted.index(max(wanted))
            sides[side] += indices
            wanted[side] -= len(indices)
    return {part: np.sort(np.array(side, np.intp)) for part, side in zip(PARTS, sides, strict=True)}


def digests(arrays: NDArray[np.generic]) -> list[bytes]:
    """Return a digest of each item of ``arrays``: equal for equal content, and small enough to keep."""
    return [hashlib.sha256(each.tobytes()).digest() for each in arrays]


def leaks(train: Sequence[Hashable], **others: Sequence[Hashable]) -> tuple[str, ...]:
    """Return a note for each of ``others``, splits that the data brought, that shares samples with ``train``."""
    known = set(train)
    counts = {part: sum(group in known for group in groups) for part, groups in others.items()}
    return tuple(
        f"{count} of {len(others[part])} {part} samples are also in the training split"
        for part, count in counts.items()
        if count
    )


def _shares(count: int, validation: float, test: float) -> list[int]:
    """Return how many of ``count`` go to train, validation and test: at least one where one is wanted, train first."""
    held_out = [max(1, round(fraction * count)) if fraction else 0 for fraction in (validation, test)]
    while sum(held_out) >= count and any(held_out):
        held_out[0 if held_out[0] > held_out[1] else 1] -= 1
    return [count - sum(held_out), *held_out]
