"""Where to put the labels of a chart, so that no label covers another label or a bubble."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: The directions to try for a label, seen from its bubble, most readable first: right, left, above, below, diagonal.
_DIRECTIONS = (0, 180, 90, 270, 30, 330, 150, 210, 60, 300, 120, 240, 15, 345, 165, 195, 75, 285, 105, 255)

#: The distances to try between the edge of the bubble and the label, in pixels.
_DISTANCES = (2, 8, 16, 26, 38, 52, 68, 86)

#: The space to keep free around every label, in pixels.
_MARGIN = 1.5


@dataclass(frozen=True)
class Bubble:
    """A circle, and the width and height of its label; all in pixels."""

    x: float
    y: float
    radius: float
    width: float
    height: float


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """Return the area that this rectangle and the other have in common."""
        across = min(self.right, other.right) - max(self.left, other.left)
        up = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, across) * max(0.0, up)

    def within(self, other: Box) -> bool:
        """Return whether this rectangle lies completely inside the other."""
        inside_across = other.left <= self.left and self.right <= other.right
        return inside_across and other.bottom <= self.bottom and self.top <= other.top


def place_labels(bubbles: Sequence[Bubble], area: Box, others: Sequence[Box] = ()) -> list[Box]:
    """Return the rectangle of each bubble's label, in the order of the bubbles.

    The labels stay inside ``area`` and avoid the ``others``, such as legends. Each label gets the nearest place where
    it covers nothing or, if there is none, the place where it covers least; bubbles with many neighbours choose first.
    """
    circles = [Box(b.x - b.radius, b.y - b.radius, b.x + b.radius, b.y + b.radius) for b in bubbles]
    placed: dict[int, Box] = {}
    for index in sorted(range(len(bubbles)), key=lambda index: -_crowd(bubbles, index)):
        taken = [*others, *placed.values(), *(circle for place, circle in enumerate(circles) if place != index)]
        own = bubbles[index]
        inside = [box for box in _candidates(own) if box.within(area)] or list(_candidates(own))
        free = (box for box in inside if not any(map(box.overlap, taken)))
        placed[index] = next(free, None) or min(inside, key=lambda box: sum(map(box.overlap, taken)))
    return [placed[index] for index in range(len(bubbles))]


def _crowd(bubbles: Sequence[Bubble], index: int) -> int:
    own = bubbles[index]
    near = 2 * own.width
    return sum(math.hypot(other.x - own.x, 3 * (other.y - own.y)) < near for other in bubbles)


def _candidates(bubble: Bubble) -> Iterator[Box]:
    half_width, half_height = bubble.width / 2 + _MARGIN, bubble.height / 2 + _MARGIN
    for distance in _DISTANCES:
        for degrees in _DIRECTIONS:
            across, up = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
            # The centre of the label is so far out that its rectangle begins at this distance from the bubble.
            x = bubble.x + across * (bubble.radius + distance) + _sign(across) * half_width
            y = bubble.y + up * (bubble.radius + distance) + _sign(up) * half_height
            yield Box(x - half_width, y - half_height, x + half_width, y + half_height)


def _sign(value: float) -> float:
    return 0.0 if abs(value) < 1e-9 else math.copysign(1.0, value)
