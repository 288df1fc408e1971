"""Drawings made of images: contact sheets, heat over a photograph, grids of feature maps and of filters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from zoo.reporting.canvas import RIGHT, WRONG, new_figure, png_of, shortened, write_headline

#: More feature maps than this are too small to be seen.
_MOST_MAPS = 64


@dataclass(frozen=True)
class Example:
    """An image, the name of its true class, and the name and probability of the predicted class."""

    picture: Image.Image
    truth: str
    predicted: str
    probability: float


def contact_sheet(examples: Sequence[Example], title: str) -> bytes:
    """Return a PNG of images with their predicted classes; wrong predictions have a red frame and the true class."""
    columns = min(4, len(examples))
    rows = -(-len(examples) // columns)
    cell, side = (2.4, 2.75), 2.3
    width = columns * cell[0] + 0.1
    figure = new_figure(width, rows * cell[1])
    # One pair of axes in inches for all images: a pair for each image takes three times as long.
    figure.set_layout_engine("none")
    heading = write_headline(figure, title)
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
        text = f"{shortened(each.predicted, 22)} ({each.probability:.0%})"
        if colour == WRONG:
            axis.add_patch(Rectangle((left, top), side, side, facecolor="none", edgecolor=WRONG, linewidth=2.5))
            text += "\n" + shortened(f"true: {each.truth}")
        axis.text(left + side / 2, top + side + 0.06, text, color=colour, fontsize=9, ha="center", va="top")
    axis.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    return png_of(figure)


def heat_over(image: Image.Image, heatmap: NDArray[np.float32], strength: float) -> Image.Image:
    """Return the image with a heat map ``(H, W)`` of values from 0 to 1 over it; cold parts become a little darker."""
    colours = matplotlib.colormaps["inferno"](0.25 + 0.75 * heatmap)[..., :3].astype(np.float32) * 255
    pixels = np.asarray(image.convert("RGB"), np.float32)
    cover = (strength * heatmap**0.75)[..., None]
    darkened = pixels * (1 - 0.35 * strength * (1 - heatmap[..., None]))
    return Image.fromarray(np.rint(darkened * (1 - cover) + colours * cover).astype(np.uint8))


def side_by_side(
    image: Image.Image, other: Image.Image, title: str, remark: str, frame: tuple[int, int, int, int]
) -> bytes:
    """Return a PNG of two images of the same size beside each other.

    ``frame`` is left, top, right and bottom of a rectangle to draw in the second image, unless it is the whole image.
    """
    ratio = image.height / image.width
    each = min(5.0, 5.0 / ratio)
    figure = new_figure(2 * each + 0.2, each * ratio + 0.45)
    axes = figure.subplots(1, 2)
    for axis, picture in zip(axes, (image, other), strict=True):
        is_small = max(picture.size) < 64
        axis.imshow(picture.convert("RGB"), interpolation="nearest" if is_small else "antialiased")
        axis.set_axis_off()
    left, top, right, bottom = frame
    if frame != (0, 0, *image.size):
        line: dict[str, Any] = {"facecolor": "none", "edgecolor": "white", "linewidth": 1, "linestyle": (0, (4, 4))}
        axes[1].add_patch(Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, **line))
    write_headline(figure, f"{shortened(title, 60)}   {remark}")
    return png_of(figure)


def filter_grid(kernels: NDArray[np.float32], title: str) -> bytes:
    """Return a PNG of convolution kernels ``(height, width, inputs, outputs)``, each stretched from black to white.

    Kernels with three inputs are drawn in colour; others are averaged over their inputs.
    """
    inputs = kernels.shape[2]
    if inputs not in (1, 3):
        kernels, title = kernels.mean(axis=2, keepdims=True), f"{title}, mean over {inputs} channels"
    return _grid(np.moveaxis(kernels, 3, 0), title, "gray")


def map_grid(maps: NDArray[np.float32], title: str) -> bytes:
    """Return a PNG of feature maps ``(height, width, channels)``, each stretched over the whole colour scale.

    If there are more than 64 channels, it shows the 64 that vary most over the image, in their order.
    """
    chosen = np.sort(np.argsort(-maps.std(axis=(0, 1)), kind="stable")[:_MOST_MAPS])
    size = f"{maps.shape[0]}x{maps.shape[1]}"
    count = f"{len(chosen)} of {maps.shape[2]}" if maps.shape[2] > len(chosen) else f"{maps.shape[2]}"
    return _grid(np.moveaxis(maps[:, :, chosen, None], 2, 0), f"{title}: {count}, {size}", "viridis")


def _grid(tiles: NDArray[np.float32], title: str, colours: str) -> bytes:
    """Return a PNG of tiles ``(count, height, width, 1 or 3)``, each stretched from its least to its largest value."""
    low, high = tiles.min(axis=(1, 2, 3), keepdims=True), tiles.max(axis=(1, 2, 3), keepdims=True)
    stretched = (tiles - low) / np.where(high > low, high - low, 1)
    count, height, width, channels = tiles.shape
    least = math.ceil(math.sqrt(count))
    columns = min(range(least, 2 * least + 1), key=lambda each: -count % each)  # where the last row is fullest
    rows = -(-count // columns)
    size = min(1.1, 9.5 / columns)
    figure = new_figure(columns * size + 0.2, rows * size * height / width + 0.45)
    if channels == 1:
        stretched = matplotlib.colormaps[colours](stretched[..., 0])[..., :3]
    # One image of all tiles, with white lines between them that are a whole number of pixels wide.
    scale = max(1, round(size * figure.dpi / width))
    gap = 3
    sheet = np.ones((rows * (height * scale + gap) - gap, columns * (width * scale + gap) - gap, 3), np.float32)
    for place, tile in enumerate(stretched):
        top, left = place // columns * (height * scale + gap), place % columns * (width * scale + gap)
        sheet[top : top + height * scale, left : left + width * scale] = np.kron(tile, np.ones((scale, scale, 1)))
    axis = figure.subplots()
    axis.imshow(sheet, interpolation="antialiased")
    axis.set_axis_off()
    write_headline(figure, title)
    return png_of(figure)


def _square(picture: Image.Image) -> NDArray[np.uint8]:
    """Return the image centred on a white square, at most 256 pixels wide; smaller images are not enlarged."""
    picture = picture.copy()
    picture.thumbnail((256, 256))
    side = max(picture.size)
    square = Image.new(picture.mode, (side, side), "white")
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return np.asarray(square)
