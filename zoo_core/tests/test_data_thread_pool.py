"""A function is applied to many items on several threads, and a failure stops it."""

from __future__ import annotations

import pytest

from zoo.data.thread_pool import in_threads


def test_after_a_failure_in_threads_nothing_more_begins_and_the_first_is_raised() -> None:
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        if item in (3, 4):
            raise ValueError(item)
        return item

    assert in_threads(lambda item: item + 1, range(5)) == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="3"):
        in_threads(work, range(1000))
    assert len(begun) < 100
