"""Applying a function to many items on a few threads; decoders and NumPy release Python's global lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")


def in_threads(function: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Return the results of ``function`` for the items, in their order, computed on a few threads.

    Once the function has raised an exception, no further item is started. If it raises for several items, the exception
    of the first of them is the one that is raised here.
    """
    waiting = list(items)
    results: list[Any] = [None] * len(waiting)
    indices = iter(range(len(waiting)))

    def work() -> None:
        for index in indices:
            try:
                results[index] = function(waiting[index])
            except Exception as error:
                results[index] = _Failed(error)
                start_no_more()

    def start_no_more() -> None:
        deque(indices, maxlen=0)

    # One task for each thread: one for each item would add a tenth to the time.
    tasks = [_threads().submit(work) for _ in range(min(_cores(), len(waiting)))]
    try:
        for task in tasks:
            task.result()
    finally:
        start_no_more()
    # Items are started in order, so that every item before the first failure has been started, and has finished.
    for result in results:
        if isinstance(result, _Failed):
            raise result.error
    return results


@dataclass(frozen=True)
class _Failed:
    """Takes the place of the result of an item for which the function raised."""

    error: Exception


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_cores(), thread_name_prefix="zoo-images")


def _cores() -> int:
    """Return how many cores this process may use, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
