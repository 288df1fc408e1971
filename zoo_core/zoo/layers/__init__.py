"""What the builders of several families share: heads, auxiliary outputs, Conv-Norm-Act, and layers that Keras lacks.

Every builder takes the same five arguments first, which its own docstring need not repeat:

- ``input_shape``: the shape of one input without the batch: ``(height, width, channels)`` for images,
  ``(features,)`` for rows. Height and width may be None in a network that takes images of any size;
- ``classes``: the number of outputs;
- ``include_top``: False leaves out the classifier and returns the features before it;
- ``pooling``: what happens to these feature maps, if the classifier is left out: ``"avg"`` and ``"max"`` make
  ``(batch, channels)`` of them, None returns them as they are. It changes nothing in a network for rows;
- ``classifier_activation``: the activation of the outputs, such as ``"softmax"``; None returns logits.

What follows them in a builder are options of its own: the configuration of a :class:`zoo.ModelSpec`.
"""

from __future__ import annotations

from zoo.layers.auxiliary import WithAuxiliaries
from zoo.layers.conv import ConvNormAct
from zoo.layers.heads import averaged_maps, classifier, pooled_features
from zoo.layers.normalization import LocalResponseNormalization

__all__ = [
    "ConvNormAct",
    "LocalResponseNormalization",
    "WithAuxiliaries",
    "averaged_maps",
    "classifier",
    "pooled_features",
]
