"""The official weights of the VGG networks: those of Keras, which are Oxford's own, of torchvision and of timm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from zoo import Preprocessing, WeightsSpec
from zoo.weights.published import TORCH_PIXELS, Accuracy, keras_files, timm_file, torchvision_file


class KerasFile(NamedTuple):
    """A file of keras.applications and its twin without the classifier, with their MD5 digests.

    ``accuracy`` is from https://keras.io/api/applications/.
    """

    model: str
    md5: str
    md5_without_top: str
    accuracy: Accuracy


class TorchvisionFile(NamedTuple):
    """A file of torchvision, with the accuracy that torchvision and that timm measured for the same weights."""

    model: str
    file: str
    accuracy: Accuracy
    accuracy_by_timm: Accuracy


KERAS = (
    KerasFile("vgg16", "64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc", (71.3, 90.1)),
    KerasFile("vgg19", "cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6", (71.3, 90.0)),
)

TORCH = (
    TorchvisionFile("vgg11", "vgg11-8a719046.pth", (69.020, 88.628), (69.022, 88.624)),
    TorchvisionFile("vgg13", "vgg13-19584684.pth", (69.928, 89.246), (69.932, 89.250)),
    TorchvisionFile("vgg16", "vgg16-397923af.pth", (71.592, 90.382), (71.592, 90.384)),
    TorchvisionFile("vgg19", "vgg19-dcbb9e9d.pth", (72.376, 90.876), (72.378, 90.874)),
    TorchvisionFile("vgg11_bn", "vgg11_bn-6002323d.pth", (70.370, 89.810), (70.382, 89.808)),
    TorchvisionFile("vgg13_bn", "vgg13_bn-abd245e5.pth", (71.586, 90.374), (71.588, 90.378)),
    TorchvisionFile("vgg16_bn", "vgg16_bn-6c64b313.pth", (73.360, 91.516), (73.370, 91.514)),
    TorchvisionFile("vgg19_bn", "vgg19_bn-c79401a0.pth", (74.218, 91.842), (74.216, 91.844)),
)

#: For Oxford's features, from which SSD starts: the mean is subtracted, and pixels are not divided by a deviation.
SSD_PIXELS = Preprocessing(scale=1 / 255, mean=(0.48235, 0.45882, 0.40784), std=(1 / 255,))


def official_weights() -> Iterator[WeightsSpec]:
    """Return the weights of the tables; ``imagenet`` are those of the build that a model is equal to."""
    for row in KERAS:
        stem = f"{row.model}/{row.model}_weights_tf_dim_ordering_tf_kernels"
        yield from keras_files(
            row.model,
            (f"{stem}.h5", f"{stem}_notop.h5"),
            row.accuracy,
            md5=(row.md5, row.md5_without_top),
            summary="of keras.applications, from those of Oxford",
            licence="CC-BY-4.0",
        )
    of_keras = {row.model for row in KERAS}
    for torch in TORCH:
        # Where `imagenet` is that of Keras, torchvision's weights expect other pixels than the model does.
        tags = ("tv_in1k", "tv_in1k_pth") if torch.model in of_keras else ("imagenet", "imagenet_pth")
        pixels = {"preprocessing": Preprocessing(**TORCH_PIXELS)} if torch.model in of_keras else {}
        yield timm_file(
            torch.model,
            tags[0],
            f"{torch.model}.tv_in1k",
            torch.accuracy_by_timm,
            summary="of torchvision, by way of timm",
            licence="BSD-3-Clause",
            **pixels,
        )
        yield torchvision_file(torch.model, tags[1], torch.file, torch.accuracy, **pixels)
    yield torchvision_file(
        "vgg16",
        "ssd_features_pth",
        "vgg16_features-amdegroot-88682ab5.pth",
        include_top=False,
        preprocessing=SSD_PIXELS,
        summary="of torchvision, the features that SSD starts from, without a classifier",
    )
