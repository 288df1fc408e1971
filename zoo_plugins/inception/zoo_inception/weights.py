"""The official weights of GoogLeNet and Inception v3: those of Keras, torchvision and timm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from zoo import WeightsSpec
from zoo.weights.published import (
    SYMMETRIC_PIXELS,
    TORCH_PIXELS,
    Accuracy,
    keras_files,
    photograph,
    timm_file,
    torchvision_file,
)


class TimmFile(NamedTuple):
    """One of timm's files of Inception v3: our tag and timm's, the pixel values it expects, and who trained it."""

    tag: str
    timm_tag: str
    accuracy: Accuracy
    pixels: dict[str, Any]
    summary: str
    licence: str = "Apache-2.0"


#: timm resizes photographs with bicubic interpolation.
TIMM = (
    TimmFile(
        "imagenet",
        "tv_in1k",
        accuracy=(77.434, 93.474),
        pixels=SYMMETRIC_PIXELS,
        summary="of torchvision, by way of timm",
        licence="BSD-3-Clause",
    ),
    TimmFile(
        "tf_in1k",
        "tf_in1k",
        accuracy=(77.862, 93.644),
        pixels=SYMMETRIC_PIXELS,
        summary="of Google, by way of timm",
    ),
    TimmFile(
        "tf_adv_in1k",
        "tf_adv_in1k",
        accuracy=(77.592, 93.730),
        pixels=SYMMETRIC_PIXELS,
        summary="of Google, adversarial, by way of timm",
    ),
    TimmFile(
        "gluon_in1k",
        "gluon_in1k",
        accuracy=(78.806, 94.374),
        pixels=TORCH_PIXELS,
        summary="of GluonCV, by way of timm",
    ),
)


def official_weights() -> Iterator[WeightsSpec]:
    """Return the weights of every build except the paper's GoogLeNet, for which none are published."""
    stem = "inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels"
    yield from keras_files(
        "inception_v3",
        (f"{stem}.h5", f"{stem}_notop.h5"),
        (77.9, 93.7),
        md5=("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"),
        licence="Apache-2.0",
    )
    for file in TIMM:
        yield timm_file(
            "inception_v3_torch",
            file.tag,
            f"inception_v3.{file.timm_tag}",
            file.accuracy,
            preprocessing=photograph(0.875, **file.pixels),
            summary=file.summary,
            licence=file.licence,
        )
    yield torchvision_file("inception_v3_torch", "imagenet_pth", "inception_v3_google-0cc3c7bd.pth", (77.294, 93.450))
    yield torchvision_file("googlenet_bn", "imagenet", "googlenet-1378be20.pth", (69.778, 89.530))
