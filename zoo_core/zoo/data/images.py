"""From anything that is a picture to the numbers a network takes."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from zoo.data.jpeg import Enough, Size, Whole, refuse_bomb, resized, scaled_jpeg
from zoo.data.thread_pool import in_threads
from zoo.errors import ArgumentError, DataError
from zoo.specs import Preprocessing

Picture: TypeAlias = str | os.PathLike[str] | bytes | NDArray[np.generic] | Image.Image

#: ``np.empty``, or another that takes a shape and a dtype.
Empty: TypeAlias = Callable[[tuple[int, ...], type], NDArray[Any]]

A = TypeVar("A")

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
    return _opened(source, name)


def digest_of_image(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of an image file that decodes from end to end.

    Raises:
        DataError: as :func:`open_image`.
    """
    with _naming(str(path)), open(path, "rb") as file:
        image = Image.open(file, formats=FORMATS)
        refuse_bomb(*image.size)
        if image.format in ("JPEG", "MPO"):
            # An eighth of the size costs a third of the time, and a truncated file is found all the same.
            image.draft(None, (1, 1))
            image.load()
        else:
            _plain(ImageOps.exif_transpose(image))
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def pixels_of(source: Picture, preprocessing: Preprocessing, input_shape: tuple[int | None, ...]) -> NDArray[np.uint8]:
    """Return a picture's ``(H, W, C)`` of ``input_shape`` before normalisation: grey, RGB, or RGB and the opacity.

    A height or width of None is the picture's own. One channel is grey, whatever ``preprocessing.channels`` says, and
    grey is repeated for three. The fourth channel is 255 where the picture is opaque; with fewer channels, what is
    transparent becomes white.

    Raises:
        DataError: as :func:`open_image`.
        ArgumentError: if ``input_shape`` is not that of a picture.
    """
    height, width, channels = _checked(input_shape)
    grey = channels == 1 or preprocessing.channels == "grey"
    mode = "RGBA" if channels == 4 else "L" if grey else "RGB"
    if preprocessing.exact:
        pixels = _resized_exactly(_in_mode(_opened(source, opacity=mode == "RGBA"), mode), preprocessing, height, width)
    else:
        sizes = partial(resized_and_cut, preprocessing=preprocessing, height=height, width=width)
        decoded, whole = _scaled(source, mode, lambda size: sizes(size)[0])
        pixels = resized(decoded, whole, *sizes(whole.size), preprocessing.interpolation)
    if not grey or channels == 1:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    luminance = np.asarray(Image.fromarray(pixels[:, :, :3]).convert("L"))
    return np.dstack([luminance, luminance, luminance, pixels[:, :, 3]])


def prepare(source: Picture, preprocessing: Preprocessing, input_shape: tuple[int | None, ...]) -> NDArray[np.float32]:
    """Return a picture as a model takes it: :func:`pixels_of` it, normalised; raises as that does."""
    return normalise(pixels_of(source, preprocessing, input_shape), preprocessing)


def prepare_all(
    images: Iterable[Picture],
    preprocessing: Preprocessing,
    input_shape: tuple[int | None, ...],
    *,
    normalised: bool = True,
    empty: Empty = np.empty,
) -> NDArray[Any]:
    """Return the pictures as one batch ``(N, H, W, C)``, decoded in parallel: float32, or uint8 if not ``normalised``.

    It is written into what ``empty`` returns for its shape and dtype.

    Raises:
        DataError: as :func:`open_image`, and if the pictures differ in size and ``input_shape`` leaves theirs.
        ArgumentError: if ``input_shape`` is not that of a picture.
    """
    known = _as_they_are(images, preprocessing, input_shape)
    if known is not None:
        return normalise(known, preprocessing, empty) if normalised else known
    arithmetic = preprocessing if normalised else None
    return batch_of(lambda each: pixels_of(each, preprocessing, input_shape), images, input_shape, arithmetic, empty)


