"""All ResNets: one function, and the blocks that the table of variants chooses from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
from keras import layers, ops

from zoo.layers.heads import classifier, pooled_features


def resnet(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    block: str,
    depths: Sequence[int],
    filters: Sequence[int] = (64, 128, 256, 512),
    stem: str = "imagenet",
    conv_bias: bool = False,
    kernel_initializer: str = "he_normal",
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    dropout: float = 0.0,
) -> keras.Model:
    """Return a residual network: a stem, stages of blocks, global average pooling and one dense layer.

    Layers are named as in keras.applications: ``conv2_block1_3_bn`` is the third BatchNorm in the first block of the
    first stage, and number 0 belongs to the shortcut. Stage n ends in ``conv{n}_block{depth}_out``.

    Args:
        input_shape: ``(height, width, channels)``; the height and width may be None.
        classes: number of outputs.
        include_top: False returns the feature maps of the last stage, pooled as ``pooling`` says.
        pooling: ``"avg"``, ``"max"`` or None.
        classifier_activation: of the last layer.
        block: a key of :data:`BLOCKS`.
        depths: blocks in each stage.
        filters: width of each stage; a bottleneck puts out four times as many channels.
        stem: ``"imagenet"`` (7x7 convolution and max-pooling, to a fourth of the size) or ``"cifar"`` (3x3).
        conv_bias: whether convolutions have biases although BatchNorm follows.
        kernel_initializer: of the convolutions.
        epsilon: of BatchNorm.
        momentum: the share of the moving statistics that a BatchNorm keeps at each step; torch counts the other share.
        dropout: rate before the last layer.

    Sources: He et al. 2015, https://arxiv.org/abs/1512.03385, table 1 and section 4.2; with pre-activation He et al.
    2016, https://arxiv.org/abs/1603.05027.
    """
    make = Make(conv_bias, kernel_initializer, epsilon, momentum)
    preactivated = block == "preactivated_bottleneck"

    x = inputs = layers.Input(input_shape)
    size, stride = {"imagenet": (7, 2), "cifar": (3, 1)}[stem]
    make_stem = make.conv if preactivated else make.unit
    x = make_stem(x, filters[0], size, stride, name="conv1")
    if stem == "imagenet":
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)

    for stage, (depth, width) in enumerate(zip(depths, filters, strict=True), start=2):
        for number in range(1, depth + 1):
            # A stage halves the size on entering it; with pre-activation, keras.applications does so on leaving it.
            halves = number == depth and stage <= len(depths) if preactivated else number == 1 and stage > 2
            x = BLOCKS[block](make, x, width, 2 if halves else 1, f"conv{stage}_block{number}")

    if preactivated:
        x = make.norm_relu(x, name="post")
    if include_top:
        x = classifier(pooled_features(x, "avg"), classes, classifier_activation, dropout=dropout)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


@dataclass(frozen=True)
class Make:
    """Makes the layers of one network, with the settings that they share."""

    conv_bias: bool
    kernel_initializer: str
    epsilon: float
    momentum: float

    def conv(
        self,
        x: Any,
        filters: int,
        size: int,
        stride: int = 1,
        *,
        name: str,
        use_bias: bool | None = None,
        always_pad: bool = False,
    ) -> Any:
        """Convolve with the same padding on all sides, where TensorFlow's "same" pads (0, 1) at stride 2."""
        pad = size > 1 and (stride > 1 or always_pad)
        if pad:
            x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
        return layers.Conv2D(
            filters,
            size,
            strides=stride,
            padding="valid" if pad else "same",
            use_bias=self.conv_bias if use_bias is None else use_bias,
            kernel_initializer=self.kernel_initializer,
            name=f"{name}_conv",
        )(x)

    def norm(self, x: Any, *, name: str) -> Any:
        """Normalise over the batch."""
        return layers.BatchNormalization(epsilon=self.epsilon, momentum=self.momentum, name=f"{name}_bn")(x)

    def norm_relu(self, x: Any, *, name: str) -> Any:
        """Normalise over the batch and rectify."""
        return layers.Activation("relu", name=f"{name}_relu")(self.norm(x, name=name))

    def unit(self, x: Any, filters: int, size: int, stride: int = 1, *, name: str, **conv: Any) -> Any:
        """Convolve, normalise and rectify."""
        return self.norm_relu(self.conv(x, filters, size, stride, name=name, **conv), name=name)


