"""GoogLeNet and Inception v3: a function each, in the builds of their papers, of Keras and of torchvision."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import keras
from keras import initializers, layers

from zoo.layers.auxiliary import WithAuxiliaries
from zoo.layers.conv import ConvNormAct
from zoo.layers.heads import averaged_maps, classifier, pooled_features
from zoo.layers.normalization import LocalResponseNormalization

#: The height and width of a kernel: one number for both, or two.
Size = int | tuple[int, int]


class Widths(NamedTuple):
    """The channels of each convolution in one Inception block, named as in table 1 of the paper."""

    conv_1x1: int
    reduce_3x3: int
    conv_3x3: int
    reduce_5x5: int
    conv_5x5: int
    pool_proj: int


#: Table 1 of the paper, by block.
GOOGLENET = {
    "3a": Widths(64, 96, 128, 16, 32, 32),
    "3b": Widths(128, 128, 192, 32, 96, 64),
    "4a": Widths(192, 96, 208, 16, 48, 64),
    "4b": Widths(160, 112, 224, 24, 64, 64),
    "4c": Widths(128, 128, 256, 24, 64, 64),
    "4d": Widths(112, 144, 288, 32, 64, 64),
    "4e": Widths(256, 160, 320, 32, 128, 128),
    "5a": Widths(256, 160, 320, 32, 128, 128),
    "5b": Widths(384, 192, 384, 48, 128, 128),
}


def settings(batch_norm: bool, scale: bool, momentum: float, initial: str | float) -> ConvNormAct:
    """Return how all convolutions of a network are made; ``initial`` is that of its builder.

    The biases begin at 0.2 as in Caffe's bvlc_googlenet; the paper does not say.
    """
    return ConvNormAct(
        use_bias=not batch_norm,
        kernel_initializer=initial if isinstance(initial, str) else normal(initial),
        bias_initializer=partial(initializers.Constant, 0.2),
        batch_norm=batch_norm,
        epsilon=1e-3,
        momentum=momentum,
        scale=scale,
    )


def normal(deviation: float) -> Callable[[], Any]:
    """Return a function that makes initializers of a normal distribution."""
    return partial(initializers.RandomNormal, stddev=deviation)


def chain(
    conv_norm_act: ConvNormAct, x: Any, convolutions: Iterable[tuple[int, Size]], *, name: str, **last: Any
) -> Any:
    """Convolve several times, each time with the given filters and size; ``last`` are options of the last time."""
    *first, (filters, size) = convolutions
    for number, (before, size_before) in enumerate(first, start=1):
        x = conv_norm_act(x, before, size_before, name=f"{name}_{number}")
    return conv_norm_act(x, filters, size, name=f"{name}_{len(first) + 1}", **last)


# -- GoogLeNet


# A parameter for each option of the family: they are the keywords of zoo.build, and a spec's config sets them by name.
def googlenet(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    batch_norm: bool = False,
    local_response_norm: bool = True,
    wide_kernel: int = 5,
    last_pool: int = 3,
    initial: str | float = "glorot_uniform",
    dropout: float = 0.4,
    aux_classifiers: bool = True,
    aux_dropout: float = 0.7,
) -> keras.Model:
    """Return GoogLeNet, layers named as in the paper: ``inception_3a_5x5_reduce_conv`` is in block ``inception_3a``.

    Its max-pooling rounds sizes up ("ceil mode"), as Caffe and torchvision do: 112, 56, 28, 14, 7. Without a top it
    ends in the maps of ``inception_5b``. With auxiliary classifiers, the height and width must be known.

    The first five arguments are those of every builder (:mod:`zoo.layers`).

    Args:
        batch_norm: whether BatchNorm follows each convolution, in place of biases.
        local_response_norm: whether the maps of ``pool1`` and ``conv2`` are normalised.
        wide_kernel: size of the convolutions that are 5x5 in the paper; 3 in torchvision, by a mistake that its
            weights share.
        last_pool: window of ``pool4``: 3 in the paper, 2 in torchvision.
        initial: a Keras initialiser of the kernels, or the deviation of a normal distribution.
        dropout: rate before the last layer.
        aux_classifiers: whether training has the classifiers on ``inception_4a`` and ``inception_4d`` (section 5); see
            :class:`zoo.layers.auxiliary.WithAuxiliaries`. Without a top there are none.
        aux_dropout: rate before the last layer of each auxiliary classifier.

    Source: Szegedy et al. 2014, https://arxiv.org/abs/1409.4842, table 1 and section 5.
    """
    conv_norm_act = settings(batch_norm, True, 0.9, initial)

    x = inputs = layers.Input(input_shape)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = conv_norm_act(x, 64, 7, stride=2, padding="valid", name="conv1")
    x = ceil_pool(x, 3, name="pool1")
    x = _response_norm(x, name="norm1") if local_response_norm else x
    x = conv_norm_act(x, 64, 1, name="conv2_reduce")
    x = conv_norm_act(x, 192, 3, name="conv2")
    x = _response_norm(x, name="norm2") if local_response_norm else x
    x = ceil_pool(x, 3, name="pool2")
    sides = []
    for block, widths in GOOGLENET.items():
        if block == "4a":
            x = ceil_pool(x, 3, name="pool3")
        elif block == "5a":
            x = ceil_pool(x, last_pool, name="pool4")
        x = inception(conv_norm_act, x, widths, wide_kernel, f"inception_{block}")
        if block in ("4a", "4d"):
            sides.append(x)

    if not include_top:
        return keras.Model(inputs, pooled_features(x, pooling))
    dense = {"kernel_initializer": conv_norm_act.new_kernel_initializer()}
    x = classifier(pooled_features(x, "avg"), classes, classifier_activation, dropout=dropout, **dense)
    if not aux_classifiers:
        return keras.Model(inputs, x)
    auxiliaries = [
        googlenet_auxiliary(
            conv_norm_act, side, classes, classifier_activation, dropout=aux_dropout, name=f"aux{number}"
        )
        for number, side in enumerate(sides, start=1)
    ]
    return WithAuxiliaries(inputs, [x, *auxiliaries])


def inception(conv_norm_act: ConvNormAct, x: Any, widths: Widths, wide_kernel: int, name: str) -> Any:
    """Return four branches side by side (figure 2b)."""
    middle = conv_norm_act(x, widths.reduce_3x3, 1, name=f"{name}_3x3_reduce")
    wide = conv_norm_act(x, widths.reduce_5x5, 1, name=f"{name}_5x5_reduce")
    pool = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    branches = [
        conv_norm_act(x, widths.conv_1x1, 1, name=f"{name}_1x1"),
        conv_norm_act(middle, widths.conv_3x3, 3, name=f"{name}_3x3"),
        conv_norm_act(wide, widths.conv_5x5, wide_kernel, name=f"{name}_5x5"),
        conv_norm_act(pool, widths.pool_proj, 1, name=f"{name}_pool_proj"),
    ]
    return layers.Concatenate(name=name)(branches)


def ceil_pool(x: Any, size: int, *, name: str) -> Any:
    """Return maxima of windows of ``size`` pixels at stride 2, of which the last may reach beyond the edge.

    ``x`` must not be negative, as after a ReLU: then zeros at the bottom and right edges never change a maximum,
    whatever the size.
    """
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
    return layers.MaxPooling2D(size, strides=2, name=name)(x)


def googlenet_auxiliary(
    conv_norm_act: ConvNormAct, x: Any, classes: int, activation: str | None, *, dropout: float, name: str
) -> Any:
    """Return the outputs of a classifier on 4x4 averages of ``x`` (section 5).

    The averages are of 5x5 pixels at a stride of 3 where that gives 4x4, as it does at 224 pixels. On inputs of other
    sizes, and with BatchNorm at all, as in torchvision, the maps are split into 4x4.
    """
    if not conv_norm_act.batch_norm and all(size in (14, 15, 16) for size in x.shape[1:3]):
        x = layers.AveragePooling2D(5, strides=3, name=f"{name}_pool")(x)
    else:
        x = averaged_maps(x, 4, name=f"{name}_pool")
    x = conv_norm_act(x, 128, 1, name=f"{name}_reduce")
    x = layers.Flatten(name=f"{name}_flatten")(x)
    x = layers.Dense(
        1024, activation="relu", kernel_initializer=conv_norm_act.new_kernel_initializer(), name=f"{name}_fc"
    )(x)
    if dropout:
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return layers.Dense(
        classes,
        activation=activation,
        kernel_initializer=conv_norm_act.new_kernel_initializer(),
        name=f"{name}_predictions",
    )(x)


def _response_norm(x: Any, *, name: str) -> Any:
    """Normalise as Caffe's bvlc_googlenet does, whose alpha multiplies a mean of squares; the paper has no figures."""
    return LocalResponseNormalization(2, bias=1.0, alpha=1e-4 / 5, beta=0.75, name=name)(x)


