"""Prepared pictures kept from the first epoch for the later ones: in memory, or in a file of uint8 pixels on disk."""

from __future__ import annotations

import logging
import math
import shutil
import tempfile

import numpy as np
from numpy.typing import NDArray

from zoo.data.row_file import RowsOnDisk

log = logging.getLogger("zoo")

#: Up to this many bytes are kept in memory; what is more goes to disk.
IN_MEMORY = 256 * 2**20

#: Of the free disk, at most this share is taken, and none once less than ``LEAST_FREE`` bytes of it are left.
SHARE_OF_FREE, LEAST_FREE = 0.5, 2**30

#: How many bytes are written between two looks at the disk.
_BETWEEN_LOOKS = 64 * 2**20


class Pixels:
    """The uint8 pixels of ``count`` pictures of one ``shape``, each kept from when it is put here.

    What takes more than ``IN_MEMORY`` bytes lies on disk. Where that is short, or becomes so, nothing more is kept and
    nothing is lost: the picture is decoded again.
    """

    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        self._size = math.prod(shape)
        self._kept = np.zeros(count, bool)
        self._memory: NDArray[np.uint8] | None = None
        self._disk: RowsOnDisk | None = None
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
            self._disk = RowsOnDisk(shape, np.uint8)
        except OSError as error:
            log.debug("the pixels of %d pictures are not kept: %s", count, error)
            return
        log.debug("the pixels of %d pictures are kept on disk: %.1f of %.1f MB free", count, size / 1e6, free / 1e6)

    def __len__(self) -> int:
        """Return how many pictures are kept."""
        return int(self._kept.sum())

    def get(self, index: int) -> NDArray[np.uint8] | None:
        """Return a picture's pixels, or None if they are not kept."""
        memory, disk = self._memory, self._disk
        if not self._kept[index]:
            return None
        if memory is not None:
            pixels: NDArray[np.uint8] = memory[index]
            return pixels
        if disk is None:
            return None
        try:
            return disk.read([index])[0]  # type: ignore[no-any-return]
        except OSError:
            return None

    def put(self, index: int, pixels: NDArray[np.uint8]) -> None:
        """Keep a picture's pixels, if there is room."""
        memory, disk = self._memory, self._disk
        if memory is not None:
            memory[index] = pixels
            self._kept[index] = True
        elif disk is not None and not self._full:
            try:
                self._look()
                disk.write(index, pixels[None])
                self._kept[index] = True
            except OSError as error:
                log.debug("no more than %d pictures are kept: %s", len(self), error)
                self._full = True

    def close(self) -> None:
        """Give memory and disk back; nothing is kept any more."""
        self._kept[:] = False
        self._memory, disk = None, self._disk
        self._disk = None
        if disk is not None:
            disk.close()

    def _look(self) -> None:
        """Raise now and then, before the disk is full for everybody else."""
        self._unseen += self._size
        if self._unseen >= _BETWEEN_LOOKS:
            self._unseen = 0
            if shutil.disk_usage(tempfile.gettempdir()).free < LEAST_FREE:
                raise OSError("the disk is nearly full")
