"""LeNet-5 written in every format of weight files, each by the library that the format belongs to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import safetensors.numpy

Values = Mapping[str, np.ndarray]

#: Formats by whose checksums every damage is seen.
CHECKED = ("npz", "npz compressed", "checkpoint", "keras", "torch")


def values_of(model: Any) -> dict[str, np.ndarray]:
    return {f"{layer.name}/{weight.name}": np.array(weight) for layer in model.layers for weight in layer.weights}


def write_legacy(path: Path, model: Any, *, references: bool = False, **storage: Any) -> None:
    """Write a file as Keras 2 did; ``references`` are how h5py of today stores a list of names."""
    with h5py.File(path, "w") as file:
        listed = (lambda names: names) if references else (lambda names: np.array([n.encode() for n in names], "S"))
        file.attrs["layer_names"] = listed([layer.name for layer in model.layers])
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = listed(names) if names else np.zeros(0)
            for name, weight in zip(names, layer.weights, strict=True):
                group.create_dataset(name, data=np.array(weight), **storage)


def write_tfjs(path: Path, values: Values, quantization: dict[str, Any] | None = None) -> None:
    """Write a layers-model as tensorflowjs does, in two shards that meet within an array."""
    path.mkdir()
    content = b"".join(value.tobytes() for value in values.values())
    for name, part in {"group1-shard1of2.bin": content[:5000], "group1-shard2of2.bin": content[5000:]}.items():
        (path / name).write_bytes(part)
    weights = [
        {"name": name, "shape": list(value.shape), "dtype": "float32"}
        | ({"quantization": quantization} if quantization else {})
        for name, value in values.items()
    ]
    paths = ["group1-shard1of2.bin", "group1-shard2of2.bin"]
    manifest = [{"paths": paths, "weights": weights}]
    (path / "model.json").write_text(json.dumps({"format": "layers-model", "weightsManifest": manifest}))


def write_checkpoint(path: Path, model: Any) -> None:
    import tensorflow as tf

    tf.train.Checkpoint(model=model).write(str(path))


def write_torch(path: Path, values: Values, **how: Any) -> None:
    import torch

    torch.save({name.replace("/", "."): torch.from_numpy(value.copy()) for name, value in values.items()}, path, **how)


#: By format: the name of the file, what writes the model there, and what the reader calls it.
WRITERS: dict[str, tuple[str, Callable[[Path, Any], None], str]] = {
    "legacy": ("m.h5", write_legacy, "legacy Keras HDF5"),
    "legacy by reference": ("m.h5", lambda p, m: write_legacy(p, m, references=True), "legacy Keras HDF5"),
    "legacy compressed": ("m.h5", lambda p, m: write_legacy(p, m, compression="gzip"), "legacy Keras HDF5"),
    "whole model": ("m.h5", lambda p, m: m.save(p), "legacy Keras HDF5"),
    "weights.h5": ("m.weights.h5", lambda p, m: m.save_weights(p), "Keras 3 HDF5"),
    "keras": ("m.keras", lambda p, m: m.save(p), "Keras 3 archive"),
    "safetensors": ("m.safetensors", lambda p, m: safetensors.numpy.save_file(values_of(m), p), "safetensors"),
    "npz": ("m.npz", lambda p, m: np.savez(p, **values_of(m)), "NumPy archive"),
    "npz compressed": ("m.npz", lambda p, m: np.savez_compressed(p, **values_of(m)), "NumPy archive"),
    "checkpoint": ("m.ckpt", write_checkpoint, "TensorFlow checkpoint"),
    "tfjs": ("m", lambda p, m: write_tfjs(p, values_of(m)), "TensorFlow.js layers-model"),
    "torch": ("m.pth", lambda p, m: write_torch(p, values_of(m)), "torch"),
    "torch legacy": (
        "m.pth",
        lambda p, m: write_torch(p, values_of(m), _use_new_zipfile_serialization=False),
        "torch",
    ),
}
