"""The official weights of GoogLeNet and Inception v3: those of Keras, torchvision and timm."""

from __future__ import annotations

from collections.abc import Iterator

from zoo import WeightsSpec
from zoo.weights.published import SYMMETRIC_PIXELS, TORCH_PIXELS, keras_files, photograph, timm_file, torchvision_file

# Each row: tag, timm's own name of it, accuracy, pixels, who trained them. timm resizes with bicubic interpolation.
TIMM = (
    ("imagenet", "tv_in1k", (77.434, 93.474), SYMMETRIC_PIXELS, "of torchvision, by way of timm"),
    ("tf_in1k", "tf_in1k", (77.862, 93.644), SYMMETRIC_PIXELS, "of Google, by way of timm"),
    ("tf_adv_in1k", "tf_adv_in1k", (77.592, 93.730), SYMMETRIC_PIXELS, "of Google, adversarial, by way of timm"),
    ("gluon_in1k", "gluon_in1k", (78.806, 94.374), TORCH_PIXELS, "of GluonCV, by way of timm"),
)


def official_weights() -> Iterator[WeightsSpec]:
    """Return the weights of every build but the paper's GoogLeNet, of which none are published."""
    stem = "inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels"
    yield from keras_files(
        "inception_v3",
        (f"{stem}.h5", f"{stem}_notop.h5"),
        (77.9, 93.7),
        md5=("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"),
        licence="Apache-2.0",
    )
    for tag, name, accuracy, pixels, summary in TIMM:
        yield timm_file(
            "inception_v3_torch",
            tag,
            f"inception_v3.{name}",
            accuracy,
            preprocessing=photograph(0.875, **pixels),
            summary=summary,
            licence="BSD-3-Clause" if name == "tv_in1k" else "Apache-2.0",
        )
    yield torchvision_file("inception_v3_torch", "imagenet_pth", "inception_v3_google-0cc3c7bd.pth", (77.294, 93.450))
    yield torchvision_file("googlenet_bn", "imagenet", "googlenet-1378be20.pth", (69.778, 89.530))
