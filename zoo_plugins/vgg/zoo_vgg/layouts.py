"""What the layers are called in the VGG weight files of others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

_LAYER = re.compile(r"block(\d)_(conv|bn)(\d)")

_TORCHVISION = {"fc1": "classifier.0", "fc2": "classifier.3", "predictions": "classifier.6"}

#: The hidden layers are convolutions of 7x7 and 1x1 there, which hold the same weights.
_TIMM = {"fc1": "pre_logits.fc1", "fc2": "pre_logits.fc2", "predictions": "head.fc"}


def numbered(layer: str, depths: Sequence[int], *, batch_norm: bool = False, timm: bool = False) -> str:
    """Return the name in torchvision or timm, where convolutions, BatchNorm, activations and pooling count alike.

    >>> numbered("block2_conv1", (1, 1, 2, 2, 2))
    'features.3'
    """
    match = _LAYER.fullmatch(layer)
    if match is None:
        return (_TIMM if timm else _TORCHVISION).get(layer, layer)
    block, kind, number = int(match[1]), match[2], int(match[3])
    step = 3 if batch_norm else 2
    before = sum(step * depth + 1 for depth in depths[: block - 1]) + step * (number - 1)
    return f"features.{before + ('conv', 'bn').index(kind)}"


torchvision_vgg11 = partial(numbered, depths=(1, 1, 2, 2, 2))
torchvision_vgg13 = partial(numbered, depths=(2, 2, 2, 2, 2))
torchvision_vgg16 = partial(numbered, depths=(2, 2, 3, 3, 3))
torchvision_vgg19 = partial(numbered, depths=(2, 2, 4, 4, 4))
torchvision_vgg11_bn = partial(torchvision_vgg11, batch_norm=True)
torchvision_vgg13_bn = partial(torchvision_vgg13, batch_norm=True)
torchvision_vgg16_bn = partial(torchvision_vgg16, batch_norm=True)
torchvision_vgg19_bn = partial(torchvision_vgg19, batch_norm=True)

timm_vgg11 = partial(torchvision_vgg11, timm=True)
timm_vgg13 = partial(torchvision_vgg13, timm=True)
timm_vgg16 = partial(torchvision_vgg16, timm=True)
timm_vgg19 = partial(torchvision_vgg19, timm=True)
timm_vgg11_bn = partial(torchvision_vgg11_bn, timm=True)
timm_vgg13_bn = partial(torchvision_vgg13_bn, timm=True)
timm_vgg16_bn = partial(torchvision_vgg16_bn, timm=True)
timm_vgg19_bn = partial(torchvision_vgg19_bn, timm=True)
