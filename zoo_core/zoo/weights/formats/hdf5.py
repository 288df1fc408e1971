"""The HDF5 files of Keras: of Keras 1 and 2 (weights or whole model), and of Keras 3, alone or in an archive.

Nothing but arrays and their names is read: no configuration of layers, no link to another file.
"""

from __future__ import annotations

import itertools
import math
import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

import h5py
import numpy as np

from zoo.weights.formats.archives import Window, check_member, data_offset, open_archive
from zoo.weights.formats.arrays import Array, StoredArray, WeightFile, aligned_empty, bytes_of, check_names, refuse
from zoo.weights.formats.strings import strings_of

#: The variables of Keras 1, whose number is that of a copy in the session: ``block1_conv1_W_1``.
_NUMBERED = re.compile(r"^(W|b|gamma|beta|running_mean|running_std)_\d+$")

#: The filters that every HDF5 library has; others are loaded from plugins of the machine.
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF}

#: No filter shrinks more than deflate does, to 1/1032.
_MOST_GROWTH = 1_100

#: Bytes of a chunk, which is unpacked whole, in any case allowed beside an array that is smaller.
_SMALL_CHUNK = 2**20

#: Bytes of an attribute; Keras, like HDF5 before 1.8, has none that is longer.
_MOST_ATTRIBUTE = 2**16


def read_hdf5(path: Path) -> WeightFile:
    """Read the HDF5 files of Keras: those of Keras 1 and 2 (weights or whole model) and ``.weights.h5`` of Keras 3."""
    resources = ExitStack()
    with resources:
        file = resources.enter_context(path.open("rb"))
        window = Window(file, 0, path.stat().st_size)
        root = resources.enter_context(h5py.File(path, "r"))
        form = "Keras 3 HDF5" if "layers" in root and "layer_names" not in root.attrs else "legacy Keras HDF5"
        return WeightFile(form, _arrays(path, window, root), resources.pop_all())


def read_keras_archive(path: Path) -> WeightFile:
    """Read the arrays of a ``.keras`` archive. The configuration in it, which could hold code, is not looked at."""
    resources = ExitStack()
    with resources:
        window = _weights_of(path, resources)
        root = resources.enter_context(h5py.File(window, "r"))
        return WeightFile("Keras 3 archive", _arrays(path, window, root), resources.pop_all())


