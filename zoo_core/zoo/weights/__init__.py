"""Weights: where the bytes come from, what is in them, which variable gets which array, and what happened.

Every name is loaded when it is first used, so that fetching a file imports no Keras.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zoo._moved import moved_names

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

_HOMES = {
    "conversion": ("convert",),
    "loading": ("build_with", "copy_weights", "load_from", "load_weights"),
    "sources": ("Source", "find_source"),
    "verification": ("Verified", "verify"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)

_moved_name = moved_names(__name__, stacklevel=3)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        return _moved_name(name)
    return getattr(importlib.import_module(f"zoo.weights.{_HOME_OF[name]}"), name)
