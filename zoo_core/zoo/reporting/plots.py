"""The pictures that Zoo draws: of a training, of what was predicted, and of what models give for what they cost."""

from __future__ import annotations

import functools
import io
import math
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from numpy.typing import NDArray
from PIL import Image

from zoo.reporting.label_placement import Box, Bubble, place_labels
from zoo.runs.metrics import BINS, Bin, readable

TRAINING, VALIDATION = "#1f6fb4", "#e07b1a"
RIGHT, WRONG = "#222222", "#c01818"
FAINT = "#777777"

#: One for each family; told apart by those who see no red or green too (Okabe and Ito's palette, yellow left out).
FAMILIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#444444")

#: Fonts of the systems for scripts that matplotlib's own font, the first, does not have.
_FONTS = (
    "DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo",
    "Yu Gothic", "Microsoft YaHei", "Malgun Gothic", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Arial Unicode MS",
    "Noto Sans Devanagari", "Nirmala UI", "Noto Sans Thai", "Leelawadee UI",
)  # fmt: skip

_MOST_BARS = 40

#: A matrix of more classes cannot be read, and one of more has no room for numbers that can.
_MOST_CLASSES = 50
_MOST_PAIRS = 30

_MOST_MAPS = 64

#: From nothing, which is white, to all.
_SHARES = LinearSegmentedColormap.from_list("zoo", ("#ffffff", "#b7d3ea", "#1f6fb4", "#0a2f57"))
_ELSEWHERE = "others"

#: Square points for each million of parameters.
_BUBBLE = 8.0


@dataclass(frozen=True)
class Example:
    """A picture, the name of its class, and the name and probability predicted."""

    picture: Image.Image
    truth: str
    predicted: str
    probability: float


@dataclass(frozen=True)
class Cost:
    """What a model of a family gives, top-1 as a share of 1, for its multiply-accumulates and parameters."""

    name: str
    family: str
    macs: int
    parameters: int
    top_1: float


def curves(history: Sequence[dict[str, Any]]) -> bytes:
    """Return a PNG of the loss and of the accuracy, or a regression's error, over the epochs.

    Phases are marked, and the best epoch of the validation, or of the training where nothing was held out.
    """
    metric, name = ("mae", "mean absolute error") if "mae" in history[0] else ("accuracy", "accuracy")
    figure = _figure(10, 4)
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
        axes[1].yaxis.set_major_formatter(_number)
    else:
        axes[1].set_ylim(top=min(1.0, axes[1].get_ylim()[1]))
        axes[1].yaxis.set_major_formatter(lambda value, _: f"{round(100 * value, 6):g}%")
    axes[0].legend(frameon=False)
    return _png(figure)


def rate_search(rates: NDArray[np.float64], losses: NDArray[np.float64], rate: float) -> bytes:
    """Return a PNG of the loss at each learning rate that was tried; the ``rate`` that was chosen is marked."""
    figure = _figure(6.5, 4)
    axis = figure.subplots()
    known = np.isfinite(losses)
    axis.plot(rates[known], losses[known], color=TRAINING, linewidth=1.6)
    axis.axvline(rate, color=VALIDATION, linewidth=1.2, linestyle="--")
    axis.set_xscale("log")
    # What the loss rises to in the end says nothing, and would press all else to the ground.
    least, first = float(losses[known].min()), float(losses[known][0])
    axis.set_ylim(least - 0.1 * (first - least or 1), first + 0.4 * (first - least or 1))
    axis.set_xlabel("learning rate")
    axis.set_ylabel("loss, smoothed")
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title("search for a learning rate", loc="left", fontsize=11)
    axis.set_title(f"chosen: {rate:g}", loc="right", fontsize=9, color=VALIDATION)
    return _png(figure)


