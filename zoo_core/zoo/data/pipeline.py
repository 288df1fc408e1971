"""From a split to the batches that Keras trains on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from zoo.data.augmentation import Augment, Augmentation, augmenter
from zoo.data.buffer_pool import BufferPool
from zoo.data.dataset import Inputs, Split
from zoo.data.pixel_cache import PixelCache
from zoo.data.preprocessing import BatchReader, pixels_of, prepare_all
from zoo.errors import ArgumentError
from zoo.specs import Preprocessing


class BatchSource(Protocol):
    """The batches of one split, as :func:`batches` returns them: batch n of an epoch is the same whenever it is read.

    ``epoch`` counts from 0 and is -1 before the first one; ``order`` holds the indices of the samples in the order of
    this epoch; ``is_random`` says whether a sample differs from epoch to epoch; ``signature`` is the
    ``keras.KerasTensor`` of the inputs and that of the labels.
    """

    epoch: int
    order: NDArray[np.intp]
    is_random: bool
    signature: tuple[Any, Any]

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""

    def __getitem__(self, index: int) -> tuple[Any, NDArray[Any]]:
        """Return the inputs and the labels of one batch of this epoch."""

    def __iter__(self) -> Iterator[tuple[Any, NDArray[Any]]]:
        """Begin the next epoch and yield its batches."""

    def on_epoch_begin(self) -> None:
        """Begin the next epoch."""

    def start_at(self, epoch: int) -> None:
        """Let the next epoch be ``epoch``, with its order and its augmentation."""

    def close(self) -> None:
        """Give back the memory and the disk space that the batches hold."""


# The first three arguments say what the batches hold; the others are options that most callers leave out.
def batches(
    split: Split,
    preprocessing: Preprocessing | None,
    input_shape: tuple[int | None, ...],
    *,
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
    augmentation: Augmentation | None = None,
    keep: bool = False,
) -> Batches:
    """Return the split as batches ``(x, y)``: ``x`` float32 of ``input_shape``, ``y`` the split's labels.

    Args:
        split: the samples.
        preprocessing: that of the model; None if it takes rows of a table.
        input_shape: that of the model.
        batch_size: the number of samples in a batch; the last batch may be smaller.
        shuffle: whether each epoch has an order of its own.
        seed: determines these orders and the augmentation.
        augmentation: the random changes to images before they are normalised. Batch n of an epoch is the same each time
            it is requested.
        keep: whether the pixels of image files are kept for the later epochs, which gives the same batches in less time
            (:class:`zoo.data.pixel_cache.PixelCache`).

    Raises:
        ArgumentError: if ``batch_size`` is not positive, or the model cannot take what the split holds.
        DataError: from a batch with an image that can no longer be read.
    """
    if batch_size < 1:
        raise ArgumentError(f"make batches of {batch_size}", "that is not positive", "pass batch_size=32, for example")
    _check_fit(split.inputs, preprocessing, input_shape)
    augment = None
    if augmentation is not None and not augmentation.is_off:
        if preprocessing is None:
            raise ArgumentError("augment the data", "it is rows of a table", "leave out the augmentation")
        augment = augmenter(augmentation, input_shape[-1] or 3)
    cache = reader = None
    if preprocessing is not None:
        if keep and isinstance(split.inputs, tuple) and None not in input_shape:
            cache = PixelCache(len(split), input_shape)  # type: ignore[arg-type]
        read_one = None if cache is None else _reading_through(cache, split.inputs, preprocessing, input_shape)
        reader = BatchReader(preprocessing, input_shape, pixels_of_one=read_one, pool=BufferPool())
    return Batches(split, batch_size, reader=reader, cache=cache, augment=augment, shuffle=shuffle, seed=seed)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches ``(x, y)`` of a split, as :func:`batches` makes them. Images are decoded when a batch is requested.

    Each pass through them is an epoch. If they are shuffled, the n-th epoch has the same order for the same seed each
    time, both in a loop and in ``fit(..., shuffle=False)``. (Without that argument, Keras 3 additionally shuffles the
    order of the batches with Python's global ``random``.)

    Args:
        split: the samples.
        batch_size: the number of samples in a batch; the last batch may be smaller.
        reader: reads batches of images; None for rows of a table.
        cache: holds pixels by the index of the sample. With it, the reader takes these indices instead of images.
        augment: changes a batch of pixels at random; None to leave them as they are.
        shuffle: whether each epoch has an order of its own.
        seed: determines these orders and the augmentation.

    Attributes:
        epoch: the current epoch, counted from 0; -1 before the first.
        order: the indices of the samples in the order of that epoch.
        is_random: whether a sample differs from epoch to epoch.
        signature: the ``keras.KerasTensor`` of ``x`` and that of ``y``, with their shapes and types.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        *,
        reader: BatchReader | None,
        cache: PixelCache | None = None,
        augment: Augment | None = None,
        shuffle: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self._split, self._batch_size = split, batch_size
        self._reader, self._cache, self._augment = reader, cache, augment
        self._shuffle, self._seed = shuffle, seed
        self.is_random = augment is not None
        shape = split.inputs.shape[1:] if reader is None else reader.input_shape  # type: ignore[union-attr]
        self.signature = (
            keras.KerasTensor((None, *shape), "float32"),
            keras.KerasTensor((None, *split.labels.shape[1:]), split.labels.dtype),
        )
        self.start_at(0)

    def __len__(self) -> int:
        return -(-len(self._split) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[Any]]:
        samples = self.order[index * self._batch_size :][: self._batch_size]
        labels = self._split.labels[samples]
        if self._reader is None:
            return np.asarray(self._split.take(samples).inputs, np.float32), labels
        images = self._split.take(samples).inputs if self._cache is None else samples
        if self._augment is None:
            return self._reader.read(images), labels
        pixels = self._augment(self._reader.read_pixels(images), (self._seed, max(self.epoch, 0), index))
        return self._reader.normalise(pixels), labels

    def __iter__(self) -> Iterator[Any]:
        self.on_epoch_begin()
        return ahead(self)

    def on_epoch_begin(self) -> None:
        """Go on to the next epoch."""
        # Keras calls on_epoch_end once before the first epoch, so epochs are counted here, where they begin.
        self.epoch += 1
        self.order = self._order_of(self.epoch)

    def start_at(self, epoch: int) -> None:
        """Let the next pass be this epoch, with its order and augmentation, as if all before it had been run."""
        self.epoch = epoch - 1
        self.order = self._order_of(epoch)

    def close(self) -> None:
        """Free the cache, and the memory of batches that are no longer in use."""
        if self._reader is not None:
            self._reader.close()
        if self._cache is not None:
            self._cache.close()

    def _order_of(self, epoch: int) -> NDArray[np.intp]:
        if not self._shuffle:
            return np.arange(len(self._split))
        return np.random.default_rng([self._seed, epoch]).permutation(len(self._split))


def ahead(source: Any) -> Iterator[Any]:
    """Yield the items of a sequence; while one is used, the next two are computed.

    Two, because the cores that have finished their part of one item can then work on the other.
    """
    with ThreadPoolExecutor(2, thread_name_prefix="zoo-batches") as threads:
        indices = iter(range(len(source)))
        coming = deque(threads.submit(source.__getitem__, index) for index in islice(indices, 2))
        while coming:
            item = coming.popleft().result()
            coming.extend(threads.submit(source.__getitem__, index) for index in islice(indices, 1))
            yield item


@contextmanager
def stream(source: Any) -> Iterator[Any]:
    """Give the batches of :class:`Batches` as a ``tf.data.Dataset``, which Keras reads faster; for None give None.

    Given a PyDataset, Keras lets TensorFlow tune how many batches are computed ahead, which takes half a second at the
    end of many epochs, and starts each epoch once more than necessary. When ``fit`` is called with this dataset, the
    caller has to call ``source.on_epoch_begin`` for each epoch.

    Raises:
        Exception: the exception that a batch has raised, not the one that TensorFlow turns it into.
    """
    if source is None:
        yield None
        return
    import tensorflow as tf

    raised: list[Exception] = []

    def recording_errors() -> Iterator[Any]:
        try:
            yield from ahead(source)
        except Exception as error:
            raised.append(error)
            raise

    signature = tf.nest.map_structure(lambda each: tf.TensorSpec(each.shape, each.dtype), source.signature)
    untuned = tf.data.Options()
    untuned.autotune.enabled = False
    dataset = tf.data.Dataset.from_generator(recording_errors, output_signature=signature)
    try:
        yield dataset.apply(tf.data.experimental.assert_cardinality(len(source))).with_options(untuned)
    except tf.errors.OpError:
        if raised:
            raise raised[0] from None
        raise


def arrays(
    split: Split,
    preprocessing: Preprocessing | None,
    input_shape: tuple[int | None, ...],
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Return the whole split as the ``(x, y)`` of a single batch; raises as :func:`batches` does."""
    _check_fit(split.inputs, preprocessing, input_shape)
    if _are_rows(split.inputs) or preprocessing is None:
        return np.asarray(split.inputs, np.float32), split.labels
    return prepare_all(split.inputs, preprocessing, input_shape), split.labels


