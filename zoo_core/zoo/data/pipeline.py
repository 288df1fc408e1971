"""From a split to the batches that Keras trains on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.data.augmentation import Augmentation, augmenter
from zoo.data.buffer_pool import Memory
from zoo.data.dataset import Inputs, Split
from zoo.data.images import Empty, batch_of, normalise, pixels_of, prepare_all
from zoo.data.pixel_cache import Pixels
from zoo.errors import ArgumentError
from zoo.specs import Preprocessing


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
) -> Any:
    """Return a ``keras.utils.PyDataset`` of ``(x, y)``: ``x`` float32 of ``input_shape``, ``y`` the split's labels.

    Each pass is an epoch. With ``shuffle`` the n-th epoch of a seed has the same order every time, whether a loop of
    one's own or ``fit(..., shuffle=False)`` runs it; without that argument, Keras 3 mixes the order of the batches once
    more, out of Python's global ``random``. The last batch may be smaller. Pictures are decoded when their batch is
    asked for.

    What is returned has besides:

    - ``start_at(epoch)``: the next pass is that epoch, counted from 0, with its order and its augmentation, as if those
      before it had been run;
    - ``is_random``: whether a sample differs from epoch to epoch;
    - ``signature``: the ``keras.KerasTensor`` of ``x`` and of ``y``, their shapes and types;
    - ``close()``: gives back what ``keep`` takes, and the memory of batches that are not in use.

    Args:
        split: the samples.
        preprocessing: of the model; None for rows.
        input_shape: of the model.
        batch_size: samples in a batch.
        shuffle: whether each epoch has an order of its own.
        seed: decides the orders and the augmentation.
        augmentation: changes the pictures before they are normalised. Batch n of an epoch is the same whenever it is
            asked for.
        keep: whether the pixels of image files are kept for the later epochs, which are the same as without
            (:class:`zoo.data.pixel_cache.Pixels`).

    Raises:
        ArgumentError: if ``batch_size`` is not positive, or the model does not take what the split holds.
        DataError: from a batch with a picture that cannot be read any more.
    """
    import keras

    if batch_size < 1:
        raise ArgumentError(f"make batches of {batch_size}", "that is not positive", "pass batch_size=32, for example")
    _check_fit(split.inputs, preprocessing, input_shape)
    augment = None
    if augmentation is not None and not augmentation.is_off:
        if preprocessing is None:
            raise ArgumentError("augment the data", "it is rows of a table", "leave the augmentation away")
        augment = augmenter(augmentation, input_shape[-1] or 3)
    kept = None
    if keep and isinstance(split.inputs, tuple) and None not in input_shape:
        kept = Pixels(len(split), input_shape)  # type: ignore[arg-type]

    memory = Memory()
    shape = input_shape if preprocessing else split.inputs.shape[1:]  # type: ignore[union-attr]

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        """The batches of one split."""

        is_random = augment is not None
        signature = (
            keras.KerasTensor((None, *shape), "float32"),
            keras.KerasTensor((None, *split.labels.shape[1:]), split.labels.dtype),
        )

        def __init__(self) -> None:
            super().__init__()
            self.start_at(0)

        def __len__(self) -> int:
            return -(-len(split) // batch_size)

        def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[Any]]:
            samples = self.order[index * batch_size :][:batch_size]
            if preprocessing is None:
                return arrays(split.take(samples), None, input_shape)
            pictures = partial(_pictures, split, samples, preprocessing, input_shape, kept)
            if augment is None:
                return pictures(normalised=True, empty=memory.empty), split.labels[samples]
            pixels = augment(pictures(normalised=False), (seed, max(self.epoch, 0), index))
            return normalise(pixels, preprocessing, memory.empty), split.labels[samples]

        def __iter__(self) -> Any:
            self.on_epoch_begin()
            return ahead(self)

        def on_epoch_begin(self) -> None:
            # Keras calls on_epoch_end once more than there are epochs, before the first; so epochs are counted here.
            self.epoch += 1
            self.order = self._order_of(self.epoch)

        def start_at(self, epoch: int) -> None:
            self.epoch = epoch - 1
            self.order = self._order_of(epoch)

        def close(self) -> None:
            memory.clear()
            if kept is not None:
                kept.close()

        def _order_of(self, epoch: int) -> NDArray[np.intp]:
            if not shuffle:
                return np.arange(len(split))
            return np.random.default_rng([seed, epoch]).permutation(len(split))

    return Batches()


def ahead(steps: Any) -> Iterator[Any]:
    """Yield the items of a sequence, the next two computed while one is used: so no core waits for the last of one."""
    with ThreadPoolExecutor(2, thread_name_prefix="zoo-batches") as threads:
        indices = iter(range(len(steps)))
        coming = deque(threads.submit(steps.__getitem__, index) for index in islice(indices, 2))
        while coming:
            item = coming.popleft().result()
            coming.extend(threads.submit(steps.__getitem__, index) for index in islice(indices, 1))
            yield item


@contextmanager
def stream(steps: Any) -> Iterator[Any]:
    """Give a ``tf.data.Dataset`` of :func:`batches`, which Keras goes through faster than through them; of None, None.

    Keras lets TensorFlow tune how far ahead a PyDataset is computed, which at the end of many epochs takes half a
    second, and begins each epoch once more than it needs. Who calls ``fit`` with it calls ``steps.on_epoch_begin``.

    Raises:
        Exception: what a batch has raised, and not what TensorFlow makes of it.
    """
    if steps is None:
        yield None
        return
    import tensorflow as tf

    raised: list[Exception] = []

    def noted() -> Iterator[Any]:
        try:
            yield from ahead(steps)
        except Exception as error:
            raised.append(error)
            raise

    signature = tf.nest.map_structure(lambda each: tf.TensorSpec(each.shape, each.dtype), steps.signature)
    untuned = tf.data.Options()
    untuned.autotune.enabled = False
    dataset = tf.data.Dataset.from_generator(noted, output_signature=signature)
    try:
        yield dataset.apply(tf.data.experimental.assert_cardinality(len(steps))).with_options(untuned)
    except tf.errors.OpError:
        if raised:
            raise raised[0] from None
        raise


def arrays(
    split: Split,
    preprocessing: Preprocessing | None,
    input_shape: tuple[int | None, ...],
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Return the whole split as the ``(x, y)`` of one batch; raises as :func:`batches` does."""
    _check_fit(split.inputs, preprocessing, input_shape)
    if _are_rows(split.inputs) or preprocessing is None:
        return np.asarray(split.inputs, np.float32), split.labels
    return prepare_all(split.inputs, preprocessing, input_shape), split.labels


