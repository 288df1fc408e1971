"""GoogLeNet and Inception v3: a function each, in the builds of their papers, of Keras and of torchvision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
from keras import initializers, layers

from zoo.layers.auxiliary import WithAuxiliaries
from zoo.layers.heads import averaged_maps, classifier, pooled_features
from zoo.layers.normalization import LocalResponseNormalization

#: Table 1 of the paper: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj.
GOOGLENET = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


@dataclass(frozen=True)
class Make:
    """Makes the layers of one network, with the settings that they share.

    ``initial`` is a Keras initialiser or, a number, the deviation of a normal distribution.
    """

    batch_norm: bool
    scale: bool
    momentum: float
    initial: str | float

    def unit(
        self,
        x: Any,
        filters: int,
        size: int | tuple[int, int],
        *,
        name: str,
        stride: int = 1,
        padding: str = "same",
        initial: float | None = None,
    ) -> Any:
        """Convolve, normalise if the network does, and rectify."""
        x = layers.Conv2D(
            filters,
            size,
            strides=stride,
            padding=padding,
            use_bias=not self.batch_norm,
            kernel_initializer=self.initialiser(initial),
            bias_initializer=initializers.Constant(0.2),  # Caffe's bvlc_googlenet; the paper does not say
            name=f"{name}_conv",
        )(x)
        if self.batch_norm:
            norm = layers.BatchNormalization(epsilon=1e-3, momentum=self.momentum, scale=self.scale, name=f"{name}_bn")
            x = norm(x)
        return layers.Activation("relu", name=f"{name}_relu")(x)

    def chain(self, x: Any, units: Iterable[tuple[int, int | tuple[int, int]]], *, name: str, **last: Any) -> Any:
        """Return units one after another, each a pair of filters and size; ``last`` are options of the last one."""
        *first, (filters, size) = units
        for number, unit in enumerate(first, start=1):
            x = self.unit(x, *unit, name=f"{name}_{number}")
        return self.unit(x, filters, size, name=f"{name}_{len(first) + 1}", **last)

    def initialiser(self, other: float | None = None) -> Any:
        """Return a new initialiser of kernels, of the network's distribution or of ``other``."""
        initial = self.initial if other is None else other
        return initial if isinstance(initial, str) else initializers.RandomNormal(stddev=initial)


# -- GoogLeNet


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

    Its max-pooling rounds sizes up ("ceil mode"), as Caffe and torchvision do: 112, 56, 28, 14, 7.

    Args:
        input_shape: ``(height, width, channels)``; the height and width may be None without auxiliary classifiers.
        classes: number of outputs.
        include_top: False returns the feature maps of ``inception_5b``, pooled as ``pooling`` says.
        pooling: ``"avg"``, ``"max"`` or None.
        classifier_activation: of the last layer, and of the auxiliary classifiers.
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
    make = Make(batch_norm, True, 0.9, initial)

    x = inputs = layers.Input(input_shape)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = make.unit(x, 64, 7, stride=2, padding="valid", name="conv1")
    x = ceil_pool(x, 3, name="pool1")
    x = _response_norm(x, name="norm1") if local_response_norm else x
    x = make.unit(x, 64, 1, name="conv2_reduce")
    x = make.unit(x, 192, 3, name="conv2")
    x = _response_norm(x, name="norm2") if local_response_norm else x
    x = ceil_pool(x, 3, name="pool2")
    sides = []
    for block, widths in GOOGLENET.items():
        if block == "4a":
            x = ceil_pool(x, 3, name="pool3")
        elif block == "5a":
            x = ceil_pool(x, last_pool, name="pool4")
        x = inception(make, x, widths, wide_kernel, f"inception_{block}")
        if block in ("4a", "4d"):
            sides.append(x)

    if not include_top:
        return keras.Model(inputs, pooled_features(x, pooling))
    dense = {"kernel_initializer": make.initialiser()}
    x = classifier(pooled_features(x, "avg"), classes, classifier_activation, dropout=dropout, **dense)
    if not aux_classifiers:
        return keras.Model(inputs, x)
    auxiliaries = [
        googlenet_auxiliary(make, side, classes, classifier_activation, dropout=aux_dropout, name=f"aux{number}")
        for number, side in enumerate(sides, start=1)
    ]
    return WithAuxiliaries(inputs, [x, *auxiliaries])


def inception(make: Make, x: Any, widths: tuple[int, ...], wide_kernel: int, name: str) -> Any:
    """Return four branches side by side (figure 2b)."""
    one, reduce_three, three, reduce_five, five, projection = widths
    middle = make.unit(x, reduce_three, 1, name=f"{name}_3x3_reduce")
    wide = make.unit(x, reduce_five, 1, name=f"{name}_5x5_reduce")
    pool = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    branches = [
        make.unit(x, one, 1, name=f"{name}_1x1"),
        make.unit(middle, three, 3, name=f"{name}_3x3"),
        make.unit(wide, five, wide_kernel, name=f"{name}_5x5"),
        make.unit(pool, projection, 1, name=f"{name}_pool_proj"),
    ]
    return layers.Concatenate(name=name)(branches)


