"""What the readers of weights files return: the arrays of a file, each read only when it is needed."""

from __future__ import annotations

import math
import mmap
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np

from zoo.errors import WeightsFileError

Array = np.ndarray[Any, Any]

#: Bytes. TensorFlow takes over memory that starts at a multiple of this without a copy.
ALIGNMENT = 64

#: Bytes of a file that are mapped at once. Mapped pages count as memory of the process, so mapping the whole file would
#: double its memory.
_WINDOW = 16 * 2**20


@dataclass(frozen=True)
class StoredArray:
    """One array of a file: its name there, the layer and variable of that name, its shape and dtype, and ``read``.

    In a file that numbers the variables of a layer, ``variable`` is the number.
    """

    name: str
    layer: str
    variable: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Array] = field(repr=False)


@dataclass
class WeightFile:
    """An open weights file: its format and its arrays. Use it as a context manager."""

    format: str
    arrays: tuple[StoredArray, ...]
    resources: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> WeightFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.resources.close()


def aligned_empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an array with arbitrary values whose memory starts at a multiple of :data:`ALIGNMENT` bytes."""
    count = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(count + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    array: Array = memory[start : start + count].view(dtype).reshape(shape)
    return array


def aligned_copy(values: Any, dtype: Any = None) -> Array:
    """Return a copy of ``values``, as ``dtype`` if it is given, in memory that TensorFlow takes over."""
    values = np.asarray(values)
    array = aligned_empty(values.shape, dtype or values.dtype)
    np.copyto(array, values, casting="same_kind" if dtype is None else "unsafe")
    return array


def bytes_of(array: Array) -> memoryview:
    """Return the memory of a contiguous ``array``, to be filled from a file."""
    return array.reshape(-1).view(np.uint8).data


def read_mapped(file: BinaryIO, offset: int, memory: memoryview) -> None:
    """Fill ``memory`` with the bytes of ``file`` from ``offset`` on, mapping one piece of the file at a time."""
    done = 0
    while done < len(memory):
        skipped = (offset + done) % mmap.ALLOCATIONGRANULARITY
        length = min(len(memory) - done, _WINDOW)
        start = offset + done - skipped
        with (
            mmap.mmap(file.fileno(), skipped + length, access=mmap.ACCESS_READ, offset=start) as window,
            memoryview(window) as mapped,
        ):
            memory[done : done + length] = mapped[skipped:]
        done += length


def split_name(name: str) -> tuple[str, str]:
    """Split ``layer/variable``, or torch's ``module.parameter``."""
    layer, _, variable = name.rpartition("/" if "/" in name else ".")
    return layer, variable


def check_names(path: Path, arrays: Iterable[StoredArray]) -> tuple[StoredArray, ...]:
    """Return the arrays of a file, after checking their names.

    Raises:
        WeightsFileError: if there is no array, or if two have the same name.
    """
    arrays = tuple(arrays)
    if not arrays:
        refuse(path, "it has no weights")
    for name, count in Counter(array.name for array in arrays).items():
        if count > 1:
            refuse(path, f"it has two arrays with the name {name!r}")
    return arrays


def refuse(path: Path, found: str, cause: BaseException | None = None) -> NoReturn:
    """Raise the error for a file that cannot be read; ``found`` says what is wrong with it."""
    raise WeightsFileError(
        f"read the weights file {str(path)!r}",
        found,
        "pass weights of Keras (.h5, .weights.h5, .keras), safetensors, NumPy (.npz), TensorFlow (a checkpoint), "
        "TensorFlow.js or torch (.pth); if it should be one of them, get the file again",
    ) from cause
