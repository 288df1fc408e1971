"""From images to the pixels and numbers that a model takes: resized, cropped, normalised, alone or as a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.data.buffer_pool import BufferPool
from zoo.data.decoding import Picture, array_of, open_image_as, open_scaled
from zoo.data.jpeg import Size, resized
from zoo.data.thread_pool import in_threads
from zoo.errors import ArgumentError, DataError
from zoo.specs import Preprocessing

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def pixels_of(source: Picture, preprocessing: Preprocessing, input_shape: tuple[int | None, ...]) -> NDArray[np.uint8]:
    """Return an image's pixels ``(H, W, C)`` of ``input_shape`` before normalisation: grey, RGB, or RGB and opacity.

    Where the height or width is None, the image keeps its own. One channel is grey, whatever
    ``preprocessing.channels`` says, and for three channels grey is repeated. The fourth channel is 255 where the image
    is opaque; with fewer channels, transparent pixels become white.

    Raises:
        DataError: as :func:`zoo.data.decoding.open_image`.
        ArgumentError: if ``input_shape`` is not the shape of an image.
    """
    height, width, channels = _checked(input_shape)
    grey = channels == 1 or preprocessing.channels == "grey"
    mode = "RGBA" if channels == 4 else "L" if grey else "RGB"
    if preprocessing.exact:
        pixels = _resized_exactly(open_image_as(source, mode), preprocessing, height, width)
    else:
        sizes = partial(resized_and_cut, preprocessing=preprocessing, height=height, width=width)
        decoded, whole = open_scaled(source, mode, lambda size: sizes(size)[0])
        pixels = resized(decoded, whole, *sizes(whole.size), preprocessing.interpolation)
    if not grey or channels == 1:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    luminance = np.asarray(Image.fromarray(pixels[:, :, :3]).convert("L"))
    return np.dstack([luminance, luminance, luminance, pixels[:, :, 3]])


def prepare(source: Picture, preprocessing: Preprocessing, input_shape: tuple[int | None, ...]) -> NDArray[np.float32]:
    """Return an image as a model takes it: its :func:`pixels_of`, normalised; raises as that does."""
    return normalise(pixels_of(source, preprocessing, input_shape), preprocessing)


def prepare_all(
    images: Iterable[Picture], preprocessing: Preprocessing, input_shape: tuple[int | None, ...]
) -> NDArray[np.float32]:
    """Return the images as one batch ``(N, H, W, C)``, decoded in parallel and normalised.

    Raises:
        DataError: as :func:`zoo.data.decoding.open_image`, and if ``input_shape`` names no size and the images differ
            in theirs.
        ArgumentError: if ``input_shape`` is not the shape of an image.
    """
    return BatchReader(preprocessing, input_shape).read(images)


def normalise(pixels: NDArray[np.uint8] | NDArray[np.float32], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Return pixels ``(H, W, C)``, or a batch of them, after the arithmetic of ``preprocessing``.

    The channels of ``pixels`` are RGB or grey. Where ``mean`` or ``std`` has three values and there is a fourth
    channel, the opacity, the last of the three applies to it as well.
    """
    values = np.empty(pixels.shape, np.float32)
    _write_normalised(values, pixels, preprocessing)
    return values


def resized_and_cut(
    size: Size, preprocessing: Preprocessing, height: int | None, width: int | None
) -> tuple[Size, Size]:
    """Return the (width, height) that an image of ``size`` is resized to, and that of the centre that is cut out."""
    wanted = width or size[0], height or size[1]
    if preprocessing.resize == "squash":
        return wanted, wanted
    least = [round(side / preprocessing.crop_fraction) for side in wanted]
    ratio = max(least[0] / size[0], least[1] / size[1])
    return (max(least[0], round(size[0] * ratio)), max(least[1], round(size[1] * ratio))), wanted


