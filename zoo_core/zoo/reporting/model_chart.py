"""The chart of models: their accuracy against their cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from zoo.reporting.canvas import FAINT, new_figure, png_of
from zoo.reporting.label_placement import Box, Bubble, place_labels

#: One for each family, also told apart by people who do not see red or green (the palette of Okabe and Ito, without
#: its yellow).
FAMILIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#444444")

#: The area of a bubble in square points for each million parameters.
_BUBBLE = 8.0


@dataclass(frozen=True)
class Cost:
    """The accuracy of a model (top-1 as a share of 1), with its cost in multiply-accumulates and parameters."""

    name: str
    family: str
    macs: int
    parameters: int
    top_1: float


def accuracy_against_cost(models: Sequence[Cost], task: str) -> bytes:
    """Return a PNG of top-1 against multiply-accumulates; the area of a bubble shows the number of parameters.

    A line joins the models of :func:`frontier`.
    """
    figure = new_figure(12, 7.5)
    axis = figure.subplots()
    families = sorted({each.family for each in models})
    colours = {family: FAMILIES[place % len(FAMILIES)] for place, family in enumerate(families)}
    best = frontier(models)
    axis.plot([each.macs for each in best], [each.top_1 for each in best], color=FAINT, linewidth=1.2, zorder=1)
    for each in sorted(models, key=lambda each: -each.parameters):
        axis.scatter(
            each.macs, each.top_1, s=_area(each), color=colours[each.family], alpha=0.55, edgecolors="white", zorder=2
        )
    axis.set_xscale("log")
    axis.set_xlabel("multiply-accumulates for one input")
    axis.set_ylabel("published top-1")
    axis.margins(0.09, 0.08)
    axis.xaxis.set_major_formatter(lambda value, _: _with_prefix(value))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(f"Accuracy on {task} against cost", loc="left", fontsize=13)
    _add_legends(axis, models, colours, with_frontier=len(best) > 1)
    _add_names(figure, axis, models, colours, best)
    return png_of(figure)


def frontier(models: Sequence[Cost]) -> list[Cost]:
    """Return the models that are more accurate than every cheaper model, the cheapest first."""
    best: list[Cost] = []
    for each in sorted(models, key=lambda each: (each.macs, -each.top_1)):
        if not best or each.top_1 > best[-1].top_1:
            best.append(each)
    return best


def _area(model: Cost) -> float:
    return 14 + _BUBBLE * model.parameters / 1e6


def _with_prefix(value: float) -> str:
    return f"{value / 1e9:g} G" if value >= 1e9 else f"{value / 1e6:g} M"


def _add_legends(axis: Any, models: Sequence[Cost], colours: Mapping[str, str], *, with_frontier: bool) -> None:
    """Add one legend for the colours and the line, and one for the sizes."""
    dot: dict[str, Any] = {"marker": "o", "linestyle": "", "alpha": 0.55, "markeredgecolor": "white"}
    handles = [Line2D([], [], color=colour, label=family, markersize=8, **dot) for family, colour in colours.items()]
    if with_frontier:
        handles.append(Line2D([], [], color=FAINT, linewidth=1.2, label="no cheaper model is better"))
    first = axis.legend(handles=handles, frameon=False, loc="lower right", borderaxespad=1.2)
    axis.add_artist(first)
    most = max(each.parameters for each in models)
    sizes = [size for size in (2_000_000, 25_000_000, 140_000_000) if size <= 1.2 * most] or [most]
    examples = [Cost("", "", 0, size, 0.0) for size in sizes]
    handles = [
        Line2D([], [], color=FAINT, label=_with_prefix(each.parameters), markersize=math.sqrt(_area(each)), **dot)
        for each in examples
    ]
    axis.legend(
        handles=handles,
        title="parameters",
        frameon=False,
        loc="upper left",
        borderaxespad=1.2,
        labelspacing=1.4,
        handletextpad=1.4,
        alignment="left",
    )


def _add_names(
    figure: Figure, axis: Any, models: Sequence[Cost], colours: Mapping[str, str], best: Sequence[Cost]
) -> None:
    """Write each model's name beside its bubble; a line leads to a name that had to move away from its bubble."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the layout that was measured must stay as it is
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    pixels_per_point = figure.dpi / 72
    texts = [
        axis.annotate(
            each.name,
            (each.macs, each.top_1),
            fontsize=7.5,
            color="#222222",
            fontweight="bold" if each in best else "normal",
            ha="center",
            va="center",
            zorder=4,
        )
        for each in models
    ]
    bubbles = []
    for each, text in zip(models, texts, strict=True):
        x, y = axis.transData.transform((each.macs, each.top_1))
        extent = text.get_window_extent(renderer)
        bubbles.append(Bubble(x, y, math.sqrt(_area(each)) / 2 * pixels_per_point, extent.width, extent.height))
    legends = [each for each in axis.get_children() if isinstance(each, Legend)]
    area, *others = [Box(*each.get_window_extent(renderer).extents) for each in (axis, *legends)]
    line = [axis.transData.transform((each.macs, each.top_1)) for each in best]
    others += [Box(x - 2, y - 2, x + 2, y + 2) for x, y in _along(line)]
    to_data = axis.transData.inverted()
    for each, text, bubble, box in zip(models, texts, bubbles, place_labels(bubbles, area, others), strict=True):
        text.set_position(to_data.transform(((box.left + box.right) / 2, (box.bottom + box.top) / 2)))
        near = (min(max(bubble.x, box.left), box.right), min(max(bubble.y, box.bottom), box.top))
        away = math.hypot(near[0] - bubble.x, near[1] - bubble.y)
        if away > bubble.radius + 10:
            start, end = to_data.transform(near), (each.macs, each.top_1)
            axis.plot(*zip(start, end, strict=True), color=colours[each.family], linewidth=0.7, alpha=0.7, zorder=1.5)


def _along(line: Sequence[NDArray[Any]]) -> Iterator[tuple[float, float]]:
    """Yield points along a line, each at most 8 pixels from the one before."""
    for start, end in pairwise(line):
        for share in np.linspace(0, 1, 2 + int(math.dist(start, end) / 8)):
            x, y = (1 - share) * start + share * end
            yield float(x), float(y)
