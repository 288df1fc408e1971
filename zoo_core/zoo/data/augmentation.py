"""Random changes to images that do not change their class, so that a network learns more from the same data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from threading import Lock
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zoo.errors import ArgumentError, did_you_mean

FLIPS = ("horizontal", "vertical", "both")

#: Takes pixels ``(N, H, W, C)`` and the seed of their batch, and returns float32 pixels from 0 to 255.
Augment: TypeAlias = Callable[[NDArray[np.uint8], Sequence[int]], NDArray[np.float32]]

#: The largest value of each field; the smallest is 0, which turns it off.
_MOST = {
    "rotation": 180,
    "zoom": 0.9,
    "shift": 1,
    "crop": 0.9,
    "contrast": 1,
    "brightness": 1,
    "saturation": 1,
    "hue": 1,
    "noise": 1,
}


@dataclass(frozen=True)
class Augmentation:
    """How far images are changed at random. Every change is off unless a value is given.

    - ``flip``: ``"horizontal"``, ``"vertical"`` or ``"both"``, each with a probability of one half;
    - ``rotation``: by up to this many degrees in either direction;
    - ``zoom``: larger or smaller by up to this share;
    - ``shift``: by up to this share of the height and of the width;
    - ``crop``: up to this share of each side is cut off, at a random place, and the rest is resized to the full size;
    - ``contrast``: the distance of each value from its channel's mean grows by up to this share;
    - ``brightness``: up to this share of the range of values is added or subtracted;
    - ``saturation`` and ``hue``: at 1 the largest change of the Keras layers of these names; for colour images only;
    - ``noise``: the standard deviation of Gaussian noise, as a share of the range of values.

    Where an image is moved, the area beyond its border is filled with its mirror image.

    Raises:
        ArgumentError: if a value is outside its range.

    >>> Augmentation(flip="horizontal", rotation=10).as_dict()
    {'flip': 'horizontal', 'rotation': 10}
    """

    flip: Literal["horizontal", "vertical", "both"] | None = None
    rotation: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    crop: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if self.flip not in (None, *FLIPS):
            found = f"the flips are {', '.join(FLIPS)}"
            advice = did_you_mean(str(self.flip), FLIPS) or "choose one of these"
            raise ArgumentError(f"augment with flip={self.flip!r}", found, advice)
        for name, most in _MOST.items():
            value = getattr(self, name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not 0 <= value <= most:
                what = "a number of degrees" if name == "rotation" else "a share"
                found = f"{name} is {what} from 0 to {most}"
                raise ArgumentError(f"augment with {name}={value!r}", found, "pass a number in this range")

    @classmethod
    def standard(cls) -> Augmentation:
        """Return changes that suit most photographs: flips, and a little rotation, zoom, shift and contrast."""
        return cls(flip="horizontal", rotation=15, zoom=0.1, shift=0.1, contrast=0.1)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Augmentation:
        """Return the augmentation with these values, as :meth:`as_dict` or a person has written them.

        Raises:
            ArgumentError: if ``values`` is not a mapping, has an unknown key, or has a value outside its range.
        """
        if not isinstance(values, Mapping):
            advice = "pass True for the usual ones, or {'flip': 'horizontal', 'rotation': 15}, for example"
            raise ArgumentError(f"augment with {values!r}", "it does not say which changes", advice)
        names = [each.name for each in fields(cls)]
        for key in values:
            if key not in names:
                advice = did_you_mean(key, names) or "leave it out"
                raise ArgumentError(f"augment with {key!r}", f"the changes are {', '.join(names)}", advice)
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Return the values that are not off, in types that JSON and TOML can hold."""
        return {key: value for key, value in asdict(self).items() if value}

    @property
    def is_off(self) -> bool:
        """Whether it changes nothing."""
        return not self.as_dict()

    @property
    def moves(self) -> bool:
        """Whether it moves pixels, and does not only change colours."""
        return bool(self.flip or self.rotation or self.zoom or self.shift or self.crop)


