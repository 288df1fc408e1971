"""TensorFlow checkpoints: an index and data files, with the variables of a graph by name or of Python objects."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from zoo.weights.formats.arrays import (
    ALIGNMENT,
    Array,
    StoredArray,
    WeightFile,
    aligned_copy,
    check_names,
    refuse,
)

_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"

#: What the optimizers of TensorFlow 1 save for each variable, under its name: ``conv/weights/Adam_1``.
_SLOT = re.compile(r"/(ExponentialMovingAverage|Adam|RMSProp|Momentum|Adagrad|Ftrl)(_\d+)?$")

#: An object with a child of this name is an optimizer, of Keras 3 or of Keras 2.
_OF_OPTIMIZERS = {"_iterations", "iter"}

#: Names of TF-Slim for the variables of Keras.
_SLIM = {"weights": "kernel", "depthwise_weights": "depthwise_kernel", "biases": "bias"}

#: The state of a random number generator, which does not belong to the weights.
_SEED = "seed_generator_state"


def is_checkpoint(path: Path) -> bool:
    """Return whether ``path`` is the prefix or the index of a checkpoint, or a folder with the name of one."""
    return _prefix(path) is not None


def files_of_checkpoint(path: Path) -> tuple[Path, ...]:
    """Return the index of a checkpoint and its data files."""
    prefix = _prefix(path)
    assert prefix is not None
    data = re.compile(re.escape(prefix.name) + r"\.data-\d{5}-of-\d{5}")
    shards = (file for file in prefix.parent.iterdir() if data.fullmatch(file.name))
    return (_index(prefix), *sorted(shards))


def read_checkpoint(path: Path) -> WeightFile:
    """Read the variables of a checkpoint, without those of its optimizer.

    TensorFlow checks the checksums of the index when it is opened, and the checksum of each variable when it is read.
    """
    import tensorflow as tf

    prefix = _prefix(path)
    assert prefix is not None
    index, *shards = files_of_checkpoint(path)
    if not index.is_file() or not shards:
        refuse(path, f"the file {index.name if shards else f'{prefix.name}.data-*'} of the checkpoint is missing")
    size = sum(shard.stat().st_size for shard in shards)
    reader = tf.train.load_checkpoint(str(prefix))
    readers = [reader]  # the reader keeps the files open as long as it exists
    resources = ExitStack()
    resources.callback(readers.clear)
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    of_objects = _OBJECT_GRAPH in shapes
    names = _object_names(reader.get_tensor(_OBJECT_GRAPH)) if of_objects else _plain_names(shapes)
    arrays = []
    for key, layer, variable in names:
        if not dtypes[key].is_floating and not dtypes[key].is_integer and not dtypes[key].is_bool:
            continue
        shape = tuple(shapes[key])
        if math.prod(shape) * dtypes[key].size > size:
            refuse(path, f"the variable {layer}/{variable} {shape} is larger than the data files")
        dtype = dtypes[key].name
        arrays.append(
            StoredArray(
                f"{layer}/{variable}",
                layer,
                variable,
                shape,
                "float32" if dtype == "bfloat16" else dtype,
                partial(_read, readers, key),
            )
        )
    return WeightFile("TensorFlow checkpoint", check_names(path, arrays), resources)


def _prefix(path: Path) -> Path | None:
    """Return the path that all files of the checkpoint begin with."""
    if path.is_dir() or (path.name == "checkpoint" and path.is_file()):
        folder = path if path.is_dir() else path.parent
        record = folder / "checkpoint"
        if not record.is_file():
            return None
        with record.open(encoding="utf-8", errors="replace") as file:
            latest = re.search(r'^model_checkpoint_path: "([^"\\]+)"', file.read(2**20), re.MULTILINE)
        # It can be an absolute path of the machine that wrote it, but the files are in this folder.
        return folder / Path(latest[1]).name if latest else None
    if path.is_file():
        return path.with_suffix("") if path.suffix == ".index" else None
    return path if path.name and _index(path).is_file() else None


def _index(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.index")


def _plain_names(shapes: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the key, layer and variable of each variable of a TensorFlow 1 graph, with the full names of the layers."""
    for key in sorted(shapes):
        layer, _, variable = re.sub(r":\d+$", "", key).rpartition("/")
        if not _SLOT.search(key) and (layer or shapes[key]):  # a scalar without a layer is a counter of steps
            yield key, layer, _SLIM.get(variable, variable)


def _object_names(serialized: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield the key, layer and variable of each variable that Keras 2 or 3 saved.

    The keys are paths through the attributes of objects, with numbers instead of the names of layers; in a compiled
    model they can lead through the optimizer. The graph of objects has the name of each variable.
    """
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    nodes = TrackableObjectGraph.FromString(serialized).nodes
    seen, waiting = {0}, [0]
    while waiting:
        node = nodes[waiting.pop()]
        if any(child.local_name in _OF_OPTIMIZERS for child in node.children):
            continue
        for attribute in node.attributes:
            name = attribute.full_name or attribute.checkpoint_key.partition("/.ATTRIBUTES/")[0]
            owner, _, variable = re.sub(r":\d+$", "", name).rpartition("/")
            if owner and variable != _SEED:  # without a layer: a counter of saves, a metric
                yield attribute.checkpoint_key, owner.rpartition("/")[2], variable
        children = {child.node_id for child in node.children} - seen
        seen |= children
        waiting += sorted(children, reverse=True)


def _read(readers: list[Any], key: str) -> Array:
    array = readers[0].get_tensor(key)
    if array.dtype.name == "bfloat16":
        return aligned_copy(array, "float32")
    return array if array.ctypes.data % ALIGNMENT == 0 else aligned_copy(array)
