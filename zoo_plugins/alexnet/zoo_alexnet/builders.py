"""All AlexNets: one function, which the table of variants configures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import initializers, layers

from zoo.layers.heads import averaged_maps, classifier, pooled_features
from zoo.layers.normalization import LocalResponseNormalization

#: The layers whose biases the paper starts at 1, so that their ReLUs see positive inputs (section 5).
_BIASES_OF_ONE = ("conv2", "conv4", "conv5", "fc6", "fc7")


# A parameter for each option of the family: they are the keywords of zoo.build, and a spec's config sets them by name.
def alexnet(
    input_shape: tuple[int | None, ...],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    filters: Sequence[int],
    units: int,
    padding: tuple[int, int],
    groups: int = 1,
    local_response_norm: bool = False,
    initial: str = "glorot_uniform",
    dropout: float = 0.5,
    dropout_before: Sequence[str] = ("fc6", "fc7"),
) -> keras.Model:
    """Return an AlexNet: five convolutions, three of them with max-pooling, and three dense layers.

    Layers are named as in Caffe, ``conv1`` to ``fc7``, and the last one ``predictions``. The features are averaged to
    6x6 where the input is not of the published size, so that weights serve inputs of every size.
    Without a top the network ends in the maps of ``pool5``.

    The first five arguments are those of every builder (:mod:`zoo.layers`).

    Args:
        filters: of the five convolutions.
        units: of the two hidden dense layers.
        padding: pixels of zeros before and after the image, in height and width alike.
        groups: of the second, fourth and fifth convolution: each sees the maps of its own group alone, as when the
            network lay on two graphics cards.
        local_response_norm: whether the first two convolutions are normalised (section 3.3).
        initial: ``"paper"`` (section 5: a normal distribution of deviation 0.01, biases of 0 and 1), ``"torch"`` (its
            uniform distribution) or a Keras initialiser.
        dropout: rate in training.
        dropout_before: the dense layers whose inputs are dropped: those of fc6 and fc7 in torchvision, the outputs of
            fc6 and fc7 in the paper (section 4.2).

    Sources: Krizhevsky et al. 2012, ImageNet classification with deep convolutional neural networks, section 3.5; in
    one column, Krizhevsky 2014, https://arxiv.org/abs/1404.5997.
    """

    def conv(x: Any, number: int, size: int, **options: Any) -> Any:
        name = f"conv{number}"
        options = {"padding": "same", **options, **_initial(initial, name)}
        return layers.Conv2D(filters[number - 1], size, activation="relu", name=name, **options)(x)

    def norm_pool(x: Any, number: int) -> Any:
        if local_response_norm and number < 3:
            x = LocalResponseNormalization(2, bias=2.0, alpha=1e-4, beta=0.75, name=f"norm{number}")(x)
        return layers.MaxPooling2D(3, strides=2, name=f"pool{number}")(x)

    x = inputs = layers.Input(input_shape)
    x = layers.ZeroPadding2D((padding, padding), name="conv1_pad")(x)
    x = norm_pool(conv(x, 1, 11, strides=4, padding="valid"), 1)
    x = norm_pool(conv(x, 2, 5, groups=groups), 2)
    x = conv(x, 3, 3)
    x = conv(x, 4, 3, groups=groups)
    x = norm_pool(conv(x, 5, 3, groups=groups), 5)

    if include_top:
        rates = dict.fromkeys(dropout_before, dropout)
        x = layers.Flatten(name="flatten")(averaged_maps(x, 6))
        for name in ("fc6", "fc7"):
            if rates.get(name):
                x = layers.Dropout(rates[name], name=f"{name}_dropout")(x)
            x = layers.Dense(units, activation="relu", name=name, **_initial(initial, name))(x)
        last = {"dropout": rates.get("predictions", 0.0), **_initial(initial, "predictions")}
        x = classifier(x, classes, classifier_activation, **last)
    else:
        x = pooled_features(x, pooling)
    return keras.Model(inputs, x)


def _initial(scheme: str, layer: str) -> dict[str, Any]:
    if scheme == "paper":
        bias = "ones" if layer in _BIASES_OF_ONE else "zeros"
        return {"kernel_initializer": initializers.RandomNormal(stddev=0.01), "bias_initializer": bias}
    if scheme == "torch":  # between -1 and 1 over the root of the fan-in
        return {"kernel_initializer": initializers.VarianceScaling(1 / 3, "fan_in", "uniform")}
    return {"kernel_initializer": scheme}