def contact_sheet(examples: Sequence[Example], title: str) -> bytes:
    """Return a PNG of pictures with their true and predicted classes; the wrong ones are framed and named in red."""
    columns = min(4, len(examples))
    rows = -(-len(examples) // columns)
    cell, side = (2.4, 2.75), 2.3
    width = columns * cell[0] + 0.1
    figure = _figure(width, rows * cell[1])
    # One pair of axes in inches for all: a pair for each takes three times as long.
    figure.set_layout_engine("none")
    heading = _headline(figure, title)
    above = 0.2 + heading.get_window_extent().height / figure.dpi
    height = rows * cell[1] + above
    figure.set_size_inches(width, height)
    heading.set_position((0.1 / width, 1 - 0.1 / height))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_axis_off()
    for place, each in enumerate(examples):
        left, top = 0.1 + place % columns * cell[0], above + place // columns * cell[1]
        extent = (left, left + side, top + side, top)
        axis.imshow(_square(each.picture), extent=extent, cmap="grey", vmin=0, vmax=255, interpolation="nearest")
        colour = RIGHT if each.predicted == each.truth else WRONG
        text = f"{_short(each.predicted, 22)} ({each.probability:.0%})"
        if colour == WRONG:
            axis.add_patch(Rectangle((left, top), side, side, facecolor="none", edgecolor=WRONG, linewidth=2.5))
            text += "\n" + _short(f"true: {each.truth}")
        axis.text(left + side / 2, top + side + 0.06, text, color=colour, fontsize=9, ha="center", va="top")
    axis.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
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
        each.set_major_formatter(_number)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    _headline(figure, title)
    return _png(figure)


def class_bars(shares: Mapping[str, float], title: str) -> bytes:
    """Return a PNG of the share of each class that was recognised, the worst classes on top."""
    worst = sorted(shares.items(), key=lambda item: item[1])[:_MOST_BARS][::-1]
    figure = _figure(7, 0.9 + 0.32 * len(worst))
    axis = figure.subplots()
    places = np.arange(len(worst))  # by number, since two names may have been cut to the same text
    bars = axis.barh(places, [share for _, share in worst], color=TRAINING, height=0.65)
    axis.set_yticks(places, [_short(name) for name, _ in worst])
    axis.bar_label(bars, labels=[f"{share:.0%}" for _, share in worst], padding=4, fontsize=9)
    axis.set_xlim(0, 1.08)
    axis.xaxis.set_visible(False)
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    _headline(figure, title)
    return _png(figure)


def confusion(counts: Mapping[str, Mapping[str, int]], title: str) -> bytes:
    """Return a PNG of what the samples of each true class were taken for, coloured by their share of it.

    Of more than 50 classes, the pairs are shown that were most often confused.

    Args:
        counts: the number of samples by true and then by predicted class.
        title: what stands above.
    """
    classes = list(counts)
    if len(classes) > _MOST_CLASSES:
        return _confused_pairs(counts, title)
    # What no sample belongs to may be predicted all the same, by a model that knows more classes than the data.
    elsewhere = any(name not in counts for row in counts.values() for name in row)
    columns = [*classes, *([_ELSEWHERE] if elsewhere else [])]
    matrix = np.zeros((len(classes), len(columns)), int)
    for row, truth in enumerate(classes):
        for name, count in counts[truth].items():
            matrix[row, classes.index(name) if name in counts else -1] += count
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    cell = 0.62 if len(columns) <= 12 else 0.42 if len(columns) <= 25 else 0.3
    longest = max(len(_short(name)) for name in columns)
    margin = 1.1 + 0.075 * longest
    figure = _figure(max(4.2, cell * len(columns) + margin), max(3.6, cell * len(classes) + margin))
    axis = figure.subplots()
    axis.imshow(shares, cmap=_SHARES, vmin=0, vmax=1)
    small = {0.62: 10, 0.42: 8, 0.3: 6.5}[cell]
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            colour = "white" if shares[row, column] > 0.45 else WRONG if columns[column] != classes[row] else RIGHT
            axis.text(column, row, f"{count}", ha="center", va="center", fontsize=small, color=colour)
    axis.set_xticks(range(len(columns)), [_short(name) for name in columns], fontsize=max(small, 7))
    axis.set_yticks(range(len(classes)), [_short(name) for name in classes], fontsize=max(small, 7))
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
    _headline(figure, title)
    return _png(figure)


def calibration(bins: Sequence[Bin], error: float, title: str) -> bytes:
    """Return a PNG of how often the predictions of each probability are right (a reliability diagram).

    Above, the bars of a perfect model end on the diagonal; below is how many samples have such a probability.
    """
    figure = _figure(5.6, 6)
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
    _headline(figure, title)
    lower.bar(lefts, counts, color=FAINT, **bars)
    lower.set_ylabel("samples")
    lower.yaxis.get_major_locator().set_params(integer=True, nbins=3)
    lower.set_xlabel("probability of the predicted class")
    lower.set_xlim(0, 1)
    for axis in (upper, lower):
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axis.spines[["top", "right"]].set_visible(False)
    upper.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return _png(figure)


def heat_over(image: Image.Image, heatmap: NDArray[np.float32], strength: float) -> Image.Image:
    """Return the picture with a map of heat ``(H, W)`` from 0 to 1 over it; what is cold is a little darker."""
    colours = matplotlib.colormaps["inferno"](0.25 + 0.75 * heatmap)[..., :3].astype(np.float32) * 255
    pixels = np.asarray(image.convert("RGB"), np.float32)
    cover = (strength * heatmap**0.75)[..., None]
    darkened = pixels * (1 - 0.35 * strength * (1 - heatmap[..., None]))
    return Image.fromarray(np.rint(darkened * (1 - cover) + colours * cover).astype(np.uint8))


def side_by_side(
    image: Image.Image, other: Image.Image, title: str, remark: str, frame: tuple[int, int, int, int]
) -> bytes:
    """Return a PNG of two pictures of the same size beside each other.

    In the second, the part from left, top to right, bottom is framed, unless it is all of it.
    """
    ratio = image.height / image.width
    each = min(5.0, 5.0 / ratio)
    figure = _figure(2 * each + 0.2, each * ratio + 0.45)
    axes = figure.subplots(1, 2)
    for axis, picture in zip(axes, (image, other), strict=True):
        is_small = max(picture.size) < 64
        axis.imshow(picture.convert("RGB"), interpolation="nearest" if is_small else "antialiased")
        axis.set_axis_off()
    left, top, right, bottom = frame
    if frame != (0, 0, *image.size):
        line: dict[str, Any] = {"facecolor": "none", "edgecolor": "white", "linewidth": 1, "linestyle": (0, (4, 4))}
        axes[1].add_patch(Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, **line))
    _headline(figure, f"{_short(title, 60)}   {remark}")
    return _png(figure)