def augmenter(augmentation: Augmentation, channels: int) -> Augment:
    """Return the function that changes batches of images with this many channels, on the CPU.

    The same pixels and seed give the same result. All changes that move pixels are combined in one affine map, because
    a single interpolation is faster and blurs less than one for each of Keras' layers. Keras' layers change the
    colours. Opacity is moved, but is not treated as a colour.

    Raises:
        ArgumentError: if the saturation or hue of grey images is to be changed.
    """
    import keras
    import tensorflow as tf

    if channels < 3 and (augmentation.saturation or augmentation.hue):
        raise ArgumentError("augment saturation and hue", "the images are grey", "leave out these two")
    with tf.device("CPU"):
        layers = _colour_layers(augmentation)
    generators = [getattr(layer, "seed_generator", None) or layer.generator for layer in layers]
    lock = Lock()  # without it, two batches at the same time would use each other's seeds

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[
            tf.TensorSpec((None, None, None, channels), tf.uint8),
            tf.TensorSpec((None, 8), tf.float32),
            tf.TensorSpec((len(layers),), tf.int32),
        ]
    )
    def changed(pixels: Any, maps: Any, seeds: Any) -> Any:
        images = tf.cast(pixels, tf.float32)
        if augmentation.moves:
            images = keras.ops.image.affine_transform(images, maps, interpolation="bilinear", fill_mode="reflect")
        if not layers:
            return images
        colour, opacity = images[..., :3] / 255, images[..., 3:]
        for index, (layer, generator) in enumerate(zip(layers, generators, strict=True)):
            generator.state.assign(tf.cast(tf.stack([seeds[index], 0]), generator.state.dtype))
            colour = layer(colour, training=True)
        return tf.concat([tf.clip_by_value(colour, 0, 1) * 255, opacity], axis=-1)

    def augment(pixels: NDArray[np.uint8], seed: Sequence[int]) -> NDArray[np.float32]:
        random = np.random.default_rng(seed)
        seeds = random.integers(2**31, size=len(layers), dtype=np.int32)
        with lock, tf.device("CPU"):
            augmented: NDArray[np.float32] = changed(pixels, _maps(augmentation, pixels.shape, random), seeds).numpy()
        return augmented

    return augment


def _colour_layers(augmentation: Augmentation) -> list[Any]:
    """Return the Keras layers that change colours from 0 to 1."""
    from keras import layers

    whole = (0.0, 1.0)
    found = []
    if augmentation.brightness:
        found.append(layers.RandomBrightness(augmentation.brightness, value_range=whole))
    if augmentation.contrast:
        found.append(layers.RandomContrast(augmentation.contrast, value_range=whole))
    if augmentation.saturation:
        half = augmentation.saturation / 2  # at 0.5 the layer leaves an image as it is
        found.append(layers.RandomSaturation((0.5 - half, 0.5 + half), value_range=whole))
    if augmentation.hue:
        found.append(layers.RandomHue(augmentation.hue, value_range=whole))
    if augmentation.noise:
        found.append(layers.GaussianNoise(augmentation.noise))
    return found


def _maps(augmentation: Augmentation, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float32]:
    """Return, for each image, the affine map from the place of a pixel in the result to its place in the original.

    Its eight numbers are those that ``keras.ops.image.affine_transform`` takes.
    """
    count, height, width = shape[:3]

    def uniform(most: float, low: float = -1.0) -> NDArray[np.float64]:
        return random.uniform(low, 1, count) * most

    left_right, up_down = random.choice([-1, 1], (2, count))
    if augmentation.flip not in ("horizontal", "both"):
        left_right = np.ones(count)
    if augmentation.flip not in ("vertical", "both"):
        up_down = np.ones(count)
    angle = np.radians(uniform(augmentation.rotation))
    cut = uniform(augmentation.crop, low=0)
    scale = (1 - cut) / (1 + uniform(augmentation.zoom))
    # A crop stays inside the image if it is moved by at most half of what was cut off, in either direction.
    across = width * (uniform(augmentation.shift) + uniform(1) * cut / 2)
    down = height * (uniform(augmentation.shift) + uniform(1) * cut / 2)
    sine, cosine = np.sin(angle) * scale, np.cos(angle) * scale
    a, b, c, d = left_right * cosine, -up_down * sine, left_right * sine, up_down * cosine
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    zero = np.zeros(count)
    maps = [
        a,
        b,
        middle_x + across - a * middle_x - b * middle_y,
        c,
        d,
        middle_y + down - c * middle_x - d * middle_y,
        zero,
        zero,
    ]
    return np.stack(maps, axis=1).astype(np.float32)
