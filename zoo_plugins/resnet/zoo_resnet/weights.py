"""The official ImageNet weights of the ResNets: those of Keras, of torchvision and of timm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from zoo import WeightsSpec
from zoo.weights.published import TIMM as HUB, Accuracy, keras_files, photograph, timm_file, torchvision_file


class KerasFile(NamedTuple):
    """A file of keras.applications and its twin without the classifier, with their MD5 digests.

    ``accuracy`` is from https://keras.io/api/applications/; ``licence`` is None where Keras does not state it.
    """

    model: str
    md5: str
    md5_without_top: str
    accuracy: Accuracy
    licence: str | None = None


class TorchvisionFile(NamedTuple):
    """A file of torchvision: for which model, and under which tag."""

    model: str
    tag: str
    file: str
    accuracy: Accuracy


KERAS = (
    KerasFile("resnet50", "2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626", (74.9, 92.1), "MIT"),
    KerasFile("resnet101", "f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21", (76.4, 92.8), "MIT"),
    KerasFile("resnet152", "100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c", (76.6, 93.1), "MIT"),
    KerasFile("resnet50_v2", "3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917", (76.0, 93.0)),
    KerasFile("resnet101_v2", "6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5", (77.2, 93.8)),
    KerasFile("resnet152_v2", "a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33", (78.0, 94.2)),
)

#: What keras.applications fetched until 2019, under the same name as its successor; tutorials still link to it.
KERAS_2015: dict[str, Any] = {
    "base": "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/",
    "md5": ("a7b3fe01876f51b976af0dea6bc144eb", "a268eb855778b3df3c7506639542a6af"),
    "file_names": ("resnet50_2015.h5", "resnet50_2015_notop.h5"),
    "summary": "of keras.applications until 2019",
    "config": {"epsilon": 1e-3},  # the default of Keras' BatchNorm, which that ResNet left as it was
    "reference": (
        "https://github.com/keras-team/keras-applications/blob/05ff4705388b34c9d335f350753e1e99df2fc0e9/README.md"
    ),
}

TORCH = (
    TorchvisionFile("resnet18", "imagenet_pth", "resnet18-f37072fd.pth", (69.758, 89.078)),
    TorchvisionFile("resnet34", "imagenet_pth", "resnet34-b627a593.pth", (73.314, 91.420)),
    TorchvisionFile("resnet50_v1_5", "imagenet_pth", "resnet50-0676ba61.pth", (76.130, 92.862)),
    TorchvisionFile("resnet50_v1_5", "imagenet_v2_pth", "resnet50-11ad3fa6.pth", (80.858, 95.434)),
    TorchvisionFile("resnet101_v1_5", "imagenet_pth", "resnet101-63fe2227.pth", (77.374, 93.546)),
    TorchvisionFile("resnet101_v1_5", "imagenet_v2_pth", "resnet101-cd907fc2.pth", (81.886, 95.780)),
    TorchvisionFile("resnet152_v1_5", "imagenet_pth", "resnet152-394f9c45.pth", (78.312, 94.046)),
    TorchvisionFile("resnet152_v1_5", "imagenet_v2_pth", "resnet152-f82ba261.pth", (82.284, 96.002)),
)

# timm's tags, each with its accuracy at 224 pixels: the table "Model Comparison" that every ResNet's card on the hub
# holds, such as https://huggingface.co/timm/resnet50.a1_in1k.
TIMM: dict[str, dict[str, Accuracy]] = {
    "resnet18": {
        "tv_in1k": (69.76, 89.07),
        "a1_in1k": (71.49, 90.07),
        "a2_in1k": (70.64, 89.47),
        "a3_in1k": (68.25, 88.17),
        "gluon_in1k": (70.84, 89.76),
        "fb_ssl_yfcc100m_ft_in1k": (72.60, 91.42),
        "fb_swsl_ig1b_ft_in1k": (73.28, 91.73),
    },
    "resnet34": {
        "tv_in1k": (73.32, 91.42),
        "a1_in1k": (76.42, 92.87),
        "a2_in1k": (75.52, 92.44),
        "a3_in1k": (72.98, 91.11),
        "bt_in1k": (75.16, 92.18),
        "gluon_in1k": (74.57, 91.98),
    },
    "resnet50_v1_5": {
        "tv_in1k": (76.13, 92.86),
        "tv2_in1k": (80.85, 95.43),
        "a1_in1k": (80.38, 94.60),
        "a1h_in1k": (80.67, 95.30),
        "a2_in1k": (79.85, 94.56),
        "a3_in1k": (78.06, 93.78),
        "b1k_in1k": (79.52, 94.61),
        "b2k_in1k": (79.38, 94.57),
        "c1_in1k": (79.74, 94.95),
        "c2_in1k": (79.88, 94.87),
        "d_in1k": (79.91, 94.67),
        "ram_in1k": (79.03, 94.38),
        "am_in1k": (79.01, 94.39),
        "ra_in1k": (78.81, 94.32),
        "bt_in1k": (78.46, 94.27),
        "gluon_in1k": (77.58, 93.72),
        "fb_ssl_yfcc100m_ft_in1k": (79.22, 94.84),
        "fb_swsl_ig1b_ft_in1k": (81.18, 95.98),
    },
    "resnet101_v1_5": {
        "tv_in1k": (77.38, 93.54),
        "tv2_in1k": (81.90, 95.77),
        "a1h_in1k": (81.93, 95.75),
        "a1_in1k": (81.50, 95.16),
        "a2_in1k": (81.32, 95.19),
        "a3_in1k": (79.82, 94.62),
        "gluon_in1k": (79.31, 94.53),
    },
    "resnet152_v1_5": {
        "tv_in1k": (78.32, 94.04),
        "tv2_in1k": (82.29, 96.00),
        "a1h_in1k": (82.80, 96.13),
        "a1_in1k": (81.97, 95.24),
        "a2_in1k": (81.77, 95.22),
        "a3_in1k": (80.56, 95.00),
        "gluon_in1k": (79.68, 94.74),
    },
}

#: Our tags where they are not timm's.
OURS = {"tv_in1k": "imagenet", "tv2_in1k": "imagenet_v2"}

#: Recipes of "ResNet strikes back", arXiv:2110.00476, evaluated on 95% of the shorter side.
STRIKES_BACK = ("a1", "a1h", "a2", "a3", "b1k", "b2k", "c1", "c2", "d")


def official_weights() -> Iterator[WeightsSpec]:
    """Return the weights of the tables; ``imagenet`` are those of the build that a model is equal to."""
    for row in KERAS:
        stem = f"resnet/{row.model.replace('_', '')}_weights_tf_dim_ordering_tf_kernels"
        yield from keras_files(
            row.model,
            (f"{stem}.h5", f"{stem}_notop.h5"),
            row.accuracy,
            md5=(row.md5, row.md5_without_top),
            licence=row.licence,
        )
    stem = "resnet50_weights_tf_dim_ordering_tf_kernels"
    files = (f"{stem}.h5", f"{stem}_notop.h5")
    yield from keras_files("resnet50", files, (74.704, 92.020), tag="imagenet_2015", licence="MIT", **KERAS_2015)

    for model, tags in TIMM.items():
        for tag, accuracy in tags.items():
            name = f"{model.removesuffix('_v1_5')}.{tag}"
            yield timm_file(model, OURS.get(tag, tag), name, accuracy, reference=HUB + name, **_details(tag))
    for file in TORCH:
        yield torchvision_file(file.model, file.tag, file.file, file.accuracy)


def _details(tag: str) -> dict[str, Any]:
    """Return the preprocessing, the origin and the licence of the weights under one of timm's tags."""
    recipe = tag.partition("_")[0]
    if recipe == "tv":
        return {"summary": "of torchvision, by way of timm", "licence": "BSD-3-Clause"}
    if recipe == "tv2":
        summary = "of torchvision, its second recipe, by way of timm"
        return {"summary": summary, "licence": "BSD-3-Clause", "preprocessing": photograph(0.965, "bilinear")}
    if recipe == "fb":
        how = "semi-weakly " if "swsl" in tag else "semi-"
        return {"summary": f"of Facebook, {how}supervised, by way of timm", "licence": "CC-BY-NC-4.0"}
    if recipe == "gluon":
        return {"summary": "of GluonCV, by way of timm", "preprocessing": photograph(0.875)}
    if recipe not in STRIKES_BACK:
        return {"preprocessing": photograph(0.875)}
    crop = 1.0 if recipe == "a1h" else 0.95
    return {"summary": f"of timm, recipe {recipe} of arXiv:2110.00476", "preprocessing": photograph(crop)}
