"""What a dataset is: splits of samples with labels, the classes, and what to know about them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoo.errors import DataError
from zoo.specs import TASKS, Task

if TYPE_CHECKING:
    from zoo.data.table_encoding import Table

Inputs = NDArray[np.uint8] | NDArray[np.float32] | tuple[Path, ...]


@dataclass(frozen=True, eq=False)
class Split:
    """Samples and their labels.

    ``inputs`` are uint8 images ``(N, H, W, C)``, the paths of N image files, or float32 rows ``(N, features)``;
    ``labels`` are int64 class indices ``(N,)``, or float32 targets ``(N,)``.
    """

    inputs: Inputs
    labels: NDArray[np.int64] | NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.labels.shape != (len(self.inputs),):
            raise ValueError(f"{len(self.inputs)} inputs have labels of shape {self.labels.shape}")

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, indices: NDArray[np.intp]) -> Split:
        """Return the samples at ``indices``, in that order."""
        if isinstance(self.inputs, tuple):
            return Split(tuple(self.inputs[index] for index in indices), self.labels[indices])
        return Split(self.inputs[indices], self.labels[indices])


@dataclass(frozen=True)
class Skipped:
    """A file that was found in a dataset and left out, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples for training, for validation and for testing.

    - ``class_names``: in the order of the labels; empty for a regression;
    - ``table``: how the rows of a file have become numbers;
    - ``skipped``: the files that were left out;
    - ``notes``: what the user should know about the data, each in a phrase;
    - ``origin``: ``load_data(**origin)`` loads the same dataset again; it can be written as JSON.
    """

    name: str
    task: Task
    train: Split | None = None
    validation: Split | None = None
    test: Split | None = None
    class_names: tuple[str, ...] = ()
    table: Table | None = None
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"task {self.task!r} is not one of {', '.join(TASKS)}")
        if bool(self.class_names) == (self.task == "regression"):
            raise ValueError(f"the task is {self.task}, with {len(self.class_names)} class names")
        for part, split in self.splits.items():
            if self.class_names and not np.isin(split.labels, np.arange(len(self.class_names))).all():
                raise ValueError(f"labels of {part} are not all indices of the {len(self.class_names)} classes")

    @property
    def splits(self) -> dict[str, Split]:
        """The splits that the dataset has, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in parts.items() if split is not None}

    def describe(self) -> str:
        """Return one line: the number of samples in each split, the classes, the number of skipped files, the notes."""
        counts = ", ".join(f"{len(split):,} for {_PURPOSE[part]}" for part, split in self.splits.items())
        shown = ", ".join(self.class_names[:10]) + (", ..." if len(self.class_names) > 10 else "")
        parts = [f"{self.name}: {counts or 'no samples'}"]
        if self.class_names:
            parts.append(f"{len(self.class_names)} classes ({shown})")
        if self.table is not None:
            parts.append(f"{len(self.table.feature_names)} features, target {self.table.target}")
        if self.skipped:
            parts.append(f"{len(self.skipped)} {'file' if len(self.skipped) == 1 else 'files'} skipped")
        return "; ".join([*parts, *self.notes]) + "."


_PURPOSE = {"train": "training", "validation": "validation", "test": "testing"}


# -- inside


def sample_names(samples: Split) -> list[str] | None:
    """Return a name for each sample, the file with its class folder; None if the samples are not image files."""
    if not isinstance(samples.inputs, tuple):
        return None
    return [f"{path.parent.name}/{path.name}" for path in samples.inputs]


def digest_of_samples(samples: Split, dataset: Dataset) -> str:
    """Return a digest of the samples and their labels: of the names and sizes of files, or the bytes of arrays.

    Raises:
        DataError: if a file no longer exists.
    """
    digest = hashlib.sha256()
    if isinstance(samples.inputs, tuple):
        for name, path in zip(sample_names(samples) or (), samples.inputs, strict=True):
            try:
                size = path.stat().st_size
            except OSError as error:
                advice = "put it back, or load the data again"
                raise DataError(f"open {path}", f"it cannot be read ({error.strerror})", advice) from error
            digest.update(f"{name}\0{size}\n".encode())
    else:
        for each in samples.inputs:
            digest.update(np.ascontiguousarray(each).data)
    # The names of the classes, not their indices, because another run may have the classes in another order.
    labels = [dataset.class_names[label] for label in samples.labels] if dataset.class_names else samples.labels
    digest.update("\n".join(map(str, labels)).encode())
    return digest.hexdigest()[:32]
