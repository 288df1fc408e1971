"""The figures of an evaluation, computed from the predictions and the labels of the samples."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.runs.metrics import BINS, FIVE, Bin, Interval, Metrics, Mistake
from zoo.specs import Task

#: The number of mistakes to list, those with the highest probabilities.
MISTAKES = 16

#: The number of bootstrap resamples for the intervals of a regression.
RESAMPLES = 1_000

#: The lower limit of probabilities in the loss, as in Keras, because the logarithm of 0 is infinite.
_LEAST = 1e-7

#: The most random numbers to hold in memory at a time.
_DRAWN = 2**20


@dataclass(frozen=True)
class Answers:
    """The predictions for N samples, reduced to what the figures need; each field is an array ``(N,)``.

    ``labels`` and ``predicted`` are indices of the model's classes; ``confidence`` is the probability of the predicted
    class, and ``of_truth`` is that of the true class; ``among_five`` says whether fewer than five classes got a higher
    probability than the true class.
    """

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]
    of_truth: NDArray[np.float64]
    among_five: NDArray[np.bool_]


def answers_of(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> Answers:
    """Return the predictions of ``(N, classes)`` probabilities for samples with these labels."""
    rows = np.arange(len(labels))
    predicted = probabilities.argmax(axis=1)
    of_truth = probabilities[rows, labels]
    among_five = (probabilities > of_truth[:, None]).sum(axis=1) < FIVE
    return Answers(labels, predicted, probabilities[rows, predicted], of_truth, among_five)


def joined(parts: list[Answers]) -> Answers:
    """Return the parts as one, in order."""
    names = Answers.__dataclass_fields__
    return Answers(**{name: np.concatenate([getattr(each, name) for each in parts]) for name in names})


def classification_metrics(
    task: Task, split: str, names: tuple[str, ...], answers: Answers, sample_names: list[str] | None = None
) -> Metrics:
    """Return the figures of a classifier with classes of these ``names``; ``sample_names`` are for its mistakes."""
    from sklearn.metrics import precision_recall_fscore_support

    labels, predicted, right = answers.labels, answers.predicted, answers.predicted == answers.labels
    present = np.unique(labels)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=present, zero_division=np.nan
    )
    error, bins = calibration(answers.confidence, right)
    wrong = np.flatnonzero(~right)
    worst = wrong[np.argsort(-answers.confidence[wrong], kind="stable")][:MISTAKES]
    own = [names[label] for label in present]
    return Metrics(
        task=task,
        split=split,
        count=len(labels),
        loss=float(-np.log(np.maximum(answers.of_truth, _LEAST)).mean()),
        top1=float(right.mean()),
        top5=float(answers.among_five.mean()) if len(names) > FIVE else None,
        recall=dict(zip(own, map(float, recall), strict=True)),
        precision={name: None if np.isnan(value) else float(value) for name, value in zip(own, precision, strict=True)},
        f1=dict(zip(own, map(float, f1), strict=True)),
        support=dict(zip(own, map(int, support), strict=True)),
        confusion=_confusion(names, labels, predicted),
        calibration_error=error,
        reliability=bins,
        mistakes=tuple(
            Mistake(
                int(place),
                sample_names[place] if sample_names else str(place),
                names[labels[place]],
                names[predicted[place]],
                float(answers.confidence[place]),
            )
            for place in worst
        ),
        outcomes=base64.b64encode(np.packbits(right).tobytes()).decode(),
    )


def regression_metrics(split: str, predicted: NDArray[np.float64], targets: NDArray[np.float64]) -> Metrics:
    """Return the figures of a regression from the predicted values ``(N,)`` and the true values ``(N,)``."""
    errors = predicted - targets
    loss, variance = float(np.square(errors).mean()), float(targets.var())
    return Metrics(
        task="regression",
        split=split,
        count=len(targets),
        loss=loss,
        mae=float(np.abs(errors).mean()),
        rmse=loss**0.5,
        r2=1 - loss / variance if variance else None,
        intervals=bootstrap(errors, targets),
    )


def bootstrap(errors: NDArray[np.float64], targets: NDArray[np.float64], *, seed: int = 0) -> dict[str, Interval]:
    """Return the 95% confidence intervals of MAE, RMSE and R2 by bootstrap; no intervals for fewer than two samples."""
    count = len(errors)
    if count < 2:
        return {}
    # Targets are centred, so that the squares of large targets do not lose digits.
    centred = targets - targets.mean()
    terms = (np.abs(errors), np.square(errors), centred, np.square(centred))
    drawn = np.random.default_rng(seed)
    at_once = max(1, _DRAWN // count)
    means = []
    for start in range(0, RESAMPLES, at_once):
        chosen = drawn.integers(count, size=(min(at_once, RESAMPLES - start), count))
        means.append([term[chosen].mean(axis=1) for term in terms])
    absolute, squared, target, target_squared = np.concatenate(means, axis=1)
    variance = target_squared - np.square(target)
    figures = {"MAE": absolute, "RMSE": np.sqrt(squared)}
    if targets.var() > 0:
        alike = variance <= 1e-12 * targets.var()
        figures["R2"] = 1 - squared[~alike] / variance[~alike]
    ends = {name: np.percentile(values, (2.5, 97.5)) for name, values in figures.items() if len(values)}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def calibration(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, tuple[Bin, ...]]:
    """Return the expected calibration error, and the bins; a bin without samples has zeros.

    Bin m holds the probabilities above m / 15 and up to (m + 1) / 15 (Guo et al. 2017, section 2).
    """
    places = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    full = np.maximum(counts, 1)
    sure = np.bincount(places, weights=confidence, minlength=BINS) / full
    accurate = np.bincount(places, weights=right, minlength=BINS) / full
    error = float((counts * np.abs(sure - accurate)).sum() / len(confidence))
    return error, tuple(map(Bin, counts.tolist(), sure.tolist(), accurate.tolist()))


def _confusion(
    names: tuple[str, ...], labels: NDArray[np.int64], predicted: NDArray[np.int64]
) -> dict[str, dict[str, int]]:
    pairs, counts = np.unique(labels * len(names) + predicted, return_counts=True)
    confusion: dict[str, dict[str, int]] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        truth, answer = divmod(pair, len(names))
        confusion.setdefault(names[truth], {})[names[answer]] = count
    return confusion