def ceil_pool(x: Any, size: int, *, name: str) -> Any:
    """Return maxima of windows of ``size`` pixels at stride 2, of which the last may reach beyond the edge.

    ``x`` must not be negative, as nothing is behind a ReLU: then zeros at the far edges serve every size, and where the
    windows end at the edge they are not looked at.
    """
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
    return layers.MaxPooling2D(size, strides=2, name=name)(x)


def googlenet_auxiliary(make: Make, x: Any, classes: int, activation: str | None, *, dropout: float, name: str) -> Any:
    """Return the outputs of a classifier on 4x4 averages of ``x`` (section 5).

    The averages are of 5x5 pixels at a stride of 3 where that gives 4x4, as it does at 224 pixels. On inputs of other
    sizes, and with BatchNorm at all, as in torchvision, the maps are split into 4x4.
    """
    if not make.batch_norm and all(size in (14, 15, 16) for size in x.shape[1:3]):
        x = layers.AveragePooling2D(5, strides=3, name=f"{name}_pool")(x)
    else:
        x = averaged_maps(x, 4, name=f"{name}_pool")
    x = make.unit(x, 128, 1, name=f"{name}_reduce")
    x = layers.Flatten(name=f"{name}_flatten")(x)
    x = layers.Dense(1024, activation="relu", kernel_initializer=make.initialiser(), name=f"{name}_fc")(x)
    if dropout:
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return layers.Dense(
        classes, activation=activation, kernel_initializer=make.initialiser(), name=f"{name}_predictions"
    )(x)


def _response_norm(x: Any, *, name: str) -> Any:
    """Normalise as Caffe's bvlc_googlenet does, whose alpha multiplies a mean of squares; the paper has no figures."""
    return LocalResponseNormalization(2, bias=1.0, alpha=1e-4 / 5, beta=0.75, name=name)(x)