def _pictures(
    split: Split,
    samples: NDArray[np.intp],
    preprocessing: Preprocessing,
    input_shape: tuple[int | None, ...],
    kept: Pixels | None,
    *,
    normalised: bool,
    empty: Empty = np.empty,
) -> NDArray[Any]:
    """Return some samples as one batch, their pixels from those that are kept if they are, and keep them else."""
    if kept is None:
        return prepare_all(split.take(samples).inputs, preprocessing, input_shape, normalised=normalised, empty=empty)

    def one(sample: int) -> NDArray[np.uint8]:
        pixels = kept.get(sample)
        if pixels is None:
            pixels = pixels_of(split.inputs[sample], preprocessing, input_shape)
            kept.put(sample, pixels)
        return pixels

    return batch_of(one, samples, input_shape, preprocessing if normalised else None, empty)


def _check_fit(inputs: Inputs, preprocessing: Preprocessing | None, input_shape: tuple[int | None, ...]) -> None:
    """Refuse rows for a model of pictures, pictures for one of rows, and rows of another width."""
    request = f"feed a model that takes {input_shape}"
    if _are_rows(inputs):
        features = inputs.shape[1:]  # type: ignore[union-attr]
        if preprocessing is not None or len(input_shape) != 1 or input_shape[0] not in (None, *features):
            found = f"the data is a table of {features[0]} features"
            raise ArgumentError(request, found, "choose a model of tables, or its input_shape")
    elif preprocessing is None or len(input_shape) != 3:
        raise ArgumentError(request, "the data is pictures", "choose a model of pictures, which has a preprocessing")


def _are_rows(inputs: Inputs) -> bool:
    return isinstance(inputs, np.ndarray) and inputs.ndim == 2
