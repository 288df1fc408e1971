"""Plots of an evaluation: confusion matrix, reliability diagram, recall per class, predicted against true values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from zoo.reporting.canvas import (
    FAINT,
    RIGHT,
    TRAINING,
    VALIDATION,
    WRONG,
    new_figure,
    plain_number,
    png_of,
    shortened,
    write_headline,
)
from zoo.runs.metrics import BINS, Bin

#: The classes with the lowest recall, as many as fit on a page.
_MOST_BARS = 40

#: With more classes a matrix cannot be read, and with more pairs the list is too long for a page.
_MOST_CLASSES = 50
_MOST_PAIRS = 30

#: The colours of shares, from 0 (white) to 1.
_SHARES = LinearSegmentedColormap.from_list("zoo", ("#ffffff", "#b7d3ea", "#1f6fb4", "#0a2f57"))

#: The column for predictions of classes that the data does not have.
_ELSEWHERE = "others"


def scatter(truth: NDArray[Any], predicted: NDArray[Any], target: str, title: str) -> bytes:
    """Return a PNG of the predicted against the true values; the diagonal is where they are equal."""
    figure = new_figure(6, 6)
    axis = figure.subplots()
    low, high = float(min(truth.min(), predicted.min())), float(max(truth.max(), predicted.max()))
    axis.plot([low, high], [low, high], color=FAINT, linewidth=1, zorder=0)
    axis.scatter(truth, predicted, s=9, alpha=max(0.3, min(0.8, 200 / len(truth))), color=TRAINING, edgecolors="none")
    axis.set(xlabel=f"true {target}", ylabel=f"predicted {target}", aspect="equal")
    axis.locator_params(nbins=6)
    for each in (axis.xaxis, axis.yaxis):
        each.set_major_formatter(plain_number)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    write_headline(figure, title)
    return png_of(figure)


def class_bars(shares: Mapping[str, float], title: str) -> bytes:
    """Return a PNG of the recall of each class, the lowest on top."""
    worst = sorted(shares.items(), key=lambda item: item[1])[:_MOST_BARS][::-1]
    figure = new_figure(7, 0.9 + 0.32 * len(worst))
    axis = figure.subplots()
    places = np.arange(len(worst))  # by number, because two names may be cut to the same text
    bars = axis.barh(places, [share for _, share in worst], color=TRAINING, height=0.65)
    axis.set_yticks(places, [shortened(name) for name, _ in worst])
    axis.bar_label(bars, labels=[f"{share:.0%}" for _, share in worst], padding=4, fontsize=9)
    axis.set_xlim(0, 1.08)
    axis.xaxis.set_visible(False)
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    write_headline(figure, title)
    return png_of(figure)


def confusion(counts: Mapping[str, Mapping[str, int]], title: str) -> bytes:
    """Return a PNG of the confusion matrix; the colour of a cell is its share of the samples of the true class.

    For more than 50 classes it shows the pairs of classes that were confused most often instead.

    Args:
        counts: the number of samples by true and then by predicted class.
        title: the headline.
    """
    classes = list(counts)
    if len(classes) > _MOST_CLASSES:
        return _confused_pairs(counts, title)
    # A model that knows more classes than the data may predict one that no sample belongs to.
    elsewhere = any(name not in counts for row in counts.values() for name in row)
    columns = [*classes, *([_ELSEWHERE] if elsewhere else [])]
    matrix = np.zeros((len(classes), len(columns)), int)
    for row, truth in enumerate(classes):
        for name, count in counts[truth].items():
            matrix[row, classes.index(name) if name in counts else -1] += count
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    cell = 0.62 if len(columns) <= 12 else 0.42 if len(columns) <= 25 else 0.3
    longest = max(len(shortened(name)) for name in columns)
    margin = 1.1 + 0.075 * longest
    figure = new_figure(max(4.2, cell * len(columns) + margin), max(3.6, cell * len(classes) + margin))
    axis = figure.subplots()
    axis.imshow(shares, cmap=_SHARES, vmin=0, vmax=1)
    small = {0.62: 10, 0.42: 8, 0.3: 6.5}[cell]
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            colour = "white" if shares[row, column] > 0.45 else WRONG if columns[column] != classes[row] else RIGHT
            axis.text(column, row, f"{count}", ha="center", va="center", fontsize=small, color=colour)
    axis.set_xticks(range(len(columns)), [shortened(name) for name in columns], fontsize=max(small, 7))
    axis.set_yticks(range(len(classes)), [shortened(name) for name in classes], fontsize=max(small, 7))
    if longest * 0.085 > cell:
        axis.tick_params(axis="x", rotation=90)
    axis.tick_params(length=0)
    axis.set_xticks(np.arange(0.5, len(columns) - 1), minor=True)
    axis.set_yticks(np.arange(0.5, len(classes) - 1), minor=True)
    axis.grid(which="minor", color="#e6e6e6", linewidth=0.6)
    axis.tick_params(which="minor", length=0)
    axis.spines[:].set_color("#bbbbbb")
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    write_headline(figure, title)
    return png_of(figure)


def calibration(bins: Sequence[Bin], error: float, title: str) -> bytes:
    """Return a PNG of a reliability diagram: the share of right predictions for each predicted probability.

    The bars of a perfectly calibrated model end on the diagonal. A second plot below shows how many samples are in each
    bin.
    """
    figure = new_figure(5.6, 6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    lefts = np.arange(BINS) / BINS
    accuracy = np.array([each.accuracy for each in bins])
    confidence = np.array([each.confidence for each in bins])
    counts = np.array([each.samples for each in bins])
    full = counts > 0
    bars: dict[str, Any] = {"width": 1 / BINS, "align": "edge", "edgecolor": "white", "linewidth": 1}
    upper.bar(lefts[full], accuracy[full], color=TRAINING, label="share that is right", **bars)
    low, high = np.minimum(accuracy, confidence), np.maximum(accuracy, confidence)
    gaps = {**bars, "edgecolor": VALIDATION, "hatch": "////", "facecolor": "none", "linewidth": 0.8}
    upper.bar(lefts[full], (high - low)[full], bottom=low[full], label="distance from the probability", **gaps)
    upper.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--")
    upper.set_ylim(0, 1)
    upper.set_ylabel("share that is right")
    upper.legend(loc="upper left", fontsize=9, framealpha=0.85, edgecolor="none", fancybox=False)
    upper.text(
        0.98, 0.04, f"expected calibration error {error:.1%}", transform=upper.transAxes, ha="right", fontsize=9,
        color=RIGHT, bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none"},
    )  # fmt: skip
    write_headline(figure, title)
    lower.bar(lefts, counts, color=FAINT, **bars)
    lower.set_ylabel("samples")
    lower.yaxis.get_major_locator().set_params(integer=True, nbins=3)
    lower.set_xlabel("probability of the predicted class")
    lower.set_xlim(0, 1)
    for axis in (upper, lower):
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axis.spines[["top", "right"]].set_visible(False)
    upper.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return png_of(figure)


def _confused_pairs(counts: Mapping[str, Mapping[str, int]], title: str) -> bytes:
    pairs = [(count, truth, name) for truth, row in counts.items() for name, count in row.items() if name != truth]
    most = sorted(pairs, key=lambda each: -each[0])[:_MOST_PAIRS][::-1]
    figure = new_figure(9, 1.0 + 0.3 * max(1, len(most)))
    axis = figure.subplots()
    names = [f"{shortened(truth)}  as  {shortened(name)}" for _, truth, name in most]
    places = np.arange(len(most))  # by number, because two pairs may be cut to the same text
    bars = axis.barh(places, [count for count, *_ in most], color=WRONG, height=0.62)
    axis.set_yticks(places, names, fontsize=9)
    samples = [sum(counts[truth].values()) for _, truth, _ in most]
    labels = [f"{count} of {all_of_it}" for (count, *_), all_of_it in zip(most, samples, strict=True)]
    axis.bar_label(bars, labels=labels, padding=4, fontsize=8.5)
    axis.margins(x=0.12, y=0.01)
    axis.xaxis.set_visible(False)
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    write_headline(figure, f"{title}: most confused of {len(counts)} classes")
    return png_of(figure)
