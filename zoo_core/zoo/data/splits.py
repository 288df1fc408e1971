"""Seeded splits that keep the proportions of the classes and never leak: identical samples stay in the same part."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from zoo.data.dataset import Split
from zoo.errors import ArgumentError

PARTS = ("train", "validation", "test")


def check_fractions(validation: object, test: object, seed: object) -> None:
    """Refuse fractions and a seed by which data cannot be split.

    Raises:
        ArgumentError: unless both fractions and their sum are in [0, 1), and the seed is a non-negative integer.
    """
    request = f"split the data with validation={validation!r}, test={test!r}, seed={seed!r}"
    total = 0.0
    for name, fraction in (("validation", validation), ("test", test)):
        real = isinstance(fraction, (int, float, np.integer, np.floating)) and not isinstance(fraction, bool)
        if not real or not 0 <= fraction < 1:  # type: ignore[operator]
            raise ArgumentError(request, f"{name} is not a number from 0 to less than 1", "pass 0.2 for a fifth")
        total += float(fraction)  # type: ignore[arg-type]
    if total >= 1:
        found = f"the fractions add up to {total:g}, which leaves no samples for training"
        raise ArgumentError(request, found, "pass smaller fractions")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ArgumentError(request, "the seed is not a non-negative integer", "pass seed=0, for example")


def divide(
    samples: Split, groups: Sequence[Hashable], *, validation: float, test: float, seed: int
) -> dict[str, Split | None]:
    """Return ``samples`` divided into train, validation and test splits; one without samples is None.

    Raises:
        ArgumentError: as :func:`check_fractions`.
    """
    divided = divide_indices(samples.labels, groups, validation=validation, test=test, seed=seed)
    return {part: samples.take(indices) if indices.size else None for part, indices in divided.items()}


def divide_indices(
    labels: NDArray[np.generic], groups: Sequence[Hashable], *, validation: float, test: float, seed: int
) -> dict[str, NDArray[np.intp]]:
    """Return which samples are for train, validation and test, each in ascending order.

    Samples of the same group stay in the same part; ``groups`` holds, for each sample, the digest of its content, for
    example. If the labels are class indices, each class is split by itself, so that a class with enough samples is in
    every part. The result depends only on the order of the samples and on ``seed``.

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
    divided: list[list[int]] = [[], [], []]
    for stratum, grouped in strata.items():
        wanted = _counts(sum(map(len, grouped)), validation, test)
        order = np.random.default_rng([seed, stratum]).permutation(len(grouped))
        # The largest groups first, so that one with many copies of a sample does not end up in a small part.
        for indices in sorted((grouped[position] for position in order), key=len, reverse=True):
            part = wanted.index(max(wanted))
            divided[part] += indices
            wanted[part] -= len(indices)
    return {name: np.sort(np.array(indices, np.intp)) for name, indices in zip(PARTS, divided, strict=True)}


def digests(arrays: NDArray[np.generic]) -> list[bytes]:
    """Return a digest of each item of ``arrays``, which is the same for the same content."""
    return [hashlib.sha256(each.tobytes()).digest() for each in arrays]


def leaks(train: Sequence[Hashable], **others: Sequence[Hashable]) -> tuple[str, ...]:
    """Return a note for each split in ``others`` that has samples in common with ``train``."""
    known = set(train)
    counts = {part: sum(group in known for group in groups) for part, groups in others.items()}
    return tuple(
        f"{count} of {len(others[part])} {part} samples are also in the training split"
        for part, count in counts.items()
        if count
    )


def _counts(count: int, validation: float, test: float) -> list[int]:
    """Return how many of ``count`` samples are for train, validation and test.

    Each part with a fraction above 0 gets at least one; if there are too few samples for that, train comes first.
    """
    held_out = [max(1, round(fraction * count)) if fraction else 0 for fraction in (validation, test)]
    while sum(held_out) >= count and any(held_out):
        held_out[0 if held_out[0] > held_out[1] else 1] -= 1
    return [count - sum(held_out), *held_out]
