"""What the layers are called in files of the same network by others."""

from __future__ import annotations

import re


def keras(layer: str) -> str:
    """Return the name that Keras gives by itself to a layer of the book's network: ``dense_1`` to ``dense_3``.

    >>> keras("hidden2"), keras("predictions")
    ('dense_2', 'dense_3')
    """
    hidden = re.fullmatch(r"hidden(\d+)", layer)
    return f"dense_{hidden[1]}" if hidden else {"predictions": "dense_3"}.get(layer, layer)
