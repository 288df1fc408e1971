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
    - ``recall`` is the recall of each class that has samples: the share of them that is recognised; ``precision`` is
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
    recall: Mapping[str, float] = field(default_factory=dict)
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
        """Return the figures as JSON takes them; :meth:`from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Metrics:
        """Return the metrics of :meth:`as_dict`; those of Zoo 0.1 call the recall ``per_class``."""
        return cls(**{"recall" if key == "per_class" else key: value for key, value in content.items()})

    def __str__(self) -> str:
        figures = self.figures()
        if self.rmse is not None:
            del figures["loss"]  # its square
        words = ", ".join(f"{name} {readable(value)}" for name, value in figures.items())
        return f"{words} on {self.count:,} {self.split} samples"


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


def readable(value: float) -> str:
    """Return a figure with as many digits as are of interest: 0.8103, 68.21, 47,312."""
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}" if abs(value) < 1000 else f"{value:,.0f}"
