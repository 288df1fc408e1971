"""Weights: where the bytes come from, what is in them, which variable gets which array, and what happened."""

from __future__ import annotations

from zoo.weights.loading import copy_weights, load_from, load_weights, verify
from zoo.weights.report import LoadReport
from zoo.weights.store import Source, find_source

__all__ = ["LoadReport", "Source", "copy_weights", "find_source", "load_from", "load_weights", "verify"]
