"""The pictures of a run: its curves, predictions for held-out samples, and its mistakes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from zoo.data import Dataset, Split
from zoo.data.decoding import open_image
from zoo.inference.evaluation import OutputsOf
from zoo.inference.loaded_model import LoadedModel
from zoo.inference.prediction import top_predictions
from zoo.reporting import evaluation_plots, image_grids, training_plots
from zoo.runs.metrics import Metrics
from zoo.transfer.phases import ALL, leaf_layers

#: How many held-out samples are drawn: images on a sheet, or points of a regression.
_PICTURES = 16

_POINTS = 2_000


def run_pictures(
    loaded: LoadedModel,
    dataset: Dataset,
    part: str,
    history: Sequence[dict[str, Any]],
    metrics: Metrics | None,
    outputs_of: OutputsOf,
) -> dict[str, bytes]:
    """Return the PNGs of a run by file name.

    ``curves.png`` are the losses and accuracies of the epochs; ``predictions.png`` shows samples of ``part`` with what
    was predicted of them. With ``metrics`` of a classifier come ``confusion.png``, ``calibration.png`` and, for
    pictures some of which were mistaken, ``mistakes.png``.
    """
    samples = dataset.splits[part]
    title = f"{loaded.build.spec.name} on {dataset.name}, {part} samples"
    drawn = _predictions(loaded, dataset, samples, metrics, outputs_of, title)
    if history:  # there is none if training was stopped in its first epoch
        drawn["curves.png"] = training_plots.curves(history)
    if metrics is None or loaded.is_regression:
        return drawn
    drawn["confusion.png"] = evaluation_plots.confusion(metrics.confusion, title)
    drawn["calibration.png"] = evaluation_plots.calibration(
        metrics.reliability, metrics.calibration_error or 0.0, title
    )
    if metrics.mistakes and loaded.build.preprocessing is not None:
        examples = [
            image_grids.Example(open_image(samples.inputs[each.sample]), each.truth, each.predicted, each.probability)
            for each in metrics.mistakes
        ]
        drawn["mistakes.png"] = image_grids.contact_sheet(examples, f"{title}: the worst mistakes")
    return drawn


def count_parameters(model: keras.Model, phases: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the number of parameters of ``model``: the ``total``, and those ``trained`` in at least one of ``phases``.

    The phases are those of a run's ``info``: mappings whose ``trainable`` are names of layers.
    """
    names = {name for phase in phases for name in phase["trainable"]}
    trained = [layer for layer in leaf_layers(model) if tuple(names) == ALL or layer.name in names]
    variables = {id(variable): variable for layer in trained for variable in layer.trainable_variables}
    return {"total": model.count_params(), "trained": sum(math.prod(each.shape) for each in variables.values())}


def _predictions(
    loaded: LoadedModel,
    dataset: Dataset,
    samples: Split,
    metrics: Metrics | None,
    outputs_of: OutputsOf,
    title: str,
) -> dict[str, bytes]:
    preprocessing = loaded.build.preprocessing
    if preprocessing is None and not loaded.is_regression:
        if metrics is None:
            return {}
        return {"predictions.png": evaluation_plots.class_bars(metrics.recall, f"{title}: recall of each class")}
    count = min(_POINTS if preprocessing is None else _PICTURES, len(samples))
    # Evenly spaced, so that every class is shown even if the samples are sorted by class.
    indices = np.linspace(0, len(samples) - 1, count).astype(np.intp)
    chosen, outputs = samples.take(indices), outputs_of(indices)
    if loaded.is_regression:
        target = dataset.table.target if dataset.table else "value"
        return {"predictions.png": evaluation_plots.scatter(chosen.labels, np.ravel(outputs), target, title)}
    examples = [
        image_grids.Example(open_image(picture), dataset.class_names[label], best.label, best.probability or 0.0)
        for picture, label, (best, *_) in zip(
            chosen.inputs, chosen.labels, top_predictions(loaded, outputs, top=1), strict=True
        )
    ]
    return {"predictions.png": image_grids.contact_sheet(examples, title)}