# -- Inception v3


# A parameter for each option of the family: they are the keywords of zoo.build, and a spec's config sets them by name.
def inception_v3(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    scale: bool = True,
    momentum: float = 0.9,
    padded_averages: bool = True,
    initial: str | float = 0.1,
    dropout: float = 0.0,
    aux_classifiers: bool = False,
) -> keras.Model:
    """Return Inception v3, its blocks named as in keras.applications, ``mixed0`` to ``mixed10``.

    The layers in a block, which Keras numbers only, are named as in torchvision: ``mixed0_branch5x5_2_conv``.
    Without a top it ends in the maps of ``mixed10``. With the auxiliary classifier, the height and width must be known.

    The first five arguments are those of every builder (:mod:`zoo.layers`).

    Args:
        scale: whether BatchNorm learns a scale.
        momentum: the share of the moving statistics that a BatchNorm keeps at each step; torch counts the other share.
        padded_averages: whether averages at the edge count the zeros beyond it, as in torchvision.
        initial: a Keras initialiser of the kernels, or the deviation of a normal distribution.
        dropout: rate before the last layer.
        aux_classifiers: whether training has the classifier on ``mixed7``; see
            :class:`zoo.layers.auxiliary.WithAuxiliaries`. Without a top there is none.

    Source: Szegedy et al. 2015, https://arxiv.org/abs/1512.00567, table 1.
    """
    conv_norm_act = settings(True, scale, momentum, initial)

    x = inputs = layers.Input(input_shape)
    x = conv_norm_act(x, 32, 3, stride=2, padding="valid", name="conv1a")
    x = conv_norm_act(x, 32, 3, padding="valid", name="conv2a")
    x = conv_norm_act(x, 64, 3, name="conv2b")
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    x = conv_norm_act(x, 80, 1, name="conv3b")
    x = conv_norm_act(x, 192, 3, padding="valid", name="conv4a")
    x = layers.MaxPooling2D(3, strides=2, name="pool2")(x)
    for number, width in enumerate((32, 64, 64)):
        x = block_5x5(conv_norm_act, x, width, padded_averages, f"mixed{number}")
    x = reduction_3x3(conv_norm_act, x, "mixed3")
    for number, width in enumerate((128, 160, 160, 192), start=4):
        x = block_7x7(conv_norm_act, x, width, padded_averages, f"mixed{number}")
    side = x
    x = reduction_7x7(conv_norm_act, x, "mixed8")
    for number in (9, 10):
        x = block_split(conv_norm_act, x, padded_averages, f"mixed{number}")

    if not include_top:
        return keras.Model(inputs, pooled_features(x, pooling))
    dense = {"kernel_initializer": conv_norm_act.new_kernel_initializer()}
    x = classifier(pooled_features(x, "avg"), classes, classifier_activation, dropout=dropout, **dense)
    if not aux_classifiers:
        return keras.Model(inputs, x)
    return WithAuxiliaries(inputs, [x, inception_v3_auxiliary(conv_norm_act, side, classes, classifier_activation)])


