"""All ResNets: one function, and the blocks that the table of variants chooses from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import keras
from keras import layers, ops

from zoo.layers.conv import ConvNormAct
from zoo.layers.heads import classifier, pooled_features


# A parameter for each option of the family: they are the keywords of zoo.build, and a spec's config sets them by name.
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

    The first five arguments are those of every builder (:mod:`zoo.layers`).

    Args:
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
    conv_norm_act = ConvNormAct(
        use_bias=conv_bias,
        kernel_initializer=kernel_initializer,
        symmetric=True,
        epsilon=epsilon,
        momentum=momentum,
    )
    preactivated = block == "preactivated_bottleneck"

    x = inputs = layers.Input(input_shape)
    size, stride = {"imagenet": (7, 2), "cifar": (3, 1)}[stem]
    first = conv_norm_act.conv if preactivated else conv_norm_act
    x = first(x, filters[0], size, stride=stride, name="conv1")
    if stem == "imagenet":
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)

    for stage, (depth, width) in enumerate(zip(depths, filters, strict=True), start=2):
        for number in range(1, depth + 1):
            # A stage halves the size on entering it; with pre-activation, keras.applications does so on leaving it.
            halves = number == depth and stage <= len(depths) if preactivated else number == 1 and stage > 2
            x = BLOCKS[block](conv_norm_act, x, width, 2 if halves else 1, f"conv{stage}_block{number}")

    if preactivated:
        x = conv_norm_act.norm_act(x, name="post")
    if include_top:
        x = classifier(pooled_features(x, "avg"), classes, classifier_activation, dropout=dropout)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


# -- blocks


def basic_block(
    conv_norm_act: ConvNormAct, x: Any, filters: int, stride: int, name: str, *, shortcut: Callable[..., Any]
) -> Any:
    """Add two 3x3 convolutions to the shortcut (He et al. 2015, figure 5, left)."""
    skip = shortcut(conv_norm_act, x, filters, stride, name)
    x = conv_norm_act(x, filters, 3, stride=stride, name=f"{name}_1")
    x = conv_norm_act(x, filters, 3, activation=None, name=f"{name}_2")
    return layers.Activation("relu", name=f"{name}_out")(layers.Add(name=f"{name}_add")([skip, x]))


def bottleneck(conv_norm_act: ConvNormAct, x: Any, filters: int, stride: int, name: str, *, strided: int) -> Any:
    """Add 1x1, 3x3 and 1x1 convolutions to the shortcut (He et al. 2015, figure 5, right).

    ``strided`` is the convolution that takes the stride: the first in the paper, the second in ResNet v1.5.
    """
    first, second = (stride, 1) if strided == 1 else (1, stride)
    skip = projection(conv_norm_act, x, 4 * filters, stride, name)
    x = conv_norm_act(x, filters, 1, stride=first, name=f"{name}_1")
    x = conv_norm_act(x, filters, 3, stride=second, name=f"{name}_2")
    x = conv_norm_act(x, 4 * filters, 1, activation=None, name=f"{name}_3")
    return layers.Activation("relu", name=f"{name}_out")(layers.Add(name=f"{name}_add")([skip, x]))


def preactivated_bottleneck(conv_norm_act: ConvNormAct, x: Any, filters: int, stride: int, name: str) -> Any:
    """Add a bottleneck with BatchNorm and ReLU before each convolution (He et al. 2016, figure 4e).

    As in keras.applications, convolutions that a BatchNorm follows have no biases, and a shortcut that halves the size
    without changing the number of channels takes every second pixel.
    """
    without_bias = replace(conv_norm_act, use_bias=False)
    active = conv_norm_act.norm_act(x, name=f"{name}_preact")
    if x.shape[-1] != 4 * filters:
        skip = conv_norm_act.conv(active, 4 * filters, 1, stride=stride, name=f"{name}_0")
    elif stride > 1:
        skip = layers.MaxPooling2D(1, strides=stride, name=f"{name}_0_pool")(x)
    else:
        skip = x
    x = without_bias(active, filters, 1, name=f"{name}_1")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)  # also where the stride is 1, as in keras.applications
    x = without_bias(x, filters, 3, stride=stride, padding="valid", name=f"{name}_2")
    x = conv_norm_act.conv(x, 4 * filters, 1, name=f"{name}_3")
    return layers.Add(name=f"{name}_out")([skip, x])


# -- shortcuts, where the shape changes (He et al. 2015, section 3.3)


def projection(conv_norm_act: ConvNormAct, x: Any, filters: int, stride: int, name: str) -> Any:
    """Convolve 1x1 to the new shape (option B)."""
    if stride == 1 and x.shape[-1] == filters:
        return x
    return conv_norm_act(x, filters, 1, stride=stride, activation=None, name=f"{name}_0")


def zero_padding(conv_norm_act: ConvNormAct | None, x: Any, filters: int, stride: int, name: str) -> Any:
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
