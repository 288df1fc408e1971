"""The .pth files of torch, of which only tensors are unpickled. Reading them needs torch, an extra of zoo-core."""

from __future__ import annotations

import pickle
import pickletools
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from zoo.errors import WeightsFileError, one_line
from zoo.weights.formats.archives import check_member, open_archive
from zoo.weights.formats.arrays import Array, StoredArray, WeightFile, aligned_copy, check_names, refuse, split_name

#: The beginning of files from torch before 1.6: a pickle of torch's magic number.
LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."

#: The keys under which training scripts save the state of the model.
_NESTED = ("state_dict", "model", "model_state_dict")

#: The number of pickles before the data of a legacy file: magic, version, byte order, objects, keys of the storages.
_LEGACY_PICKLES = 5


def read_torch(path: Path) -> WeightFile:
    """Read a state dict that torch saved, alone or under ``state_dict`` or ``model``; no code of the file is run.

    Raises:
        WeightsFileError: if the file contains anything else, or torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise WeightsFileError(
            f"read the weights file {str(path)!r}",
            "it is a file of torch, which is not installed",
            "pip install 'zoo-core[torch]', or convert the file to safetensors",
        ) from error
    with path.open("rb") as file:
        legacy = file.read(len(LEGACY_MAGIC)) == LEGACY_MAGIC
    _check_legacy(path) if legacy else _check_archive(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=not legacy)
    except pickle.UnpicklingError as error:
        called = re.search(r"GLOBAL (\S+)|Unsupported global: (\S+)|(?:class|function) (\S+)", str(error))
        what = f"calls for {next(filter(None, called.groups()))}" if called else f"is no state dict ({one_line(error)})"
        refuse(path, f"it is a pickle that {what}; nothing of it was run, because it could be harmful code", error)
    tensors = _state(path, content)
    resources = ExitStack()
    resources.callback(tensors.clear)  # the file stays mapped as long as a tensor exists
    arrays = check_names(path, (_stored(path, tensors, name) for name in tensors))
    return WeightFile("torch", arrays, resources)


def _check_archive(path: Path) -> None:
    """Check the checksums of an archive; torch does not when it maps the file."""
    with ExitStack() as resources:
        archive = open_archive(path, resources)
        for member in archive.infolist():
            if re.fullmatch(r"[^/]+/(code/.*|constants\.pkl)", member.filename):
                refuse(path, "it is a TorchScript program, which is code; save the state dict of the model")
            check_member(archive, member)


def _check_legacy(path: Path) -> None:
    """Check that no storage claims to be larger than the file: torch would allocate its memory before reading it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for _ in range(_LEGACY_PICKLES):
            before: list[tuple[str, Any]] = []  # the last three operations, without PUT
            for code, argument, _ in pickletools.genops(file):
                if code.name == "BINPERSID":
                    (kind, count), *rest = before
                    # torch describes a storage by a tuple that ends with its length, and with None if it is not a view.
                    if [name for name, _ in rest] != ["NONE", "TUPLE"] or not kind.startswith(("BININT", "LONG")):
                        refuse(path, "it describes its storages in a way that torch has not used since 2018")
                    if not 0 <= count <= size:
                        refuse(path, f"a storage in it claims {count:,} numbers, in a file of {size:,} bytes")
                if not code.name.endswith("PUT"):
                    before = [*before[-2:], (code.name, argument)]


def _state(path: Path, content: Any) -> dict[str, Any]:
    import torch

    if isinstance(content, dict):
        content = next((content[name] for name in _NESTED if isinstance(content.get(name), dict)), content)
    if not isinstance(content, dict):
        refuse(path, f"it contains a {type(content).__name__}, not the state dict of a model")
    return {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}


def _stored(path: Path, tensors: dict[str, Any], name: str) -> StoredArray:
    import torch

    tensor = tensors[name]
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        refuse(path, f"the tensor {name!r} is sparse, quantised or empty")
    dtype = str(tensor.dtype).removeprefix("torch.")
    plain = {"bfloat16": "float32"}.get(dtype, f"quantised {dtype}" if dtype.startswith("float8") else dtype)
    return StoredArray(name, *split_name(name), tuple(tensor.shape), plain, lambda: _read(tensors[name]))


def _read(tensor: Any) -> Array:
    import torch

    tensor = tensor.detach()
    return aligned_copy((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())
