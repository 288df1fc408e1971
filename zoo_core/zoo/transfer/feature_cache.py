"""Computing once what no epoch changes: the outputs of the frozen layers that see the same input every time."""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from zoo.data import Split
from zoo.data.pipeline import ahead
from zoo.data.row_file import RowsOnDisk
from zoo.errors import ArgumentError, RunError, asked
from zoo.models.graph import BYTES, Node, macs_of, nodes_of, size_of
from zoo.transfer.phases import Phase

log = logging.getLogger("zoo")

Where = Literal["auto", "memory", "disk", "off"]

#: Bytes of features that are kept in memory; more goes to the disk.
IN_MEMORY = 2**30

#: The share of the frozen multiply-accumulates that may be computed again each epoch to cut where less is stored.
_AGAIN = 0.02

#: The share of the free space of a disk that features may take.
_OF_FREE_SPACE = 0.5


@dataclass(frozen=True)
class Cut:
    """A model in two: ``frozen``, from the input to the tensors that cross the cut, and ``rest``, from there on.

    Both share their layers with the model. ``sizes`` are the shapes of the crossing tensors of one sample; ``macs`` the
    multiply-accumulates of ``frozen`` for one sample, and ``all_macs`` those of the whole model.
    """

    frozen: keras.Model
    rest: keras.Model
    sizes: tuple[tuple[int, ...], ...]
    macs: int
    all_macs: int

    @property
    def bytes_per_sample(self) -> int:
        """What one sample takes in a cache of float32."""
        return BYTES * sum(math.prod(size) for size in self.sizes)


def cut_of(model: keras.Model, phase: Phase) -> Cut | None:
    """Return ``model`` cut at the deepest place below which ``phase`` changes nothing, or None if there is none.

    Below the cut every layer is frozen and none is random, so that a sample's tensors are the same in every epoch. From
    there the cut moves back to where fewer bytes cross it, as long as hardly anything is computed again for that.
    """
    try:
        steps = nodes_of(model)
    except ArgumentError:  # a layer is used twice, or the model is not functional
        return None
    if len(model.outputs) > 1:
        return None
    producer = {id(tensor): place for place, step in enumerate(steps) for tensor in step.outputs}
    fixed: list[int] = []
    for place, step in enumerate(steps):
        if _is_fixed(step, phase) and all(producer[id(tensor)] in fixed for tensor in step.inputs):
            fixed.append(place)
    all_macs, below = sum(map(macs_of, steps)), sum(macs_of(steps[place]) for place in fixed)
    if not below or len(fixed) == len(steps) or any(None in tensor.shape[1:] for tensor in steps[0].outputs):
        return None
    candidates = []
    done = 0
    for count, place in enumerate(fixed, 1):
        done += macs_of(steps[place])
        if done >= (1 - _AGAIN) * below:
            crossing = _crossing(steps, set(fixed[:count]), model)
            if not any(isinstance(tensor._keras_history.operation, keras.layers.InputLayer) for tensor in crossing):
                candidates.append((sum(map(size_of, crossing)), -count, done, crossing))
    if not candidates:
        return None
    _, _, done, crossing = min(candidates, key=lambda each: each[:2])
    frozen = keras.Model(model.input, crossing)
    rest = _above(crossing, model)
    return Cut(frozen, rest, tuple(tuple(tensor.shape[1:]) for tensor in crossing), done, all_macs)


def cut_below(model: keras.Model, name: str) -> Cut:
    """Return ``model`` cut at the input of the layer ``name``; what is random below is taken as at inference."""
    layer = model.get_layer(name)
    crossing = keras.tree.flatten(layer.input)
    steps = nodes_of(keras.Model(model.input, crossing))
    macs = sum(map(macs_of, steps))
    sizes = tuple(tuple(tensor.shape[1:]) for tensor in crossing)
    return Cut(keras.Model(model.input, crossing), _above(crossing, model), sizes, macs, macs)


def _above(crossing: list[keras.KerasTensor], model: keras.Model) -> keras.Model:
    """Return the model from the crossing tensors to its output, without auxiliary ones."""
    return keras.Model(crossing[0] if len(crossing) == 1 else tuple(crossing), model.outputs[0])


def _is_fixed(step: Node, phase: Phase) -> bool:
    """Return whether a step gives the same for the same input in every epoch of ``phase``."""
    layer = step.operation
    if isinstance(layer, keras.layers.InputLayer):
        return True
    attributes = getattr(layer, "__dict__", {}).values()
    if any(isinstance(value, keras.random.SeedGenerator) for value in attributes):
        return False
    weights = getattr(layer, "weights", [])
    if not weights:
        return not getattr(layer, "activity_regularizer", None)
    # What a layer of somebody's own does in training with weights that are frozen, nobody can know.
    is_of_keras = type(layer).__module__.partition(".")[0] == "keras"
    return is_of_keras and not phase.trains(layer.name) and not getattr(layer, "activity_regularizer", None)