def block_5x5(conv_norm_act: ConvNormAct, x: Any, pool_width: int, padded: bool, name: str) -> Any:
    """Return the block of 35x35 maps, with a 5x5 branch beside the two 3x3 of the paper (figure 5)."""
    branches = [
        conv_norm_act(x, 64, 1, name=f"{name}_branch1x1"),
        chain(conv_norm_act, x, [(48, 1), (64, 5)], name=f"{name}_branch5x5"),
        chain(conv_norm_act, x, [(64, 1), (96, 3), (96, 3)], name=f"{name}_branch3x3dbl"),
        averaged_branch(conv_norm_act, x, pool_width, padded, name),
    ]
    return layers.Concatenate(name=name)(branches)


def block_7x7(conv_norm_act: ConvNormAct, x: Any, width: int, padded: bool, name: str) -> Any:
    """Return the block of 17x17 maps, with 7x7 convolutions as 1x7 and 7x1 (figure 6)."""
    row, column = (1, 7), (7, 1)
    double: list[tuple[int, Size]] = [(width, 1), (width, column), (width, row), (width, column), (192, row)]
    branches = [
        conv_norm_act(x, 192, 1, name=f"{name}_branch1x1"),
        chain(conv_norm_act, x, [(width, 1), (width, row), (192, column)], name=f"{name}_branch7x7"),
        chain(conv_norm_act, x, double, name=f"{name}_branch7x7dbl"),
        averaged_branch(conv_norm_act, x, 192, padded, name),
    ]
    return layers.Concatenate(name=name)(branches)


