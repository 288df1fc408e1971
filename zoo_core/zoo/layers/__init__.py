"""What the builders of several families share: heads, auxiliary outputs, and layers that Keras lacks."""

from __future__ import annotations

from zoo.layers.auxiliary import WithAuxiliaries
from zoo.layers.heads import averaged_maps, classifier, pooled_features
from zoo.layers.normalization import LocalResponseNormalization

__all__ = ["LocalResponseNormalization", "WithAuxiliaries", "averaged_maps", "classifier", "pooled_features"]
