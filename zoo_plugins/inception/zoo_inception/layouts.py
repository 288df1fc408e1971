"""What the layers are called in the weight files of GoogLeNet and Inception v3 by others."""

from __future__ import annotations

import re

# -- GoogLeNet

_BRANCHES = {
    "1x1": "branch1",
    "3x3_reduce": "branch2.0",
    "3x3": "branch2.1",
    "5x5_reduce": "branch3.0",
    "5x5": "branch3.1",
    "pool_proj": "branch4.1",
}
_UNITS = {
    "conv1": "conv1",
    "conv2_reduce": "conv2",
    "conv2": "conv3",
    "aux1_reduce": "aux1.conv",
    "aux2_reduce": "aux2.conv",
}
_DENSE = {
    "aux1_fc": "aux1.fc1",
    "aux1_predictions": "aux1.fc2",
    "aux2_fc": "aux2.fc1",
    "aux2_predictions": "aux2.fc2",
    "predictions": "fc",
}


def torchvision_googlenet(layer: str) -> str:
    """Return the name of one of GoogLeNet's layers in torchvision.

    >>> torchvision_googlenet("inception_4d_5x5_reduce_bn")
    'inception4d.branch3.0.bn'
    """
    match = re.fullmatch(r"(?:inception_(\d[a-e])_)?(\w+)_(conv|bn)", layer)
    if match is None:
        return _DENSE.get(layer, layer)
    block, unit, kind = match.groups()
    name = _BRANCHES.get(unit) if block else _UNITS.get(unit)
    return f"{f'inception{block}.' if block else ''}{name}.{kind}" if name else layer


# -- Inception v3

#: The blocks mixed0 to mixed10.
_MIXED = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")

_STEM = {
    "conv1a": "Conv2d_1a_3x3",
    "conv2a": "Conv2d_2a_3x3",
    "conv2b": "Conv2d_2b_3x3",
    "conv3b": "Conv2d_3b_1x1",
    "conv4a": "Conv2d_4a_3x3",
    "aux_conv0": "AuxLogits.conv0",
    "aux_conv1": "AuxLogits.conv1",
}


def torchvision_inception_v3(layer: str) -> str:
    """Return the name of one of Inception v3's layers in torchvision, which timm shares.

    >>> torchvision_inception_v3("mixed0_branch5x5_2_bn")
    'Mixed_5b.branch5x5_2.bn'
    """
    match = re.fullmatch(r"(?:mixed(\d|10)_)?(\w+)_(conv|bn)", layer)
    if match is None:
        return {"aux_predictions": "AuxLogits.fc", "predictions": "fc"}.get(layer, layer)
    block, unit, kind = match.groups()
    name = f"Mixed_{_MIXED[int(block)]}.{unit}" if block else _STEM.get(unit)
    return f"{name}.{kind}" if name else layer


def _numbered(branch: str, units: int) -> tuple[str, ...]:
    return tuple(f"{branch}_{number}" for number in range(1, units + 1))


#: The units of each kind of block, in the order in which keras.applications makes them.
_BLOCK_5X5 = ("branch1x1", *_numbered("branch5x5", 2), *_numbered("branch3x3dbl", 3), "branch_pool")
_REDUCTION_3X3 = ("branch3x3", *_numbered("branch3x3dbl", 3))
_BLOCK_7X7 = ("branch1x1", *_numbered("branch7x7", 3), *_numbered("branch7x7dbl", 5), "branch_pool")
_REDUCTION_7X7 = (*_numbered("branch3x3", 2), *_numbered("branch7x7x3", 4))
_BLOCK_SPLIT = (
    "branch1x1",
    "branch3x3_1",
    "branch3x3_2a",
    "branch3x3_2b",
    "branch3x3dbl_1",
    "branch3x3dbl_2",
    "branch3x3dbl_3a",
    "branch3x3dbl_3b",
    "branch_pool",
)
_BLOCKS = [*[_BLOCK_5X5] * 3, _REDUCTION_3X3, *[_BLOCK_7X7] * 4, _REDUCTION_7X7, *[_BLOCK_SPLIT] * 2]
_UNITS_IN_ORDER = (
    "conv1a",
    "conv2a",
    "conv2b",
    "conv3b",
    "conv4a",
    *(f"mixed{number}_{unit}" for number, units in enumerate(_BLOCKS) for unit in units),
)
_NUMBERS = {unit: number for number, unit in enumerate(_UNITS_IN_ORDER, start=1)}


def keras_applications(layer: str) -> str:
    """Return the name that Keras gives by itself to one of Inception v3's layers, in the order of their making.

    A file may count from elsewhere (``conv2d``, or ``conv2d_95`` after another model); Zoo counts its layers from 1.

    >>> keras_applications("mixed0_branch1x1_conv")
    'conv2d_6'
    """
    unit, _, kind = layer.rpartition("_")
    if unit not in _NUMBERS or kind not in ("conv", "bn"):
        return layer
    return f"{'conv2d' if kind == 'conv' else 'batch_normalization'}_{_NUMBERS[unit]}"
