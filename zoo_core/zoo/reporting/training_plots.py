"""Plots of a training: its curves over the epochs, and the search for a learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.reporting.canvas import FAINT, TRAINING, VALIDATION, new_figure, plain_number, png_of, shortened
from zoo.runs.metrics import readable


def curves(history: Sequence[dict[str, Any]]) -> bytes:
    """Return a PNG of the loss over the epochs beside the accuracy or, for a regression, the mean absolute error.

    The beginning of each phase is marked, and so is the best epoch: by the validation data, or by the training data if
    nothing was held out.
    """
    metric, name = ("mae", "mean absolute error") if "mae" in history[0] else ("accuracy", "accuracy")
    figure = new_figure(10, 4)
    axes = figure.subplots(1, 2)
    for axis, key, title in ((axes[0], "loss", "loss"), (axes[1], metric, name)):
        epochs = [record["epoch"] for record in history]
        for prefix, label, colour in (("", "training", TRAINING), ("val_", "validation", VALIDATION)):
            values = [record.get(prefix + key, math.nan) for record in history]
            if not all(map(math.isnan, values)):
                axis.plot(epochs, values, color=colour, label=label, marker="o", markersize=3.5, linewidth=1.6)
        _mark_best(axis, history, key)
        axis.set_title(title, loc="left", fontsize=11, pad=18)
        axis.set_xlabel("epoch")
        axis.set_xlim(0.5, len(history) + 0.5)
        axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        _mark_phases(axis, history)
    if metric == "mae":
        axes[1].yaxis.set_major_formatter(plain_number)
    else:
        axes[1].set_ylim(top=min(1.0, axes[1].get_ylim()[1]))
        axes[1].yaxis.set_major_formatter(lambda value, _: f"{round(100 * value, 6):g}%")
    axes[0].legend(frameon=False)
    return png_of(figure)


def rate_search(rates: NDArray[np.float64], losses: NDArray[np.float64], rate: float) -> bytes:
    """Return a PNG of the loss at each learning rate that was tried; a line marks the ``rate`` that was chosen."""
    figure = new_figure(6.5, 4)
    axis = figure.subplots()
    known = np.isfinite(losses)
    axis.plot(rates[known], losses[known], color=TRAINING, linewidth=1.6)
    axis.axvline(rate, color=VALIDATION, linewidth=1.2, linestyle="--")
    axis.set_xscale("log")
    # At the highest rates the loss explodes; an axis that shows all of it would flatten the rest of the curve.
    least, first = float(losses[known].min()), float(losses[known][0])
    axis.set_ylim(least - 0.1 * (first - least or 1), first + 0.4 * (first - least or 1))
    axis.set_xlabel("learning rate")
    axis.set_ylabel("loss, smoothed")
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title("search for a learning rate", loc="left", fontsize=11)
    axis.set_title(f"chosen: {rate:g}", loc="right", fontsize=9, color=VALIDATION)
    return png_of(figure)


def _mark_phases(axis: Any, history: Sequence[dict[str, Any]]) -> None:
    """If there are several phases, draw a line where each begins and write its name above."""
    names = [record["phase"] for record in history]
    starts = [place for place, name in enumerate(names) if not place or name != names[place - 1]]
    above = axis.get_xaxis_transform()
    for place in starts if len(starts) > 1 else ():
        if place:
            axis.axvline(place + 0.5, color=FAINT, linewidth=1, linestyle="--")
        axis.text(place + 0.5, 1.01, shortened(names[place]), transform=above, va="bottom", fontsize=8, color=FAINT)


def _mark_best(axis: Any, history: Sequence[dict[str, Any]], key: str) -> None:
    """Draw a ring around the best epoch and write its value above the plot."""
    name, colour = (f"val_{key}", VALIDATION) if any(f"val_{key}" in each for each in history) else (key, TRAINING)
    known = [(record["epoch"], record[name]) for record in history if math.isfinite(record.get(name, math.nan))]
    if len(known) < 2:
        return
    sign = -1 if key == "accuracy" else 1
    epoch, value = min(known, key=lambda each: sign * each[1])
    axis.plot(epoch, value, marker="o", markersize=10, markerfacecolor="none", markeredgecolor=colour, linestyle="")
    figure = f"{value:.1%}" if key == "accuracy" else readable(value)
    axis.set_title(f"best {figure}, epoch {epoch}", loc="right", fontsize=9, color=colour, pad=18)
