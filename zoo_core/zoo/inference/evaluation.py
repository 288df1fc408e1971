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
from zoo.runs.metrics import Metrics

if TYPE_CHECKING:
    import keras

    from zoo.runs.run import Run

#: A function that takes the indices of some samples of a split and returns the model's outputs, ``(N, outputs)``.
OutputsOf: TypeAlias = Callable[[NDArray[np.intp]], NDArray[np.float32]]

#: The most outputs of a classifier to hold in memory before they are reduced to what the figures need.
_OUTPUTS = 2**22


def evaluate(
    model_or_run: keras.Model | Run | str | os.PathLike[str],
    data: Dataset | str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    split: str | None = None,
    batch_size: int = 32,
) -> Metrics:
    """Return the figures of a model on ``data``, such as its accuracy.

    If the model knows the names of its classes, they are matched with the data's by name: the data may have fewer
    classes, or have them in another order. Otherwise classes are matched by index.

    Args:
        model_or_run: a model built by Zoo, a run or its folder, or a model's name.
        data: a dataset, the name of one, or a folder.
        weights: for a name, a weights tag or file.
        split: ``"train"``, ``"validation"`` or ``"test"``; by default test, or else validation, or else train.
        batch_size: the number of samples to compute at a time.

    Raises:
        ArgumentError: if the model was not built by Zoo, has no weights or no top, or the data has no such split.
        DataError: if the data has classes that the model does not know, or does not fit the model in another way.

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
    """Return a function that computes the model's outputs for some of the ``samples``."""
    shape, preprocessing = loaded.build.options["input_shape"], loaded.build.preprocessing

    def compute(chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        return loaded.outputs(batches(samples.take(chosen), preprocessing, shape, batch_size=batch_size))

    return compute


def measure(loaded: LoadedModel, dataset: Dataset, part: str, samples: Split, outputs_of: OutputsOf) -> Metrics:
    """Return the figures of a model on the ``samples``, which are the split ``part`` of ``dataset``.

    Raises the same errors as :func:`evaluate`.
    """
    check_task(loaded, dataset)
    # The outputs for all samples may not fit into memory, so they are computed and reduced part by part.
    step = max(1, _OUTPUTS // loaded.class_count)
    parts = [np.arange(start, min(start + step, len(samples))) for start in range(0, len(samples), step)]
    if loaded.is_regression:
        predicted = [np.ravel(outputs_of(chosen)) for chosen in parts]
        metrics = regression_metrics(
            part, np.concatenate(predicted).astype(np.float64), samples.labels.astype(np.float64)
        )
    else:
        labels = _class_indices(loaded, dataset)[samples.labels.astype(np.int64)]
        answers = [answers_of(loaded.probabilities(outputs_of(chosen)), labels[chosen]) for chosen in parts]
        names = loaded.build.class_names or dataset.class_names
        metrics = classification_metrics(dataset.task, part, names, joined(answers), sample_names(samples))
    return replace(metrics, samples=digest_of_samples(samples, dataset))


def held_out(dataset: Dataset, split: str | None = None) -> tuple[str, Split]:
    """Return the name of a split and the split: ``split``, or else the first there is of test, validation and train.

    Raises:
        ArgumentError: if the data has no such split.
        DataError: if the data has no split at all.
    """
    splits = dataset.splits
    if split is None:
        split = next((name for name in ("test", "validation", "train") if name in splits), None)
        if split is None:
            raise DataError(asked(), "the data has no samples", "pass data that has samples")
    if split not in splits:
        raise ArgumentError(asked(), f"the data has no split {split!r}", f"choose among {', '.join(splits)}")
    return split, splits[split]


def check_task(loaded: LoadedModel, dataset: Dataset) -> None:
    """Check that the model predicts what the data's labels hold: classes or numbers.

    Raises:
        ArgumentError: if the model has no classifier, or only one of the model and the data is a regression.
        DataError: if the columns of the data are encoded differently from those that the model was trained on.
    """
    if not loaded.build.options["include_top"]:
        raise ArgumentError(asked(), "the model was built without its top", "build it with include_top=True")
    if loaded.is_regression != (dataset.task == "regression"):
        model, data = ("a number", "classes") if loaded.is_regression else ("classes", "numbers")
        raise ArgumentError(
            asked(), f"the model predicts {model} and the data holds {data}", "use another model or other data"
        )
    if loaded.build.table is not None and dataset.table != loaded.build.table:
        raise DataError(
            asked(),
            "its columns are encoded differently from those that the model was trained on",
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
                "pass data with as many classes, in the model's order",
            )
        return np.arange(loaded.class_count)
    places = {_plain(name): place for place, name in enumerate(names)}
    if len(dataset.class_names) == len(names):
        # Two lists may tell homonyms apart in different ways, as for the two cranes of ImageNet, a bird and a machine.
        pairs = enumerate(zip(dataset.class_names, names, strict=True))
        alike = {_plain(own): place for place, (own, other) in pairs if _without_key(own) == _without_remark(other)}
        places = {**alike, **places}
    unknown = [name for name in dataset.class_names if _plain(name) not in places]
    if unknown:
        raise DataError(
            asked(),
            f"the model does not know {_few(unknown)}; its classes are {_few(names)}",
            "rename the data's classes, or use classes= to keep only those that the model knows",
        )
    return np.array([places[_plain(name)] for name in dataset.class_names], np.int64)


def _plain(name: str) -> str:
    """Return a class name in the form for comparisons: ``Great_white_shark`` becomes ``great white shark``."""
    return name.replace("_", " ").casefold()


def _without_key(name: str) -> str:
    """Return a class name without the key that data adds to homonyms: ``crane n02012849`` becomes ``crane``."""
    return _plain(name).rpartition(" ")[0]


def _without_remark(name: str) -> str:
    """Return a class name without the remark that weights add to homonyms: ``crane (bird)`` becomes ``crane``."""
    return _plain(name).partition(" (")[0]


def _few(names: Any) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