def batch_of(
    pixels_of_one: Callable[[A], NDArray[np.uint8]],
    items: Iterable[A],
    shape: tuple[int | None, ...],
    preprocessing: Preprocessing | None = None,
    empty: Empty = np.empty,
) -> NDArray[Any]:
    """Return the pixels of each item, of ``shape``, as one batch: uint8, or normalised by ``preprocessing`` to float32.

    It is written into what ``empty`` returns for its shape and dtype.

    Raises:
        DataError: if they differ in size, or there is none.
    """
    waiting = list(items)
    request = f"put {len(waiting)} pictures into one batch"
    advice = "name a height and width in input_shape"
    if not waiting:
        raise DataError(request, "there is none", advice)
    first = pixels_of_one(waiting[0]) if None in shape else None
    batch = empty(
        (len(waiting), *(shape if first is None else first.shape)), np.uint8 if preprocessing is None else np.float32
    )

    # By the thread that decoded it, while the processor has it in its cache.
    def put(index: int) -> None:
        pixels = first if first is not None and index == 0 else pixels_of_one(waiting[index])
        if pixels.shape != batch.shape[1:]:
            raise DataError(request, f"they differ in size: {batch.shape[1:]} and {pixels.shape}", advice)
        if preprocessing is None:
            batch[index] = pixels
        else:
            _normalise_into(batch[index], pixels, preprocessing)

    in_threads(put, range(len(waiting)))
    return batch


def normalise(
    pixels: NDArray[np.uint8] | NDArray[np.float32], preprocessing: Preprocessing, empty: Empty = np.empty
) -> NDArray[np.float32]:
    """Return the arithmetic of ``preprocessing`` on pixels ``(H, W, C)`` or a batch of them, in the order RGB or grey.

    It is written into what ``empty`` returns. A mean or std of three values holds for the opacity with its last.
    """
    values = empty(pixels.shape, np.float32)
    if pixels.ndim == 3:
        _normalise_into(values, pixels, preprocessing)
        return values
    # One picture at a time stays in the processor's cache through all the steps.
    in_threads(lambda index: _normalise_into(values[index], pixels[index], preprocessing), range(len(pixels)))
    return values


def resized_and_cut(
    size: Size, preprocessing: Preprocessing, height: int | None, width: int | None
) -> tuple[Size, Size]:
    """Return to which (width, height) a picture of ``size`` is brought, and what is then cut out of its centre."""
    wanted = width or size[0], height or size[1]
    if preprocessing.resize == "squash":
        return wanted, wanted
    least = [round(side / preprocessing.crop_fraction) for side in wanted]
    ratio = max(least[0] / size[0], least[1] / size[1])
    return (max(least[0], round(size[0] * ratio)), max(least[1], round(size[1] * ratio))), wanted


# -- inside


def _as_they_are(
    images: Iterable[Picture], preprocessing: Preprocessing, input_shape: tuple[int | None, ...]
) -> NDArray[np.uint8] | None:
    """Return the pictures if they are a batch already, of which :func:`pixels_of` would change nothing."""
    height, width, channels = _checked(input_shape)
    if not (isinstance(images, np.ndarray) and images.ndim == 4 and images.dtype == np.uint8 and len(images)):
        return None
    whole = preprocessing.resize == "squash" or preprocessing.crop_fraction == 1
    same_size = images.shape[1:3] == (height or images.shape[1], width or images.shape[2])
    same_channels = images.shape[3] == channels and (channels == 1 or preprocessing.channels != "grey")
    return images if whole and same_size and same_channels else None


def _opened(source: Picture, name: str | None = None, *, opacity: bool = False) -> Image.Image:
    """Return the picture upright and in 8 bits, as :func:`_plain` gives it."""
    with _naming(name or _name_of(source)):
        if isinstance(source, np.ndarray):
            return _plain(_from_array(source), opacity)
        if isinstance(source, Image.Image):
            return _plain(ImageOps.exif_transpose(source), opacity)
        if isinstance(source, (str, os.PathLike, bytes)):
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
                refuse_bomb(*image.size)
                ImageOps.exif_transpose(image, in_place=True)
                return _plain(image, opacity)
    found = f"a {type(source).__name__} is no picture"
    raise ArgumentError(f"open {name or _name_of(source)}", found, "pass a path, bytes, an array or a Pillow image")


def _scaled(source: Picture, mode: str, enough: Enough) -> tuple[NDArray[np.uint8], Whole]:
    """Return the pixels ``(H, W, C)`` of the picture upright, a JPEG file at what is ``enough``, and what they show."""
    name = _name_of(source)
    if isinstance(source, (str, os.PathLike)):
        with _naming(name):
            source = Path(source).read_bytes()
    if isinstance(source, bytes):
        with _naming(name):
            found = scaled_jpeg(source, mode, enough)
        if found is not None:
            return found
    image = _in_mode(_opened(source, name, opacity=mode == "RGBA"), mode)
    return _with_channels(np.asarray(image)), Whole(image.size)


