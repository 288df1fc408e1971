"""How good a model is on data it has not been trained on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zoo.data import Dataset, Split, load_data
from zoo.data.dataset import digest_of_samples, sample_names
from zoo.data.pipeline import batches
from zoo.errors import ArgumentError, DataError, asked, asking
from zoo.inference.loaded_model import LoadedModel, display_name, load_model
from zoo.inference.scoring import answers_of, classification_metrics, joined, regression_metrics
from zoo.runs.metrics import Metrics as Metrics, readable as readable

if TYPE_CHECKING:
    import keras

    from zoo.runs.run import Run

#: What a model puts out for some samples of a split, by their indices: ``(N, outputs)``.
OutputsOf: TypeAlias = Callable[[NDArray[np.intp]], NDArray[np.float32]]

#: How many numbers a classifier puts out before they are reduced to what its figures need.
_OUTPUTS = 2**22


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
    with asking(f"evaluate {display_name(model_or_run)} on {dataset.name!r}"):
        part, samples = held_out(dataset, split)
        loaded = load_model(model_or_run, weights)
        return measure(loaded, dataset, part, samples, outputs_of(loaded, samples, batch_size))


def outputs_of(loaded: LoadedModel, samples: Split, batch_size: int) -> OutputsOf:
    """Return what gives the outputs of a model for some of the ``samples``."""
    shape, preprocessing = loaded.build.options["input_shape"], loaded.build.preprocessing

    def compute(chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        return loaded.outputs(batches(samples.take(chosen), preprocessing, shape, batch_size=batch_size))

    return compute


def measure(loaded: LoadedModel, dataset: Dataset, part: str, samples: Split, outputs_of: OutputsOf) -> Metrics:
    """Return how good a model is on the ``samples``, a ``part`` of ``dataset``; raises as :func:`evaluate` does."""
    check_task(loaded, dataset)
    # What all outputs are does not fit into memory.
    step = max(1, _OUTPUTS // loaded.class_count)
    parts = [np.arange(start, min(start + step, len(samples))) for start in range(0, len(samples), step)]
    if loaded.is_regression:
        predicted = [np.ravel(outputs_of(chosen)) for chosen in parts]
        metrics = regression_metrics(
            part, np.concatenate(predicted).astype(np.float64), samples.labels.astype(np.float64)
        )
    else:
        labels = _class_indices(loaded, dataset)[samples.labels.astype(np.int64)]
        said = [answers_of(loaded.probabilities(outputs_of(chosen)), labels[chosen]) for chosen in parts]
        names = loaded.build.class_names or dataset.class_names
        metrics = classification_metrics(dataset.task, part, names, joined(said), sample_names(samples))
    return replace(metrics, samples=digest_of_samples(samples, dataset))


def held_out(dataset: Dataset, split: str | None = None) -> tuple[str, Split]:
    """Return the split named, or the one furthest from training, with its name.

    Raises:
        ArgumentError: if the data has no such split.
        DataError: if it has none at all.
    """
    splits = dataset.splits
    if split is None:
        split = next((name for name in ("test", "validation", "train") if name in splits), None)
        if split is None:
            raise DataError(asked(), "it has no samples", "pass other data")
    if split not in splits:
        raise ArgumentError(asked(), f"it has no split {split!r}", f"choose among {', '.join(splits)}")
    return split, splits[split]


def check_task(loaded: LoadedModel, dataset: Dataset) -> None:
    """Raise unless the model's outputs mean what the data's labels do.

    Raises:
        ArgumentError: if the model has no classifier, or one of the two is regression and the other is not.
        DataError: if the rows were encoded otherwise than those that the model was trained on.
    """
    if not loaded.build.options["include_top"]:
        raise ArgumentError(asked(), "the model was built without its top", "build it with include_top=True")
    if loaded.is_regression != (dataset.task == "regression"):
        model, data = ("a number", "classes") if loaded.is_regression else ("classes", "numbers")
        raise ArgumentError(
            asked(), f"the model predicts {model} and the data holds {data}", "choose another of the two"
        )
    if loaded.build.table is not None and dataset.table != loaded.build.table:
        raise DataError(
            asked(),
            "its columns are encoded otherwise than those the model was trained on",
            "pass the same file with the same seed, or use zoo.predict on new rows",
        )


def _class_indices(loaded: LoadedModel, dataset: Dataset) -> NDArray[np.int64]:
    """Return the model's index of each class of the data."""
    names = loaded.build.class_names
    if not names:
        if len(dataset.class_names) != loaded.class_count:
            raise DataError(
                asked(),
                f"the data has {len(dataset.class_names)} classes and the model {loaded.class_count} without names",
                "pass data of as many classes, in the model's order",
            )
        return np.arange(loaded.class_count)
    places = {_plain(name): place for place, name in enumerate(names)}
    if len(dataset.class_names) == len(names):
        # Two lists may tell homonyms apart by other words: ImageNet's crane that is a bird, and the crane that lifts.
        pairs = enumerate(zip(dataset.class_names, names, strict=True))
        alike = {_plain(own): place for place, (own, other) in pairs if _without_key(own) == _without_remark(other)}
        places = {**alike, **places}
    unknown = [name for name in dataset.class_names if _plain(name) not in places]
    if unknown:
        raise DataError(
            asked(),
            f"the model does not know {_few(unknown)}; its classes are {_few(names)}",
            "rename the data's classes, or keep those the model knows with classes=",
        )
    return np.array([places[_plain(name)] for name in dataset.class_names], np.int64)


def _plain(name: str) -> str:
    """Return a class name as it compares with others: ``Great_white_shark`` is the great white shark."""
    return name.replace("_", " ").casefold()


def _without_key(name: str) -> str:
    """Return a name without what data add to homonyms: ``crane n02012849`` is a crane."""
    return _plain(name).rpartition(" ")[0]


def _without_remark(name: str) -> str:
    """Return a name without what weights add to homonyms: ``crane (bird)`` is a crane."""
    return _plain(name).partition(" (")[0]


def _few(names: Any) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
