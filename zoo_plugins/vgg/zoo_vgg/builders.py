"""All VGG networks: one function and the depths of their five blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import initializers, layers

from zoo.layers.heads import averaged_maps, classifier, pooled_features

#: Channels of each block (table 1 of the paper).
FILTERS = (64, 128, 256, 512, 512)


# A parameter for each option of the family: they are the keywords of zoo.build, and a spec's config sets them by name.
def vgg(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    depths: Sequence[int],
    batch_norm: bool = False,
    average_maps: bool = False,
    fc_units: int = 4096,
    initial: str = "glorot_uniform",
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    dropout: float = 0.5,
) -> keras.Model:
    """Return a VGG network: five blocks of 3x3 convolutions, each halved by max-pooling, and three dense layers.

    Layers are named as in keras.applications: ``block3_conv2``, ``fc1``, ``fc2``, ``predictions``; the BatchNorm after
    ``block3_conv2`` is ``block3_bn2``. Without a top the network ends in the maps of ``block5_pool``.

    The first five arguments are those of every builder (:mod:`zoo.layers`).

    Args:
        depths: convolutions in each block.
        batch_norm: whether BatchNorm follows each convolution.
        average_maps: whether the features are averaged to 7x7 before the dense layers, as in torchvision, so that
            weights serve inputs of every size; if not, ``fc1`` grows with the input, as in keras.applications.
        fc_units: of the two hidden dense layers.
        initial: ``"torch"`` (He's normal distribution by the fan-out for convolutions, one of deviation 0.01 for dense
            layers) or a Keras initialiser.
        epsilon: of BatchNorm.
        momentum: the share of the moving statistics that a BatchNorm keeps at each step; torch counts the other share.
        dropout: rate after each hidden dense layer, in training; the paper has 0.5 (section 3.1), where
            keras.applications has none.

    Source: Simonyan and Zisserman 2014, https://arxiv.org/abs/1409.1556, table 1.
    """
    x = inputs = layers.Input(input_shape)
    for block, (depth, filters) in enumerate(zip(depths, FILTERS, strict=True), start=1):
        for number in range(1, depth + 1):
            x = layers.Conv2D(
                filters,
                3,
                padding="same",
                activation=None if batch_norm else "relu",
                name=f"block{block}_conv{number}",
                kernel_initializer=_conv_initializer(initial),
            )(x)
            if batch_norm:
                x = layers.BatchNormalization(epsilon=epsilon, momentum=momentum, name=f"block{block}_bn{number}")(x)
                x = layers.Activation("relu", name=f"block{block}_relu{number}")(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)

    if include_top:
        x = layers.Flatten(name="flatten")(averaged_maps(x, 7) if average_maps else x)
        for name in ("fc1", "fc2"):
            kernel = _dense_initializer(initial)
            x = layers.Dense(fc_units, activation="relu", kernel_initializer=kernel, name=name)(x)
            if dropout:
                x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
        x = classifier(x, classes, classifier_activation, kernel_initializer=_dense_initializer(initial))
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


def _conv_initializer(scheme: str) -> Any:
    return initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal") if scheme == "torch" else scheme


def _dense_initializer(scheme: str) -> Any:
    return initializers.RandomNormal(stddev=0.01) if scheme == "torch" else scheme
