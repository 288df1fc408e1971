"""What a person looks at after training: the curves, and a sheet of held-out samples with what was predicted."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

TRAINING, VALIDATION = "#1f6fb4", "#e07b1a"
RIGHT, WRONG = "#222222", "#c01818"
FAINT = "#777777"

_MOST_BARS = 40


@dataclass(frozen=True)
class Example:
    """A picture, the name of its class, and the name and probability predicted."""

    picture: Image.Image
    truth: str
    predicted: str
    probability: float


def curves(history: Sequence[dict[str, Any]]) -> bytes:
    """Return a PNG of the loss and of the accuracy, or a regression's error, over the epochs; phases are marked."""
    metric, name = ("mae", "mean absolute error") if "mae" in history[0] else ("accuracy", "accuracy")
    figure = _figure(10, 4)
    axes = figure.subplots(1, 2)
    for axis, key, title in ((axes[0], "loss", "loss"), (axes[1], metric, name)):
        epochs = [record["epoch"] for record in history]
        for prefix, label, colour in (("", "training", TRAINING), ("val_", "validation", VALIDATION)):
            values = [record.get(prefix + key, math.nan) for record in history]
            if not all(map(math.isnan, values)):
                axis.plot(epochs, values, color=colour, label=label, marker="o", markersize=3.5, linewidth=1.6)
        axis.set_title(title, loc="left", fontsize=11)
        axis.set_xlabel("epoch")
        axis.set_xlim(0.5, len(history) + 0.5)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        _mark_phases(axis, history)
    if metric == "accuracy":
        axes[1].set_ylim(top=min(1.0, axes[1].get_ylim()[1]))
        axes[1].yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes[0].legend(frameon=False)
    return _png(figure)


def contact_sheet(examples: Sequence[Example], title: str) -> bytes:
    """Return a PNG of pictures with their true and predicted classes; the wrong ones are framed and named in red."""
    columns = min(4, len(examples))
    rows = -(-len(examples) // columns)
    figure = _figure(2.4 * columns + 0.2, 2.75 * rows + 0.4)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    for place, axis in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
        if place >= len(examples):
            continue
        each = examples[place]
        colour = RIGHT if each.predicted == each.truth else WRONG
        axis.imshow(_square(each.picture), cmap="grey", vmin=0, vmax=255, interpolation="nearest")
        text = _short(f"{each.predicted} ({each.probability:.0%})")
        if colour == WRONG:
            axis.spines[:].set(visible=True, color=WRONG, linewidth=2.5)
            text += "\n" + _short(f"true: {each.truth}")
        axis.set_xlabel(text, color=colour, fontsize=9, labelpad=4)
    return _png(figure)


def scatter(truth: NDArray[Any], predicted: NDArray[Any], target: str, title: str) -> bytes:
    """Return a PNG of predicted against true values; on the diagonal they are equal."""
    figure = _figure(6, 6)
    axis = figure.subplots()
    low, high = float(min(truth.min(), predicted.min())), float(max(truth.max(), predicted.max()))
    axis.plot([low, high], [low, high], color=FAINT, linewidth=1, zorder=0)
    axis.scatter(truth, predicted, s=9, alpha=max(0.3, min(0.8, 200 / len(truth))), color=TRAINING, edgecolors="none")
    axis.set(xlabel=f"true {target}", ylabel=f"predicted {target}", aspect="equal")
    axis.locator_params(nbins=6)
    for each in (axis.xaxis, axis.yaxis):
        each.set_major_formatter(lambda value, _: f"{value:,g}" if abs(value) < 1e6 else f"{value:.3g}")
    axis.set_title(title, loc="left", fontsize=11)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def class_bars(shares: Mapping[str, float], title: str) -> bytes:
    """Return a PNG of the share of each class that was recognised, the worst classes on top."""
    worst = sorted(shares.items(), key=lambda item: item[1])[:_MOST_BARS][::-1]
    figure = _figure(7, 0.9 + 0.32 * len(worst))
    axis = figure.subplots()
    bars = axis.barh([_short(name) for name, _ in worst], [share for _, share in worst], color=TRAINING, height=0.65)
    axis.bar_label(bars, labels=[f"{share:.0%}" for _, share in worst], padding=4, fontsize=9)
    axis.set_xlim(0, 1.08)
    axis.xaxis.set_visible(False)
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    axis.set_title(title, loc="left", fontsize=11)
    return _png(figure)


# -- inside


def _figure(width: float, height: float) -> Figure:
    """Return a figure of its own: pyplot would keep it, and would ask for a display."""
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    # Without the date and version that matplotlib adds, equal runs leave equal files.
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _mark_phases(axis: Any, history: Sequence[dict[str, Any]]) -> None:
    """Draw a line where a phase begins, and name the phases if there are several."""
    names = [record["phase"] for record in history]
    starts = [place for place, name in enumerate(names) if not place or name != names[place - 1]]
    above = axis.get_xaxis_transform()
    for place in starts if len(starts) > 1 else ():
        if place:
            axis.axvline(place + 0.5, color=FAINT, linewidth=1, linestyle="--")
        axis.text(place + 0.6, 0.99, names[place], transform=above, va="top", fontsize=8, color=FAINT)


def _square(picture: Image.Image) -> NDArray[np.uint8]:
    """Return the picture on a white square, so that all stand in line; small ones keep their pixels."""
    picture = picture.copy()
    picture.thumbnail((256, 256))
    side = max(picture.size)
    square = Image.new(picture.mode, (side, side), "white")
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return np.asarray(square)


def _short(text: str) -> str:
    return text if len(text) <= 28 else text[:27] + "…"
