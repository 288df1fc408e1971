"""All MobileNets: a function for each of the three versions, their tables of blocks, and the blocks themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import keras
from keras import layers

from zoo.layers.conv import ConvNormAct
from zoo.layers.heads import classifier, pooled_features


class Block(NamedTuple):
    """One inverted residual.

    Attributes:
        expansion: how many times as many channels the depthwise convolution sees as come in.
        filters: channels that go out, before the width multiplier.
        size: height and width of the depthwise kernel.
        stride: of the depthwise convolution.
        squeeze: whether channels are gated by squeeze and excitation.
        activation: after each convolution but the last.
    """

    expansion: float
    filters: int
    size: int = 3
    stride: int = 1
    squeeze: bool = False
    activation: str = "relu6"


class Separable(NamedTuple):
    """One depthwise separable convolution: the channels that go out, before the width multiplier, and its stride."""

    filters: int
    stride: int


#: Howard et al. 2017, table 1.
V1 = (
    Separable(64, stride=1),
    Separable(128, stride=2),
    Separable(128, stride=1),
    Separable(256, stride=2),
    Separable(256, stride=1),
    Separable(512, stride=2),
    *[Separable(512, stride=1)] * 5,
    Separable(1024, stride=2),
    Separable(1024, stride=1),
)


class Stage(NamedTuple):
    """One row of a table of inverted residuals: blocks that are equal but for the stride, which the first alone has."""

    expansion: float
    filters: int
    repeats: int
    stride: int

    def blocks(self) -> list[Block]:
        """Return the blocks of this row, written out."""
        first = Block(self.expansion, self.filters, stride=self.stride)
        return [first, *[first._replace(stride=1)] * (self.repeats - 1)]


#: Sandler et al. 2018, table 2.
V2 = tuple(
    block
    for stage in (
        Stage(1, filters=16, repeats=1, stride=1),
        Stage(6, filters=24, repeats=2, stride=2),
        Stage(6, filters=32, repeats=3, stride=2),
        Stage(6, filters=64, repeats=4, stride=2),
        Stage(6, filters=96, repeats=3, stride=1),
        Stage(6, filters=160, repeats=3, stride=2),
        Stage(6, filters=320, repeats=1, stride=1),
    )
    for block in stage.blocks()
)

#: Howard et al. 2019, table 2. The paper gives the expanded channels; their ratio, as in Keras, serves every width.
V3_SMALL = (
    Block(1, 16, size=3, stride=2, squeeze=True, activation="relu"),
    Block(72 / 16, 24, size=3, stride=2, activation="relu"),
    Block(88 / 24, 24, size=3, stride=1, activation="relu"),
    Block(4, 40, size=5, stride=2, squeeze=True, activation="hard_swish"),
    *[Block(6, 40, size=5, stride=1, squeeze=True, activation="hard_swish")] * 2,
    *[Block(3, 48, size=5, stride=1, squeeze=True, activation="hard_swish")] * 2,
    Block(6, 96, size=5, stride=2, squeeze=True, activation="hard_swish"),
    *[Block(6, 96, size=5, stride=1, squeeze=True, activation="hard_swish")] * 2,
)

#: The same, table 1.
V3_LARGE = (
    Block(1, 16, size=3, stride=1, activation="relu"),
    Block(4, 24, size=3, stride=2, activation="relu"),
    Block(3, 24, size=3, stride=1, activation="relu"),
    Block(3, 40, size=5, stride=2, squeeze=True, activation="relu"),
    *[Block(3, 40, size=5, stride=1, squeeze=True, activation="relu")] * 2,
    Block(6, 80, size=3, stride=2, activation="hard_swish"),
    Block(2.5, 80, size=3, stride=1, activation="hard_swish"),
    *[Block(2.3, 80, size=3, stride=1, activation="hard_swish")] * 2,
    *[Block(6, 112, size=3, stride=1, squeeze=True, activation="hard_swish")] * 2,
    Block(6, 160, size=5, stride=2, squeeze=True, activation="hard_swish"),
    *[Block(6, 160, size=5, stride=1, squeeze=True, activation="hard_swish")] * 2,
)


class Version3(NamedTuple):
    """One of the two networks of v3: its blocks, and the channels of the convolution before its last."""

    blocks: tuple[Block, ...]
    last_filters: int


#: The networks of v3, by the name that a configuration gives.
V3 = {"small": Version3(V3_SMALL, last_filters=1024), "large": Version3(V3_LARGE, last_filters=1280)}


# A parameter for each option of the family: they are the keywords of zoo.build, and a spec's config sets them by name.
def mobilenet_v1(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    alpha: float = 1.0,
    dropout: float = 1e-3,
    epsilon: float = 1e-3,
    momentum: float = 0.99,
) -> keras.Model:
    """Return a MobileNet v1: depthwise separable convolutions, global average pooling and a 1x1 convolution.

    Layers are named as in keras.applications: ``conv_dw_3`` is the third depthwise convolution, ``conv_pw_3`` the 1x1
    convolution after it.

    The first five arguments are those of every builder (:mod:`zoo.layers`).

    Args:
        alpha: the width multiplier: the share of the paper's channels in every layer.
        dropout: rate before the last convolution.
        epsilon: of BatchNorm.
        momentum: the share of the moving statistics that a BatchNorm keeps at each step.

    Source: Howard et al. 2017, https://arxiv.org/abs/1704.04861, table 1.
    """
    conv_norm_act = MobileConvNormAct(padding="end", epsilon=epsilon, momentum=momentum)

    x = inputs = layers.Input(input_shape)
    x = conv_norm_act(x, int(32 * alpha), 3, stride=2, activation="relu6", name="conv1")
    for number, row in enumerate(V1, start=1):
        x = depthwise_separable(conv_norm_act, x, int(row.filters * alpha), row.stride, number)

    if include_top:
        x = layers.GlobalAveragePooling2D(keepdims=True, name="avg_pool")(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((classes,), name="reshape_2")(x)
        x = layers.Activation(classifier_activation, name="predictions")(x)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


# A parameter for each option of the family: they are the keywords of zoo.build, and a spec's config sets them by name.
def mobilenet_v2(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    alpha: float = 1.0,
    dropout: float = 0.0,
    padding: str = "same",
    kernel_initializer: str = "glorot_uniform",
    epsilon: float = 1e-3,
    momentum: float = 0.999,
) -> keras.Model:
    """Return a MobileNet v2: inverted residuals with linear bottlenecks, global average pooling and one dense layer.

    Layers are named as in keras.applications: ``block_3_project_BN`` is the last BatchNorm of the block numbered 3, and
    the first block, which does not expand, is ``expanded_conv``.

    The first five arguments are those of every builder (:mod:`zoo.layers`).

    Args:
        alpha: the width multiplier: the share of the paper's channels in every layer; less than 1 leaves the last
            convolution at 1280.
        dropout: rate before the last layer.
        padding: of strided convolutions, ``"same"`` or ``"torch"``; see :class:`MobileConvNormAct`.
        kernel_initializer: of the convolutions.
        epsilon: of BatchNorm.
        momentum: the share of the moving statistics that a BatchNorm keeps at each step; torch counts the other share.

    Source: Sandler et al. 2018, https://arxiv.org/abs/1801.04381, table 2.
    """
    conv_norm_act = MobileConvNormAct(
        kernel_initializer=kernel_initializer,
        symmetric=padding == "torch",
        epsilon=epsilon,
        momentum=momentum,
        norm_name="{name}_BN",
        padding=padding,
        pad="pad",
    )

    x = inputs = layers.Input(input_shape)
    stem = replace(conv_norm_act, norm_name="bn_{name}")
    x = stem(x, divisible(32 * alpha), 3, stride=2, activation="relu6", name="Conv1")
    for number, block in enumerate(V2):
        x = inverted_residual(conv_norm_act, x, block, alpha, f"block_{number}" if number else "expanded_conv")
    last = divisible(1280 * max(1.0, alpha))
    end = replace(conv_norm_act, norm_name="{name}_bn", activation_name="out_{activation}")
    x = end(x, last, 1, activation="relu6", name="Conv_1")

    if include_top:
        x = classifier(pooled_features(x, "avg"), classes, classifier_activation, dropout=dropout)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


# A parameter for each option of the family: they are the keywords of zoo.build, and a spec's config sets them by name.
def mobilenet_v3(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    blocks: str,
    alpha: float = 1.0,
    minimalistic: bool = False,
    rescaling: bool = True,
    dropout: float = 0.2,
    padding: str = "same",
    kernel_initializer: str = "glorot_uniform",
    epsilon: float = 1e-3,
    momentum: float = 0.999,
) -> keras.Model:
    """Return a MobileNet v3: inverted residuals with squeeze and excitation, and two 1x1 convolutions after pooling.

    Layers are named as in keras.applications: ``expanded_conv_3_squeeze_excite_conv`` is the squeezing convolution of
    the block numbered 3.

    The first five arguments are those of every builder (:mod:`zoo.layers`).

    Args:
        blocks: ``"small"`` or ``"large"``, a key of :data:`V3`.
        alpha: the width multiplier: the share of the paper's channels in every block; the stem and, unless alpha is
            more than 1, the convolution before the last keep theirs.
        minimalistic: whether to do without squeeze and excitation, hard swish and 5x5 kernels.
        rescaling: whether the network takes pixel values from 0 to 255 and brings them to -1 to 1 itself.
        dropout: rate before the last convolution.
        padding: of strided convolutions, ``"same"`` or ``"torch"``; see :class:`MobileConvNormAct`.
        kernel_initializer: of the convolutions.
        epsilon: of BatchNorm.
        momentum: the share of the moving statistics that a BatchNorm keeps at each step; torch counts the other share.

    Source: Howard et al. 2019, https://arxiv.org/abs/1905.02244, tables 1 and 2; minimalistic models:
    https://github.com/tensorflow/models/tree/master/research/slim/nets/mobilenet.
    """
    conv_norm_act = MobileConvNormAct(
        kernel_initializer=kernel_initializer,
        symmetric=padding == "torch",
        epsilon=epsilon,
        momentum=momentum,
        padding=padding,
    )
    version = V3[blocks]
    activation = "relu" if minimalistic else "hard_swish"

    x = inputs = layers.Input(input_shape)
    if rescaling:
        x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(x)
    x = conv_norm_act(x, 16, 3, stride=2, activation=activation, name="conv")
    for number, block in enumerate(version.blocks):
        if minimalistic:
            block = block._replace(size=3, squeeze=False, activation="relu")
        x = inverted_residual(conv_norm_act, x, block, alpha, f"expanded_conv_{number}" if number else "expanded_conv")
    x = conv_norm_act(x, divisible(6 * x.shape[-1]), 1, activation=activation, name="conv_1")

    if include_top:
        x = layers.GlobalAveragePooling2D(keepdims=True, name="avg_pool")(x)
        x = layers.Conv2D(divisible(version.last_filters * max(1.0, alpha)), 1, padding="same", name="conv_2")(x)
        x = layers.Activation(activation, name="conv_2_activation")(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, 1, padding="same", name="logits")(x)
        x = layers.Flatten(name="flatten")(x)
        x = layers.Activation(classifier_activation, name="predictions")(x)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


def divisible(channels: float) -> int:
    """Return the multiple of 8 nearest to ``channels``, at least 8, and no more than a tenth below it.

    Source: https://github.com/tensorflow/models/blob/master/research/slim/nets/mobilenet/mobilenet.py
    """
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


# -- blocks


@dataclass(frozen=True)
class MobileConvNormAct(ConvNormAct):
    """The settings of a network's convolutions, including the depthwise ones.

    ``padding`` says where zeros go before a depthwise convolution of stride 2: ``"torch"`` puts as many on both sides;
    ``"same"``, as TensorFlow does, one fewer at the start where the size is even; ``"end"``, as Keras does in v1, one
    fewer at the start whatever the size. ``pad`` is the last part of the name of these padding layers in blocks.
    """

    conv_name: str = "{name}"
    padding: str = "same"
    pad: str = "depthwise_pad"

    def depthwise(self, x: Any, size: int, stride: int, *, name: str, pad_name: str) -> Any:
        """Convolve each channel by itself."""
        if stride > 1:
            x = layers.ZeroPadding2D([self._sides(length, size) for length in x.shape[1:3]], name=pad_name)(x)
        return layers.DepthwiseConv2D(
            size,
            strides=stride,
            padding="valid" if stride > 1 else "same",
            use_bias=self.use_bias,
            depthwise_initializer=self.new_kernel_initializer(),
            name=name,
        )(x)

    def _sides(self, length: int | None, size: int) -> tuple[int, int]:
        fewer = self.padding == "end" or (self.padding == "same" and (length is None or length % 2 == 0))
        return size // 2 - fewer, size // 2


def depthwise_separable(conv_norm_act: MobileConvNormAct, x: Any, filters: int, stride: int, number: int) -> Any:
    """Convolve each channel by itself and then all of them 1x1 (Howard et al. 2017, figure 3, right)."""
    x = conv_norm_act.depthwise(x, 3, stride, name=f"conv_dw_{number}", pad_name=f"conv_pad_{number}")
    x = conv_norm_act.norm_act(x, activation="relu6", name=f"conv_dw_{number}")
    return conv_norm_act(x, filters, 1, activation="relu6", name=f"conv_pw_{number}")


def inverted_residual(conv_norm_act: MobileConvNormAct, x: Any, block: Block, alpha: float, name: str) -> Any:
    """Expand 1x1, convolve each channel by itself, project 1x1 without an activation (Sandler et al. 2018, figure 4).

    The shortcut joins the narrow ends, where their shapes are equal. Squeeze and excitation come before the projection
    (Howard et al. 2019, figure 4).
    """
    skip, filters = x, divisible(block.filters * alpha)
    if block.expansion != 1:
        expanded = divisible(block.expansion * x.shape[-1])
        x = conv_norm_act(x, expanded, 1, activation=block.activation, name=f"{name}_expand")
    pad_name = f"{name}_{conv_norm_act.pad}"
    x = conv_norm_act.depthwise(x, block.size, block.stride, name=f"{name}_depthwise", pad_name=pad_name)
    x = conv_norm_act.norm_act(x, activation=block.activation, name=f"{name}_depthwise")
    if block.squeeze:
        x = squeeze_excite(x, f"{name}_squeeze_excite")
    x = conv_norm_act(x, filters, 1, activation=None, name=f"{name}_project")
    if block.stride == 1 and skip.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([skip, x])
    return x


def squeeze_excite(x: Any, name: str) -> Any:
    """Scale each channel by a gate between 0 and 1, computed from the means of all channels (Hu et al. 2018, figure 3).

    As in Howard et al. 2019, section 5.3, the inner layer has a fourth of the channels, and the gate is a hard sigmoid.
    """
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    gate = layers.Conv2D(divisible(channels / 4), 1, padding="same", name=f"{name}_conv")(gate)
    gate = layers.ReLU(name=f"{name}_relu")(gate)
    gate = layers.Conv2D(channels, 1, padding="same", name=f"{name}_conv_1")(gate)
    gate = layers.Activation("hard_sigmoid", name=f"{name}_gate")(gate)
    return layers.Multiply(name=f"{name}_mul")([x, gate])
