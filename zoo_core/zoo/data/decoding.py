"""From a path, the bytes of a file, an array or a Pillow image to a decoded image that is upright."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from zoo.data.jpeg import Enough, Whole, refuse_bomb, scaled_jpeg
from zoo.errors import ArgumentError, DataError

Picture: TypeAlias = str | os.PathLike[str] | bytes | NDArray[np.generic] | Image.Image

Image.init()

#: The formats that photographs are stored in. Pillow opens more, but for EPS, say, it runs Ghostscript on the file.
FORMATS = tuple(
    each
    for each in ("JPEG", "MPO", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "ICO")
    if each in Image.OPEN
)


def open_image(source: Picture, *, name: str | None = None) -> Image.Image:
    """Return the image upright, in the mode ``RGB`` or, if it has no colour, ``L``.

    The orientation in its EXIF data is applied, transparent pixels become white, 16 bits are reduced to 8, and of an
    animation the first frame is used.

    Args:
        source: a path, the bytes of a file, a Pillow image, or an array ``(H, W)`` or ``(H, W, 1 | 3 | 4)`` of pixel
            values from 0 to 255, integers or floats (which are rounded); the fourth channel is the opacity.
        name: what error messages call the image; by default its path.

    Raises:
        DataError: if the file is missing, is damaged, is not an image or has more pixels than
            ``PIL.Image.MAX_IMAGE_PIXELS``, or if an array has another shape or other values.
        ArgumentError: if ``source`` has another type.
    """
    return _opened(source, name)


def open_image_as(source: Picture, mode: str, *, name: str | None = None) -> Image.Image:
    """Return the image as :func:`open_image` does, in the mode ``L``, ``RGB`` or ``RGBA``; raises as that does.

    Only ``RGBA`` keeps the opacity; an image without one becomes opaque.
    """
    return _in_mode(_opened(source, name, opacity=mode == "RGBA"), mode)


def open_scaled(source: Picture, mode: str, enough: Enough) -> tuple[NDArray[np.uint8], Whole]:
    """Return the pixels ``(H, W, C)`` of the upright image in ``mode``, and which part of the image they show.

    A JPEG file may be decoded at a fraction of its size, as long as the result is at least as large as ``enough`` says
    for the size of the image. Raises as :func:`open_image` does.
    """
    name = _name_of(source)
    if isinstance(source, (str, os.PathLike)):
        with _errors_naming(name):
            source = Path(source).read_bytes()
    if isinstance(source, bytes):
        with _errors_naming(name):
            found = scaled_jpeg(source, mode, enough)
        if found is not None:
            return found
    image = open_image_as(source, mode, name=name)
    return array_of(image), Whole(image.size)


def digest_of_image(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of an image file, after checking that all of it can be decoded.

    Raises:
        DataError: as :func:`open_image`.
    """
    with _errors_naming(str(path)), open(path, "rb") as file:
        image = Image.open(file, formats=FORMATS)
        refuse_bomb(*image.size)
        if image.format in ("JPEG", "MPO"):
            # Decoding at an eighth of the size takes a third of the time, and still notices a truncated file.
            image.draft(None, (1, 1))
            image.load()
        else:
            _in_eight_bits(ImageOps.exif_transpose(image))
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def array_of(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of an image as ``(H, W, C)``, with one channel if it is grey."""
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


# -- inside


def _opened(source: Picture, name: str | None = None, *, opacity: bool = False) -> Image.Image:
    """Return the image upright and in 8 bits, as :func:`_in_eight_bits` gives it."""
    name = name or _name_of(source)
    with _errors_naming(name):
        if isinstance(source, np.ndarray):
            return _in_eight_bits(_from_array(source), opacity)
        if isinstance(source, Image.Image):
            return _in_eight_bits(ImageOps.exif_transpose(source), opacity)
        if isinstance(source, (str, os.PathLike, bytes)):
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
                refuse_bomb(*image.size)
                ImageOps.exif_transpose(image, in_place=True)
                return _in_eight_bits(image, opacity)
    found = f"an object of type {type(source).__name__} is not an image"
    raise ArgumentError(f"open {name}", found, "pass a path, bytes, an array or a Pillow image")


def _name_of(source: Picture) -> str:
    return str(source) if isinstance(source, (str, os.PathLike)) else "the picture"


@contextmanager
def _errors_naming(name: str) -> Iterator[None]:
    """Turn any error of a decoder into one that names the image; for a damaged file Pillow may raise any exception."""
    try:
        yield
    except (DataError, ArgumentError):
        raise
    except UnidentifiedImageError as error:
        advice = f"pass an image file ({', '.join(FORMATS[:6])}, ...)"
        raise DataError(f"open {name}", "it is not an image in a known format", advice) from error
    except FileNotFoundError as error:
        raise DataError(f"open {name}", "there is no such file", "check the path") from error
    except Exception as error:
        raise DataError(f"open {name}", f"it cannot be decoded ({error})", "replace or remove it") from error


def _in_eight_bits(image: Image.Image, opacity: bool = False) -> Image.Image:
    """Return the image as ``RGBA`` if its opacity is wanted, and otherwise on white as ``RGB`` or ``L``."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65_535:
            raise ValueError("its pixels have more than 16 bits")
        image = Image.fromarray(((values * 255 + 32_767) // 65_535).astype(np.uint8))
    if image.mode == "F":
        image = _from_array(np.asarray(image))
    grey = image.mode in ("1", "L", "LA", "La")
    if opacity:
        return image.convert("RGBA") if image.has_transparency_data else image.convert("RGB").convert("RGBA")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    return _in_mode(image, "L" if grey else "RGB")


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Return the image in ``mode``; unlike Pillow's ``convert``, this makes no copy of one that has it already."""
    return image if image.mode == mode else image.convert(mode)


def _from_array(array: NDArray[np.generic]) -> Image.Image:
    request = f"open an array of {array.dtype} and shape {array.shape} as an image"
    if array.ndim not in (2, 3) or not array.size or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise DataError(request, "its shape is not (H, W) or (H, W, 1, 3 or 4)", "pass one image, channels last")
    if array.dtype.kind not in "uif":
        raise DataError(request, "its values are not numbers", "pass pixel values from 0 to 255")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 255):
        raise DataError(request, f"its values go from {low:g} to {high:g}", "pass pixel values from 0 to 255")
    if array.dtype.kind == "f":
        if high <= 1 and bool((array % 1).any()):
            found = f"its values go from {low:g} to {high:g}, as if they had been divided by 255"
            raise DataError(request, found, "multiply the array by 255")
        array = np.rint(array)
    pixels = array.astype(np.uint8)
    return Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
