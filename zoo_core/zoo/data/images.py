"""From anything that is a picture to the numbers a network takes."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from zoo.errors import ArgumentError, DataError
from zoo.specs import Preprocessing

Picture: TypeAlias = str | os.PathLike[str] | bytes | NDArray[np.generic] | Image.Image

Image.init()

#: What photographs come in. Not all that Pillow opens: for EPS, say, it starts Ghostscript on the user's file.
FORMATS = tuple(
    each
    for each in ("JPEG", "MPO", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "ICO")
    if each in Image.OPEN
)

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}

A = TypeVar("A")
B = TypeVar("B")


def open_image(source: Picture, *, name: str | None = None) -> Image.Image:
    """Return the picture upright, in the mode ``RGB`` or, if it has no colour, ``L``.

    The orientation of its EXIF data is applied, what is transparent becomes white, 16 bits become 8, and of an
    animation the first frame is taken.

    Args:
        source: a path, the bytes of a file, a Pillow image, or an array ``(H, W)`` or ``(H, W, 1 | 3 | 4)`` of pixel
            values from 0 to 255, integers or floats (which are rounded); the fourth channel is the opacity.
        name: what to call it in errors; by default its path.

    Raises:
        DataError: if it is missing, damaged, no picture, larger than ``PIL.Image.MAX_IMAGE_PIXELS``, or an array of
            another shape or range.
        ArgumentError: if ``source`` is something else altogether.
    """
    if name is None:
        name = str(source) if isinstance(source, (str, os.PathLike)) else "the picture"
    with _naming(name):
        if isinstance(source, np.ndarray):
            return _plain(_from_array(source))
        if isinstance(source, Image.Image):
            return _plain(ImageOps.exif_transpose(source))
        if isinstance(source, (str, os.PathLike, bytes)):
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
                _refuse_bomb(image)
                return _plain(ImageOps.exif_transpose(image))
    found = f"a {type(source).__name__} is no picture"
    raise ArgumentError(f"open {name}", found, "pass a path, bytes, an array or a Pillow image")


def digest_of_image(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of an image file that decodes from end to end.

    Raises:
        DataError: as :func:`open_image`.
    """
    with _naming(str(path)), open(path, "rb") as file:
        image = Image.open(file, formats=FORMATS)
        _refuse_bomb(image)
        if image.format in ("JPEG", "MPO"):
            # An eighth of the size costs a third of the time, and a truncated file is found all the same.
            image.draft(None, (1, 1))
            image.load()
        else:
            _plain(ImageOps.exif_transpose(image))
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def prepare(
    image: Image.Image, preprocessing: Preprocessing, input_shape: tuple[int | None, ...]
) -> NDArray[np.float32]:
    """Return the picture of :func:`open_image` as the ``(H, W, C)`` of ``input_shape``.

    A height or width of None is the picture's own. One channel is grey, whatever ``preprocessing.channels`` says, and
    grey is repeated for three.

    Raises:
        ArgumentError: if ``input_shape`` is not that of a picture.
    """
    height, width, channels = _checked(input_shape)
    grey = channels == 1 or preprocessing.channels == "grey"
    image = _resized(image.convert("L" if grey else "RGB"), preprocessing, height, width)
    pixels = np.asarray(image)
    if grey:
        pixels = np.repeat(pixels[:, :, None], channels, axis=2)
    return normalise(pixels, preprocessing)


def prepare_all(
    images: Iterable[Picture], preprocessing: Preprocessing, input_shape: tuple[int | None, ...]
) -> NDArray[np.float32]:
    """Return the pictures as one batch ``(N, H, W, C)``, decoded in parallel.

    Raises:
        DataError: as :func:`open_image`, and if the pictures differ in size and ``input_shape`` leaves theirs.
        ArgumentError: if ``input_shape`` is not that of a picture.
    """
    height, width, channels = _checked(input_shape)
    if isinstance(images, np.ndarray) and images.ndim == 4 and images.dtype == np.uint8 and len(images):
        whole = preprocessing.resize == "squeeze" or preprocessing.crop_fraction == 1
        same_size = images.shape[1:3] == (height or images.shape[1], width or images.shape[2])
        same_channels = images.shape[3] == channels and (channels == 1 or preprocessing.channels != "grey")
        if whole and same_size and same_channels:
            return normalise(images, preprocessing)
    arrays = in_threads(lambda each: prepare(open_image(each), preprocessing, input_shape), images)
    shapes = sorted({each.shape for each in arrays})
    if len(shapes) != 1:
        found = f"they are of {len(shapes)} sizes, such as {shapes[0]} and {shapes[-1]}" if shapes else "there is none"
        raise DataError(f"put {len(arrays)} pictures into one batch", found, "name a height and width in input_shape")
    return np.stack(arrays)


