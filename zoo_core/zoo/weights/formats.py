"""What is in a file of weights: its arrays by layer and variable, read one by one and only when asked for.

Nothing but arrays and their names is read: no pickle, no layer configuration, no link to another file.
"""

from __future__ import annotations

import importlib
import itertools
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np
import safetensors

from zoo import registry
from zoo.errors import WeightsFileError, ZooError, one_line

Array = np.ndarray[Any, Any]

#: The variables of Keras 1, whose number is that of a copy in the session: ``block1_conv1_W_1``.
_NUMBERED = re.compile(r"^(W|b|gamma|beta|running_mean|running_std)_\d+$")


@dataclass(frozen=True)
class StoredArray:
    """One array of a file: its name there, which layer and variable that means, its shape and dtype, how to read it.

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
    """An open file of weights: its format and its arrays. Use it as a context manager."""

    format: str
    arrays: tuple[StoredArray, ...]
    resources: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> WeightFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.resources.close()


def open_weights(path: Path) -> WeightFile:
    """Open a file of weights; its first bytes, not its name, say what it is.

    Raises:
        WeightsFileError: if it is empty, damaged, unsafe or of no format that is read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(512)
        for magic, reader in _readers():
            if start.startswith(magic):
                return reader(path)
        if _looks_like_safetensors(start):
            return read_safetensors(path)
    except (ZooError, MemoryError):
        raise
    except Exception as error:  # readers of damaged files raise whatever their libraries do
        _refuse(path, f"the file is damaged or cut short ({one_line(error)})", error)
    _refuse(path, _what_it_is(start))


def read_hdf5(path: Path) -> WeightFile:
    """Read the HDF5 files of Keras: those of Keras 1 and 2 (weights or whole model) and ``.weights.h5`` of Keras 3."""
    resources = ExitStack()
    with resources:
        root = resources.enter_context(h5py.File(path, "r"))
        arrays = _hdf5_arrays(path, root)
        return WeightFile(
            "Keras 3 HDF5" if "layers" in root and "layer_names" not in root.attrs else "legacy Keras HDF5",
            arrays,
            resources.pop_all(),
        )


def read_keras_archive(path: Path) -> WeightFile:
    """Read the arrays of a ``.keras`` archive. The configuration in it, which could hold code, is not looked at."""
    resources = ExitStack()
    with resources:
        archive = resources.enter_context(zipfile.ZipFile(path))
        if "model.weights.h5" not in archive.namelist():
            _refuse(path, "it is a zip archive without model.weights.h5, so no model saved by Keras 3")
        member = resources.enter_context(archive.open("model.weights.h5"))
        root = resources.enter_context(h5py.File(member, "r"))
        return WeightFile("Keras 3 archive", _hdf5_arrays(path, root), resources.pop_all())


def read_safetensors(path: Path) -> WeightFile:
    """Read a safetensors file, with our names (``layer/variable``) or torch's (``module.parameter``)."""
    resources = ExitStack()
    with resources:
        file = resources.enter_context(safetensors.safe_open(path, framework="numpy"))
        arrays = []
        for name in file.keys():  # noqa: SIM118 (the file is no dict)
            layer, _, variable = name.rpartition("/" if "/" in name else ".")
            part = file.get_slice(name)
            read = lambda name=name: file.get_tensor(name)  # noqa: E731
            arrays.append(StoredArray(name, layer, variable, tuple(part.get_shape()), part.get_dtype().lower(), read))
        return WeightFile("safetensors", tuple(arrays), resources.pop_all())


# -- telling formats apart


def _readers() -> Iterator[tuple[bytes, Callable[[Path], WeightFile]]]:
    yield b"\x89HDF\r\n\x1a\n", read_hdf5
    yield b"PK\x03\x04", read_keras_archive
    for entry in registry.weight_formats():
        module, _, function = entry.spec.reader.partition(":")
        yield entry.spec.magic, getattr(importlib.import_module(module), function)


def _looks_like_safetensors(start: bytes) -> bool:
    return len(start) >= 9 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 100_000_000


def _what_it_is(start: bytes) -> str:
    text = start.lstrip().lower()
    if not start:
        return "the file is empty"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "it is a web page (HTML), most likely an error page saved under the name of the weights"
    if text.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, not the file that it points to"
    if start.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return "it is a Python pickle, which can run code and is never read"
    return f"it is of no format that is read (it starts with {start[:8]!r})"


