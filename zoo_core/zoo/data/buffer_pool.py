"""Memory for one batch after the other: what the system hands out fresh it has to clear first."""

from __future__ import annotations

import math
import weakref
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Memory:
    """Arrays of one kind in memory that is taken again once nobody holds the array before, nor a view of it.

    Fresh memory costs a batch of pictures a tenth of the time that decoding them does. As much is kept as there were
    arrays at the same time. Threads may share it.
    """

    def __init__(self) -> None:
        self._free: deque[bytearray] = deque()

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of whatever values, as ``np.empty`` does."""
        kind, count = np.dtype(dtype), math.prod(shape)
        size = count * kind.itemsize
        try:
            memory = self._free.pop()
        except IndexError:
            memory = bytearray(size)
        if len(memory) < size:
            memory = bytearray(size)
        # Every view holds this array: NumPy goes on to what lies behind an array only where that is an array too.
        array = np.frombuffer(memory, kind, count)
        weakref.finalize(array, self._free.append, memory).atexit = False
        return array.reshape(shape)

    def clear(self) -> None:
        """Give back what nobody holds."""
        self._free.clear()
