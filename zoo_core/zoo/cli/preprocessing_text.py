"""Preprocessing in words: what happens to a photograph before a network sees it."""

from __future__ import annotations

from collections.abc import Callable

from zoo.cli import output
from zoo.specs import Preprocessing


def in_a_few_words(preprocessing: Preprocessing, input_shape: tuple[int | None, ...]) -> str:
    """Return preprocessing in so few words that they fit a table, such as ``224 of 256 bilinear, bgr p - mean``."""
    size, shorter = _shorter_side(preprocessing, input_shape)
    cut = "squashed" if preprocessing.resize == "squash" else f"{size} of {shorter}"
    channels = "" if preprocessing.channels == "rgb" else f"{preprocessing.channels} "
    if preprocessing.per_image:
        return f"{cut} {preprocessing.interpolation}, {channels}standardised by itself"
    value = _formula(preprocessing, lambda name, values: _numbers(values) if len(values) == 1 else name)
    return f"{cut} {preprocessing.interpolation}, {channels}{value}"


def in_words(preprocessing: Preprocessing, input_shape: tuple[int | None, ...]) -> tuple[str, ...]:
    """Return preprocessing in three lines: the size of the image, its colours and its pixel values."""
    size = output.shape(input_shape[:2])
    if preprocessing.resize == "squash":
        first = f"squashed to {size}"
    else:
        _, shorter = _shorter_side(preprocessing, input_shape)
        first = f"resized to {shorter} on the shorter side, cropped to {size} in the centre"
    return (f"{first}, {preprocessing.interpolation}", _COLOURS[preprocessing.channels], _pixels(preprocessing))


def _shorter_side(preprocessing: Preprocessing, input_shape: tuple[int | None, ...]) -> tuple[str, str]:
    """Return the size of the centre crop, and the length that the shorter side of the image is resized to."""
    sides = [side for side in input_shape[:2] if side is not None]
    if not sides:
        return "any", "the size of the input"
    return f"{min(sides)}", f"{min(sides) / preprocessing.crop_fraction:.0f}"


_COLOURS = {"rgb": "red, green, blue", "bgr": "blue, green, red", "grey": "grey"}


def _pixels(preprocessing: Preprocessing) -> str:
    value = _formula(preprocessing, lambda _, values: _numbers(values))
    if preprocessing.per_image:
        return f"{value} for each pixel value p, minus the mean of the image, divided by its standard deviation"
    return f"{value} for each pixel value p from 0 to 255" if value != "p" else "pixel values from 0 to 255, unchanged"


def _formula(preprocessing: Preprocessing, show: Callable[[str, tuple[float, ...]], str]) -> str:
    """Return the formula for a pixel value p; ``show(name, values)`` returns the text for ``mean`` and ``std``."""
    divisor = round(1 / preprocessing.scale, 6)
    value = "p" if preprocessing.scale == 1 else f"p / {divisor:g}" if divisor > 1 else f"p x {preprocessing.scale:g}"
    if preprocessing.per_image:
        return value
    if any(preprocessing.mean):
        value = f"{value} - {show('mean', preprocessing.mean)}"
    if set(preprocessing.std) != {1.0}:
        value = f"{f'({value})' if ' - ' in value else value} / {show('std', preprocessing.std)}"
    return value


def _numbers(values: tuple[float, ...]) -> str:
    return f"{values[0]:g}" if len(values) == 1 else f"({', '.join(f'{value:g}' for value in values)})"
