"""The figures of an evaluation: what each of them means, and how sure it is."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoo.specs import Task

#: Top-5 accuracy says nothing where there are no more classes than this.
FIVE = 5

#: Bins of the calibration, as in Guo et al. 2017.
BINS = 15

#: Of the mistakes, the worst are kept by name.
MISTAKES = 16

#: How often the samples of a regression are drawn anew for its intervals.
RESAMPLES = 1_000

#: The least probability that the loss counts, as in Keras: the logarithm of 0 is infinite.
_LEAST = 1e-7

#: How many random numbers are held at once.
_DRAWN = 2**20

Interval = tuple[float, float]


class Bin(NamedTuple):
    """The samples whose predicted class got a probability within one fifteenth of the scale."""

    samples: int
    confidence: float
    accuracy: float


class Mistake(NamedTuple):
    """A sample, by its place in the split and its name, that was taken for another class with this probability."""

    sample: int
    name: str
    truth: str
    predicted: str
    probability: float


@dataclass(frozen=True)
class Metrics:
    """The figures of one evaluation, on ``count`` samples of the data's ``split``.

    Classification:

    - ``loss`` is the mean cross-entropy (log loss) in nats;
    - ``top1`` and ``top5`` are shares of the samples, ``top5`` None for five classes or fewer;
    - ``per_class`` is the recall of each class that has samples: the share of them that is recognised; ``precision`` is
      the share of what was taken for the class that belongs to it, None where nothing was; ``f1`` is the harmonic mean
      of the two, and ``support`` the number of samples;
    - ``confusion`` counts what the samples of each true class were taken for, without pairs that never occurred;
    - ``calibration_error`` is the mean distance between the probability of the predicted class and the share that was
      right, weighted by the samples of each of the ``reliability`` bins (expected calibration error; Guo et al. 2017,
      https://arxiv.org/abs/1706.04599, section 2);
    - ``mistakes`` are the wrong answers of the highest probability.

    Regression: ``mae`` and ``rmse`` are in the target's unit and ``loss``, the mean squared error, in its square;
    ``r2`` is the share of the variance explained, None where the targets are all alike.

    ``intervals`` hold the true value of a figure in 95 of 100 such evaluations on other samples: for shares by Wilson
    1927 (https://doi.org/10.1080/01621459.1927.10502953), for a regression by the percentiles of 1,000 bootstrap
    resamples (Efron 1979, https://doi.org/10.1214/aos/1176344552).

    ``samples`` is a digest of what was evaluated on, and ``outcomes`` says in one bit for each which were right
    (:meth:`correct`), so that two models can be compared sample by sample.
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
    precision: Mapping[str, float | None] = field(default_factory=dict)
    f1: Mapping[str, float] = field(default_factory=dict)
    support: Mapping[str, int] = field(default_factory=dict)
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict, repr=False)
    calibration_error: float | None = None
    reliability: tuple[Bin, ...] = field(default=(), repr=False)
    mistakes: tuple[Mistake, ...] = field(default=(), repr=False)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    samples: str = field(default="", repr=False)
    outcomes: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        shares = {"top-1": self.top1, "top-5": self.top5}
        computed = {name: wilson(share, self.count) for name, share in shares.items() if share is not None}
        intervals = {**computed, **{name: (low, high) for name, (low, high) in self.intervals.items()}}
        object.__setattr__(self, "intervals", intervals)
        # From JSON, tuples come back as lists.
        object.__setattr__(self, "reliability", tuple(Bin(*each) for each in self.reliability))
        object.__setattr__(self, "mistakes", tuple(Mistake(*each) for each in self.mistakes))

    def figures(self) -> dict[str, float]:
        """Return the figures that apply, the most telling one first."""
        figures = {"top-1": self.top1, "top-5": self.top5, "MAE": self.mae, "RMSE": self.rmse, "R2": self.r2}
        return {**{name: value for name, value in figures.items() if value is not None}, "loss": self.loss}

    def correct(self) -> NDArray[np.bool_] | None:
        """Return for each sample ``(count,)`` whether it was recognised; None if that is not known."""
        if not self.outcomes:
            return None
        packed = np.frombuffer(base64.b64decode(self.outcomes), np.uint8)
        return np.unpackbits(packed, count=self.count).astype(bool)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON takes them; ``Metrics(**...)`` reads them back."""
        return asdict(self)

    def __str__(self) -> str:
        figures = self.figures()
        if self.rmse is not None:
            del figures["loss"]  # its square
        words = ", ".join(f"{name} {readable(value)}" for name, value in figures.items())
        return f"{words} on {self.count:,} {self.split} samples"


@dataclass(frozen=True)
class Answers:
    """What a classifier said of each of N samples, in as few numbers as its figures need, each an array ``(N,)``.

    ``labels`` and ``predicted`` are indices of the model's classes; ``confidence`` is the probability of the predicted
    class and ``of_truth`` that of the true one; ``among_five`` says whether fewer than five classes got more than it.
    """

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]
    of_truth: NDArray[np.float64]
    among_five: NDArray[np.bool_]


def answers_of(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> Answers:
    """Return what ``(N, classes)`` probabilities say of samples with these labels."""
    rows = np.arange(len(labels))
    predicted = probabilities.argmax(axis=1)
    of_truth = probabilities[rows, labels]
    among_five = (probabilities > of_truth[:, None]).sum(axis=1) < FIVE
    return Answers(labels, predicted, probabilities[rows, predicted], of_truth, among_five)


def joined(parts: list[Answers]) -> Answers:
    """Return the answers to all samples, in order."""
    names = Answers.__dataclass_fields__
    return Answers(**{name: np.concatenate([getattr(each, name) for each in parts]) for name in names})


def classification(
    task: Task, split: str, names: tuple[str, ...], answers: Answers, sample_names: list[str] | None = None
) -> Metrics:
    """Return the figures of a classifier whose classes have these ``names``; ``sample_names`` are for its mistakes."""
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
        per_class=dict(zip(own, map(float, recall), strict=True)),
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


def regression(split: str, predicted: NDArray[np.float64], targets: NDArray[np.float64]) -> Metrics:
    """Return the figures of numbers ``(N,)`` predicted for targets ``(N,)``."""
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


def wilson(share: float, count: int) -> Interval:
    """Return the 95% interval of a share of ``count`` samples.

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953.

    >>> [round(each, 4) for each in wilson(0.9, 100)]
    [0.8256, 0.9448]
    """
    z = NormalDist().inv_cdf(0.975)
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    # Of none or of all, one end is exactly the share, and rounding must not lead past it.
    return 0.0 if share == 0 else centre - half, 1.0 if share == 1 else centre + half


def bootstrap(errors: NDArray[np.float64], targets: NDArray[np.float64], *, seed: int = 0) -> dict[str, Interval]:
    """Return the 95% intervals of MAE, RMSE and R2 from resamples of the samples; none for fewer than two."""
    count = len(errors)
    if count < 2:
        return {}
    # Centred, so that squares of large targets lose no digits.
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
    """Return the expected calibration error and the bins, those without samples with zeros.

    Bin m holds the probabilities above m / 15, up to (m + 1) / 15 (Guo et al. 2017, section 2).
    """
    places = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    full = np.maximum(counts, 1)
    sure = np.bincount(places, weights=confidence, minlength=BINS) / full
    accurate = np.bincount(places, weights=right, minlength=BINS) / full
    error = float((counts * np.abs(sure - accurate)).sum() / len(confidence))
    return error, tuple(map(Bin, counts.tolist(), sure.tolist(), accurate.tolist()))


def readable(value: float) -> str:
    """Return a figure with as many digits as are of interest: 0.8103, 68.21, 47,312."""
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}" if abs(value) < 1000 else f"{value:,.0f}"


def _confusion(
    names: tuple[str, ...], labels: NDArray[np.int64], predicted: NDArray[np.int64]
) -> dict[str, dict[str, int]]:
    pairs, counts = np.unique(labels * len(names) + predicted, return_counts=True)
    confusion: dict[str, dict[str, int]] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        truth, answer = divmod(pair, len(names))
        confusion.setdefault(names[truth], {})[names[answer]] = count
    return confusion