def block_split(conv_norm_act: ConvNormAct, x: Any, padded: bool, name: str) -> Any:
    """Return the block of 8x8 maps, whose 3x3 branches end in 1x3 and 3x1 side by side (figure 7)."""

    def split(x: Any, number: int, branch: str) -> Any:
        row = conv_norm_act(x, 384, (1, 3), name=f"{name}_{branch}_{number}a")
        column = conv_norm_act(x, 384, (3, 1), name=f"{name}_{branch}_{number}b")
        return layers.Concatenate(name=f"{name}_{branch}")([row, column])

    branches = [
        conv_norm_act(x, 320, 1, name=f"{name}_branch1x1"),
        split(chain(conv_norm_act, x, [(384, 1)], name=f"{name}_branch3x3"), 2, "branch3x3"),
        split(chain(conv_norm_act, x, [(448, 1), (384, 3)], name=f"{name}_branch3x3dbl"), 3, "branch3x3dbl"),
        averaged_branch(conv_norm_act, x, 192, padded, name),
    ]
    return layers.Concatenate(name=name)(branches)


def reduction_3x3(conv_norm_act: ConvNormAct, x: Any, name: str) -> Any:
    """Return the block from 35x35 to 17x17 maps (figure 10)."""
    reducing: dict[str, Any] = {"stride": 2, "padding": "valid"}
    branches = [
        conv_norm_act(x, 384, 3, name=f"{name}_branch3x3", **reducing),
        chain(conv_norm_act, x, [(64, 1), (96, 3), (96, 3)], name=f"{name}_branch3x3dbl", **reducing),
        layers.MaxPooling2D(3, strides=2, name=f"{name}_branch_pool")(x),
    ]
    return layers.Concatenate(name=name)(branches)


def reduction_7x7(conv_norm_act: ConvNormAct, x: Any, name: str) -> Any:
    """Return the block from 17x17 to 8x8 maps."""
    reducing: dict[str, Any] = {"stride": 2, "padding": "valid"}
    branches = [
        chain(conv_norm_act, x, [(192, 1), (320, 3)], name=f"{name}_branch3x3", **reducing),
        chain(
            conv_norm_act, x, [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)], name=f"{name}_branch7x7x3", **reducing
        ),
        layers.MaxPooling2D(3, strides=2, name=f"{name}_branch_pool")(x),
    ]
    return layers.Concatenate(name=name)(branches)


def averaged_branch(conv_norm_act: ConvNormAct, x: Any, filters: int, padded: bool, name: str) -> Any:
    """Average the 3x3 pixels around each, then convolve; ``padded`` counts zeros beyond the edge as pixels."""
    name = f"{name}_branch_pool"
    if padded:
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    x = layers.AveragePooling2D(3, strides=1, padding="valid" if padded else "same", name=f"{name}_average")(x)
    return conv_norm_act(x, filters, 1, name=name)


def inception_v3_auxiliary(conv_norm_act: ConvNormAct, x: Any, classes: int, activation: str | None) -> Any:
    """Return the outputs of the classifier on 17x17 maps, brought to 5x5 and convolved to one pixel (figure 8).

    Maps of less than 17 pixels are split into 5x5.
    """
    if all(size is not None and size >= 17 for size in x.shape[1:3]):
        x = layers.AveragePooling2D(5, strides=3, name="aux_pool")(x)
    else:
        x = averaged_maps(x, 5, name="aux_pool")
    x = conv_norm_act(x, 128, 1, name="aux_conv0")
    x = replace(conv_norm_act, kernel_initializer=normal(0.01))(x, 768, 5, padding="valid", name="aux_conv1")
    x = layers.GlobalAveragePooling2D(name="aux_avg_pool")(x)
    small = {"kernel_initializer": normal(0.001)()}
    return layers.Dense(classes, activation=activation, name="aux_predictions", **small)(x)