def _crossing(steps: Sequence[Node], below: set[int], model: keras.Model) -> list[keras.KerasTensor]:
    """Return the tensors that steps of ``below`` make and others need."""
    above = {id(tensor) for place, step in enumerate(steps) if place not in below for tensor in step.inputs}
    above |= {id(tensor) for tensor in model.outputs}
    return [tensor for place in sorted(below) for tensor in steps[place].outputs if id(tensor) in above]


class FeatureStore:
    """What crosses a cut, for ``count`` samples: float32 rows of each crossing tensor, in memory or on disk."""

    def __init__(self, cut: Cut, count: int, place: Literal["memory", "disk"]) -> None:
        tensors = tuple(keras.KerasTensor((None, *size), "float32") for size in cut.sizes)
        self.signature = tensors[0] if len(tensors) == 1 else tensors
        self._memory: list[NDArray[np.float32]] = []
        self._disk: list[RowsOnDisk] = []
        if place == "disk":
            self._disk = [RowsOnDisk(size, np.float32) for size in cut.sizes]
        else:
            self._memory = [np.empty((count, *size), np.float32) for size in cut.sizes]

    def put(self, start: int, outputs: Sequence[NDArray[np.float32]]) -> None:
        """Keep the features of the samples from ``start`` on, an array for each crossing tensor.

        Raises:
            OSError: if the disk is full.
        """
        for array, output in zip(self._memory, outputs, strict=False):
            array[start : start + len(output)] = output
        for rows, output in zip(self._disk, outputs, strict=False):
            rows.write(start, output)

    def take(self, indices: NDArray[np.intp]) -> Any:
        """Return the features of some samples, as the model above the cut takes them."""
        taken = [array[indices] for array in self._memory] or [rows.read(indices) for rows in self._disk]
        return taken[0] if len(taken) == 1 else tuple(taken)


def extract(
    cut: Cut, steps: Any, count: int, *, views: int = 1, where: Where = "auto", progress: Any = None
) -> FeatureStore | None:
    """Return the features of ``count`` samples, whose batches ``steps`` gives in order; None if nothing can hold them.

    With several ``views``, ``steps`` are gone through as often, and the features of one view follow those of another.

    Raises:
        RunError: if ``where`` names a place without room.
    """
    needed = cut.bytes_per_sample * count * views
    place = _place(needed, where)
    if place is None:
        return None
    features = FeatureStore(cut, count * views, place)
    at = largest = 0
    for view in range(views):
        if views > 1:
            steps.start_at(view)
            steps.on_epoch_begin()
        for inputs, _ in ahead(steps):
            size = len(inputs)
            largest = max(size, largest)
            outputs = cut.frozen.predict_on_batch(_filled(inputs, largest))
            outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
            try:
                features.put(at, [output[:size] for output in outputs])
            except OSError as error:
                _no_room(f"the features of the frozen layers cannot be kept ({error})", where)
                return None
            at += size
            if progress is not None:
                progress()
    log.debug("%s: %.0f MB of features kept: %s", asked(), needed / 2**20, place)
    return features


def _filled(batch: NDArray[Any], size: int) -> NDArray[Any]:
    """Return the last batch filled up with its last sample: for another size, TensorFlow would compile once more."""
    return batch if len(batch) == size else np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)])


def _no_room(found: str, where: Where) -> None:
    """Say that features are computed again in every epoch, or raise if that is not wanted."""
    if where == "disk":
        raise RunError(asked(), found, "set TMPDIR to a larger disk, or pass cache='off'")
    log.warning("%s: %s: every epoch computes them again", asked(), found)


def _place(needed: int, where: Where) -> Literal["memory", "disk"] | None:
    if where == "memory" or (where == "auto" and needed <= IN_MEMORY):
        return "memory"
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if needed <= _OF_FREE_SPACE * free:
        return "disk"
    found = f"the features take {needed / 2**30:.1f} GiB, and {tempfile.gettempdir()} has {free / 2**30:.1f} GiB free"
    _no_room(found, where)
    return None


def outputs_above(cut: Cut, features: FeatureStore, batch_size: int, samples: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return what the model puts out for some samples, from their features."""
    outputs = []
    for start in range(0, len(samples), batch_size):
        chosen = samples[start : start + batch_size]
        outputs.append(cut.rest.predict_on_batch(features.take(_filled(chosen, batch_size)))[: len(chosen)])
    return np.concatenate(outputs)


def cached_batches(features: FeatureStore, split: Split, like: Any, batch_size: int, views: int = 1) -> Any:
    """Return ``like``, the batches of ``split``, with features in place of pictures: the same samples, the same order.

    Of several views, the n-th epoch sees the n-th, and then the first again.
    """

    class CachedBatches(keras.utils.PyDataset):  # type: ignore[misc]
        """Batches of features."""

        signature = features.signature, like.signature[1]

        def __len__(self) -> int:
            return len(like)

        def __getitem__(self, index: int) -> tuple[Any, NDArray[Any]]:
            chosen = like.order[index * batch_size :][:batch_size]
            return features.take(chosen + len(split) * (max(like.epoch, 0) % views)), split.labels[chosen]

        def on_epoch_begin(self) -> None:
            like.on_epoch_begin()

    return CachedBatches()
