"""Generated images that a network can learn to tell apart, for smoke tests."""

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
    """Return ``count`` images ``(size, size, channels)``, about as many of each class.

    Each class has its own pattern of 4x4 patches, which does not depend on the seed; the noise added to it does.

    Raises:
        ArgumentError: if a number does not fit.
    """
    request = f"make {count} images of {classes} classes, {size}x{size}x{channels}"
    if classes < 2 or count < classes:
        found = "there have to be at least two classes, and at least one image for each class"
        raise ArgumentError(request, found, "pass classes=2, count=20 or more")
    if size < 4 or channels not in (1, 3):
        found = "the images have a side of at least 4 pixels, and 1 or 3 channels"
        raise ArgumentError(request, found, "pass size=32, channels=3, for example")
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
