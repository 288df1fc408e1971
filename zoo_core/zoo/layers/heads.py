"""How the builders of image models end: pooled features, or a classifier on top of them."""

from __future__ import annotations

from typing import Any

from keras import layers


def pooled_features(features: Any, pooling: str | None) -> Any:
    """Return feature maps ``(batch, height, width, channels)`` averaged ("avg") or maximised ("max") over space.

    The result is ``(batch, channels)``; ``pooling`` of None returns the maps as they are.
    """
    if pooling == "avg":
        return layers.GlobalAveragePooling2D(name="avg_pool")(features)
    if pooling == "max":
        return layers.GlobalMaxPooling2D(name="max_pool")(features)
    return features


def averaged_maps(features: Any, size: int, *, name: str = "avg_pool") -> Any:
    """Return feature maps averaged to ``(batch, size, size, channels)`` as torch's AdaptiveAvgPool2d does.

    Maps that have that size already get no layer. A single row or column is repeated, which Keras' layer cannot do.
    """
    repeats = tuple(size if length == 1 else 1 for length in features.shape[1:3])
    if size > 1 and repeats != (1, 1):
        features = layers.UpSampling2D(repeats, name=name if repeats == (size, size) else f"{name}_repeat")(features)
    if tuple(features.shape[1:3]) == (size, size):
        return features
    return layers.AdaptiveAveragePooling2D(size, name=name)(features)


def classifier(features: Any, classes: int, activation: str | None, *, dropout: float = 0.0, **dense: Any) -> Any:
    """Return the outputs ``(batch, classes)`` of the layer ``predictions`` on features ``(batch, channels)``.

    ``dropout`` is the rate at which features are dropped in training; 0 adds no layer. ``dense`` are further arguments
    of the layer, such as ``kernel_regularizer``.
    """
    if dropout:
        features = layers.Dropout(dropout, name="top_dropout")(features)
    return layers.Dense(classes, activation=activation, name="predictions", **dense)(features)
