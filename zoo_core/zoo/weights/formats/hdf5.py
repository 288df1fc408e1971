"""The HDF5 files of Keras 1 and 2 (weights or a whole model) and of Keras 3 (alone or in an archive).

Only arrays and their names are read: no layer configuration, no links to other files.
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

#: The variables of Keras 1 can end with the number of a copy in the session: ``block1_conv1_W_1``.
_NUMBERED = re.compile(r"^(W|b|gamma|beta|running_mean|running_std)_\d+$")

#: The filters that every HDF5 library has. Others would be loaded from plugins on the machine.
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF}

#: No filter compresses more than deflate, which reaches 1/1032.
_MOST_GROWTH = 1_100

#: Bytes of a chunk that are always allowed, even for a smaller array. A chunk is unpacked as a whole.
_SMALL_CHUNK = 2**20

#: The longest attribute in bytes; Keras writes none that is longer, like HDF5 before 1.8.
_MOST_ATTRIBUTE = 2**16


def read_hdf5(path: Path) -> WeightFile:
    """Read an HDF5 file of Keras 1 or 2 (weights or a whole model) or a ``.weights.h5`` of Keras 3."""
    resources = ExitStack()
    with resources:
        file = resources.enter_context(path.open("rb"))
        window = Window(file, 0, path.stat().st_size)
        root = resources.enter_context(h5py.File(path, "r"))
        form = "Keras 3 HDF5" if "layers" in root and "layer_names" not in root.attrs else "legacy Keras HDF5"
        return WeightFile(form, _arrays(path, window, root), resources.pop_all())


def read_keras_archive(path: Path) -> WeightFile:
    """Read the arrays of a ``.keras`` archive. Its configuration, which could contain code, is not read."""
    resources = ExitStack()
    with resources:
        window = _weights_of(path, resources)
        root = resources.enter_context(h5py.File(window, "r"))
        return WeightFile("Keras 3 archive", _arrays(path, window, root), resources.pop_all())


def _weights_of(path: Path, resources: ExitStack) -> Window:
    """Return the HDF5 file in an archive, after checking its checksum.

    Keras stores it without compression. A compressed one is unpacked to a temporary file, because HDF5 reads at many
    places, and for each of them the archive would have to be unpacked from its beginning.
    """
    archive = open_archive(path, resources)
    member = archive.getinfo("model.weights.h5")
    if member.compress_type == zipfile.ZIP_STORED:
        check_member(archive, member)
        file = resources.enter_context(path.open("rb"))
        return Window(file, data_offset(file, member), member.file_size)
    unpacked = cast(BinaryIO, resources.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115 (the stack closes it)
    check_member(archive, member, unpacked)
    return Window(unpacked, 0, member.file_size)


def _arrays(path: Path, file: Window, root: h5py.File) -> tuple[StoredArray, ...]:
    legacy = _child(path, root, "model_weights", h5py.Group) if "model_weights" in root else root
    if any(name.startswith("layer_names") for name in legacy.attrs):
        return check_names(path, _legacy_arrays(path, file, legacy))
    if "layers" in root or "_layer_checkpoint_dependencies" in root:
        return check_names(path, _keras3_arrays(path, file, root, "", set()))
    refuse(path, "it is an HDF5 file, but not of a Keras model")


def _legacy_arrays(path: Path, file: Window, group: h5py.Group) -> Iterator[StoredArray]:
    """Each layer is a group whose attribute ``weight_names`` lists its arrays; a nested model is one such layer."""
    for layer in _names(path, file, group, "layer_names"):
        names = _names(path, file, _child(path, group, layer, h5py.Group), "weight_names")
        owners = {name.rpartition("/")[0] for name in names}
        for name in names:
            owner, _, variable = name.rpartition("/")
            # The prefix is the layer's own name, perhaps with an ending by which Keras 2 made it unique. If it is a
            # nested model, the prefixes are the names of the layers inside.
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
                refuse(path, "it has no layer names (an early Keras 3 wrote it); save it again with a current Keras")
            for layer in _strings(path, file, group, "name"):
                yield _stored(path, file, group, key, layer, key)
        else:
            address = h5py.h5o.get_info(child.id).addr
            if address in entered:  # groups that contain each other could be walked through for ever
                refuse(path, f"the group {child.name} occurs in two places")
            entered.add(address)
            yield from _keras3_arrays(path, file, child, f"{within}/{key}", entered)


def _stored(path: Path, file: Window, group: h5py.Group, key: str, layer: str, variable: str) -> StoredArray:
    data = _child(path, group, key, h5py.Dataset)
    if data.external or data.is_virtual:
        refuse(path, f"the array {key!r} is in another file, which is not read")
    if data.shape is None or data.dtype.hasobject or data.dtype.kind not in "fiub":
        refuse(path, f"the array {key!r} has the type {data.dtype}, not numbers")
    if data.id.get_type() != h5py.h5t.py_create(data.dtype, logical=True):
        refuse(path, f"the array {key!r} has numbers of a type that no machine computes with")
    _check_size(path, key, data)
    return StoredArray(
        f"{layer}/{variable}", layer, variable, tuple(data.shape), data.dtype.name, lambda: _read(file, data)
    )


def _check_size(path: Path, key: str, data: h5py.Dataset) -> None:
    """Check, without reading it, that the declared size of an array fits the bytes that the file has for it."""
    settings = data.id.get_create_plist()
    filters = {settings.get_filter(number)[0] for number in range(settings.get_nfilters())}
    if not filters <= _FILTERS:
        refuse(path, f"the array {key!r} is compressed by an unsupported filter")
    declared = math.prod(data.shape) * data.dtype.itemsize
    stored = data.id.get_storage_size()
    if declared > stored * (_MOST_GROWTH if filters else 1) or (data.chunks is None and declared != stored):
        refuse(path, f"the array {key!r} declares {declared:,} bytes, but the file has {stored:,}")
    if data.chunks and math.prod(data.chunks) * data.dtype.itemsize > max(declared, _SMALL_CHUNK):
        refuse(path, f"the array {key!r} is stored in chunks that are larger than itself")


def _child(path: Path, group: h5py.Group, key: str, kind: Any) -> Any:
    """Return ``group[key]``. Only hard links are followed; the others can lead to any file on the machine."""
    for part in key.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            found = "is missing" if part not in group else "is a link, which is not followed"
            refuse(path, f"the entry {group.name.rstrip('/')}/{part} {found}")
        group = group[part]
    if not isinstance(group, kind):
        refuse(
            path, f"the entry {group.name} is a {type(group).__name__.lower()}, which is not what Keras writes there"
        )
    return group


def _names(path: Path, file: Window, group: h5py.Group, attribute: str) -> list[str]:
    """Return an attribute that lists names; Keras splits one of more than 64 KiB into numbered parts."""
    numbered = (f"{attribute}{number}" for number in itertools.count())
    parts = [attribute] if attribute in group.attrs else itertools.takewhile(group.attrs.__contains__, numbered)
    return [name for part in parts for name in _strings(path, file, group, part)]


def _strings(path: Path, file: Window, group: h5py.Group, attribute: str) -> list[str]:
    """Return the strings of an attribute, after checking that its declared size is safe for the HDF5 library."""
    kind = group.attrs.get_id(attribute)
    count = math.prod(kind.shape)
    if count == 0:
        return []
    if h5py.check_string_dtype(kind.dtype) is None:
        refuse(path, f"the attribute {attribute!r} of {group.name} has other values than names")
    size = count * kind.get_type().get_size()
    if size > _MOST_ATTRIBUTE:
        refuse(path, f"the attribute {attribute!r} of {group.name} declares {size:,} bytes of names")
    if kind.dtype.hasobject:
        return strings_of(file.read_at, h5py.h5o.get_info(group.id).addr, attribute, count)
    return [string.decode() for string in np.ravel(group.attrs[attribute]).tolist()]


def _read(file: Window, data: h5py.Dataset) -> Array:
    array = aligned_empty(data.shape, data.dtype.newbyteorder("="))
    if data.chunks is None and data.dtype.isnative and (offset := data.id.get_offset()) is not None:
        file.read_mapped(offset, bytes_of(array))  # as HDF5 would do, but without a copy
    else:
        data.read_direct(array)
    return array
