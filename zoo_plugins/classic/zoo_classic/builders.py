"""The classic networks: three convnets, each as its source lists it, and the multilayer perceptron.

The first five arguments of each function are those of every builder (:mod:`zoo.layers`).
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, regularizers

from zoo.layers.heads import classifier, pooled_features
from zoo.layers.normalization import LocalResponseNormalization


def lenet5(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    activation: str = "tanh",
    dropout: float = 0.0,
) -> keras.Model:
    """Return LeNet-5 in its usual modern reading, layers named as in the paper.

    Every map of C3 sees all maps of S2, the subsampling layers are plain averages, and a softmax takes the place of the
    radial basis functions. C5 is a full connection, which is what a 5x5 convolution of 5x5 maps comes to.

    ``activation`` is that of c1, c3, c5 and f6; ``dropout`` the rate before the last layer. Without a top the network
    ends in the maps of s4, ``(batch, 5, 5, 16)`` for 32x32 pixels.

    Source: LeCun et al. 1998, Gradient-based learning applied to document recognition, section II-B.
    """
    x = inputs = layers.Input(input_shape)
    x = layers.Conv2D(6, 5, activation=activation, name="c1")(x)
    x = layers.AveragePooling2D(2, name="s2")(x)
    x = layers.Conv2D(16, 5, activation=activation, name="c3")(x)
    x = layers.AveragePooling2D(2, name="s4")(x)
    if include_top:
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(120, activation=activation, name="c5")(x)
        x = layers.Dense(84, activation=activation, name="f6")(x)
        x = classifier(x, classes, classifier_activation, dropout=dropout)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


def cats_and_dogs_convnet(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    dropout: float = 0.0,
) -> keras.Model:
    """Return the convnet for photographs of cats and dogs: four 3x3 convolutions with max-pooling, two dense layers.

    ``dropout`` is the rate on the flattened features; the book's second version, with augmented images, has 0.5.
    Without a top the network ends in the maps of pool4, ``(batch, 7, 7, 128)`` for 150x150 pixels.

    Source: Chollet 2017, Deep Learning with Python, listing 5.5; with dropout, listing 5.13.
    """
    x = inputs = layers.Input(input_shape)
    for number, filters in enumerate((32, 64, 128, 128), start=1):
        x = layers.Conv2D(filters, 3, activation="relu", name=f"conv{number}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    if include_top:
        x = layers.Flatten(name="flatten")(x)
        if dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Dense(512, activation="relu", name="fc1")(x)
        x = classifier(x, classes, classifier_activation)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


def cifar10_convnet(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    l2: float = 0.004,
    dropout: float = 0.0,
) -> keras.Model:
    """Return TensorFlow's first CIFAR-10 convnet: two 5x5 convolutions with local response normalisation, three dense.

    ``l2`` times the sum of the squared weights of local3 and local4 joins the loss; ``dropout`` is the rate before the
    last layer. Without a top the network ends in the maps of pool2, ``(batch, 6, 6, 64)`` for 24x24 pixels.

    Source: the CIFAR-10 tutorial of TensorFlow 1, cifar10.py, after Krizhevsky's cuda-convnet.
    """
    x = inputs = layers.Input(input_shape)
    x = layers.Conv2D(64, 5, padding="same", activation="relu", name="conv1")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)
    x = LocalResponseNormalization(4, bias=1.0, alpha=0.001 / 9, beta=0.75, name="norm1")(x)
    x = layers.Conv2D(64, 5, padding="same", activation="relu", name="conv2")(x)
    x = LocalResponseNormalization(4, bias=1.0, alpha=0.001 / 9, beta=0.75, name="norm2")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool2")(x)
    if include_top:
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(384, activation="relu", kernel_regularizer=regularizers.L2(l2), name="local3")(x)
        x = layers.Dense(192, activation="relu", kernel_regularizer=regularizers.L2(l2), name="local4")(x)
        x = classifier(x, classes, classifier_activation, dropout=dropout)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


# A parameter for each option of the family: they are the keywords of zoo.build, and a spec's config sets them by name.
def mlp(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    hidden_units: Sequence[int] = (300, 100),
    activation: str = "relu",
    batch_norm: bool = False,
    l1: float = 0.0,
    l2: float = 0.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Return a multilayer perceptron on flattened images or on rows; without hidden units it is a linear model.

    Linear regression has no hidden units and no activation, logistic regression no hidden units and a sigmoid for two
    classes (``classes=1``) or a softmax for more.

    The first five arguments are those of every builder (:mod:`zoo.layers`). An ``input_shape`` of several dimensions is
    flattened. Without a top the network ends in the activations of the last hidden layer, ``(batch, units)``.

    Args:
        hidden_units: units of each hidden layer.
        activation: of the hidden layers. ``"selu"`` brings what makes its networks normalise themselves: LeCun's
            normal initial weights, and AlphaDropout for Dropout (Klambauer et al. 2017, https://arxiv.org/abs/1706.02515).
        batch_norm: whether BatchNorm comes before each activation, in place of the biases.
        l1: this times the sum of the absolute weights of all dense layers joins the loss.
        l2: this times the sum of their squares joins the loss.
        dropout: rate after each hidden layer.
    """
    selu = activation == "selu"
    make_dropout = layers.AlphaDropout if selu else layers.Dropout
    regularizer = regularizers.L1L2(l1, l2) if l1 or l2 else None

    x = inputs = layers.Input(input_shape)
    if len(input_shape) > 1:
        x = layers.Flatten(name="flatten")(x)
    for number, units in enumerate(hidden_units, start=1):
        x = layers.Dense(
            units,
            use_bias=not batch_norm,
            kernel_initializer="lecun_normal" if selu else "glorot_uniform",
            kernel_regularizer=regularizer,
            name=f"hidden{number}",
        )(x)
        if batch_norm:
            x = layers.BatchNormalization(name=f"hidden{number}_bn")(x)
        x = layers.Activation(activation, name=f"hidden{number}_activation")(x)
        if dropout:
            x = make_dropout(dropout, name=f"hidden{number}_dropout")(x)
    if include_top:
        x = classifier(x, classes, classifier_activation, kernel_regularizer=regularizer)
    return keras.Model(inputs, x)