# -- Inception v3


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

    Args:
        input_shape: ``(height, width, channels)``; the height and width may be None without auxiliary classifier.
        classes: number of outputs.
        include_top: False returns the feature maps of ``mixed10``, pooled as ``pooling`` says.
        pooling: ``"avg"``, ``"max"`` or None.
        classifier_activation: of the last layer, and of the auxiliary classifier.
        scale: whether BatchNorm learns a scale.
        momentum: the share of the moving statistics that a BatchNorm keeps at each step; torch counts the other share.
        padded_averages: whether averages at the edge count the zeros beyond it, as in torchvision.
        initial: a Keras initialiser of the kernels, or the deviation of a normal distribution.
        dropout: rate before the last layer.
        aux_classifiers: whether training has the classifier on ``mixed7``; see
            :class:`zoo.layers.auxiliary.WithAuxiliaries`. Without a top there is none.

    Source: Szegedy et al. 2015, https://arxiv.org/abs/1512.00567, table 1.
    """
    make = Make(True, scale, momentum, initial)

    x = inputs = layers.Input(input_shape)
    x = make.unit(x, 32, 3, stride=2, padding="valid", name="conv1a")
    x = make.unit(x, 32, 3, padding="valid", name="conv2a")
    x = make.unit(x, 64, 3, name="conv2b")
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    x = make.unit(x, 80, 1, name="conv3b")
    x = make.unit(x, 192, 3, padding="valid", name="conv4a")
    x = layers.MaxPooling2D(3, strides=2, name="pool2")(x)
    for number, width in enumerate((32, 64, 64)):
        x = block_5x5(make, x, width, padded_averages, f"mixed{number}")
    x = reduction_3x3(make, x, "mixed3")
    for number, width in enumerate((128, 160, 160, 192), start=4):
        x = block_7x7(make, x, width, padded_averages, f"mixed{number}")
    side = x
    x = reduction_7x7(make, x, "mixed8")
    for number in (9, 10):
        x = block_split(make, x, padded_averages, f"mixed{number}")

    if not include_top:
        return keras.Model(inputs, pooled_features(x, pooling))
    dense = {"kernel_initializer": make.initialiser()}
    x = classifier(pooled_features(x, "avg"), classes, classifier_activation, dropout=dropout, **dense)
    if not aux_classifiers:
        return keras.Model(inputs, x)
    return WithAuxiliaries(inputs, [x, inception_v3_auxiliary(make, side, classes, classifier_activation)])


def block_5x5(make: Make, x: Any, pool_width: int, padded: bool, name: str) -> Any:
    """Return the block of 35x35 maps, with a 5x5 branch beside the two 3x3 of the paper (figure 5)."""
    branches = [
        make.unit(x, 64, 1, name=f"{name}_branch1x1"),
        make.chain(x, [(48, 1), (64, 5)], name=f"{name}_branch5x5"),
        make.chain(x, [(64, 1), (96, 3), (96, 3)], name=f"{name}_branch3x3dbl"),
        averaged_branch(make, x, pool_width, padded, name),
    ]
    return layers.Concatenate(name=name)(branches)


def block_7x7(make: Make, x: Any, width: int, padded: bool, name: str) -> Any:
    """Return the block of 17x17 maps, with 7x7 convolutions as 1x7 and 7x1 (figure 6)."""
    row, column = (1, 7), (7, 1)
    double = [(width, 1), (width, column), (width, row), (width, column), (192, row)]
    branches = [
        make.unit(x, 192, 1, name=f"{name}_branch1x1"),
        make.chain(x, [(width, 1), (width, row), (192, column)], name=f"{name}_branch7x7"),
        make.chain(x, double, name=f"{name}_branch7x7dbl"),
        averaged_branch(make, x, 192, padded, name),
    ]
    return layers.Concatenate(name=name)(branches)


def block_split(make: Make, x: Any, padded: bool, name: str) -> Any:
    """Return the block of 8x8 maps, whose 3x3 branches end in 1x3 and 3x1 side by side (figure 7)."""

    def split(x: Any, number: int, branch: str) -> Any:
        row = make.unit(x, 384, (1, 3), name=f"{name}_{branch}_{number}a")
        column = make.unit(x, 384, (3, 1), name=f"{name}_{branch}_{number}b")
        return layers.Concatenate(name=f"{name}_{branch}")([row, column])

    branches = [
        make.unit(x, 320, 1, name=f"{name}_branch1x1"),
        split(make.chain(x, [(384, 1)], name=f"{name}_branch3x3"), 2, "branch3x3"),
        split(make.chain(x, [(448, 1), (384, 3)], name=f"{name}_branch3x3dbl"), 3, "branch3x3dbl"),
        averaged_branch(make, x, 192, padded, name),
    ]
    return layers.Concatenate(name=name)(branches)


def reduction_3x3(make: Make, x: Any, name: str) -> Any:
    """Return the block from 35x35 to 17x17 maps (figure 10)."""
    reducing = {"stride": 2, "padding": "valid"}
    branches = [
        make.unit(x, 384, 3, name=f"{name}_branch3x3", **reducing),
        make.chain(x, [(64, 1), (96, 3), (96, 3)], name=f"{name}_branch3x3dbl", **reducing),
        layers.MaxPooling2D(3, strides=2, name=f"{name}_branch_pool")(x),
    ]
    return layers.Concatenate(name=name)(branches)


def reduction_7x7(make: Make, x: Any, name: str) -> Any:
    """Return the block from 17x17 to 8x8 maps."""
    reducing = {"stride": 2, "padding": "valid"}
    branches = [
        make.chain(x, [(192, 1), (320, 3)], name=f"{name}_branch3x3", **reducing),
        make.chain(x, [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)], name=f"{name}_branch7x7x3", **reducing),
        layers.MaxPooling2D(3, strides=2, name=f"{name}_branch_pool")(x),
    ]
    return layers.Concatenate(name=name)(branches)


def averaged_branch(make: Make, x: Any, filters: int, padded: bool, name: str) -> Any:
    """Average the 3x3 pixels around each, then convolve; ``padded`` counts zeros beyond the edge as pixels."""
    name = f"{name}_branch_pool"
    if padded:
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    x = layers.AveragePooling2D(3, strides=1, padding="valid" if padded else "same", name=f"{name}_average")(x)
    return make.unit(x, filters, 1, name=name)


def inception_v3_auxiliary(make: Make, x: Any, classes: int, activation: str | None) -> Any:
    """Return the outputs of the classifier on 17x17 maps, brought to 5x5 and convolved to one pixel (figure 8).

    Maps of less than 17 pixels are split into 5x5.
    """
    if all(size is not None and size >= 17 for size in x.shape[1:3]):
        x = layers.AveragePooling2D(5, strides=3, name="aux_pool")(x)
    else:
        x = averaged_maps(x, 5, name="aux_pool")
    x = make.unit(x, 128, 1, name="aux_conv0")
    x = make.unit(x, 768, 5, padding="valid", name="aux_conv1", initial=0.01)
    x = layers.GlobalAveragePooling2D(name="aux_avg_pool")(x)
    small = {"kernel_initializer": make.initialiser(0.001)}
    return layers.Dense(classes, activation=activation, name="aux_predictions", **small)(x)