class BatchReader:
    """Reads images into batches for one model, in parallel. Threads may share it.

    Args:
        preprocessing: that of the model.
        input_shape: that of the model; a height or width of None is the images' own, which must then be the same
            throughout a batch.
        pixels_of_one: returns the pixels of one image in ``input_shape``; by default :func:`pixels_of` does. What the
            reader is given as images may then be anything that this function takes.
        pool: the memory for float32 batches. With a pool, a batch is written into the memory of an earlier batch that
            nothing refers to any more; without one, every batch gets new memory.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        input_shape: tuple[int | None, ...],
        *,
        pixels_of_one: Callable[[Any], NDArray[np.uint8]] | None = None,
        pool: BufferPool | None = None,
    ) -> None:
        self.preprocessing = preprocessing
        self.input_shape = input_shape
        self._pixels_of_one = pixels_of_one or self._decode
        self._pool = pool

    def read_pixels(self, images: Iterable[Any]) -> NDArray[np.uint8]:
        """Return the images as one uint8 batch before normalisation, always in memory of its own.

        Raises:
            DataError: if there are no images, or they differ in size; besides, what reading one of them raises.
        """
        known = _pixels_as_they_are(images, self.preprocessing, self.input_shape)
        return self._read(images, normalised=False) if known is None else known

    def read(self, images: Iterable[Any]) -> NDArray[np.float32]:
        """Return the images as one float32 batch, normalised; raises as :meth:`read_pixels` does."""
        known = _pixels_as_they_are(images, self.preprocessing, self.input_shape)
        return self._read(images, normalised=True) if known is None else self.normalise(known)

    def normalise(self, pixels: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a batch of pixels after the arithmetic of the preprocessing, as :func:`normalise` does."""
        values = self._empty(pixels.shape)
        _write_normalised(values, pixels, self.preprocessing)
        return values

    def close(self) -> None:
        """Free the memory that is kept for further batches."""
        if self._pool is not None:
            self._pool.clear()

    def _read(self, images: Iterable[Any], *, normalised: bool) -> NDArray[Any]:
        waiting = list(images)
        request = f"put {len(waiting)} images into one batch"
        advice = "name a height and width in input_shape"
        if not waiting:
            raise DataError(request, "there are no images", "pass at least one")
        first = self._pixels_of_one(waiting[0]) if None in self.input_shape else None
        shape = (len(waiting), *(self.input_shape if first is None else first.shape))
        batch: NDArray[Any] = self._empty(shape) if normalised else np.empty(shape, np.uint8)

        # The thread that decoded an image normalises it too, while the processor still has it in its cache.
        def put(index: int) -> None:
            pixels = first if first is not None and index == 0 else self._pixels_of_one(waiting[index])
            if pixels.shape != batch.shape[1:]:
                raise DataError(request, f"they differ in size: {batch.shape[1:]} and {pixels.shape}", advice)
            if normalised:
                _write_one_normalised(batch[index], pixels, self.preprocessing)
            else:
                batch[index] = pixels

        in_threads(put, range(len(waiting)))
        return batch

    def _decode(self, image: Picture) -> NDArray[np.uint8]:
        return pixels_of(image, self.preprocessing, self.input_shape)

    def _empty(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        return np.empty(shape, np.float32) if self._pool is None else self._pool.empty(shape, np.float32)


# -- inside


def _pixels_as_they_are(
    images: Iterable[Picture], preprocessing: Preprocessing, input_shape: tuple[int | None, ...]
) -> NDArray[np.uint8] | None:
    """Return the images if they are a batch of pixels in which :func:`pixels_of` would change nothing."""
    height, width, channels = _checked(input_shape)
    if not (isinstance(images, np.ndarray) and images.ndim == 4 and images.dtype == np.uint8 and len(images)):
        return None
    uncropped = preprocessing.resize == "squash" or preprocessing.crop_fraction == 1
    same_size = images.shape[1:3] == (height or images.shape[1], width or images.shape[2])
    same_channels = images.shape[3] == channels and (channels == 1 or preprocessing.channels != "grey")
    return images if uncropped and same_size and same_channels else None


def _checked(input_shape: tuple[int | None, ...]) -> tuple[int | None, int | None, int]:
    sizes = input_shape[:2]
    if len(input_shape) != 3 or input_shape[2] not in (1, 3, 4) or any(size is not None and size < 1 for size in sizes):
        found = "the shape of an image is (height, width, channels), with 1, 3 or 4 channels"
        raise ArgumentError(f"prepare an image as {input_shape}", found, "pass such an input_shape")
    return sizes[0], sizes[1], input_shape[2]


def _resized_exactly(
    image: Image.Image, preprocessing: Preprocessing, height: int | None, width: int | None
) -> NDArray[np.uint8]:
    """Return the pixels ``(height, width, C)`` of an image that Pillow resizes as a whole before it is cropped."""
    scaled, cut = resized_and_cut(image.size, preprocessing, height, width)
    left, top = (scaled[0] - cut[0]) // 2, (scaled[1] - cut[1]) // 2
    image = image.resize(scaled, _RESAMPLING[preprocessing.interpolation])
    return array_of(image.crop((left, top, left + cut[0], top + cut[1])))


def _write_normalised(
    values: NDArray[np.float32], pixels: NDArray[np.uint8] | NDArray[np.float32], preprocessing: Preprocessing
) -> None:
    """Write the normalised ``pixels`` of one image, or of a batch, into ``values``."""
    if pixels.ndim == 3:
        _write_one_normalised(values, pixels, preprocessing)
        return
    # A single image stays in the processor's cache from the first operation to the last; a batch would not.
    in_threads(lambda index: _write_one_normalised(values[index], pixels[index], preprocessing), range(len(pixels)))


def _write_one_normalised(
    values: NDArray[np.float32], pixels: NDArray[np.uint8] | NDArray[np.float32], preprocessing: Preprocessing
) -> None:
    bgr = preprocessing.channels == "bgr" and pixels.shape[2] >= 3
    if bgr:
        values[:, :, :3], values[:, :, 3:] = pixels[:, :, 2::-1], pixels[:, :, 3:]
    else:
        values[...] = pixels
    # NumPy works on whole rows at once: a loop over three values at a time would take seven times as long.
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
    """Return one value for each channel, or one for all; three are averaged for grey, and opacity takes the last."""
    if len(values) == 3 and channels == 1:
        values = (sum(values) / 3,)
    if len(values) == 3 and channels == 4:
        values = (*values, values[2])
    if len(values) not in (1, channels):
        found = f"{what} has {len(values)} values"
        raise ArgumentError(f"normalise {channels} channels", found, "pass one value for each channel, or one for all")
    return np.asarray(values, np.float32)
