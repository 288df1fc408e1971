"""The layers-model folders of TensorFlow.js: model.json and the shards with its weights."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NoReturn

import numpy as np

from zoo.errors import ZooError, one_line
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
)

#: The most bytes that model.json may have; the largest known one has 3 MB.
_MOST_JSON = 64 * 2**20

_DTYPES = {name: np.dtype(name).newbyteorder("<") for name in ("float32", "int32", "uint8", "uint16", "float16")}
_DTYPES["bool"] = np.dtype(bool)

#: The number of values that are dequantised at once.
_BLOCK = 2**20


@dataclass(frozen=True)
class _Group:
    """Shards that are read one after another, and the arrays in them, in this order."""

    shards: tuple[Path, ...]
    weights: tuple[Any, ...]


def is_tfjs(path: Path) -> bool:
    """Return whether ``path`` is a folder with a model.json, or a JSON file."""
    if path.is_dir():
        return (path / "model.json").is_file()
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(64).lstrip()[:1] == b"{"


def files_of_tfjs(path: Path) -> tuple[Path, ...]:
    """Return model.json and its shards.

    Raises:
        WeightsFileError: if it is damaged, or a shard is outside the folder.
    """
    return (_json(path), *(shard for group in _groups(path) for shard in group.shards))


def read_tfjs(path: Path) -> WeightFile:
    """Read the arrays of a layers-model; quantised ones are converted back to float32."""
    return WeightFile("TensorFlow.js layers-model", check_names(path, _arrays(path)))


def _json(path: Path) -> Path:
    return path / "model.json" if path.is_dir() else path


def _groups(path: Path) -> list[_Group]:
    file = _json(path)
    if file.stat().st_size > _MOST_JSON:
        refuse(path, f"its JSON has {file.stat().st_size:,} bytes, more than any model's")
    try:
        content = json.loads(file.read_bytes(), parse_constant=_no_number)
        if not isinstance(content, dict) or "weightsManifest" not in content:
            refuse(path, "it is JSON, but not the model.json of a TensorFlow.js model")
        groups = [
            _Group(tuple(_shard(path, shard) for shard in group["paths"]), tuple(group["weights"]))
            for group in content["weightsManifest"]
        ]
    except ZooError:
        raise
    except Exception as error:  # any part may be missing or of another type
        refuse(path, f"model.json is damaged or cut short ({one_line(error)})", error)
    shards = [shard for group in groups for shard in group.shards]
    if len(set(shards)) < len(shards):
        refuse(path, "model.json names one shard twice")
    return groups


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a valid number")


def _shard(path: Path, name: str) -> Path:
    """Return the path of a shard, which must be in the folder of model.json, or where model.json is a link to."""
    file = _json(path)
    parts = PurePosixPath(name).parts
    shard = file.parent / name
    homes = {
        file.parent.resolve(),
        file.resolve().parent,
    }  # the second: a cache whose files are links to another folder
    outside = ".." in parts or PurePosixPath(name).is_absolute() or "\\" in name or PureWindowsPath(name).drive
    if outside or not any(shard.resolve().is_relative_to(home) for home in homes):
        refuse(path, f"the shard {name!r} is outside the folder, where nothing may be read")
    return shard


def _arrays(path: Path) -> Iterator[StoredArray]:
    for group in _groups(path):
        missing = next((shard for shard in group.shards if not shard.is_file()), None)
        if missing:
            refuse(path, f"the shard {missing.name!r} is missing")
        sizes = [shard.stat().st_size for shard in group.shards]
        at = 0
        for weight in group.weights:
            try:
                array, size = _array(group.shards, at, weight)
            except Exception as error:  # any part may be missing or of another type
                refuse(path, f"model.json describes an array in an unsupported way ({one_line(error)})", error)
            at += size
            yield array
        if at != sum(sizes):
            refuse(path, f"model.json declares {at:,} bytes of weights, but the shards have {sum(sizes):,}")


def _array(shards: tuple[Path, ...], at: int, weight: dict[str, Any]) -> tuple[StoredArray, int]:
    """Return the array that begins at the byte ``at`` of the ``shards``, and how many bytes it has there."""
    name, quantization = str(weight["name"]), weight.get("quantization")
    shape = tuple(weight["shape"])
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"{name!r} has the shape {shape}")
    stored = _DTYPES[quantization["dtype"] if quantization else weight["dtype"]]
    scale = None
    if quantization and stored.kind == "u":
        scale = (float(quantization["scale"]), float(quantization["min"]))
        if not all(map(math.isfinite, scale)):
            raise ValueError(f"{name!r} has the scale and minimum {scale}")
    # Whatever comes before the layer's own name is the name of a model that contains it.
    owner, _, variable = name.rpartition("/")
    layer = owner.rpartition("/")[2]
    return (
        StoredArray(
            f"{layer}/{variable}",
            layer,
            variable,
            shape,
            "float32" if quantization else stored.name,
            lambda: _read(shards, at, shape, stored, scale),
        ),
        math.prod(shape) * stored.itemsize,
    )


def _read(
    shards: tuple[Path, ...], at: int, shape: tuple[int, ...], stored: np.dtype, scale: tuple[float, float] | None
) -> Array:
    array = aligned_empty(shape, stored)
    _fill(shards, at, bytes_of(array))
    if stored == np.float16:
        return aligned_copy(array, np.float32)
    if scale is None:
        return array
    values = aligned_empty(shape, np.float32)
    numbers, flat = array.reshape(-1), values.reshape(-1)
    for start in range(0, flat.size, _BLOCK):  # in double precision, as JavaScript computes
        flat[start : start + _BLOCK] = numbers[start : start + _BLOCK] * np.float64(scale[0]) + scale[1]
    return values


def _fill(shards: tuple[Path, ...], at: int, memory: memoryview) -> None:
    """Fill ``memory`` with the bytes from ``at`` on, counted through all ``shards``."""
    done = 0
    with ExitStack() as resources:
        for shard in shards:
            size = shard.stat().st_size
            length = min(size - at, len(memory) - done)
            if length > 0:
                file = resources.enter_context(shard.open("rb"))
                read_mapped(file, at, memory[done : done + length])
                done += length
            at = max(at - size, 0)
    if done < len(memory):
        raise EOFError(f"the shards end after {done:,} of {len(memory):,} bytes")
