"""Opening weights files of any format: the arrays by layer and variable, each read only when it is needed.

Only arrays and their names are read: no pickled objects, no layer configuration, no links to other files.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from zoo import registry
from zoo.errors import WeightsFileError, ZooError, one_line
from zoo.plugins import resolve_reference
from zoo.weights.formats.arrays import Array, StoredArray, WeightFile, aligned_empty, refuse
from zoo.weights.formats.checkpoints import files_of_checkpoint, is_checkpoint, read_checkpoint
from zoo.weights.formats.hdf5 import read_hdf5, read_keras_archive
from zoo.weights.formats.npz import read_npz
from zoo.weights.formats.safetensors import read_safetensors
from zoo.weights.formats.tfjs import files_of_tfjs, is_tfjs, read_tfjs
from zoo.weights.formats.torch import LEGACY_MAGIC, read_torch

__all__ = ["Array", "StoredArray", "WeightFile", "aligned_empty", "files_of", "open_weights", "refuse"]

Reader = Callable[[Path], WeightFile]


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files that ``path`` consists of: itself, or the parts of a checkpoint or of a TensorFlow.js model.

    Raises:
        WeightsFileError: if a model.json is damaged, or refers to files outside its folder.
    """
    if is_checkpoint(path):
        return files_of_checkpoint(path)
    return files_of_tfjs(path) if is_tfjs(path) else (path,)


def open_weights(path: Path) -> WeightFile:
    """Open a weights file; its first bytes, not its name, say which format it has.

    A format with several files is recognised by the path: a folder, the prefix of a checkpoint, a ``model.json``.

    Raises:
        WeightsFileError: if it is empty, damaged or unsafe, or has an unknown format.
    """
    try:
        reader = _reader_of(path)
        return reader(path)
    except ZooError:
        raise
    except MemoryError as error:
        refuse(path, f"its header asks for more memory than there is ({one_line(error)})", error)
    except Exception as error:  # for damaged files, every library raises errors of its own
        refuse(path, f"the file is damaged or cut short ({one_line(error)})", error)


# -- telling formats apart


def _reader_of(path: Path) -> Reader:
    if is_checkpoint(path):
        return read_checkpoint
    if path.is_dir():
        if is_tfjs(path):
            return read_tfjs
        refuse(path, "it is a folder without a checkpoint or a model.json")
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return read_hdf5
    if start.startswith(b"PK\x03\x04"):
        return _reader_of_archive(path)
    if start.startswith(LEGACY_MAGIC):
        return read_torch
    for entry in registry.weight_formats():
        if start.startswith(entry.spec.magic):
            return _guarded(entry.spec.name, entry.distribution, entry.spec.reader)
    if _looks_like_safetensors(start):
        return read_safetensors
    if is_tfjs(path):
        return read_tfjs
    refuse(path, _what_it_is(start))


def _reader_of_archive(path: Path) -> Reader:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if "model.weights.h5" in names:
        return read_keras_archive
    if any(name.count("/") == 1 and name.endswith("/data.pkl") for name in names):
        return read_torch
    if names and all(name.endswith(".npy") for name in names):
        return read_npz
    refuse(path, "it is a zip archive, but not one of Keras 3 (which has model.weights.h5), NumPy or torch")


def _guarded(name: str, distribution: str, reference: str) -> Reader:
    """Return the reader of a plugin; an error in it becomes a WeightsFileError that names the plugin."""

    def read(path: Path) -> WeightFile:
        try:
            file = resolve_reference(reference)(path)
            if not isinstance(file, WeightFile):
                raise TypeError(f"{reference} returned {file!r}, which is not a WeightFile")
        except ZooError:
            raise
        except Exception as error:
            raise WeightsFileError(
                f"read the weights file {str(path)!r}",
                f"the reader of the format {name!r} failed ({one_line(error)})",
                f"the file is damaged, or {reference} of {distribution} has a mistake",
            ) from error
        return file

    return read


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
        return "it is a Python pickle, which can run code and is therefore never read"
    return f"its format is unknown (it starts with {start[:8]!r})"
