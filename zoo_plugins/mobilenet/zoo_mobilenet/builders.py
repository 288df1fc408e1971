"""All MobileNets: a function for each of the three versions, their tables of blocks, and the blocks themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
from keras import layers

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


#: Howard et al. 2017, table 1: filters and stride of each depthwise separable convolution.
V1 = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)

#: Sandler et al. 2018, table 2; its rows of n blocks written out, the stride being that of the first.
V2 = tuple(
    Block(expansion, filters, stride=stride if number == 0 else 1)
    for expansion, filters, repeats, stride in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    for number in range(repeats)
)

#: Howard et al. 2019, table 2. The paper gives the expanded channels; their ratio, as in Keras, serves every width.
V3_SMALL = (
    Block(1, 16, 3, 2, True, "relu"),
    Block(72 / 16, 24, 3, 2, False, "relu"),
    Block(88 / 24, 24, 3, 1, False, "relu"),
    Block(4, 40, 5, 2, True, "hard_swish"),
    *[Block(6, 40, 5, 1, True, "hard_swish")] * 2,
    *[Block(3, 48, 5, 1, True, "hard_swish")] * 2,
    Block(6, 96, 5, 2, True, "hard_swish"),
    *[Block(6, 96, 5, 1, True, "hard_swish")] * 2,
)

#: The same, table 1.
V3_LARGE = (
    Block(1, 16, 3, 1, False, "relu"),
    Block(4, 24, 3, 2, False, "relu"),
    Block(3, 24, 3, 1, False, "relu"),
    Block(3, 40, 5, 2, True, "relu"),
    *[Block(3, 40, 5, 1, True, "relu")] * 2,
    Block(6, 80, 3, 2, False, "hard_swish"),
    Block(2.5, 80, 3, 1, False, "hard_swish"),
    *[Block(2.3, 80, 3, 1, False, "hard_swish")] * 2,
    *[Block(6, 112, 3, 1, True, "hard_swish")] * 2,
    Block(6, 160, 5, 2, True, "hard_swish"),
    *[Block(6, 160, 5, 1, True, "hard_swish")] * 2,
)

#: The blocks of v3 and the channels of the convolution before its last, by the name that a configuration gives.
V3 = {"small": (V3_SMALL, 1024), "large": (V3_LARGE, 1280)}


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

    Args:
        input_shape: ``(height, width, channels)``; the height and width may be None.
        classes: number of outputs.
        include_top: False returns the last feature maps, pooled as ``pooling`` says.
        pooling: ``"avg"``, ``"max"`` or None.
        classifier_activation: of the outputs.
        alpha: the width multiplier: the share of the paper's channels in every layer.
        dropout: rate before the last convolution.
        epsilon: of BatchNorm.
        momentum: the share of the moving statistics that a BatchNorm keeps at each step.

    Source: Howard et al. 2017, https://arxiv.org/abs/1704.04861, table 1.
    """
    make = Make("end", "glorot_uniform", epsilon, momentum)

    x = inputs = layers.Input(input_shape)
    x = make.unit(x, int(32 * alpha), 3, 2, "relu6", name="conv1")
    for number, (filters, stride) in enumerate(V1, start=1):
        x = depthwise_separable(make, x, int(filters * alpha), stride, number)

    if include_top:
        x = layers.GlobalAveragePooling2D(keepdims=True, name="avg_pool")(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((classes,), name="reshape_2")(x)
        x = layers.Activation(classifier_activation, name="predictions")(x)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


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

    Args:
        input_shape: ``(height, width, channels)``; the height and width may be None.
        classes: number of outputs.
        include_top: False returns the last feature maps, pooled as ``pooling`` says.
        pooling: ``"avg"``, ``"max"`` or None.
        classifier_activation: of the last layer.
        alpha: the width multiplier: the share of the paper's channels in every layer; less than 1 leaves the last
            convolution at 1280.
        dropout: rate before the last layer.
        padding: of strided convolutions, ``"same"`` or ``"torch"``; see :class:`Make`.
        kernel_initializer: of the convolutions.
        epsilon: of BatchNorm.
        momentum: the share of the moving statistics that a BatchNorm keeps at each step; torch counts the other share.

    Source: Sandler et al. 2018, https://arxiv.org/abs/1801.04381, table 2.
    """
    make = Make(padding, kernel_initializer, epsilon, momentum, norm="BN", pad="pad")

    x = inputs = layers.Input(input_shape)
    x = make.unit(x, divisible(32 * alpha), 3, 2, "relu6", name="Conv1", norm_name="bn_Conv1")
    for number, block in enumerate(V2):
        x = inverted_residual(make, x, block, alpha, f"block_{number}" if number else "expanded_conv")
    last = divisible(1280 * max(1.0, alpha))
    x = make.unit(x, last, 1, 1, "relu6", name="Conv_1", norm_name="Conv_1_bn", activation_name="out_relu")

    if include_top:
        x = classifier(pooled_features(x, "avg"), classes, classifier_activation, dropout=dropout)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


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

    Args:
        input_shape: ``(height, width, channels)``; the height and width may be None.
        classes: number of outputs.
        include_top: False returns the last feature maps, pooled as ``pooling`` says.
        pooling: ``"avg"``, ``"max"`` or None.
        classifier_activation: of the outputs.
        blocks: ``"small"`` or ``"large"``, a key of :data:`V3`.
        alpha: the width multiplier: the share of the paper's channels in every block; the stem and, unless alpha is
            more than 1, the convolution before the last keep theirs.
        minimalistic: whether to do without squeeze and excitation, hard swish and 5x5 kernels.
        rescaling: whether the network takes pixel values from 0 to 255 and brings them to -1 to 1 itself.
        dropout: rate before the last convolution.
        padding: of strided convolutions, ``"same"`` or ``"torch"``; see :class:`Make`.
        kernel_initializer: of the convolutions.
        epsilon: of BatchNorm.
        momentum: the share of the moving statistics that a BatchNorm keeps at each step; torch counts the other share.

    Source: Howard et al. 2019, https://arxiv.org/abs/1905.02244, tables 1 and 2; minimalistic models:
    https://github.com/tensorflow/models/tree/master/research/slim/nets/mobilenet.
    """
    make = Make(padding, kernel_initializer, epsilon, momentum)
    table, last = V3[blocks]
    activation = "relu" if minimalistic else "hard_swish"

    x = inputs = layers.Input(input_shape)
    if rescaling:
        x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(x)
    x = make.unit(x, 16, 3, 2, activation, name="conv")
    for number, block in enumerate(table):
        if minimalistic:
            block = block._replace(size=3, squeeze=False, activation="relu")
        x = inverted_residual(make, x, block, alpha, f"expanded_conv_{number}" if number else "expanded_conv")
    x = make.unit(x, divisible(6 * x.shape[-1]), 1, 1, activation, name="conv_1")

    if include_top:
        x = layers.GlobalAveragePooling2D(keepdims=True, name="avg_pool")(x)
        x = layers.Conv2D(divisible(last * max(1.0, alpha)), 1, padding="same", name="conv_2")(x)
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


@dataclass(frozen=True)
class Make:
    """Makes the layers of one network, with the settings that they share.

    ``padding`` says where zeros go before a convolution of stride 2: ``"torch"`` puts as many on both sides;
    ``"same"``, TensorFlow's way, one fewer at the start where the size is even; ``"end"``, Keras' way in v1, the same
    for every size. ``norm`` and ``pad`` are the last parts of the names of BatchNorms and of padding.
    """

    padding: str
    kernel_initializer: str
    epsilon: float
    momentum: float
    norm: str = "bn"
    pad: str = "depthwise_pad"

    def conv(self, x: Any, filters: int, size: int = 1, stride: int = 1, *, name: str) -> Any:
        """Convolve without biases, for a BatchNorm follows."""
        symmetric = stride > 1 and self.padding == "torch"
        if symmetric:
            x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
        return layers.Conv2D(
            filters,
            size,
            strides=stride,
            padding="valid" if symmetric else "same",
            use_bias=False,
            kernel_initializer=self.kernel_initializer,
            name=name,
        )(x)

    def depthwise(self, x: Any, size: int, stride: int, *, name: str, pad_name: str) -> Any:
        """Convolve each channel for itself."""
        if stride > 1:
            x = layers.ZeroPadding2D([self._sides(length, size) for length in x.shape[1:3]], name=pad_name)(x)
        return layers.DepthwiseConv2D(
            size,
            strides=stride,
            padding="valid" if stride > 1 else "same",
            use_bias=False,
            depthwise_initializer=self.kernel_initializer,
            name=name,
        )(x)

    def normalise(self, x: Any, *, name: str) -> Any:
        """Normalise over the batch."""
        return layers.BatchNormalization(epsilon=self.epsilon, momentum=self.momentum, name=name)(x)

    def normalise_and_activate(
        self, x: Any, activation: str, *, name: str, norm_name: str | None = None, activation_name: str | None = None
    ) -> Any:
        """Normalise over the batch the outputs of the layer ``name``, and activate them."""
        x = self.normalise(x, name=norm_name or f"{name}_{self.norm}")
        return layers.Activation(activation, name=activation_name or f"{name}_{activation.removesuffix('6')}")(x)

    def unit(self, x: Any, filters: int, size: int, stride: int, activation: str, *, name: str, **names: str) -> Any:
        """Convolve, normalise and activate."""
        return self.normalise_and_activate(
            self.conv(x, filters, size, stride, name=name), activation, name=name, **names
        )

    def _sides(self, length: int | None, size: int) -> tuple[int, int]:
        fewer = self.padding == "end" or (self.padding == "same" and (length is None or length % 2 == 0))
        return size // 2 - fewer, size // 2


# -- blocks


def depthwise_separable(make: Make, x: Any, filters: int, stride: int, number: int) -> Any:
    """Convolve each channel for itself and then all of them 1x1 (Howard et al. 2017, figure 3, right)."""
    x = make.depthwise(x, 3, stride, name=f"conv_dw_{number}", pad_name=f"conv_pad_{number}")
    x = make.normalise_and_activate(x, "relu6", name=f"conv_dw_{number}")
    return make.unit(x, filters, 1, 1, "relu6", name=f"conv_pw_{number}")


def inverted_residual(make: Make, x: Any, block: Block, alpha: float, name: str) -> Any:
    """Expand 1x1, convolve each channel for itself, project 1x1 without an activation (Sandler et al. 2018, figure 4).

    The shortcut joins the narrow ends, where their shapes are equal. Squeeze and excitation come before the projection
    (Howard et al. 2019, figure 4).
    """
    skip, filters = x, divisible(block.filters * alpha)
    if block.expansion != 1:
        expanded = divisible(block.expansion * x.shape[-1])
        x = make.unit(x, expanded, 1, 1, block.activation, name=f"{name}_expand")
    x = make.depthwise(x, block.size, block.stride, name=f"{name}_depthwise", pad_name=f"{name}_{make.pad}")
    x = make.normalise_and_activate(x, block.activation, name=f"{name}_depthwise")
    if block.squeeze:
        x = squeeze_excite(x, f"{name}_squeeze_excite")
    x = make.normalise(make.conv(x, filters, name=f"{name}_project"), name=f"{name}_project_{make.norm}")
    if block.stride == 1 and skip.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([skip, x])
    return x


def squeeze_excite(x: Any, name: str) -> Any:
    """Scale each channel by a gate between 0 and 1 that is computed from the means of all (Hu et al. 2018, figure 3).

    As in Howard et al. 2019, section 5.3, a fourth of the channels lie between, and the gate is a hard sigmoid.
    """
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    gate = layers.Conv2D(divisible(channels / 4), 1, padding="same", name=f"{name}_conv")(gate)
    gate = layers.ReLU(name=f"{name}_relu")(gate)
    gate = layers.Conv2D(channels, 1, padding="same", name=f"{name}_conv_1")(gate)
    gate = layers.Activation("hard_sigmoid", name=f"{name}_gate")(gate)
    return layers.Multiply(name=f"{name}_mul")([x, gate])
