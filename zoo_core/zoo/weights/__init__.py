"""Weights: finding or downloading a file, reading its arrays, and loading each one into the right variable.

Every name is imported when it is first used, so that a file can be downloaded without importing Keras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo._lazy import lazy_names

if TYPE_CHECKING:
    from zoo.weights.conversion import convert as convert
    from zoo.weights.loading import (
        build_with as build_with,
        copy_weights as copy_weights,
        load_from as load_from,
        load_weights as load_weights,
    )
    from zoo.weights.sources import Source as Source, find_source as find_source
    from zoo.weights.verification import Verified as Verified, verify as verify

#: Where each name is defined.
_HOMES = {
    "zoo.weights.conversion": ("convert",),
    "zoo.weights.loading": ("build_with", "copy_weights", "load_from", "load_weights"),
    "zoo.weights.sources": ("Source", "find_source"),
    "zoo.weights.verification": ("Verified", "verify"),
}

__all__, __getattr__ = lazy_names(__name__, _HOMES)