def filter_grid(kernels: NDArray[np.float32], title: str) -> bytes:
    """Return a PNG of convolution kernels ``(height, width, inputs, outputs)``, each scaled to its own extremes.

    Kernels of three inputs are in colour, others are averaged over their inputs.
    """
    inputs = kernels.shape[2]
    if inputs not in (1, 3):
        kernels, title = kernels.mean(axis=2, keepdims=True), f"{title}, mean over {inputs} channels"
    return _grid(np.moveaxis(kernels, 3, 0), title, "gray")


def map_grid(maps: NDArray[np.float32], title: str) -> bytes:
    """Return a PNG of feature maps ``(height, width, channels)``, each scaled to its own extremes.

    Of more than 64, those that vary most over the picture are shown, in their order.
    """
    chosen = np.sort(np.argsort(-maps.std(axis=(0, 1)), kind="stable")[:_MOST_MAPS])
    size = f"{maps.shape[0]}x{maps.shape[1]}"
    count = f"{len(chosen)} of {maps.shape[2]}" if maps.shape[2] > len(chosen) else f"{maps.shape[2]}"
    return _grid(np.moveaxis(maps[:, :, chosen, None], 2, 0), f"{title}: {count}, {size}", "viridis")


def accuracy_against_cost(models: Sequence[Cost], task: str) -> bytes:
    """Return a PNG of top-1 over multiply-accumulates; the area of a bubble stands for the parameters.

    The line joins the models that nothing better costs less than.
    """
    figure = _figure(12, 7.5)
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
    _explain(axis, models, colours, with_frontier=len(best) > 1)
    _label(figure, axis, models, colours, best)
    return _png(figure)


