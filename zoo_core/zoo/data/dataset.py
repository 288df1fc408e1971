"""What a dataset is, whatever it was read from, and how its name or folder becomes one."""

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

    ``inputs`` are pictures ``(N, H, W, C)`` of uint8, the paths of N image files, or float32 rows ``(N, features)``;
    ``labels`` are class indices ``(N,)`` of int64, or float32 targets ``(N,)``.
    """

    inputs: Inputs
    labels: NDArray[np.int64] | NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.labels.shape != (len(self.inputs),):
            raise ValueError(f"{len(self.inputs)} inputs with labels of shape {self.labels.shape}")

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
    """Samples to train on, to choose by and to report on.

    ``class_names`` stand in the order of the labels and are empty for regression; ``table`` says how raw rows became
    numbers; ``notes`` are what the user should know; ``load_data(**origin)`` loads the same dataset again, and
    ``origin`` can be written as JSON.
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
            raise ValueError(f"task {self.task!r} is none of {', '.join(TASKS)}")
        if bool(self.class_names) == (self.task == "regression"):
            raise ValueError(f"{len(self.class_names)} class names for the task {self.task}")
        for part, split in self.splits.items():
            outside = self.class_names and not np.isin(split.labels, np.arange(len(self.class_names))).all()
            if outside:
                raise ValueError(f"labels of {part} are not all indices of the {len(self.class_names)} classes")

    @property
    def splits(self) -> dict[str, Split]:
        """The splits there are, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in parts.items() if split is not None}

    def describe(self) -> str:
        """Return one paragraph: how many samples for what, the classes, what was left out, the notes."""
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
    """Return what to call each sample: an image file in its class folder, or nothing."""
    if not isinstance(samples.inputs, tuple):
        return None
    return [f"{path.parent.name}/{path.name}" for path in samples.inputs]


def digest_of_samples(samples: Split, dataset: Dataset) -> str:
    """Return what the samples and their labels are known by: files by name and size, arrays by their bytes.

    Raises:
        DataError: if a file is not there any more.
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
    # By name, because the classes of another run may stand in another order.
    labels = [dataset.class_names[label] for label in samples.labels] if dataset.class_names else samples.labels
    digest.update("\n".join(map(str, labels)).encode())
    return digest.hexdigest()[:32]
