"""Splits are seeded, in proportion, and never leak."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.data.splits import check_fractions, divide_indices
from zoo.errors import ArgumentError


def test_every_sample_is_on_one_side_and_each_class_in_proportion() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 10])
    sides = divide_indices(labels, range(160), validation=0.2, test=0.1, seed=3)
    assert sorted(np.concatenate(list(sides.values())).tolist()) == list(range(160))
    assert np.bincount(labels[sides["validation"]]).tolist() == [20, 10, 2]
    assert np.bincount(labels[sides["test"]]).tolist() == [10, 5, 1]


def test_the_seed_alone_decides() -> None:
    labels = np.zeros(100, np.int64)
    first, again, other = (divide_indices(labels, range(100), validation=0.3, test=0, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first["validation"], again["validation"])
    assert first["validation"].tolist() != other["validation"].tolist()


@pytest.mark.parametrize("seed", range(5))
def test_copies_never_fall_on_two_sides(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 40, 200).tolist()
    labels = rng.integers(0, 3, 200)  # copies even carry different labels
    sides = divide_indices(labels, groups, validation=0.25, test=0.25, seed=seed)
    contents = [{groups[index] for index in side} for side in sides.values()]
    assert all(contents)
    assert sum(map(len, contents)) == len(set.union(*contents))


def test_a_crowd_of_copies_goes_to_training() -> None:
    groups = [0] * 90 + list(range(1, 11))
    sides = divide_indices(np.zeros(100, np.int64), groups, validation=0.1, test=0, seed=0)
    assert sides["train"].tolist()[:90] == list(range(90))
    assert len(sides["validation"]) == 10


def test_a_class_of_two_is_on_both_sides_and_one_of_one_is_for_training() -> None:
    sides = divide_indices(np.array([0, 0, 1]), range(3), validation=0.1, test=0, seed=0)
    assert len(sides["validation"]) == 1
    assert 2 in sides["train"]


def test_targets_of_a_regression_are_split_as_one() -> None:
    sides = divide_indices(np.linspace(0, 1, 50, dtype=np.float32), range(50), validation=0.2, test=0.2, seed=0)
    assert [len(side) for side in sides.values()] == [30, 10, 10]


@pytest.mark.parametrize(
    ("validation", "test", "seed", "found"),
    [
        (1.0, 0, 0, "validation is not a number from 0"),
        (-0.1, 0, 0, "validation is not a number from 0"),
        (True, 0, 0, "validation is not a number from 0"),
        (float("nan"), 0, 0, "validation is not a number from 0"),
        (0, "a", 0, "test is not a number from 0"),
        (0.5, 0.5, 0, "add up to 1, which leaves no samples for training"),
        (0.2, 0, -1, "the seed is not a non-negative integer"),
        (0.2, 0, 1.5, "the seed is not a non-negative integer"),
    ],
)
def test_what_cannot_split_is_refused(validation: object, test: object, seed: object, found: str) -> None:
    with pytest.raises(ArgumentError, match=found):
        check_fractions(validation, test, seed)
