"""How a wide & deep network is trained: both parts at once, each with an optimiser of its own."""

from __future__ import annotations

import math
from typing import Any

import keras

from zoo.errors import ArgumentError
from zoo.transfer import ALL, Phase

#: The deep part's optimisers by name, with their learning rates: for Adam that of Keras, for AdaGrad that of the first
#: DNNLinearCombinedClassifier of TensorFlow, the paper's own code.
DEEP: dict[str, tuple[Any, float]] = {
    "adam": (keras.optimizers.Adam, 1e-3),
    "adagrad": (keras.optimizers.Adagrad, 0.05),
}


def wide_and_deep(
    model: keras.Model,
    *,
    epochs: int,
    learning_rate: float | None,
    deep_optimizer: str = "adam",
    wide_learning_rate: float = 0.2,
    l1: float = 0.01,
) -> list[Phase]:
    """Train both parts jointly, the wide one by FTRL with L1 and the deep one by Adam or AdaGrad (section 3.3).

    ``learning_rate`` is that of the deep part. FTRL keeps a wide weight at exactly 0 until its gradients add up to
    more than ``l1``. It starts every weight at 0, so the wide part is learned anew even where weights were loaded. The
    rate of 0.2 is the highest that the paper's own code used.

    Raises:
        ArgumentError: if the model has no separate weights for a wide part, or an option has an invalid value.

    Source: Cheng et al. 2016, https://arxiv.org/abs/1606.07792.
    """
    asked = "train a wide and a deep part"
    wide = [variable.path for variable in model.trainable_variables if variable.name == "wide_kernel"]
    if not wide:
        found = "the network has no separate weights for a wide part"
        raise ArgumentError(asked, found, "train a wide_deep on a table, or build it with columns=")
    if deep_optimizer not in DEEP:
        raise ArgumentError(
            f"{asked} with deep_optimizer={deep_optimizer!r}",
            "there is no such optimiser for the deep part",
            f"pass {' or '.join(DEEP)}",
        )
    for name, value, least in (("wide_learning_rate", wide_learning_rate, "above 0"), ("l1", l1, "of at least 0")):
        is_number = isinstance(value, (int, float)) and math.isfinite(value)
        if not is_number or value < 0 or (value == 0 and name != "l1"):
            raise ArgumentError(
                f"{asked} with {name}={value!r}", "it is not a number in this range", f"pass a number {least}"
            )
    make, default = DEEP[deep_optimizer]
    rate = learning_rate or default
    ftrl = keras.optimizers.Ftrl(float(wide_learning_rate), l1_regularization_strength=float(l1))
    both = keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(make(float(rate)), dict.fromkeys(wide, ftrl)))
    return [Phase("wide and deep", ALL, epochs, rate, optimizer=keras.optimizers.serialize(both))]