def _name_of(source: Picture) -> str:
    return str(source) if isinstance(source, (str, os.PathLike)) else "the picture"


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


def _with_channels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _plain(image: Image.Image, opacity: bool = False) -> Image.Image:
    """Return the picture in 8 bits: as ``RGBA`` if its opacity is wanted, or else over white as ``RGB`` or ``L``."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65_535:
            raise ValueError("its pixels take more than 16 bits")
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
    """Return the picture in that mode; unlike Pillow's, this is no copy where it has the mode already."""
    return image if image.mode == mode else image.convert(mode)


def _from_array(array: NDArray[np.generic]) -> Image.Image:
    request = f"open an array of {array.dtype} and shape {array.shape} as a picture"
    if array.ndim not in (2, 3) or not array.size or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise DataError(request, "that is not (H, W) or (H, W, 1, 3 or 4)", "pass one picture, its channels last")
    if array.dtype.kind not in "uif":
        raise DataError(request, "its values are not numbers", "pass pixel values from 0 to 255")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 255):
        raise DataError(request, f"its values go from {low:g} to {high:g}", "pass pixel values from 0 to 255")
    if array.dtype.kind == "f":
        if high <= 1 and bool((array % 1).any()):
            raise DataError(request, f"its values go from {low:g} to {high:g}, as if scaled", "multiply it by 255")
        array = np.rint(array)
    pixels = array.astype(np.uint8)
    return Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)


def _checked(input_shape: tuple[int | None, ...]) -> tuple[int | None, int | None, int]:
    sizes = input_shape[:2]
    if len(input_shape) != 3 or input_shape[2] not in (1, 3, 4) or any(size is not None and size < 1 for size in sizes):
        found = "a picture is (height, width, channels) with 1, 3 or 4 channels"
        raise ArgumentError(f"prepare a picture as {input_shape}", found, "pass such an input_shape")
    return sizes[0], sizes[1], input_shape[2]


def _resized_exactly(
    image: Image.Image, preprocessing: Preprocessing, height: int | None, width: int | None
) -> NDArray[np.uint8]:
    """Return the pixels ``(height, width, C)`` of a picture that is resized as a whole, by Pillow, and then cut."""
    scaled, cut = resized_and_cut(image.size, preprocessing, height, width)
    left, top = (scaled[0] - cut[0]) // 2, (scaled[1] - cut[1]) // 2
    image = image.resize(scaled, _RESAMPLING[preprocessing.interpolation])
    return _with_channels(np.asarray(image.crop((left, top, left + cut[0], top + cut[1]))))


def _normalise_into(
    values: NDArray[np.float32], pixels: NDArray[np.uint8] | NDArray[np.float32], preprocessing: Preprocessing
) -> None:
    """Write the normalised ``pixels`` of one picture into ``values``."""
    bgr = preprocessing.channels == "bgr" and pixels.shape[2] >= 3
    if bgr:
        values[:, :, :3], values[:, :, 3:] = pixels[:, :, 2::-1], pixels[:, :, 3:]
    else:
        values[...] = pixels
    # Whole rows at once: steps over three values each would take seven times as long.
    rows = values.reshape(len(values), -1)
    if preprocessing.scale != 1:
        rows *= np.float32(preprocessing.scale)
    if preprocessing.per_image:
        std = max(rows.std(), np.float32(1 / np.sqrt(rows.size)))
        rows -= rows.mean()
        rows /= std
        return
    width, channels = values.shape[1:]
    mean = _per_channel("mean", preprocessing.mean, channels)
    std = _per_channel("std", preprocessing.std, channels)
    if mean.any():
        rows -= np.tile(mean, width if len(mean) > 1 else 1)
    if (std != 1).any():
        rows /= np.tile(std, width if len(std) > 1 else 1)


def _per_channel(what: str, values: tuple[float, ...], channels: int) -> NDArray[np.float32]:
    """Return one value for each channel; three are averaged for grey, and the last holds for opacity."""
    if len(values) == 3 and channels == 1:
        values = (sum(values) / 3,)
    if len(values) == 3 and channels == 4:
        values = (*values, values[2])
    if len(values) not in (1, channels):
        found = f"{what} has {len(values)} values"
        raise ArgumentError(f"normalise {channels} channels", found, "pass one for each, or one")
    return np.asarray(values, np.float32)
