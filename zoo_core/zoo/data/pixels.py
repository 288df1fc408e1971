"""Prepared pictures kept from the first epoch for the later ones: in memory, or in a file of uint8 pixels on disk."""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
import threading
import weakref
from typing import IO

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger("zoo")

#: Up to this many bytes are kept in memory; what is more goes to disk.
IN_MEMORY = 256 * 2**20

#: Of the free disk, at most this share is taken, and none once less than ``LEAST_FREE`` bytes of it are left.
SHARE_OF_FREE, LEAST_FREE = 0.5, 2**30

#: How many bytes are written between two looks at the disk.
_BETWEEN_LOOKS = 64 * 2**20


class Pixels:
    """The uint8 pixels of ``count`` pictures of one ``shape``, each kept from when it is put here.

    What takes more than ``IN_MEMORY`` bytes lies in a file without a name in the folder for temporary files (that of
    ``TMPDIR``), so that nothing is left of it when it is closed or forgotten, or the process killed. Where the disk is
    short, or becomes so, nothing more is kept and nothing is lost: the picture is decoded again. The file is read and
    written and not mapped, for mapped pages count as memory of the process, and a write to one on a full disk kills it.
    """

    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._size = math.prod(shape)
        self._kept = np.zeros(count, bool)
        self._lock = threading.Lock()
        self._memory: NDArray[np.uint8] | None = None
        self._file: IO[bytes] | None = None
        self._unseen = 0
        self._full = False
        size = count * self._size
        if size <= IN_MEMORY:
            self._memory = np.empty((count, *shape), np.uint8)
            log.debug("the pixels of %d pictures are kept in memory: %.1f MB", count, size / 1e6)
            return
        try:
            free = shutil.disk_usage(tempfile.gettempdir()).free
            if size > free * SHARE_OF_FREE or size > free - LEAST_FREE:
                log.debug("the pixels of %d pictures are not kept: %.1f of %.1f MB free", count, size / 1e6, free / 1e6)
                return
            self._file = tempfile.TemporaryFile(buffering=0, prefix="zoo-pixels-")  # noqa: SIM115
        except OSError as error:
            log.debug("the pixels of %d pictures are not kept: %s", count, error)
            return
        weakref.finalize(self, self._file.close)
        log.debug("the pixels of %d pictures are kept on disk: %.1f of %.1f MB free", count, size / 1e6, free / 1e6)

    def __len__(self) -> int:
        """Return how many pictures are kept."""
        return int(self._kept.sum())

    def get(self, index: int) -> NDArray[np.uint8] | None:
        """Return a picture's pixels, or None if they are not kept."""
        if not self._kept[index]:
            return None
        pixels: NDArray[np.uint8]
        if self._memory is not None:
            pixels = self._memory[index]
            return pixels
        pixels = np.empty(self.shape, np.uint8)
        with self._lock:
            if self._file is None:
                return None
            self._file.seek(index * self._size)
            whole = self._file.readinto(pixels) == self._size  # type: ignore[attr-defined]
        return pixels if whole else None

    def put(self, index: int, pixels: NDArray[np.uint8]) -> None:
        """Keep a picture's pixels, if there is room."""
        if self._memory is not None:
            self._memory[index] = pixels
            self._kept[index] = True
            return
        with self._lock:
            if self._file is not None and not self._full:
                self._kept[index] = self._write(self._file, index, np.ascontiguousarray(pixels))

    def close(self) -> None:
        """Give memory and disk back; nothing is kept any more."""
        with self._lock:
            self._kept[:] = False
            self._memory = None
            if self._file is not None:
                self._file.close()
                self._file = None

    def _write(self, file: IO[bytes], index: int, pixels: NDArray[np.uint8]) -> bool:
        """Write a picture to its place in the file; where there is no more room, stop writing for good."""
        try:
            self._unseen += self._size
            if self._unseen >= _BETWEEN_LOOKS:
                self._unseen = 0
                if shutil.disk_usage(tempfile.gettempdir()).free < LEAST_FREE:
                    raise OSError("the disk is nearly full")
            file.seek(index * self._size)
            if file.write(pixels.data) != self._size:
                raise OSError("the disk is full")
        except OSError as error:
            log.debug("no more than %d pictures are kept: %s", len(self), error)
            self._full = True
            return False
        return True
