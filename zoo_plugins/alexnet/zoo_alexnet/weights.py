"""The official weights of AlexNet: torchvision's. The weights of 2012 are no longer published."""

from __future__ import annotations

from collections.abc import Iterator

from zoo import WeightsSpec
from zoo.weights.published import torchvision_file


def official_weights() -> Iterator[WeightsSpec]:
    """Return the weights of torchvision."""
    yield torchvision_file("alexnet", "imagenet", "alexnet-owt-7be5be79.pth", (56.522, 79.066))
