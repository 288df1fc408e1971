"""The safetensors files of Hugging Face, with our names or torch's."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors

from zoo.weights.formats.arrays import (
    Array,
    StoredArray,
    WeightFile,
    aligned_copy,
    aligned_empty,
    bytes_of,
    check_names,
    read_mapped,
    refuse,
    split_name,
)

#: The names of NumPy's types in safetensors. Others, such as 8-bit floats, have no meaning without their scales.
_DTYPES = {
    **{f"{kind}{size}": np.dtype(f"<{kind.lower()}{size // 8}") for kind in "IU" for size in (8, 16, 32, 64)},
    **{f"F{size}": np.dtype(f"<f{size // 8}") for size in (16, 32, 64)},
    "BOOL": np.dtype(bool),
}


def read_safetensors(path: Path) -> WeightFile:
    """Read a safetensors file, with our names (``layer/variable``) or torch's (``module.parameter``)."""
    resources = ExitStack()
    with resources:
        file = resources.enter_context(path.open("rb"))
        length = int.from_bytes(file.read(8), "little")
        if 8 + length > path.stat().st_size:
            refuse(path, f"the file is damaged or cut short (its header alone would take {length:,} bytes)")
        with safetensors.safe_open(path, framework="numpy"):  # it checks every offset, shape and dtype
            header = json.loads(file.read(length), object_pairs_hook=_without_repetition)
        header.pop("__metadata__", None)
        arrays = check_names(path, _arrays(file, 8 + length, header))
        return WeightFile("safetensors", arrays, resources.pop_all())


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("its header has one name twice")
    return found


def _arrays(file: BinaryIO, start: int, header: dict[str, Any]) -> Iterator[StoredArray]:
    for name, entry in header.items():
        shape, offset, kind = tuple(entry["shape"]), start + entry["data_offsets"][0], entry["dtype"]
        dtype = {"BF16": "float32"}.get(kind, kind.lower() if kind in _DTYPES else f"quantised {kind}")
        yield StoredArray(name, *split_name(name), shape, dtype, partial(_read, file, offset, shape, kind))


def _read(file: BinaryIO, offset: int, shape: tuple[int, ...], kind: str) -> Array:
    if kind == "BF16":
        from ml_dtypes import bfloat16

        half = np.empty(math.prod(shape), bfloat16)
        read_mapped(file, offset, bytes_of(half))
        return aligned_copy(half.reshape(shape), np.float32)
    array = aligned_empty(shape, _DTYPES[kind])
    read_mapped(file, offset, bytes_of(array))
    return array