def normalise(pixels: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Return the arithmetic of ``preprocessing`` on pixels ``(..., H, W, C)``, in the channel order RGB or grey."""
    values = pixels.astype(np.float32)
    if preprocessing.channels == "bgr":
        values = np.ascontiguousarray(values[..., ::-1])
    values *= np.float32(preprocessing.scale)
    if preprocessing.per_image:
        own = (-3, -2, -1)
        least = 1 / np.sqrt(np.prod(values.shape[-3:]))
        std = np.maximum(values.std(own, keepdims=True), np.float32(least))
        values -= values.mean(own, keepdims=True)
        values /= std
        return values
    values -= _per_channel("mean", preprocessing.mean, values.shape[-1])
    values /= _per_channel("std", preprocessing.std, values.shape[-1])
    return values


def in_threads(function: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Return ``function`` of each item, in order, computed on a few threads: Pillow decodes outside Python's lock."""
    return list(_threads().map(function, items))


# -- inside


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="zoo-images")


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an error that names the picture; on damaged files Pillow raises anything."""
    try:
        yield
    except (DataError, ArgumentError):
        raise
    except UnidentifiedImageError as error:
        advice = f"pass a picture ({', '.join(FORMATS[:6])}, ...)"
        raise DataError(f"open {name}", "it is no picture of a known format", advice) from error
    except FileNotFoundError as error:
        raise DataError(f"open {name}", "there is no such file", "check the path") from error
    except Exception as error:
        raise DataError(f"open {name}", f"it cannot be decoded ({error})", "replace or remove it") from error


def _refuse_bomb(image: Image.Image) -> None:
    """Refuse what Pillow would only warn of: a few kilobytes that claim to be gigabytes of pixels."""
    most = Image.MAX_IMAGE_PIXELS
    if most and image.width * image.height > most:
        raise ValueError(f"it claims {image.width}x{image.height} pixels, and more than {most:,} are not read")


def _plain(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65_535:
            raise ValueError("its pixels take more than 16 bits")
        image = Image.fromarray(((values * 255 + 32_767) // 65_535).astype(np.uint8))
    if image.mode == "F":
        image = _from_array(np.asarray(image))
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    return image.convert("L" if grey else "RGB")


def _from_array(array: NDArray[np.generic]) -> Image.Image:
    asked = f"open an array of {array.dtype} and shape {array.shape} as a picture"
    if array.ndim not in (2, 3) or not array.size or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise DataError(asked, "that is not (H, W) or (H, W, 1, 3 or 4)", "pass one picture, its channels last")
    if array.dtype.kind not in "uif":
        raise DataError(asked, "its values are not numbers", "pass pixel values from 0 to 255")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 255):
        raise DataError(asked, f"its values go from {low:g} to {high:g}", "pass pixel values from 0 to 255")
    if array.dtype.kind == "f":
        if high <= 1 and bool((array % 1).any()):
            raise DataError(asked, f"its values go from {low:g} to {high:g}, as if scaled", "multiply it by 255")
        array = np.rint(array)
    pixels = array.astype(np.uint8)
    return Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)


def _checked(input_shape: tuple[int | None, ...]) -> tuple[int | None, int | None, int]:
    sizes = input_shape[:2]
    if len(input_shape) != 3 or input_shape[2] not in (1, 3) or any(size is not None and size < 1 for size in sizes):
        found = "a picture is (height, width, channels) with 1 or 3 channels"
        raise ArgumentError(f"prepare a picture as {input_shape}", found, "pass such an input_shape")
    return sizes[0], sizes[1], input_shape[2]


def _resized(image: Image.Image, preprocessing: Preprocessing, height: int | None, width: int | None) -> Image.Image:
    """Return the picture at ``(height, width)``; one that has that size already is not resampled."""
    height, width = height or image.height, width or image.width
    resampling = _RESAMPLING[preprocessing.interpolation]
    if preprocessing.resize == "squeeze":
        return image.resize((width, height), resampling)
    least_width, least_height = (round(size / preprocessing.crop_fraction) for size in (width, height))
    ratio = max(least_width / image.width, least_height / image.height)
    size = max(least_width, round(image.width * ratio)), max(least_height, round(image.height * ratio))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return image.resize(size, resampling).crop((left, top, left + width, top + height))


def _per_channel(what: str, values: tuple[float, ...], channels: int) -> NDArray[np.float32]:
    """Return one value for each channel; three values for a single, grey channel are averaged."""
    if len(values) == 3 and channels == 1:
        values = (sum(values) / 3,)
    if len(values) not in (1, channels):
        found = f"{what} has {len(values)} values"
        raise ArgumentError(f"normalise {channels} channels", found, "pass one for each, or one")
    return np.asarray(values, np.float32)
