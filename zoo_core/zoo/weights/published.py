"""Specs for published ImageNet weights, with the file names and figures of keras.applications, torchvision and timm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zoo.specs import Preprocessing, WeightsSpec

KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
TORCHVISION = "https://download.pytorch.org/models/"
TIMM = "https://huggingface.co/timm/"

#: Where each of them publishes its accuracies.
KERAS_FIGURES = "https://keras.io/api/applications/"
TORCHVISION_FIGURES = "https://pytorch.org/vision/stable/models.html"
TIMM_FIGURES = "https://github.com/huggingface/pytorch-image-models/blob/main/results/results-imagenet.csv"

#: How torchvision normalises: division by 255, then the mean and standard deviation of the pixels of ImageNet.
TORCH_PIXELS: dict[str, Any] = {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}

#: Pixels from -1 to 1; timm writes this as a mean and standard deviation of 0.5.
SYMMETRIC_PIXELS: dict[str, Any] = {"scale": 1 / 127.5, "mean": (1.0,)}

#: Top-1 and top-5 accuracy in per cent, as published; some papers give only top-1, or none.
Accuracy = tuple[float, ...]


def imagenet(model: str, tag: str, source: str, accuracy: Accuracy = (), **fields: Any) -> WeightsSpec:
    """Return the spec of weights that were trained on the 1,000 classes of ImageNet."""
    return WeightsSpec(
        model=model,
        name=tag,
        source=source,
        classes=1000,
        class_names="zoo.data:imagenet_classes.txt",
        metrics={name: round(value / 100, 5) for name, value in zip(("top-1", "top-5"), accuracy, strict=False)},
        **fields,
    )


# Each parameter is a column of the families' tables of weights, and most rows leave most of them out.
def keras_files(
    model: str,
    files: tuple[str, str],
    accuracy: Accuracy = (),
    *,
    tag: str = "imagenet",
    md5: tuple[str | None, str | None] = (None, None),
    sha256: tuple[str | None, str | None] = (None, None),
    base: str = KERAS,
    file_names: tuple[str, str] = ("", ""),
    summary: str = "of keras.applications",
    reference: str = KERAS_FIGURES,
    **fields: Any,
) -> Iterator[WeightsSpec]:
    """Yield the specs of a file of keras.applications and of its counterpart without the classifier.

    ``files`` are their paths below ``base``; the digests and ``file_names`` are in the same order.
    """
    each = zip((True, False), files, md5, sha256, file_names, strict=True)
    for top, file, own_md5, own_sha256, name in each:
        yield imagenet(
            model,
            tag if top else f"{tag}_notop",
            base + file,
            accuracy if top else (),
            md5=own_md5,
            sha256=own_sha256,
            file_name=name,
            include_top=top,
            summary=summary if top else f"{summary}, without the classifier",
            reference=reference,
            **fields,
        )


def torchvision_file(model: str, tag: str, file: str, accuracy: Accuracy = (), **fields: Any) -> WeightsSpec:
    """Return the spec of a file of torchvision, whose name ends with the first 8 digits of its SHA-256.

    A tag with ``v2`` means torchvision's second training recipe, which crops less of each photograph.

    >>> torchvision_file("alexnet", "imagenet", "alexnet-owt-7be5be79.pth").sha256
    '7be5be79'
    """
    defaults: dict[str, Any] = {
        "summary": "of torchvision",
        "licence": "BSD-3-Clause",
        "reference": TORCHVISION_FIGURES,
    }
    if "v2" in tag.split("_"):
        defaults["summary"] = "of torchvision, its second recipe"
        fields = {"preprocessing": photograph(224 / 232, "bilinear"), **fields}
    digest = file.removesuffix(".pth").rpartition("-")[2]
    return imagenet(model, tag, TORCHVISION + file, accuracy, sha256=digest, **{**defaults, **fields})


def timm_file(model: str, tag: str, name: str, accuracy: Accuracy = (), **fields: Any) -> WeightsSpec:
    """Return the spec of the safetensors file of timm's model ``name``.

    >>> timm_file("resnet18", "imagenet", "resnet18.tv_in1k").file_name
    'resnet18.tv_in1k.safetensors'
    """
    source = f"{TIMM}{name}/resolve/main/model.safetensors"
    defaults = {"summary": "of timm", "licence": "Apache-2.0", "reference": TIMM_FIGURES}
    return imagenet(model, tag, source, accuracy, file_name=f"{name}.safetensors", **{**defaults, **fields})


def photograph(crop_fraction: float, interpolation: Any = "bicubic", **pixels: Any) -> Preprocessing:
    """Return the preprocessing that timm declares for weights; by default, pixels are normalised as in torchvision."""
    return Preprocessing(crop_fraction=crop_fraction, interpolation=interpolation, **(pixels or TORCH_PIXELS))