def _reading_through(
    cache: PixelCache, inputs: Inputs, preprocessing: Preprocessing, input_shape: tuple[int | None, ...]
) -> Callable[[int], NDArray[np.uint8]]:
    """Return the function that gives a sample's pixels from the cache, or else decodes them and puts them there."""

    def read_one(sample: int) -> NDArray[np.uint8]:
        pixels = cache.get(sample)
        if pixels is None:
            pixels = pixels_of(inputs[sample], preprocessing, input_shape)
            cache.put(sample, pixels)
        return pixels

    return read_one


def _check_fit(inputs: Inputs, preprocessing: Preprocessing | None, input_shape: tuple[int | None, ...]) -> None:
    """Refuse a table for an image model, images for a table model, and a table with another number of features."""
    request = f"feed a model that takes {input_shape}"
    if _are_rows(inputs):
        features = inputs.shape[1:]  # type: ignore[union-attr]
        if preprocessing is not None or len(input_shape) != 1 or input_shape[0] not in (None, *features):
            found = f"the data is a table of {features[0]} features"
            raise ArgumentError(request, found, f"choose a model for tables, with input_shape=({features[0]},)")
    elif preprocessing is None or len(input_shape) != 3:
        raise ArgumentError(request, "the data is images", "choose a model for images, which has a preprocessing")


def _are_rows(inputs: Inputs) -> bool:
    return isinstance(inputs, np.ndarray) and inputs.ndim == 2
