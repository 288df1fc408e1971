"""The .npz archives of NumPy. Only plain arrays are read, never pickled objects."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from zoo.weights.formats.archives import open_archive
from zoo.weights.formats.arrays import (
    Array,
    StoredArray,
    WeightFile,
    aligned_empty,
    bytes_of,
    check_names,
    refuse,
    split_name,
)

_BLOCK = 2**20

_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npz(path: Path) -> WeightFile:
    """Read a ``.npz`` archive, with our names (``layer/variable``) or torch's (``module.parameter``)."""
    resources = ExitStack()
    with resources:
        archive = open_archive(path, resources)
        arrays = check_names(path, _arrays(path, archive))
        return WeightFile("NumPy archive", arrays, resources.pop_all())


def _arrays(path: Path, archive: zipfile.ZipFile) -> Iterator[StoredArray]:
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        with archive.open(member) as file:
            shape, _, dtype = _header(file)
            start = file.tell()
        if dtype.kind not in "fiub":
            held = "Python objects, which could run code" if dtype.hasobject else str(dtype)
            refuse(path, f"the array {name!r} contains {held}, not numbers")
        if start + math.prod(shape) * dtype.itemsize != member.file_size:
            refuse(path, f"the array {name!r} declares a size that differs from its size in the archive")
        yield StoredArray(name, *split_name(name), shape, dtype.name, partial(_read, archive, member))


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return the shape, whether the array is in Fortran order, and the dtype."""
    version = npy.read_magic(file)
    if version not in _READERS:
        raise ValueError(f"the version {version} of arrays is not supported")
    shape, fortran, dtype = _READERS[version](file)
    if any(size < 0 for size in shape):
        raise ValueError(f"the shape {shape} is impossible")
    return shape, fortran, dtype


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    with archive.open(member) as file:
        shape, fortran, dtype = _header(file)
        array = aligned_empty(shape[::-1] if fortran else shape, dtype)
        memory, done = bytes_of(array), 0
        while done < len(memory):
            count = file.readinto(memory[done : done + _BLOCK])  # type: ignore[attr-defined]
            if not count:
                raise EOFError(f"{member.filename} ends after {done:,} of {len(memory):,} bytes")
            done += count
        file.read(1)  # to the end, where zipfile checks the checksum
    if not dtype.isnative:
        array = array.byteswap(inplace=True).view(dtype.newbyteorder("="))
    return array.transpose() if fortran else array
