"""The solver that sets the weights of a last layer from fixed features, without training by gradients."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from zoo.errors import ArgumentError
from zoo.models.build_info import is_linear


def solve_regression(
    layer: keras.Layer, features: NDArray[np.float32], labels: NDArray[Any], *, c: float = 0.01
) -> None:
    """Give ``layer`` the weights of scikit-learn's logistic regression or, for real targets, its ridge regression.

    Args:
        layer: a dense layer or a convolution of 1x1, linear or with softmax or sigmoid.
        features: the inputs of the layer, ``(samples, ...)``, with the features on the last axis.
        labels: class indices, or real targets.
        c: the inverse strength of the penalty on the weights, more than 0.

    Raises:
        ArgumentError: if the layer is of another kind, or ``c`` is not positive.
    """
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    request = f"solve for {layer.name!r}"
    if not isinstance(c, (int, float)) or c <= 0:
        raise ArgumentError(f"{request} with c={c!r}", "it is not positive", "pass 0.01, for example")
    kernel, bias = getattr(layer, "kernel", None), getattr(layer, "bias", None)
    samples = features.reshape(len(features), -1)
    if kernel is None or bias is None or int(np.prod(kernel.shape[:-1])) != samples.shape[1]:
        found = "it is not a dense layer with a bias whose input is one vector for each sample"
        raise ArgumentError(request, found, "choose the strategy head, which trains any layer")
    is_classifier = np.issubdtype(labels.dtype, np.integer)
    solver = LogisticRegression(C=c, max_iter=1000) if is_classifier else Ridge(alpha=1 / c)
    scaler, solved = make_pipeline(StandardScaler(), solver).fit(samples, labels).steps
    scale, mean = scaler[1].scale_, scaler[1].mean_
    weights = np.atleast_2d(solved[1].coef_) / scale
    constants = np.atleast_1d(solved[1].intercept_) - weights @ mean
    if is_classifier:
        weights, constants = _for_every_class(weights, constants, solved[1].classes_, int(kernel.shape[-1]))
    activation = getattr(getattr(layer, "activation", None), "__name__", None)
    if is_classifier and not (is_linear(activation) or activation in ("softmax", "sigmoid")):
        raise ArgumentError(request, f"its activation is {activation!r}", "choose the strategy head")
    layer.set_weights([weights.T.reshape(kernel.shape), constants.reshape(bias.shape)])


def _for_every_class(
    weights: NDArray[Any], constants: NDArray[Any], classes: NDArray[Any], outputs: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return weights and constants for all outputs; a class without samples gets a very low constant."""
    if outputs == 1:
        return weights, constants
    if len(weights) == 1:  # for two classes scikit-learn gives one row, the logit of the second class
        weights, constants = np.concatenate([0 * weights, weights]), np.concatenate([0 * constants, constants])
    every, none = np.zeros((outputs, weights.shape[1])), np.full(outputs, -1e4)
    every[classes], none[classes] = weights, constants
    return every, none