# -- blocks


def basic_block(make: Make, x: Any, filters: int, stride: int, name: str, *, shortcut: Callable[..., Any]) -> Any:
    """Add two 3x3 convolutions to the shortcut (He et al. 2015, figure 5, left)."""
    skip = shortcut(make, x, filters, stride, name)
    x = make.unit(x, filters, 3, stride, name=f"{name}_1")
    x = make.norm(make.conv(x, filters, 3, name=f"{name}_2"), name=f"{name}_2")
    return layers.Activation("relu", name=f"{name}_out")(layers.Add(name=f"{name}_add")([skip, x]))


def bottleneck(make: Make, x: Any, filters: int, stride: int, name: str, *, strided: int) -> Any:
    """Add 1x1, 3x3 and 1x1 convolutions to the shortcut (He et al. 2015, figure 5, right).

    ``strided`` is the convolution that takes the stride: the first in the paper, the second in ResNet v1.5.
    """
    first, second = (stride, 1) if strided == 1 else (1, stride)
    skip = projection(make, x, 4 * filters, stride, name)
    x = make.unit(x, filters, 1, first, name=f"{name}_1")
    x = make.unit(x, filters, 3, second, name=f"{name}_2")
    x = make.norm(make.conv(x, 4 * filters, 1, name=f"{name}_3"), name=f"{name}_3")
    return layers.Activation("relu", name=f"{name}_out")(layers.Add(name=f"{name}_add")([skip, x]))


def preactivated_bottleneck(make: Make, x: Any, filters: int, stride: int, name: str) -> Any:
    """Add a bottleneck with BatchNorm and ReLU before each convolution (He et al. 2016, figure 4e).

    As in keras.applications, convolutions that a BatchNorm follows have no biases, and a shortcut that halves the size
    at constant width takes every second pixel.
    """
    active = make.norm_relu(x, name=f"{name}_preact")
    if x.shape[-1] != 4 * filters:
        skip = make.conv(active, 4 * filters, 1, stride, name=f"{name}_0")
    elif stride > 1:
        skip = layers.MaxPooling2D(1, strides=stride, name=f"{name}_0_pool")(x)
    else:
        skip = x
    x = make.unit(active, filters, 1, name=f"{name}_1", use_bias=False)
    x = make.unit(x, filters, 3, stride, name=f"{name}_2", use_bias=False, always_pad=True)
    x = make.conv(x, 4 * filters, 1, name=f"{name}_3")
    return layers.Add(name=f"{name}_out")([skip, x])


# -- shortcuts, where the shape changes (He et al. 2015, section 3.3)


def projection(make: Make, x: Any, filters: int, stride: int, name: str) -> Any:
    """Convolve 1x1 to the new shape (option B)."""
    if stride == 1 and x.shape[-1] == filters:
        return x
    return make.norm(make.conv(x, filters, 1, stride, name=f"{name}_0"), name=f"{name}_0")


def zero_padding(make: Make, x: Any, filters: int, stride: int, name: str) -> Any:
    """Take every second pixel and put channels of zeros on both sides, without parameters (option A)."""
    if stride > 1:
        x = layers.AveragePooling2D(1, strides=stride, name=f"{name}_0_pool")(x)
    new = filters - x.shape[-1]
    return ops.pad(x, [(0, 0), (0, 0), (0, 0), (new // 2, new - new // 2)]) if new else x


#: The blocks, by the name that a model's configuration gives.
BLOCKS: dict[str, Callable[..., Any]] = {
    "basic": partial(basic_block, shortcut=projection),
    "basic_without_projection": partial(basic_block, shortcut=zero_padding),
    "bottleneck": partial(bottleneck, strided=1),
    "bottleneck_v1_5": partial(bottleneck, strided=2),
    "preactivated_bottleneck": preactivated_bottleneck,
}
