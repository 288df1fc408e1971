"""Packages whose names are imported when they are first used, so that importing the package itself costs nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zoo._moved import moved_names


def lazy_names(package: str, homes: Mapping[str, Iterable[str]]) -> tuple[list[str], Callable[[str], Any]]:
    """Return the ``__all__`` and the ``__getattr__`` of ``package``; ``homes`` lists its names by defining module.

    The ``__getattr__`` finds the names that have moved out of the package as well, with a warning.
    """
    home_of = {name: module for module, names in homes.items() for name in names}
    moved_name = moved_names(package, stacklevel=3)

    def find(name: str) -> Any:
        if name not in home_of:
            return moved_name(name)
        value = getattr(importlib.import_module(home_of[name]), name)
        namespace = vars(sys.modules[package])
        # The import of zoo.transfer has just set the name `transfer` in zoo to that package, which is callable as well.
        if not callable(namespace.get(name)):
            namespace[name] = value
        return namespace[name]

    return sorted(home_of), find
