"""What the layers are called in the AlexNet weight files of others."""

from __future__ import annotations

_TORCHVISION = {
    "conv1": "features.0",
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
    "fc6": "classifier.1",
    "fc7": "classifier.4",
    "predictions": "classifier.6",
}


def torchvision(layer: str) -> str:
    """Return the name in torchvision, where activations, pooling and dropout count too.

    >>> torchvision("fc6")
    'classifier.1'
    """
    return _TORCHVISION.get(layer, layer)


def caffe(layer: str) -> str:
    """Return the name in Caffe and in files converted from it: our own, except for the last layer.

    >>> caffe("predictions")
    'fc8'
    """
    return "fc8" if layer == "predictions" else layer
