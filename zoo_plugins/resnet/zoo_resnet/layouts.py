"""What the layers are called in the ResNet weight files of others."""

from __future__ import annotations

import re

_BLOCK = re.compile(r"conv(\d)_block(\d+)_(\d)_(conv|bn)")


def torchvision(layer: str) -> str:
    """Return the name in torchvision, which timm shares: ``layer1.0.conv1``, ``layer1.0.downsample.1``, ``fc``.

    >>> torchvision("conv2_block1_0_bn")
    'layer1.0.downsample.1'
    """
    names = {"conv1_conv": "conv1", "conv1_bn": "bn1", "predictions": "fc"}
    block = _BLOCK.fullmatch(layer)
    if block is None:
        return names.get(layer, layer)
    stage, number, index, kind = block.groups()
    inner = f"downsample.{('conv', 'bn').index(kind)}" if index == "0" else f"{kind}{index}"
    return f"layer{int(stage) - 1}.{int(number) - 1}.{inner}"


def cifar(layer: str) -> str:
    """Return the name in akamaster/pytorch_resnet_cifar10: as in torchvision, except for the last layer, ``linear``.

    >>> cifar("predictions")
    'linear'
    """
    return "linear" if layer == "predictions" else torchvision(layer)


def keras_2015(layer: str) -> str:
    """Return the name in the keras.applications files of 2015, of Caffe's making: ``res2a_branch2a``, ``bn2a_branch1``.

    >>> keras_2015("conv2_block1_1_conv")
    'res2a_branch2a'
    """
    names = {"conv1_conv": "conv1", "conv1_bn": "bn_conv1", "predictions": "fc1000"}
    block = _BLOCK.fullmatch(layer)
    if block is None:
        return names.get(layer, layer)
    stage, number, index, kind = block.groups()
    branch = "1" if index == "0" else f"2{' abc'[int(index)]}"
    return f"{'res' if kind == 'conv' else 'bn'}{stage}{chr(ord('a') + int(number) - 1)}_branch{branch}"