def _refuse(path: Path, found: str, cause: BaseException | None = None) -> NoReturn:
    raise WeightsFileError(
        f"read the weights file {str(path)!r}",
        found,
        "pass a Keras .h5, .weights.h5 or .keras file or a .safetensors file; get it again if it should be one",
    ) from cause


# -- HDF5


def _hdf5_arrays(path: Path, root: h5py.File) -> tuple[StoredArray, ...]:
    legacy = _child(path, root, "model_weights", h5py.Group) if "model_weights" in root else root
    if any(name.startswith("layer_names") for name in legacy.attrs):
        arrays = tuple(_legacy_arrays(path, legacy))
    elif "layers" in root or "_layer_checkpoint_dependencies" in root:
        arrays = tuple(_keras3_arrays(path, root, ""))
    else:
        _refuse(path, "it is an HDF5 file, but not one of a Keras model")
    if not arrays:
        _refuse(path, "it holds no weights")
    names = [array.name for array in arrays]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        _refuse(path, f"it holds two arrays for {twice!r}, which cannot be told apart")
    return arrays


def _legacy_arrays(path: Path, group: h5py.Group) -> Iterator[StoredArray]:
    """Each layer is a group whose attribute ``weight_names`` lists its arrays; a nested model is one such layer."""
    for layer in _names(group, "layer_names"):
        names = _names(_child(path, group, layer, h5py.Group), "weight_names")
        owners = {name.rpartition("/")[0] for name in names}
        for name in names:
            owner, _, variable = name.rpartition("/")
            # The prefix is the layer's own name with whatever Keras 2 appended to make it unique, unless the layer is a
            # nested model: then the prefixes are the names of the layers inside.
            inside = owner.rpartition("/")[2] if len(owners) > 1 else layer
            variable = re.sub(r":\d+$", "", variable).removeprefix(f"{layer}_")
            variable = _NUMBERED.sub(r"\1", variable)
            yield _stored(path, group[layer], name, inside, variable)


def _keras3_arrays(path: Path, group: h5py.Group, within: str) -> Iterator[StoredArray]:
    """Each layer is a group ``vars`` with numbered arrays and the layer's name as an attribute."""
    for key in group:
        if within == "" and key == "optimizer":
            continue
        child = _child(path, group, key, (h5py.Group, h5py.Dataset))
        if isinstance(child, h5py.Dataset):
            if not within.endswith("vars"):
                continue
            layer = group.attrs.get("name")
            if layer is None:
                _refuse(path, "it names no layers (an early Keras 3 wrote it); save it again with a Keras of today")
            yield _stored(path, group, key, layer, key)
        else:
            yield from _keras3_arrays(path, child, f"{within}/{key}")


def _stored(path: Path, group: h5py.Group, key: str, layer: str, variable: str) -> StoredArray:
    data = _child(path, group, key, h5py.Dataset)
    if data.external or data.is_virtual:
        _refuse(path, f"the array {key!r} lies in another file, which is not read")
    if data.dtype.hasobject or data.dtype.kind not in "fiub":
        _refuse(path, f"the array {key!r} holds {data.dtype}, not numbers")
    if data.id.get_storage_size() < data.nbytes and data.compression is None:
        _refuse(path, f"the array {key!r} declares {data.nbytes:,} bytes and holds {data.id.get_storage_size():,}")
    return StoredArray(f"{layer}/{variable}", layer, variable, tuple(data.shape), str(data.dtype), lambda: data[()])


def _child(path: Path, group: h5py.Group, key: str, kind: Any) -> Any:
    """Return ``group[key]``, following hard links alone: the others can lead to any file of the machine."""
    for part in key.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            found = "is missing" if part not in group else "is a link, which is not followed"
            _refuse(path, f"the entry {group.name.rstrip('/')}/{part} {found}")
        group = group[part]
    if not isinstance(group, kind):
        _refuse(path, f"the entry {group.name} is a {type(group).__name__.lower()}, where Keras writes another kind")
    return group


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """Return an attribute that lists names; Keras splits one of more than 64 KiB into numbered parts."""
    numbered = (f"{attribute}{number}" for number in itertools.count())
    parts = [attribute] if attribute in group.attrs else itertools.takewhile(group.attrs.__contains__, numbered)
    names = [name for part in parts for name in group.attrs[part]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
