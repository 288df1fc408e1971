"""What the layers are called in the MobileNet weight files of others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from itertools import groupby

from zoo_mobilenet.builders import V2, V3_LARGE, V3_SMALL, Block

_BLOCK = re.compile(
    r"(?:block_(\d+)|expanded_conv(?:_(\d+))?)_(expand|depthwise|project|squeeze_excite_conv(?:_1)?)(_BN|_bn)?"
)

# The ends of the networks, in torchvision and in timm; {} is the number that torchvision counts up to.
_TORCHVISION = {
    "Conv1": "features.0.0",
    "bn_Conv1": "features.0.1",
    "Conv_1": "features.{}.0",
    "Conv_1_bn": "features.{}.1",
    "predictions": "classifier.1",
    "conv": "features.0.0",
    "conv_bn": "features.0.1",
    "conv_1": "features.{}.0",
    "conv_1_bn": "features.{}.1",
    "conv_2": "classifier.0",
    "logits": "classifier.3",
}
_TIMM = {
    "Conv1": "conv_stem",
    "bn_Conv1": "bn1",
    "Conv_1": "conv_head",
    "Conv_1_bn": "bn2",
    "predictions": "classifier",
    "conv": "conv_stem",
    "conv_bn": "bn1",
    "conv_1": "blocks.{}.0.conv",
    "conv_1_bn": "blocks.{}.0.bn1",
    "conv_2": "conv_head",
    "logits": "classifier",
}


def keras_2018(layer: str) -> str:
    """Return the name in the first MobileNet v2 files of keras.applications: ``mobl1_conv_1_expand``, ``Logits``.

    They are those of https://github.com/JonathanCMitchell/mobilenet_v2_keras/releases.

    >>> keras_2018("block_3_project_BN")
    'bn3_conv_3_bn_project'
    """
    block = _BLOCK.fullmatch(layer)
    if block is None:
        return keras_2019(layer)
    number, part, norm = block[1] or "0", block[3], block[4]
    return f"bn{number}_conv_{number}_bn_{part}" if norm else f"mobl{number}_conv_{number}_{part}"


def keras_2019(layer: str) -> str:
    """Return the name in later MobileNet v2 files of keras.applications: today's, except for the last, ``Logits``.

    >>> keras_2019("predictions")
    'Logits'
    """
    return "Logits" if layer == "predictions" else layer


def keras_2020(layer: str) -> str:
    """Return the name in the MobileNet v3 files of Keras 2: ``expanded_conv_1/depthwise/BatchNorm``, ``Logits``.

    >>> keras_2020("expanded_conv_1_squeeze_excite_conv_1")
    'expanded_conv_1/squeeze_excite/Conv_1'
    """
    block = _BLOCK.fullmatch(layer)
    if block is None:
        end = re.fullmatch(r"(conv(?:_[12])?|logits)(_bn)?", layer)
        return end[1].capitalize() + ("/BatchNorm" if end[2] else "") if end else layer
    number, part, norm = block[2], block[3], block[4]
    part = part.replace("squeeze_excite_conv", "squeeze_excite/Conv")
    return f"expanded_conv{f'_{number}' if number else ''}/{part}{'/BatchNorm' if norm else ''}"


def _torchvision(layer: str, *, blocks: Sequence[Block], version: int) -> str:
    """Return the name in torchvision, which numbers the parts of a block in their order."""
    block = _BLOCK.fullmatch(layer)
    if block is None:
        return _TORCHVISION.get(layer, layer).format(len(blocks) + 1)
    number, part, norm = int(block[1] or block[2] or 0), block[3], 1 if block[4] else 0
    parts = ["expand"] * (number > 0) + ["depthwise"] + ["squeeze_excite"] * blocks[number].squeeze + ["project"]
    kind, _, squeezing = part.partition("_conv")
    inner = str(parts.index(kind))
    if kind == "squeeze_excite":
        inner += ".fc2" if squeezing else ".fc1"
    elif kind == "project" and version == 2:
        inner = str(parts.index(kind) + norm)  # there alone, convolution and BatchNorm are not a unit
    else:
        inner += f".{norm}"
    return f"features.{number + 1}.{'conv' if version == 2 else 'block'}.{inner}"


def _timm(layer: str, *, blocks: Sequence[Block]) -> str:
    """Return the name in timm, which counts the blocks of equal width as a stage."""
    places = [
        (stage, number)
        for stage, (_, group) in enumerate(groupby(block.filters for block in blocks))
        for number, _ in enumerate(group)
    ]
    block = _BLOCK.fullmatch(layer)
    if block is None:
        return _TIMM.get(layer, layer).format(places[-1][0] + 1)
    index, part, norm = int(block[1] or block[2] or 0), block[3], block[4]
    parts = ("expand", "depthwise", "project") if index else ("depthwise", "project")
    convolutions = ("conv_pw", "conv_dw", "conv_pwl") if index else ("conv_dw", "conv_pw")
    if part not in parts:
        inner = "se.conv_expand" if part.endswith("_1") else "se.conv_reduce"
    else:
        inner = f"bn{parts.index(part) + 1}" if norm else convolutions[parts.index(part)]
    return "blocks.{}.{}.{}".format(*places[index], inner)


torchvision_v2 = partial(_torchvision, blocks=V2, version=2)
torchvision_v3_small = partial(_torchvision, blocks=V3_SMALL, version=3)
torchvision_v3_large = partial(_torchvision, blocks=V3_LARGE, version=3)
timm_v2 = partial(_timm, blocks=V2)
timm_v3_small = partial(_timm, blocks=V3_SMALL)
timm_v3_large = partial(_timm, blocks=V3_LARGE)
