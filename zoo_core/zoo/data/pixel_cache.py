"""The pixels of prepared images, kept from the first epoch for the later ones, in memory or in a file on disk."""

from __future__ import annotations

import logging
import math
import shutil
import tempfile

import numpy as np
from numpy.typing import NDArray

from zoo.data.row_file import RowsOnDisk

log = logging.getLogger("zoo")

#: A cache of up to this many bytes is kept in memory; a larger one on disk.
IN_MEMORY = 256 * 2**20

#: A cache takes at most this share of the free disk space, and stops growing once less than ``LEAST_FREE`` bytes are
#: free.
SHARE_OF_FREE, LEAST_FREE = 0.5, 2**30

#: The free disk space is checked again each time this many bytes have been written.
_BYTES_BETWEEN_CHECKS = 64 * 2**20


class PixelCache:
    """The uint8 pixels of up to ``count`` images of one ``shape``; each is kept once :meth:`put` has been called.

    More than ``IN_MEMORY`` bytes are kept on disk. If there is too little disk space, or later too little is left, no
    further images are kept. Nothing is lost by that: an image that is not kept is decoded again.
    """

    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        self._bytes_per_image = math.prod(shape)
        self._kept = np.zeros(count, bool)
        self._memory: NDArray[np.uint8] | None = None
        self._disk: RowsOnDisk | None = None
        self._written_since_check = 0
        self._full = False
        size = count * self._bytes_per_image
        if size <= IN_MEMORY:
            self._memory = np.empty((count, *shape), np.uint8)
            log.debug("the pixels of %d images are kept in memory: %.1f MB", count, size / 1e6)
            return
        try:
            free = shutil.disk_usage(tempfile.gettempdir()).free
            needed = f"{size / 1e6:.1f} MB, with {free / 1e6:.1f} MB free"
            if size > free * SHARE_OF_FREE or size > free - LEAST_FREE:
                log.debug("the pixels of %d images are not kept on disk: they take %s", count, needed)
                return
            self._disk = RowsOnDisk(shape, np.uint8)
        except OSError as error:
            log.debug("the pixels of %d images are not kept on disk: %s", count, error)
            return
        log.debug("the pixels of %d images are kept on disk: they take %s", count, needed)

    def __len__(self) -> int:
        """Return how many images are kept."""
        return int(self._kept.sum())

    def get(self, index: int) -> NDArray[np.uint8] | None:
        """Return the pixels of the image with this index, or None if they are not kept."""
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
        """Keep the pixels of the image with this index, if there is room."""
        memory, disk = self._memory, self._disk
        if memory is not None:
            memory[index] = pixels
            self._kept[index] = True
        elif disk is not None and not self._full:
            try:
                self._check_disk()
                disk.write(index, pixels[None])
                self._kept[index] = True
            except OSError as error:
                log.debug("the pixels of %d images are kept on disk, and no more will be: %s", len(self), error)
                self._full = True

    def close(self) -> None:
        """Drop all pixels, and free the memory and the disk space."""
        self._kept[:] = False
        self._memory, disk = None, self._disk
        self._disk = None
        if disk is not None:
            disk.close()

    def _check_disk(self) -> None:
        """Raise from time to time if the disk is nearly full, so that other programs still have room.

        Raises:
            OSError: if less than ``LEAST_FREE`` bytes are free.
        """
        self._written_since_check += self._bytes_per_image
        if self._written_since_check >= _BYTES_BETWEEN_CHECKS:
            self._written_since_check = 0
            if shutil.disk_usage(tempfile.gettempdir()).free < LEAST_FREE:
                raise OSError("the disk is nearly full")
