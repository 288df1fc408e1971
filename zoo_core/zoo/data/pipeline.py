"""From a split to the batches that Keras trains on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.data.datasets import Inputs, Split
from zoo.data.images import prepare_all
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
) -> Any:
    """Return a ``keras.utils.PyDataset`` of ``(x, y)``: ``x`` float32 of ``input_shape``, ``y`` the split's labels.

    Each pass is an epoch. With ``shuffle`` the n-th epoch of a seed has the same order every time, whether a loop of
    one's own or ``fit(..., shuffle=False)`` runs it; without that argument, Keras 3 mixes the order of the batches once
    more, out of Python's global ``random``. The last batch may be smaller. Pictures are decoded when their batch is
    asked for.

    Raises:
        ArgumentError: if ``batch_size`` is not positive, or the model does not take what the split holds.
        DataError: from a batch with a picture that cannot be read any more.
    """
    import keras

    if batch_size < 1:
        raise ArgumentError(f"make batches of {batch_size}", "that is not positive", "pass batch_size=32, for example")
    _check_fit(split.inputs, preprocessing, input_shape)

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        """The batches of one split."""

        def __init__(self) -> None:
            super().__init__()
            self.epoch = -1
            self.order = self._order_of(0)

        def __len__(self) -> int:
            return -(-len(split) // batch_size)

        def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[Any]]:
            return arrays(split.take(self.order[index * batch_size :][:batch_size]), preprocessing, input_shape)

        def __iter__(self) -> Any:
            self.on_epoch_begin()
            return (self[index] for index in range(len(self)))

        def on_epoch_begin(self) -> None:
            # Keras calls on_epoch_end once more than there are epochs, before the first; so epochs are counted here.
            self.epoch += 1
            self.order = self._order_of(self.epoch)

        def _order_of(self, epoch: int) -> NDArray[np.intp]:
            if not shuffle:
                return np.arange(len(split))
            return np.random.default_rng([seed, epoch]).permutation(len(split))

    return Batches()


def arrays(
    split: Split, preprocessing: Preprocessing | None, input_shape: tuple[int | None, ...]
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Return the whole split as the ``(x, y)`` of one batch; raises as :func:`batches` does."""
    _check_fit(split.inputs, preprocessing, input_shape)
    if _are_rows(split.inputs) or preprocessing is None:
        return np.asarray(split.inputs, np.float32), split.labels
    return prepare_all(split.inputs, preprocessing, input_shape), split.labels


def _check_fit(inputs: Inputs, preprocessing: Preprocessing | None, input_shape: tuple[int | None, ...]) -> None:
    """Refuse rows for a model of pictures, pictures for one of rows, and rows of another width."""
    asked = f"feed a model that takes {input_shape}"
    if _are_rows(inputs):
        features = inputs.shape[1:]  # type: ignore[union-attr]
        if preprocessing is not None or len(input_shape) != 1 or input_shape[0] not in (None, *features):
            found = f"the data is a table of {features[0]} features"
            raise ArgumentError(asked, found, "choose a model of tables, or its input_shape")
    elif preprocessing is None or len(input_shape) != 3:
        raise ArgumentError(asked, "the data is pictures", "choose a model of pictures, which has a preprocessing")


def _are_rows(inputs: Inputs) -> bool:
    return isinstance(inputs, np.ndarray) and inputs.ndim == 2