def _weights_of(path: Path, resources: ExitStack) -> Window:
    """Return the HDF5 file in an archive once its checksum is known to be right.

    Keras stores it as it is. One that somebody has compressed is unpacked to a file without a name, since HDF5 reads
    here and there, and the archive would be unpacked from its beginning for each of the places.
    """
    archive = open_archive(path, resources)
    member = archive.getinfo("model.weights.h5")
    if member.compress_type == zipfile.ZIP_STORED:
        check_member(archive, member)
        file = resources.enter_context(path.open("rb"))
        return Window(file, data_offset(file, member), member.file_size)
    unpacked = cast(BinaryIO, resources.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115 (it is entered)
    check_member(archive, member, unpacked)
    return Window(unpacked, 0, member.file_size)


def _arrays(path: Path, file: Window, root: h5py.File) -> tuple[StoredArray, ...]:
    legacy = _child(path, root, "model_weights", h5py.Group) if "model_weights" in root else root
    if any(name.startswith("layer_names") for name in legacy.attrs):
        return check_names(path, _legacy_arrays(path, file, legacy))
    if "layers" in root or "_layer_checkpoint_dependencies" in root:
        return check_names(path, _keras3_arrays(path, file, root, "", set()))
    refuse(path, "it is an HDF5 file, but not one of a Keras model")


def _legacy_arrays(path: Path, file: Window, group: h5py.Group) -> Iterator[StoredArray]:
    """Each layer is a group whose attribute ``weight_names`` lists its arrays; a nested model is one such layer."""
    for layer in _names(path, file, group, "layer_names"):
        names = _names(path, file, _child(path, group, layer, h5py.Group), "weight_names")
        owners = {name.rpartition("/")[0] for name in names}
        for name in names:
            owner, _, variable = name.rpartition("/")
            # The prefix is the layer's own name with whatever Keras 2 appended to make it unique, unless the layer is a
            # nested model: then the prefixes are the names of the layers inside.
            inside = owner.rpartition("/")[2] if len(owners) > 1 else layer
            variable = re.sub(r":\d+$", "", variable).removeprefix(f"{layer}_")
            variable = _NUMBERED.sub(r"\1", variable)
            yield _stored(path, file, group[layer], name, inside, variable)


def _keras3_arrays(
    path: Path, file: Window, group: h5py.Group, within: str, entered: set[int]
) -> Iterator[StoredArray]:
    """Each layer is a group ``vars`` with numbered arrays and the layer's name as an attribute."""
    for key in group:
        if within == "" and key == "optimizer":
            continue
        child = _child(path, group, key, (h5py.Group, h5py.Dataset))
        if isinstance(child, h5py.Dataset):
            if not within.endswith("vars"):
                continue
            if "name" not in group.attrs:
                refuse(path, "it names no layers (an early Keras 3 wrote it); save it again with a Keras of today")
            for layer in _strings(path, file, group, "name"):
                yield _stored(path, file, group, key, layer, key)
        else:
            address = h5py.h5o.get_info(child.id).addr
            if address in entered:  # groups that hold each other can be walked through for ever
                refuse(path, f"the group {child.name} stands in two places")
            entered.add(address)
            yield from _keras3_arrays(path, file, child, f"{within}/{key}", entered)


def _stored(path: Path, file: Window, group: h5py.Group, key: str, layer: str, variable: str) -> StoredArray:
    data = _child(path, group, key, h5py.Dataset)
    if data.external or data.is_virtual:
        refuse(path, f"the array {key!r} lies in another file, which is not read")
    if data.shape is None or data.dtype.hasobject or data.dtype.kind not in "fiub":
        refuse(path, f"the array {key!r} holds {data.dtype}, not numbers")
    if data.id.get_type() != h5py.h5t.py_create(data.dtype, logical=True):
        refuse(path, f"the array {key!r} holds numbers of a kind that no machine computes with")
    _check_size(path, key, data)
    return StoredArray(
        f"{layer}/{variable}", layer, variable, tuple(data.shape), data.dtype.name, lambda: _read(file, data)
    )


def _check_size(path: Path, key: str, data: h5py.Dataset) -> None:
    """Check, without reading it, that what an array declares fits what the file holds of it."""
    settings = data.id.get_create_plist()
    filters = {settings.get_filter(number)[0] for number in range(settings.get_nfilters())}
    if not filters <= _FILTERS:
        refuse(path, f"the array {key!r} is packed by a filter that is not read")
    declared = math.prod(data.shape) * data.dtype.itemsize
    stored = data.id.get_storage_size()
    if declared > stored * (_MOST_GROWTH if filters else 1) or (data.chunks is None and declared != stored):
        refuse(path, f"the array {key!r} declares {declared:,} bytes and holds {stored:,}")
    if data.chunks and math.prod(data.chunks) * data.dtype.itemsize > max(declared, _SMALL_CHUNK):
        refuse(path, f"the array {key!r} is stored in chunks that are larger than itself")


def _child(path: Path, group: h5py.Group, key: str, kind: Any) -> Any:
    """Return ``group[key]``, following hard links alone: the others can lead to any file of the machine."""
    for part in key.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            found = "is missing" if part not in group else "is a link, which is not followed"
            refuse(path, f"the entry {group.name.rstrip('/')}/{part} {found}")
        group = group[part]
    if not isinstance(group, kind):
        refuse(path, f"the entry {group.name} is a {type(group).__name__.lower()}, where Keras writes another kind")
    return group


def _names(path: Path, file: Window, group: h5py.Group, attribute: str) -> list[str]:
    """Return an attribute that lists names; Keras splits one of more than 64 KiB into numbered parts."""
    numbered = (f"{attribute}{number}" for number in itertools.count())
    parts = [attribute] if attribute in group.attrs else itertools.takewhile(group.attrs.__contains__, numbered)
    return [name for part in parts for name in _strings(path, file, group, part)]


def _strings(path: Path, file: Window, group: h5py.Group, attribute: str) -> list[str]:
    """Return the strings of an attribute, once its declared size is known to be one that HDF5 can be trusted with."""
    kind = group.attrs.get_id(attribute)
    count = math.prod(kind.shape)
    if count == 0:
        return []
    if h5py.check_string_dtype(kind.dtype) is None:
        refuse(path, f"the attribute {attribute!r} of {group.name} holds something else than names")
    size = count * kind.get_type().get_size()
    if size > _MOST_ATTRIBUTE:
        refuse(path, f"the attribute {attribute!r} of {group.name} declares {size:,} bytes of names")
    if kind.dtype.hasobject:
        return strings_of(file.read_at, h5py.h5o.get_info(group.id).addr, attribute, count)
    return [string.decode() for string in np.ravel(group.attrs[attribute]).tolist()]


def _read(file: Window, data: h5py.Dataset) -> Array:
    array = aligned_empty(data.shape, data.dtype.newbyteorder("="))
    if data.chunks is None and data.dtype.isnative and (offset := data.id.get_offset()) is not None:
        file.read_mapped(offset, bytes_of(array))  # what HDF5 would do, less a copy
    else:
        data.read_direct(array)
    return array