def frontier(models: Sequence[Cost]) -> list[Cost]:
    """Return the models that are better than every cheaper one, the cheapest first."""
    best: list[Cost] = []
    for each in sorted(models, key=lambda each: (each.macs, -each.top_1)):
        if not best or each.top_1 > best[-1].top_1:
            best.append(each)
    return best


# -- inside


def _figure(width: float, height: float) -> Figure:
    """Return a figure of its own: pyplot would keep it, and would ask for a display."""
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _headline(figure: Figure, text: str) -> Text:
    """Write ``text`` at the top left of a figure, in as many lines as its width asks for, and return it."""
    headline = figure.suptitle(text, x=0.01, ha="left", fontsize=11, parse_math=False)
    room, letters = figure.bbox.width - 0.11 * figure.dpi, len(text)
    while headline.get_window_extent().width > room and letters > 1:
        letters = int(0.95 * letters)
        headline.set_text(textwrap.fill(text, letters))
    return headline


def _png(figure: Figure) -> bytes:
    for text in figure.findobj(Text):
        words = text.get_text()
        if not words.isascii():
            text.set_fontfamily(_fonts())
        if "$" in words and "mathdefault" not in words:  # which a logarithmic axis writes
            text.set_parse_math(False)  # a name, and no formula
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # Where no font of the system has a letter either, it is a box in the picture; the report has the name in words.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        # Without the date and version that matplotlib adds, equal runs leave equal files. Photographs at level 3 take a
        # third of the time of level 6, and 6 % more bytes.
        figure.savefig(stream, format="png", metadata={"Software": None}, pil_kwargs={"compress_level": 3})
    return stream.getvalue()


@functools.lru_cache(maxsize=1)
def _fonts() -> list[str]:
    """Return those of the fonts that are installed."""
    installed = set(fontManager.get_font_names())
    return [name for name in _FONTS if name in installed]


def _number(value: float, _: object) -> str:
    """Return what stands beside a tick of an axis."""
    return f"{value:,g}" if abs(value) < 1e6 else f"{value:.3g}"


def _mark_phases(axis: Any, history: Sequence[dict[str, Any]]) -> None:
    """Draw a line where a phase begins, and name the phases if there are several."""
    names = [record["phase"] for record in history]
    starts = [place for place, name in enumerate(names) if not place or name != names[place - 1]]
    above = axis.get_xaxis_transform()
    for place in starts if len(starts) > 1 else ():
        if place:
            axis.axvline(place + 0.5, color=FAINT, linewidth=1, linestyle="--")
        axis.text(place + 0.5, 1.01, _short(names[place]), transform=above, va="bottom", fontsize=8, color=FAINT)


def _mark_best(axis: Any, history: Sequence[dict[str, Any]], key: str) -> None:
    """Draw a ring around the best epoch and write above what it reached."""
    name, colour = (f"val_{key}", VALIDATION) if any(f"val_{key}" in each for each in history) else (key, TRAINING)
    known = [(record["epoch"], record[name]) for record in history if math.isfinite(record.get(name, math.nan))]
    if len(known) < 2:
        return
    sign = -1 if key == "accuracy" else 1
    epoch, value = min(known, key=lambda each: sign * each[1])
    axis.plot(epoch, value, marker="o", markersize=10, markerfacecolor="none", markeredgecolor=colour, linestyle="")
    figure = f"{value:.1%}" if key == "accuracy" else readable(value)
    axis.set_title(f"best {figure}, epoch {epoch}", loc="right", fontsize=9, color=colour, pad=18)


