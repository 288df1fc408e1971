"""The small networks; every builder takes the five arguments that ``zoo.build`` passes, and options of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from zoo.layers.auxiliary import WithAuxiliaries
from zoo.layers.heads import averaged_maps, classifier, pooled_features


def small_convnet(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    activation: str = "tanh",
    dropout: float = 0.0,
) -> keras.Model:
    """Return two convolutions, each followed by averages of 2x2, and three dense layers.

    Without a top the network ends in the maps of pool2, ``(batch, 3, 3, 16)`` for 16x16 pixels.
    """
    x = inputs = layers.Input(input_shape)
    x = layers.Conv2D(6, 3, padding="same", activation=activation, name="conv1")(x)
    x = layers.AveragePooling2D(2, name="pool1")(x)
    x = layers.Conv2D(16, 3, activation=activation, name="conv2")(x)
    x = layers.AveragePooling2D(2, name="pool2")(x)
    if include_top:
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(48, activation=activation, name="fc1")(x)
        x = layers.Dense(32, activation=activation, name="fc2")(x)
        x = classifier(x, classes, classifier_activation, dropout=dropout)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


def small_resnet(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    depths: Sequence[int] = (1, 2, 1),
    dropout: float = 0.0,
) -> keras.Model:
    """Return a residual network with a stage for each of ``depths``, which says how many blocks the stage has.

    The first stage has 4 channels; each that follows has twice as many, and half the height and width.
    """
    x = inputs = layers.Input(input_shape)
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="stem_conv")(x)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = layers.ReLU(name="stem_relu")(x)
    for stage, depth in enumerate(depths, start=1):
        for block in range(1, depth + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _residual_block(x, 2 ** (stage + 1), stride, f"stage{stage}_block{block}")
    if include_top:
        x = classifier(pooled_features(x, "avg"), classes, classifier_activation, dropout=dropout)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


def _residual_block(x: Any, filters: int, stride: int, name: str) -> Any:
    """Return two 3x3 convolutions plus a shortcut, which is pooled and convolved where the shape changes."""
    shortcut = x
    x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False, name=f"{name}_conv1")(x)
    x = layers.BatchNormalization(name=f"{name}_norm1")(x)
    x = layers.ReLU(name=f"{name}_relu1")(x)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv2")(x)
    x = layers.BatchNormalization(name=f"{name}_norm2")(x)
    if stride > 1:
        # Averages first, as in ResNet-D (He et al. 2018, section 4.1). A 1x1 convolution with a stride crashes
        # TensorFlow 2.21 with oneDNN where the gradient of so few filters is computed for a batch of one.
        shortcut = layers.AveragePooling2D(stride, padding="same", name=f"{name}_shortcut_pool")(shortcut)
        shortcut = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_shortcut")(shortcut)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_out")(x)


def small_separable(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    dropout: float = 0.1,
) -> keras.Model:
    """Return two depthwise separable convolutions behind a stem; the classifier is a 1x1 convolution of 1x1 maps."""
    x = inputs = layers.Input(input_shape)
    x = layers.Conv2D(8, 3, 2, padding="same", use_bias=False, name="stem_conv")(x)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = layers.ReLU(6.0, name="stem_relu")(x)
    for number, filters in enumerate((16, 32), start=1):
        x = layers.DepthwiseConv2D(3, 2, padding="same", use_bias=False, name=f"depthwise{number}")(x)
        x = layers.BatchNormalization(name=f"depthwise{number}_norm")(x)
        x = layers.ReLU(6.0, name=f"depthwise{number}_relu")(x)
        x = layers.Conv2D(filters, 1, use_bias=False, name=f"pointwise{number}")(x)
        x = layers.BatchNormalization(name=f"pointwise{number}_norm")(x)
        x = layers.ReLU(6.0, name=f"pointwise{number}_relu")(x)
    if include_top:
        x = layers.GlobalAveragePooling2D(keepdims=True, name="avg_pool")(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, 1, name="conv_predictions")(x)
        x = layers.Reshape((classes,), name="reshape")(x)
        x = layers.Activation(classifier_activation, name="predictions")(x)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


def small_inception(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    dropout: float = 0.4,
    aux_classifiers: bool = True,
) -> keras.Model:
    """Return two blocks of branches; training has a classifier on the first one as well, unless told otherwise."""
    x = inputs = layers.Input(input_shape)
    x = layers.Conv2D(8, 3, 2, padding="same", activation="relu", name="stem_conv")(x)
    x = side = _branches(x, 8, "block1")
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = _branches(x, 12, "block2")
    if not include_top:
        return keras.Model(inputs, pooled_features(x, pooling))
    x = classifier(pooled_features(x, "avg"), classes, classifier_activation, dropout=dropout)
    if not aux_classifiers:
        return keras.Model(inputs, x)
    side = layers.Flatten(name="aux_flatten")(averaged_maps(side, 2, name="aux_pool"))
    side = layers.Dense(classes, activation=classifier_activation, name="aux_predictions")(side)
    return WithAuxiliaries(inputs, [x, side])


def _branches(x: Any, filters: int, name: str) -> Any:
    """Return a 1x1 and a 3x3 convolution of ``filters`` channels side by side."""
    one = layers.Conv2D(filters, 1, activation="relu", name=f"{name}_1x1")(x)
    three = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"{name}_3x3")(x)
    return layers.Concatenate(name=name)([one, three])


def small_mlp(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    hidden_units: Sequence[int] = (24, 12),
    activation: str = "relu",
    batch_norm: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """Return a perceptron on flattened images or on rows; without hidden units it is a linear model.

    ``pooling`` changes nothing: the features have no height and width.
    """
    x = inputs = layers.Input(input_shape)
    if len(input_shape) > 1:
        x = layers.Flatten(name="flatten")(x)
    for number, units in enumerate(hidden_units, start=1):
        x = layers.Dense(units, use_bias=not batch_norm, name=f"hidden{number}")(x)
        if batch_norm:
            x = layers.BatchNormalization(name=f"hidden{number}_bn")(x)
        x = layers.Activation(activation, name=f"hidden{number}_activation")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"hidden{number}_dropout")(x)
    if include_top:
        x = classifier(x, classes, classifier_activation)
    return keras.Model(inputs, x)
