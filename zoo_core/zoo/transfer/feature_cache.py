"""The outputs of frozen layers, computed once and kept in memory or on disk for all later epochs."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from zoo.data import Split
from zoo.data.pipeline import BatchSource, ahead
from zoo.data.row_file import RowsOnDisk
from zoo.errors import RunError, asked
from zoo.transfer.model_cut import Cut

log = logging.getLogger("zoo")

#: What the option ``cache`` may be, and the places where features really are kept.
Where = Literal["auto", "memory", "disk", "off"]
Place = Literal["memory", "disk"]

#: Up to this many bytes of features are kept in memory; more go to disk.
IN_MEMORY = 2**30

#: The largest share of a disk's free space that features may take.
_OF_FREE_SPACE = 0.5


class Rows(Protocol):
    """Rows of numbers, written in blocks and read by their indices: in memory or, as ``RowsOnDisk``, on disk."""

    def write(self, start: int, rows: NDArray[Any]) -> None:
        """Write ``rows`` from row ``start`` on; raises OSError if there is no room."""

    def read(self, indices: NDArray[np.intp]) -> NDArray[Any]:
        """Return the rows at ``indices``, ``(N, *shape)``."""


class RowsInMemory:
    """Rows of float32 in one array."""

    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        self._rows = np.empty((count, *shape), np.float32)

    def write(self, start: int, rows: NDArray[Any]) -> None:
        """Write ``rows`` from row ``start`` on."""
        self._rows[start : start + len(rows)] = rows

    def read(self, indices: NDArray[np.intp]) -> NDArray[Any]:
        """Return copies of the rows at ``indices``, ``(N, *shape)``."""
        return self._rows[indices]


class FeatureStore:
    """The features of ``count`` samples at a cut: float32 rows of each tensor that crosses it.

    ``signature`` is the ``keras.KerasTensor`` of what :meth:`take` returns, or a tuple of them.
    """

    def __init__(self, cut: Cut, count: int, place: Place) -> None:
        tensors = tuple(keras.KerasTensor((None, *size), "float32") for size in cut.sizes)
        self.signature = tensors[0] if len(tensors) == 1 else tensors
        self._tensors: list[Rows] = [
            RowsOnDisk(size, np.float32) if place == "disk" else RowsInMemory(count, size) for size in cut.sizes
        ]

    def put(self, start: int, outputs: Sequence[NDArray[np.float32]]) -> None:
        """Keep the features of the samples from ``start`` on: an array for each crossing tensor.

        Raises:
            OSError: if the disk is full.
        """
        for rows, output in zip(self._tensors, outputs, strict=True):
            rows.write(start, output)

    def take(self, indices: NDArray[np.intp]) -> Any:
        """Return the features of some samples as the part of the model above the cut takes them."""
        taken = tuple(rows.read(indices) for rows in self._tensors)
        return taken[0] if len(taken) == 1 else taken


@dataclass(frozen=True)
class CachedFeatures:
    """The features at ``cut`` of the training samples, and of the validation samples if there are any."""

    cut: Cut
    training: FeatureStore
    validation: FeatureStore | None = None


def extract(
    cut: Cut,
    source: BatchSource,
    count: int,
    *,
    views: int = 1,
    where: Where = "auto",
    after_batch: Callable[[], None] = lambda: None,
) -> FeatureStore | None:
    """Return the features of ``count`` samples, whose batches ``source`` gives in order; None if there is no room.

    With several ``views``, ``source`` is gone through that many times, and the features of the second view follow those
    of the first.

    Raises:
        RunError: if ``where`` is ``"disk"`` and the disk has no room.
    """
    needed = cut.bytes_per_sample * count * views
    place = _place(needed, where)
    if place is None:
        return None
    features = FeatureStore(cut, count * views, place)
    start = largest = 0
    for view in range(views):
        if views > 1:
            source.start_at(view)
            source.on_epoch_begin()
        for inputs, _ in ahead(source):
            size = len(inputs)
            largest = max(size, largest)
            outputs = cut.frozen.predict_on_batch(_filled(inputs, largest))
            outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
            try:
                features.put(start, [output[:size] for output in outputs])
            except OSError as error:
                _refuse_or_warn(f"the features of the frozen layers cannot be stored ({error})", where)
                return None
            start += size
            after_batch()
    log.debug("%s: %.0f MB of features are kept in %s", asked(), needed / 2**20, place)
    return features


def _filled(batch: NDArray[Any], size: int) -> NDArray[Any]:
    """Return a smaller last batch filled up with its last sample: TensorFlow compiles again for every new size."""
    return batch if len(batch) == size else np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)])


def _refuse_or_warn(found: str, where: Where) -> None:
    """Raise if the user asked for the disk; otherwise warn that every epoch computes the features again."""
    if where == "disk":
        raise RunError(asked(), found, "set TMPDIR to a larger disk, or pass cache='off'")
    log.warning("%s: %s: every epoch computes them again", asked(), found)


def _place(needed: int, where: Where) -> Place | None:
    if where == "memory" or (where == "auto" and needed <= IN_MEMORY):
        return "memory"
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if needed <= _OF_FREE_SPACE * free:
        return "disk"
    found = f"the features take {needed / 2**30:.1f} GiB, and {tempfile.gettempdir()} has {free / 2**30:.1f} GiB free"
    _refuse_or_warn(found, where)
    return None


def outputs_above(cut: Cut, features: FeatureStore, batch_size: int, samples: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the model's outputs for some samples, computed from their features."""
    outputs = []
    for start in range(0, len(samples), batch_size):
        chosen = samples[start : start + batch_size]
        outputs.append(cut.rest.predict_on_batch(features.take(_filled(chosen, batch_size)))[: len(chosen)])
    return np.concatenate(outputs)


def cached_batches(
    features: FeatureStore, split: Split, source: BatchSource, batch_size: int, views: int = 1
) -> BatchSource:
    """Return ``source``, the batches of ``split``, with features in place of images: same samples, same order.

    With several views, the n-th epoch sees the n-th view, and after the last view the first one again.
    """

    class CachedBatches(keras.utils.PyDataset):  # type: ignore[misc]
        """Batches of features."""

        is_random = source.is_random
        signature = features.signature, source.signature[1]

        @property
        def epoch(self) -> int:
            return source.epoch

        @property
        def order(self) -> NDArray[np.intp]:
            return source.order

        def __len__(self) -> int:
            return len(source)

        def __getitem__(self, index: int) -> tuple[Any, NDArray[Any]]:
            chosen = source.order[index * batch_size :][:batch_size]
            return features.take(chosen + len(split) * (max(source.epoch, 0) % views)), split.labels[chosen]

        def __iter__(self) -> Iterator[tuple[Any, NDArray[Any]]]:
            self.on_epoch_begin()
            return ahead(self)

        def on_epoch_begin(self) -> None:
            source.on_epoch_begin()

        def start_at(self, epoch: int) -> None:
            source.start_at(epoch)

        def close(self) -> None:
            source.close()

    return CachedBatches()