def _confused_pairs(counts: Mapping[str, Mapping[str, int]], title: str) -> bytes:
    pairs = [
        (count, truth, name) for truth, row in counts.items() for name, count in row.items() if name != truth
    ]  # fmt: skip
    most = sorted(pairs, key=lambda each: -each[0])[:_MOST_PAIRS][::-1]
    figure = _figure(9, 1.0 + 0.3 * max(1, len(most)))
    axis = figure.subplots()
    names = [f"{_short(truth)}  as  {_short(name)}" for _, truth, name in most]
    places = np.arange(len(most))  # by number, since two pairs may have been cut to the same text
    bars = axis.barh(places, [count for count, *_ in most], color=WRONG, height=0.62)
    axis.set_yticks(places, names, fontsize=9)
    samples = [sum(counts[truth].values()) for _, truth, _ in most]
    labels = [f"{count} of {all_of_it}" for (count, *_), all_of_it in zip(most, samples, strict=True)]
    axis.bar_label(bars, labels=labels, padding=4, fontsize=8.5)
    axis.margins(x=0.12, y=0.01)
    axis.xaxis.set_visible(False)
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    _headline(figure, f"{title}: most confused of {len(counts)} classes")
    return _png(figure)


def _grid(tiles: NDArray[np.float32], title: str, colours: str) -> bytes:
    """Return a PNG of tiles ``(count, height, width, 1 or 3)``, each stretched to the whole scale."""
    low, high = tiles.min(axis=(1, 2, 3), keepdims=True), tiles.max(axis=(1, 2, 3), keepdims=True)
    stretched = (tiles - low) / np.where(high > low, high - low, 1)
    count, height, width, channels = tiles.shape
    least = math.ceil(math.sqrt(count))
    columns = min(range(least, 2 * least + 1), key=lambda each: -count % each)  # where the last row is fullest
    rows = -(-count // columns)
    size = min(1.1, 9.5 / columns)
    figure = _figure(columns * size + 0.2, rows * size * height / width + 0.45)
    if channels == 1:
        stretched = matplotlib.colormaps[colours](stretched[..., 0])[..., :3]
    # One picture of all tiles, with white lines of a whole number of pixels between them.
    scale = max(1, round(size * figure.dpi / width))
    gap = 3
    sheet = np.ones((rows * (height * scale + gap) - gap, columns * (width * scale + gap) - gap, 3), np.float32)
    for place, tile in enumerate(stretched):
        top, left = place // columns * (height * scale + gap), place % columns * (width * scale + gap)
        sheet[top : top + height * scale, left : left + width * scale] = np.kron(tile, np.ones((scale, scale, 1)))
    axis = figure.subplots()
    axis.imshow(sheet, interpolation="antialiased")
    axis.set_axis_off()
    _headline(figure, title)
    return _png(figure)


def _square(picture: Image.Image) -> NDArray[np.uint8]:
    """Return the picture on a white square, so that all stand in line; small ones keep their pixels."""
    picture = picture.copy()
    picture.thumbnail((256, 256))
    side = max(picture.size)
    square = Image.new(picture.mode, (side, side), "white")
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return np.asarray(square)


def _short(text: str, length: int = 28) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _area(model: Cost) -> float:
    return 14 + _BUBBLE * model.parameters / 1e6


def _with_prefix(value: float) -> str:
    return f"{value / 1e9:g} G" if value >= 1e9 else f"{value / 1e6:g} M"


def _explain(axis: Any, models: Sequence[Cost], colours: Mapping[str, str], *, with_frontier: bool) -> None:
    """Add what the colours, the sizes and the line mean."""
    dot: dict[str, Any] = {"marker": "o", "linestyle": "", "alpha": 0.55, "markeredgecolor": "white"}
    handles = [Line2D([], [], color=colour, label=family, markersize=8, **dot) for family, colour in colours.items()]
    if with_frontier:
        handles.append(Line2D([], [], color=FAINT, linewidth=1.2, label="nothing cheaper is better"))
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


def _label(figure: Figure, axis: Any, models: Sequence[Cost], colours: Mapping[str, str], best: Sequence[Cost]) -> None:
    """Write each model's name beside its bubble, with a line to it where it had to go further away."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # what was measured must not move
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
    """Yield points of a line, at most 8 pixels from one to the next."""
    for start, end in pairwise(line):
        for share in np.linspace(0, 1, 2 + int(math.dist(start, end) / 8)):
            x, y = (1 - share) * start + share * end
            yield float(x), float(y)
