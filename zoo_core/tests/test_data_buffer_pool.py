"""The memory of an array is used again when nothing refers to it any more, and not before."""

from __future__ import annotations

import numpy as np

from zoo.data.buffer_pool import BufferPool


def test_memory_is_used_again_once_neither_the_array_nor_a_view_of_it_exists() -> None:
    pool = BufferPool()
    first = pool.empty((4, 8), np.float32)
    row = first[2][None]
    del first
    second = pool.empty((4, 8), np.float32)
    assert not np.shares_memory(row, second)
    start = row.ctypes.data - 2 * 8 * 4
    del row
    third = pool.empty((2, 8), np.float32)
    assert third.ctypes.data == start


def test_an_array_that_is_larger_than_the_memory_at_hand_gets_new_memory() -> None:
    pool = BufferPool()
    pool.empty((2, 8), np.float32)
    large = pool.empty((9, 8), np.float32)
    large[...] = 7
    assert large.shape == (9, 8)
    assert (large == 7).all()


def test_a_cleared_pool_keeps_no_memory() -> None:
    pool = BufferPool()
    used = pool.empty((4, 8), np.float32)
    pool.empty((4, 8), np.float32)
    assert len(pool._free) == 1
    pool.clear()
    assert len(pool._free) == 0
    used[...] = 3  # an array that is still in use keeps its memory
    assert used.sum() == 96
