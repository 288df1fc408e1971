"""The figures of an evaluation, with their definitions and confidence intervals."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoo.specs import Task

#: The k of top-k; with this many classes or fewer, every prediction would be among them.
FIVE = 5

#: The number of bins of the calibration, as in Guo et al. 2017.
BINS = 15


Interval = tuple[float, float]


class Bin(NamedTuple):
    """The samples whose predicted class has a probability in one of the 15 bins of the scale."""

    samples: int
    confidence: float
    accuracy: float


class Mistake(NamedTuple):
    """A sample with a wrong prediction: its index in the split, its name, both classes, the probability."""

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
    - ``top1`` and ``top5`` are shares of the samples; ``top5`` is None for five classes or fewer;
    - for each class that has samples, ``recall`` is the share of its samples that were predicted as this class;
      ``precision`` is the share of the predictions of this class that were right, None if it was never predicted;
      ``f1`` is the harmonic mean of the two, and ``support`` is the number of samples;
    - ``confusion`` counts the samples by true and then by predicted class; pairs that never occurred are left out;
    - ``calibration_error`` is the mean distance between the probability of the predicted class and the share of right
      predictions, over the ``reliability`` bins, weighted by their samples (expected calibration error; Guo et al.
      2017, https://arxiv.org/abs/1706.04599, section 2);
    - ``mistakes`` are the wrong predictions with the highest probabilities.

    Regression: ``mae`` and ``rmse`` are in the unit of the target, and ``loss`` is the mean squared error; ``r2`` is
    the share of the variance that is explained, None if all targets are equal.

    ``intervals`` are the 95% confidence intervals of the figures: for shares by Wilson 1927
    (https://doi.org/10.1080/01621459.1927.10502953), for a regression from the percentiles of 1,000 bootstrap resamples
    (Efron 1979, https://doi.org/10.1214/aos/1176344552).

    ``samples`` is a digest of the samples, and ``outcomes`` has one bit for each sample that says whether its
    prediction was right (:meth:`correct`), so that two models can be compared sample by sample.
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
        # JSON turns tuples into lists.
        object.__setattr__(self, "reliability", tuple(Bin(*each) for each in self.reliability))
        object.__setattr__(self, "mistakes", tuple(Mistake(*each) for each in self.mistakes))

    @property
    def per_class(self) -> Mapping[str, float]:
        """Deprecated: the name of ``recall`` in Zoo 0.1."""
        message = "Metrics.per_class is now Metrics.recall; the old name will be removed in the next release"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return self.recall

    def figures(self) -> dict[str, float]:
        """Return the figures of this task by name, the most important one first."""
        figures = {"top-1": self.top1, "top-5": self.top5, "MAE": self.mae, "RMSE": self.rmse, "R2": self.r2}
        return {**{name: value for name, value in figures.items() if value is not None}, "loss": self.loss}

    def correct(self) -> NDArray[np.bool_] | None:
        """Return for each sample ``(count,)`` whether its prediction was right; None if that is not known."""
        if not self.outcomes:
            return None
        packed = np.frombuffer(base64.b64decode(self.outcomes), np.uint8)
        return np.unpackbits(packed, count=self.count).astype(bool)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as data for JSON; :meth:`from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Metrics:
        """Return the metrics that :meth:`as_dict` gave, also of Zoo 0.1, where recall was called ``per_class``."""
        return cls(**{"recall" if key == "per_class" else key: value for key, value in content.items()})

    def __str__(self) -> str:
        figures = self.figures()
        if self.rmse is not None:
            del figures["loss"]  # the square of the RMSE
        words = ", ".join(f"{name} {readable(value)}" for name, value in figures.items())
        return f"{words} on {self.count:,} {self.split} samples"


def wilson(share: float, count: int) -> Interval:
    """Return the 95% confidence interval of a share of ``count`` samples.

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953.

    >>> [round(each, 4) for each in wilson(0.9, 100)]
    [0.8256, 0.9448]
    """
    z = NormalDist().inv_cdf(0.975)
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    # For a share of 0 or 1, one end is exactly that share; rounding must not lead past it.
    return 0.0 if share == 0 else centre - half, 1.0 if share == 1 else centre + half


def readable(value: float) -> str:
    """Return a figure as text with a sensible number of digits, such as 0.8103, 68.21 or 47,312."""
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}" if abs(value) < 1000 else f"{value:,.0f}"
