"""Random changes to pictures that leave their class as it is, so that a network learns more from the same data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from threading import Lock
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zoo.errors import ArgumentError, did_you_mean

FLIPS = ("horizontal", "vertical", "both")

#: From pixels ``(N, H, W, C)`` and the seed of their batch to float32 pixels from 0 to 255.
Augment: TypeAlias = Callable[[NDArray[np.uint8], Sequence[int]], NDArray[np.float32]]

#: The most that each field may be; all begin at 0, which is off.
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
    """How far pictures are changed at random; all is off unless given.

    - ``flip``: ``"horizontal"``, ``"vertical"`` or ``"both"``, each with a probability of a half;
    - ``rotation``: up to so many degrees to either side;
    - ``zoom``: up to this share larger or smaller;
    - ``shift``: up to this share of the height and of the width;
    - ``crop``: up to this share of each side is cut away, anywhere, and the rest brought to the full size;
    - ``contrast``: the distance from the mean changes by up to this share;
    - ``brightness``: up to this share of the range of values is added or taken;
    - ``saturation`` and ``hue``: as far as Keras' layers of these names go at 1; of pictures in colour alone;
    - ``noise``: the standard deviation of Gaussian noise, as a share of the range of values.

    What comes in from outside the border is the picture mirrored.

    Raises:
        ArgumentError: if a value is out of its range.

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
            found = f"a flip is {', '.join(FLIPS)}"
            advice = did_you_mean(str(self.flip), FLIPS) or "choose one of these"
            raise ArgumentError(f"augment with flip={self.flip!r}", found, advice)
        for name, most in _MOST.items():
            value = getattr(self, name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not 0 <= value <= most:
                unit = "degrees" if name == "rotation" else "a share"
                found = f"{name} is {unit} from 0 to {most}"
                raise ArgumentError(f"augment with {name}={value!r}", found, "pass such a number")

    @classmethod
    def standard(cls) -> Augmentation:
        """Return what suits most photographs: flips, and a little of rotation, zoom, shift and contrast."""
        return cls(flip="horizontal", rotation=15, zoom=0.1, shift=0.1, contrast=0.1)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Augmentation:
        """Return the augmentation that :meth:`as_dict`, or a person, has written.

        Raises:
            ArgumentError: if it is no such mapping, there is no such key, or a value is out of its range.
        """
        if not isinstance(values, Mapping):
            advice = "pass True for the usual ones, or {'flip': 'horizontal', 'rotation': 15}, for example"
            raise ArgumentError(f"augment with {values!r}", "it does not say which changes", advice)
        names = [each.name for each in fields(cls)]
        for key in values:
            if key not in names:
                advice = did_you_mean(key, names) or "leave it away"
                raise ArgumentError(f"augment with {key!r}", f"what there is is {', '.join(names)}", advice)
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Return what is not off, as JSON and TOML take it."""
        return {key: value for key, value in asdict(self).items() if value}

    @property
    def is_off(self) -> bool:
        """Whether it changes nothing."""
        return not self.as_dict()

    @property
    def moves(self) -> bool:
        """Whether it changes where things are, and not their colours alone."""
        return bool(self.flip or self.rotation or self.zoom or self.shift or self.crop)


def augmenter(augmentation: Augmentation, channels: int) -> Augment:
    """Return the function that changes batches of pictures of so many channels, on the CPU; opacity only moves.

    The same pixels and seed give the same result. All that moves a picture is one affine map, for one interpolation
    costs less and blurs less than one for each of Keras' layers; the colours are changed by these.

    Raises:
        ArgumentError: if the colours of grey pictures are to change.
    """
    import keras
    import tensorflow as tf

    if channels < 3 and (augmentation.saturation or augmentation.hue):
        found = "the pictures are grey"
        raise ArgumentError("augment saturation and hue", found, "leave these two away")
    with tf.device("CPU"):
        layers = _colour_layers(augmentation)
    generators = [getattr(layer, "seed_generator", None) or layer.generator for layer in layers]
    lock = Lock()  # two batches at once would draw from each other's seeds

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
    """Return Keras' layers for colours from 0 to 1."""
    from keras import layers

    whole = (0.0, 1.0)
    found = []
    if augmentation.brightness:
        found.append(layers.RandomBrightness(augmentation.brightness, value_range=whole))
    if augmentation.contrast:
        found.append(layers.RandomContrast(augmentation.contrast, value_range=whole))
    if augmentation.saturation:
        half = augmentation.saturation / 2  # 0.5 is what leaves a picture as it is
        found.append(layers.RandomSaturation((0.5 - half, 0.5 + half), value_range=whole))
    if augmentation.hue:
        found.append(layers.RandomHue(augmentation.hue, value_range=whole))
    if augmentation.noise:
        found.append(layers.GaussianNoise(augmentation.noise))
    return found


def _maps(augmentation: Augmentation, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float32]:
    """Return, for each picture, the affine map from where a pixel goes to where it comes from.

    The eight numbers are those of ``keras.ops.image.affine_transform``.
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
    # A crop may lie anywhere that does not leave the picture: half of what was cut away, to either side.
    across = width * (uniform(augmentation.shift) + uniform(1) * cut / 2)
    down = height * (uniform(augmentation.shift) + uniform(1) * cut / 2)
    sine, cosine = np.sin(angle) * scale, np.cos(angle) * scale
    a, b, c, d = left_right * cosine, -up_down * sine, left_right * sine, up_down * cosine
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    nought = np.zeros(count)
    maps = [
        a,
        b,
        middle_x + across - a * middle_x - b * middle_y,
        c,
        d,
        middle_y + down - c * middle_x - d * middle_y,
        nought,
        nought,
    ]
    return np.stack(maps, axis=1).astype(np.float32)
