"""Rows of numbers in a temporary file, for arrays that would take too much memory."""

from __future__ import annotations

import math
import tempfile
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class RowsOnDisk:
    """Rows of one ``shape`` and type in a file in the folder for temporary files (``TMPDIR``).

    The file has no name, so that the system deletes it when it is closed, when this object is garbage-collected, or
    when the process is killed. It is read and written instead of being mapped into memory, because mapped pages count
    as memory of the process, and writing to one on a full disk kills the process. Threads may share the object.

    Raises:
        OSError: from each method, if the disk is full or does not work, or the file has been closed.
    """

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.nbytes_of_row = math.prod(shape) * self.dtype.itemsize
        self._lock = threading.Lock()
        self._file = tempfile.TemporaryFile(buffering=0, prefix="zoo-rows-")  # noqa: SIM115
        self._closed = weakref.finalize(self, self._file.close)

    def write(self, start: int, rows: NDArray[np.generic]) -> None:
        """Write ``rows`` into the file, the first of them as row ``start``."""
        rows = np.ascontiguousarray(rows, self.dtype)
        with self._lock:
            self._seek(start)
            written = self._file.write(rows.data)
        if written != rows.nbytes:
            raise OSError("the disk is full")

    def read(self, indices: Sequence[int] | NDArray[np.intp]) -> NDArray[Any]:
        """Return the rows at ``indices``, ``(N, *shape)``."""
        rows = np.empty((len(indices), *self.shape), self.dtype)
        with self._lock:
            for row, index in zip(rows, indices, strict=True):
                self._seek(int(index))
                if self._file.readinto(row) != self.nbytes_of_row:
                    raise OSError("the file is shorter than it was")
        return rows

    def close(self) -> None:
        """Free the disk space."""
        with self._lock:
            self._closed()

    def _seek(self, row: int) -> None:
        if self._file.closed:
            raise OSError("the file is closed")
        self._file.seek(row * self.nbytes_of_row)
