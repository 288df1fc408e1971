"""What the layers are called in weight files of the classic networks by others."""

from __future__ import annotations


def keras_2017(layer: str) -> str:
    """Return the name that Keras 2 gave by itself to a layer of the book's convnet: ``conv2d_1``, ``dense_1``.

    >>> keras_2017("predictions")
    'dense_2'
    """
    names = {f"conv{number}": f"conv2d_{number}" for number in range(1, 5)}
    return {**names, "fc1": "dense_1", "predictions": "dense_2"}.get(layer, layer)
