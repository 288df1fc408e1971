"""Pictures no larger than needed: JPEG files decoded at a part of their size, resized with vector instructions."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

import cykooz_resizer
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

#: (width, height) of a picture, and which size is enough of it.
Size: TypeAlias = tuple[int, int]
Enough: TypeAlias = Callable[[Size], Size]

#: How a JPEG file begins, and what follows 0xff where the bits of the picture do.
_JPEG, _START_OF_SCAN = b"\xff\xd8\xff", b"\xda"

#: The names of simplejpeg for the modes of Pillow.
_COLOURS = {"L": "GRAY", "RGB": "RGB", "RGBA": "RGBA"}

#: What simplejpeg calls the colours that it turns into these.
_FROM = ("YCbCr", "RGB", "Gray")

#: From this ratio on, what is decoded to what is wanted.
_SHRINKS = 1.5

#: Each thread decodes into memory of its own, which it keeps up to this many bytes.
_KEPT = 8 * 2**20
_OF_THREAD = threading.local()

#: The tag of EXIF for how the camera was held, and its values where height and width change places, where what stands
#: left in the upright picture comes last in the file's rows or columns, and where what stands above does.
_ORIENTATION, _ON_ITS_SIDE, _FROM_THE_RIGHT, _FROM_BELOW = 0x0112, (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)

#: The filters of Pillow's resize: a sixth of its time, and at most one grey value away but for bicubic overshoots.
_FILTERS = {
    "nearest": cykooz_resizer.ResizeAlg.nearest(),
    "bilinear": cykooz_resizer.ResizeAlg.convolution(cykooz_resizer.FilterType.bilinear),
    "bicubic": cykooz_resizer.ResizeAlg.convolution(cykooz_resizer.FilterType.catmull_rom),
}
_PIXEL_TYPES = {
    1: cykooz_resizer.PixelType.U8,
    3: cykooz_resizer.PixelType.U8x3,
    4: cykooz_resizer.PixelType.U8x4,
}

A = TypeVar("A")


@dataclass(frozen=True)
class Whole:
    """What a decoded picture shows: one of ``size``, ``scale`` times as large, that begins at ``(left, top)`` in it.

    Where ``scale`` does not divide the size, the last decoded pixels reach beyond the picture.
    """

    size: Size
    scale: int = 1
    left: float = 0.0
    top: float = 0.0


def scaled_jpeg(content: bytes, mode: str, enough: Enough) -> tuple[NDArray[np.uint8], Whole] | None:
    """Return a JPEG file upright, decoded at the least legal scale that leaves ``enough``, and what the pixels show.

    They are ``(H, W, C)`` in memory that the next file of the thread is decoded into. None stands for whatever else it
    is: another format, colours for the printer, damage. Pillow knows what to do then.

    Raises:
        ValueError: if it claims to be larger than ``PIL.Image.MAX_IMAGE_PIXELS``.
    """
    if not content.startswith(_JPEG):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
    except ValueError:
        return None
    refuse_bomb(width, height)
    if colours not in _FROM:
        return None
    orientation = _orientation_of(content)
    turned = orientation in _ON_ITS_SIDE
    wanted = _swapped(enough(_swapped((width, height), turned)), turned)
    scale = next((each for each in (8, 4, 2) if each <= min(width // wanted[0], height // wanted[1])), 1)
    least = -(-width // scale), -(-height // scale)
    try:
        pixels = simplejpeg.decode_jpeg(
            content,
            _COLOURS[mode],
            min_width=least[0],
            min_height=least[1],
            # How colours between two samples are guessed cannot be seen where the picture shrinks further.
            fastupsample=min(least[0] / wanted[0], least[1] / wanted[1]) >= _SHRINKS,
            buffer=_memory(least[0] * least[1] * len(mode)),
        )
    except ValueError:
        return None
    beyond = _swapped((least[0] - width / scale, least[1] - height / scale), turned)
    whole = Whole(_swapped((width, height), turned), scale)
    if turned:
        pixels = pixels.swapaxes(0, 1)
    if orientation in _FROM_THE_RIGHT:
        pixels, whole = pixels[:, ::-1], replace(whole, left=beyond[0])
    if orientation in _FROM_BELOW:
        pixels, whole = pixels[::-1], replace(whole, top=beyond[1])
    return pixels, whole


def resized(pixels: NDArray[np.uint8], whole: Whole, scaled: Size, cut: Size, interpolation: str) -> NDArray[np.uint8]:
    """Return the middle ``cut`` out of the picture brought to ``scaled``; no pixel is resampled in vain."""
    left, top = (scaled[0] - cut[0]) // 2, (scaled[1] - cut[1]) // 2
    if scaled == whole.size and whole.scale == 1:
        return pixels[top : top + cut[1], left : left + cut[0]].copy()
    across, down = (side / whole.scale / final for side, final in zip(whole.size, scaled, strict=True))
    start = whole.left + left * across, whole.top + top * down
    # Rounding must not carry the box over the border.
    box = cykooz_resizer.CropBox(
        *start, min(cut[0] * across, pixels.shape[1] - start[0]), min(cut[1] * down, pixels.shape[0] - start[1])
    )
    kind = _PIXEL_TYPES[pixels.shape[2]]
    image: Any = cykooz_resizer.ImageData(*cut, kind)
    cykooz_resizer.Resizer().resize(
        cykooz_resizer.ImageData(pixels.shape[1], pixels.shape[0], kind, pixels.tobytes()),
        image,
        cykooz_resizer.ResizeOptions(_FILTERS[interpolation], crop_box=box),
    )
    return np.frombuffer(image.get_buffer(), np.uint8).reshape(cut[1], cut[0], -1)


def refuse_bomb(width: int, height: int) -> None:
    """Refuse what Pillow would only warn of: a few kilobytes that claim to be gigabytes of pixels."""
    most = Image.MAX_IMAGE_PIXELS
    if most and width * height > most:
        raise ValueError(f"it claims {width}x{height} pixels, and more than {most:,} are not read")


def _orientation_of(content: bytes) -> int | None:
    """Return how the camera was held, which Pillow is asked where the file may say it, in EXIF or in XMP."""
    header = _header_of(content)
    if b"Exif\0" not in header and b"Orientation" not in header:
        return None
    with Image.open(io.BytesIO(content), formats=("JPEG", "MPO")) as image:
        return image.getexif().get(_ORIENTATION)


def _header_of(content: bytes) -> bytes:
    """Return what stands before the bits of the picture, or everything where the segments do not lead to them.

    A search through all the bits costs up to a tenth of their decoding.
    """
    at = 2
    while content[at : at + 1] == b"\xff":
        if content[at + 1 : at + 2] == _START_OF_SCAN:
            return content[:at]
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return content


def _memory(size: int) -> bytearray:
    """Return at least ``size`` bytes, the same again if they suffice: fresh memory costs as much as the decoding."""
    memory: bytearray = getattr(_OF_THREAD, "memory", bytearray())
    if len(memory) < size:
        memory = bytearray(size)
        if size <= _KEPT:
            _OF_THREAD.memory = memory
    return memory


def _swapped(pair: tuple[A, A], swap: bool) -> tuple[A, A]:
    return (pair[1], pair[0]) if swap else pair
