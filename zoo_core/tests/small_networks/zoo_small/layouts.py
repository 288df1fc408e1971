"""What the layers of the small networks are called in files that others might have written."""

from __future__ import annotations


def numbered(layer: str) -> str:
    """Return the name that Keras gives to a layer by itself: ``conv2d_1``, ``dense_2``.

    >>> numbered("predictions")
    'dense_2'
    """
    names = {"conv1": "conv2d", "conv2": "conv2d_1", "fc1": "dense", "fc2": "dense_1", "predictions": "dense_2"}
    return names.get(layer, layer)
