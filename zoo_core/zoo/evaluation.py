"""How good a model is on data it has not been trained on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoo.data import Dataset, Split, load_data
from zoo.data.pipeline import batches
from zoo.errors import ArgumentError, DataError
from zoo.specs import Task
from zoo.subject import Subject, name_of, subject_of

if TYPE_CHECKING:
    import keras

    from zoo.transfer.runs import Run

#: Top-5 accuracy says nothing where there are no more classes than this.
FIVE = 5

#: The least probability that the loss counts, as in Keras: the logarithm of 0 is infinite.
_LEAST = 1e-7


@dataclass(frozen=True)
class Metrics:
    """The figures of one evaluation, on ``count`` samples of the data's ``split``.

    Classification: ``loss`` is the mean cross-entropy in nats; ``top1`` and ``top5`` are shares of the samples,
    ``top5`` None for five classes or fewer; ``per_class`` is the top-1 share of each class that has samples.
    Regression: ``mae`` and ``rmse`` are in the target's unit and ``loss``, the mean squared error, in its square;
    ``r2`` is the share of the variance explained, None where the targets are all alike.
    """

    task: Task
    split: str
    count: int
    loss: float
    top1: float | None = None
    top5: float | None = None
    per_class: Mapping[str, float] = field(default_factory=dict)
    mae: float | None = None
    rmse: float | None = None
    r2: float | None = None

    def figures(self) -> dict[str, float]:
        """Return the figures that apply, the most telling one first."""
        figures = {"top-1": self.top1, "top-5": self.top5, "MAE": self.mae, "RMSE": self.rmse, "R2": self.r2}
        return {**{name: value for name, value in figures.items() if value is not None}, "loss": self.loss}

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON takes them; ``Metrics(**...)`` reads them back."""
        return asdict(self)

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {readable(value)}" for name, value in self.figures().items())
        return f"{figures} on {self.count:,} {self.split} samples"


def readable(value: float) -> str:
    """Return a figure with as many digits as are of interest: 0.8103, 68.21, 47,312."""
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}" if abs(value) < 1000 else f"{value:,.0f}"


def evaluate(
    model_or_run: keras.Model | Run | str | os.PathLike[str],
    data: Dataset | str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    split: str | None = None,
    batch_size: int = 32,
) -> Metrics:
    """Return how good a model is on ``data``.

    Classes are matched by name if the model knows the names of its own: the data may hold fewer, or in another order.
    Otherwise they are matched by index.

    Args:
        model_or_run: a model built by Zoo, a run or its folder, or a model's name.
        data: a dataset, the name of one, or a folder.
        weights: for a name, a weights tag or file.
        split: ``"train"``, ``"validation"`` or ``"test"``; by default test, or else validation, or else train.
        batch_size: how many samples are computed at once.

    Raises:
        ArgumentError: if the model is not Zoo's, has no weights or no top, or the data has no such split.
        DataError: if the data's classes are not the model's, or the data is unfit for the model.

    >>> import zoo
    >>> digits = zoo.load_data("digits", classes=range(5), seed=0)
    >>> zoo.evaluate("lenet5.digits_0_4", digits).top1 > 0.9
    True
    """
    dataset = load_data(data)
    asked = f"evaluate {name_of(model_or_run)} on {dataset.name!r}"
    part, samples = held_out(asked, dataset, split)
    subject = subject_of(asked, model_or_run, weights)
    check_task(asked, subject, dataset)
    labels = samples.labels if subject.is_regression else _class_indices(asked, subject, dataset)[samples.labels]
    shape, preprocessing = subject.build.options["input_shape"], subject.build.preprocessing
    outputs = subject.outputs(batches(samples, preprocessing, shape, batch_size=batch_size))
    if subject.is_regression:
        return _regression(part, outputs.astype(np.float64).ravel(), labels.astype(np.float64))
    names = subject.build.class_names or dataset.class_names
    return _classification(dataset.task, part, names, subject.probabilities(outputs), labels)


def held_out(asked: str, dataset: Dataset, split: str | None = None) -> tuple[str, Split]:
    """Return the split named, or the one furthest from training, with its name.

    Raises:
        ArgumentError: if the data has no such split.
        DataError: if it has none at all.
    """
    splits = dataset.splits
    if split is None:
        split = next((name for name in ("test", "validation", "train") if name in splits), None)
        if split is None:
            raise DataError(asked, "it has no samples", "pass other data")
    if split not in splits:
        raise ArgumentError(asked, f"it has no split {split!r}", f"choose among {', '.join(splits)}")
    return split, splits[split]


def check_task(asked: str, subject: Subject, dataset: Dataset) -> None:
    """Raise unless the model's outputs mean what the data's labels do.

    Raises:
        ArgumentError: if the model has no classifier, or one of the two is regression and the other is not.
        DataError: if the rows were encoded otherwise than those that the model was trained on.
    """
    if not subject.build.options["include_top"]:
        raise ArgumentError(asked, "the model was built without its top", "build it with include_top=True")
    if subject.is_regression != (dataset.task == "regression"):
        model, data = ("a number", "classes") if subject.is_regression else ("classes", "numbers")
        raise ArgumentError(asked, f"the model predicts {model} and the data holds {data}", "choose another of the two")
    if subject.build.table is not None and dataset.table != subject.build.table:
        raise DataError(
            asked,
            "its columns are encoded otherwise than those the model was trained on",
            "pass the same file with the same seed, or use zoo.predict on new rows",
        )


def _class_indices(asked: str, subject: Subject, dataset: Dataset) -> NDArray[np.int64]:
    """Return the model's index of each class of the data."""
    names = subject.build.class_names
    if not names:
        if len(dataset.class_names) != subject.class_count:
            raise DataError(
                asked,
                f"the data has {len(dataset.class_names)} classes and the model {subject.class_count} without names",
                "pass data of as many classes, in the model's order",
            )
        return np.arange(subject.class_count)
    unknown = [name for name in dataset.class_names if name not in names]
    if unknown:
        raise DataError(
            asked,
            f"the model does not know {_few(unknown)}; its classes are {_few(names)}",
            "rename the data's classes, or keep those the model knows with classes=",
        )
    return np.array([names.index(name) for name in dataset.class_names], np.int64)


def _classification(
    task: Task, part: str, names: tuple[str, ...], probabilities: NDArray[np.float64], labels: NDArray[Any]
) -> Metrics:
    of_truth = probabilities[np.arange(len(labels)), labels]
    right = probabilities.argmax(axis=1) == labels
    among_five = (probabilities > of_truth[:, None]).sum(axis=1) < FIVE
    return Metrics(
        task=task,
        split=part,
        count=len(labels),
        loss=float(-np.log(np.maximum(of_truth, _LEAST)).mean()),
        top1=float(right.mean()),
        top5=float(among_five.mean()) if probabilities.shape[1] > FIVE else None,
        per_class={names[label]: float(right[labels == label].mean()) for label in np.unique(labels)},
    )


def _regression(part: str, predicted: NDArray[np.float64], targets: NDArray[np.float64]) -> Metrics:
    errors = predicted - targets
    loss, variance = float(np.square(errors).mean()), float(targets.var())
    return Metrics(
        task="regression",
        split=part,
        count=len(targets),
        loss=loss,
        mae=float(np.abs(errors).mean()),
        rmse=loss**0.5,
        r2=1 - loss / variance if variance else None,
    )


def _few(names: Any) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
