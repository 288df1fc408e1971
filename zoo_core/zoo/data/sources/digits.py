"""scikit-learn's handwritten digits: real images that are available without a download."""

from __future__ import annotations

import numpy as np

from zoo.data.dataset import Dataset, Split
from zoo.data.splits import digests, divide


def digits(*, validation: float = 0.2, test: float = 0.2, seed: int = 0) -> Dataset:
    """Return the 1,797 digits as images ``(N, 8, 8, 1)``; by default a fifth each is for validation and for testing.

    The original values from 0 to 16 become ``round(value * 255 / 16)``. Source: E. Alpaydin and C. Kaynak, Optical
    Recognition of Handwritten Digits, https://archive.ics.uci.edu/dataset/80, the test part, as
    ``sklearn.datasets.load_digits`` returns it.

    Raises:
        ArgumentError: if a fraction or the seed does not fit.
    """
    from sklearn.datasets import load_digits

    raw = load_digits()
    pictures = np.rint(raw.images * (255 / 16)).astype(np.uint8)[..., None]
    parts = divide(
        Split(pictures, raw.target.astype(np.int64)), digests(pictures), validation=validation, test=test, seed=seed
    )
    names = tuple(map(str, range(10)))
    return Dataset(name="digits", task="image-classification", class_names=names, **parts)  # type: ignore[arg-type]
