"""A pool of memory for batches, because new memory is slow: the operating system clears it before it is used."""

from __future__ import annotations

import math
import weakref
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class BufferPool:
    """Hands out arrays, and uses the memory of an array again once neither it nor a view of it exists any more.

    New memory for every batch would add a tenth to the time that decoding its images takes. The pool keeps memory
    for as many arrays as have existed at the same time. All should be about the same size, because a small array may
    occupy the memory of a large one. Threads may share a pool.
    """

    def __init__(self) -> None:
        self._free: deque[bytearray] = deque()

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array with arbitrary values, as ``np.empty`` does."""
        kind, count = np.dtype(dtype), math.prod(shape)
        size = count * kind.itemsize
        try:
            buffer = self._free.pop()
        except IndexError:
            buffer = bytearray(size)
        if len(buffer) < size:
            buffer = bytearray(size)
        # NumPy makes this array the base of every view, and of every view of a view, so that it lives as long as any
        # of them. (It would skip a base that is not an array, such as the bytearray itself.)
        array = np.frombuffer(buffer, kind, count)
        weakref.finalize(array, self._free.append, buffer).atexit = False
        return array.reshape(shape)

    def clear(self) -> None:
        """Free the memory that no array uses at the moment."""
        self._free.clear()
