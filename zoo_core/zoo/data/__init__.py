"""Datasets and the input pipeline: from files to the batches a model takes."""

from __future__ import annotations

from zoo.data.augmentation import Augmentation
from zoo.data.dataset import Dataset, Skipped, Split
from zoo.data.loading import load_data
from zoo.data.table_encoding import Table

__all__ = ["Augmentation", "Dataset", "Skipped", "Split", "Table", "load_data"]
