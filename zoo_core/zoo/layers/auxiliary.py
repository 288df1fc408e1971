"""Auxiliary outputs: classifiers on inner layers that help training and are left out at inference."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zoo.errors import ArgumentError


@keras.saving.register_keras_serializable(package="zoo")
class WithAuxiliaries(keras.Model):  # type: ignore[misc]
    """A network with further outputs on its inner layers, which are used in training only.

    Build it from inputs and a list of outputs, the main one first. Called with ``training=True`` it returns the whole
    list, otherwise the main output alone, ``(batch, classes)``; so do ``predict`` and ``evaluate``. ``compile`` and
    ``fit`` take one loss and one target as for any network: the loss of each auxiliary output joins that of the main
    one at ``auxiliary_weight``, and the metrics are of the main output. A model built without auxiliary outputs takes
    the same weights and has the same outputs at inference.

    Source: Szegedy et al. 2014, https://arxiv.org/abs/1409.4842, section 5.
    """

    #: The weight of the loss of each auxiliary output (section 5); a builder may set another.
    auxiliary_weight = 0.3

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what :meth:`call` does.

        Raises:
            ArgumentError: if ``inputs`` belong to another model, whose loss would not include the auxiliary outputs.
        """
        if any(isinstance(each, keras.KerasTensor) for each in keras.tree.flatten(inputs)):
            raise ArgumentError(
                f"make {self.name!r} a part of another model",
                "its auxiliary outputs are trained only by its own fit()",
                "build it without them; the same weights load into it",
            )
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return all outputs in training, the main one at inference."""
        outputs = super().call(inputs, training=training, mask=mask)
        return outputs if training else outputs[0]

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss of the main output, in training plus ``auxiliary_weight`` times that of each other."""
        if not isinstance(y_pred, list):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        main, *auxiliaries = (super(WithAuxiliaries, self).compute_loss(x, y, each, sample_weight) for each in y_pred)
        penalty = sum(ops.sum(each) for each in self.losses)  # on the weights, in each of them
        return main + self.auxiliary_weight * sum(each - penalty for each in auxiliaries)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Return the metrics of the main output."""
        main = y_pred[0] if isinstance(y_pred, list) else y_pred
        return dict(super().compute_metrics(x, y, main, sample_weight))
