"""Made-up pictures that a network can learn, for smoke tests."""

from __future__ import annotations

import numpy as np

from zoo.data.dataset import Dataset, Split
from zoo.data.splits import digests, divide
from zoo.errors import ArgumentError


def synthetic_images(
    *,
    count: int = 200,
    classes: int = 4,
    size: int = 32,
    channels: int = 3,
    validation: float = 0.2,
    test: float = 0.0,
    seed: int = 0,
) -> Dataset:
    """Return ``count`` pictures ``(size, size, channels)``, as many of each class.

    Each class is its own pattern of 4x4 patches, the same for every seed; the noise upon it is the seed's.

    Raises:
        ArgumentError: if a number does not fit.
    """
    request = f"make {count} pictures of {classes} classes, {size}x{size}x{channels}"
    if classes < 2 or count < classes:
        raise ArgumentError(
            request, "that is not a picture for each of two classes", "pass classes=2, count=20 or more"
        )
    if size < 4 or channels not in (1, 3):
        raise ArgumentError(request, "that is no size of theirs", "pass a size from 4 on, and 1 or 3 channels")
    patches = np.stack([np.random.default_rng(label).uniform(48, 208, (4, 4, channels)) for label in range(classes)])
    place = np.arange(size) * 4 // size
    labels = np.arange(count, dtype=np.int64) % classes
    noise = np.random.default_rng(seed).normal(0, 16, (count, size, size, channels))
    pictures = np.clip(patches[:, place][:, :, place][labels] + noise, 0, 255).astype(np.uint8)
    parts = divide(Split(pictures, labels), digests(pictures), validation=validation, test=test, seed=seed)
    names = tuple(f"pattern_{label}" for label in range(classes))
    return Dataset(
        name="synthetic_images",
        task="image-classification",
        class_names=names,
        **parts,  # type: ignore[arg-type]
    )
