"""Datasets and the input pipeline: from files to the batches a model takes."""

from __future__ import annotations

from zoo.data.augmentation import Augmentation
from zoo.data.datasets import Dataset, Skipped, Split, load_data
from zoo.data.tables import Table

__all__ = ["Augmentation", "Dataset", "Skipped", "Split", "Table", "load_data"]
