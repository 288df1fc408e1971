"""The official weights of the MobileNets: every width and resolution of Keras, those of torchvision and of timm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from zoo import Fingerprint, Preprocessing, WeightsSpec
from zoo.weights.published import SYMMETRIC_PIXELS, Accuracy, keras_files, photograph, timm_file, torchvision_file


class Width(NamedTuple):
    """One width of v1 or v2: the end of the model's name, its name in files, and the accuracy by size of the images."""

    end: str
    in_files: str
    accuracies: dict[int, Accuracy]


V1 = (
    Width("_025", "2_5", {224: (51.582, 75.792), 192: (49.0, 73.6), 160: (46.0, 70.7), 128: (41.3, 66.2)}),
    Width("_050", "5_0", {224: (64.292, 85.624), 192: (62.1, 84.0), 160: (59.9, 82.5), 128: (56.2, 79.6)}),
    Width("_075", "7_5", {224: (68.412, 88.242), 192: (67.4, 87.3), 160: (65.2, 86.1), 128: (61.8, 83.6)}),
    Width("", "1_0", {224: (70.424, 89.504), 192: (69.3, 88.9), 160: (67.2, 87.5), 128: (64.1, 85.3)}),
)
V2 = (
    Width(
        "_035",
        "0.35",
        {224: (60.086, 82.432), 192: (58.2, 81.2), 160: (55.7, 79.1), 128: (50.8, 75.0), 96: (45.5, 70.4)},
    ),
    Width(
        "_050",
        "0.5",
        {224: (65.194, 86.062), 192: (63.9, 85.4), 160: (61.0, 83.2), 128: (57.7, 80.8), 96: (51.2, 75.8)},
    ),
    Width(
        "_075",
        "0.75",
        {224: (69.532, 89.176), 192: (68.7, 88.9), 160: (66.4, 87.3), 128: (63.2, 85.3), 96: (58.8, 81.6)},
    ),
    Width(
        "",
        "1.0",
        {224: (71.336, 90.142), 192: (70.7, 90.1), 160: (68.8, 89.0), 128: (65.3, 86.9), 96: (60.3, 83.2)},
    ),
    Width("_130", "1.3", {224: (74.680, 92.122)}),
    Width("_140", "1.4", {224: (75.230, 92.422)}),
)

# At 224 pixels, the accuracy is what Keras measured with these very files. At smaller sizes it is what Google states
# for the checkpoints that the files were converted from; for v1, those of June 2017.
AT_224 = "https://github.com/keras-team/keras-applications/blob/05ff4705388b34c9d335f350753e1e99df2fc0e9/README.md"
BELOW = "https://github.com/tensorflow/models/tree/master/research/slim/nets"

#: The digest of a file for which the publisher states none, computed from a file of that name.
V1_025_SHA256 = "680d2a0500ef0d92464ee60b1769a5723639e30a2d17ccd43beb398f33825bc8"

#: The outputs for Zoo's made-up input with that file; they agree with those of keras.applications to 1e-6.
V1_025_FINGERPRINT = Fingerprint(
    (0.678667, 0.977436, -3.084936, -2.443606, -0.064011, 0.417598, -1.077767, -0.085102), input_shape=(224, 224, 3)
)


class Version3File(NamedTuple):
    """A file of v3 and its twin without the classifier: the end of the model's name, and its name in files.

    ``top_1`` is from the docstring of keras.applications.MobileNetV3Large, which gives no top-5.
    """

    end: str
    in_files: str
    md5: str
    md5_without_top: str
    top_1: float


V3 = (
    Version3File(
        "large",
        "large_224_1.0",
        md5="59e551e166be033d707958cf9e29a6a7",
        md5_without_top="07fb09a5933dd0c8eaafa16978110389",
        top_1=75.6,
    ),
    Version3File(
        "large_075",
        "large_224_0.75",
        md5="765b44a33ad4005b3ac83185abf1d0eb",
        md5_without_top="40af19a13ebea4e2ee0c676887f69a2e",
        top_1=73.3,
    ),
    Version3File(
        "large_minimalistic",
        "large_minimalistic_224_1.0",
        md5="675e7b876c45c57e9e63e6d90a36599c",
        md5_without_top="ec5221f64a2f6d1ef965a614bdae7973",
        top_1=72.3,
    ),
    Version3File(
        "small",
        "small_224_1.0",
        md5="8768d4c2e7dee89b9d02b2d03d65d862",
        md5_without_top="d3e8ec802a04aa4fc771ee12a9a9b836",
        top_1=68.1,
    ),
    Version3File(
        "small_075",
        "small_224_0.75",
        md5="cb65d4e5be93758266aa0a7f2c6708b7",
        md5_without_top="ebdb5cc8e0b497cd13a7c275d475c819",
        top_1=65.4,
    ),
    Version3File(
        "small_minimalistic",
        "small_minimalistic_224_1.0",
        md5="99cd97fb2fcdad2bf028eb838de69e37",
        md5_without_top="cde8136e733e811080d9fcd8a252f7e4",
        top_1=61.9,
    ),
)


class TimmFile(NamedTuple):
    """A file of timm: the end of the model's name, timm's name of it, and the accuracy that timm measured."""

    end: str
    timm_name: str
    accuracy: Accuracy
    preprocessing: Preprocessing | None = None


#: Google's weights of v3, which timm publishes too.
V3_BY_WAY_OF_TIMM = (
    TimmFile("large", "tf_mobilenetv3_large_100.in1k", (75.516, 92.594)),
    TimmFile("large_075", "tf_mobilenetv3_large_075.in1k", (73.432, 91.352)),
    TimmFile("large_minimalistic", "tf_mobilenetv3_large_minimal_100.in1k", (72.258, 90.638)),
    TimmFile("small", "tf_mobilenetv3_small_100.in1k", (67.918, 87.674)),
    TimmFile("small_075", "tf_mobilenetv3_small_075.in1k", (65.728, 86.126)),
    TimmFile("small_minimalistic", "tf_mobilenetv3_small_minimal_100.in1k", (62.890, 84.240)),
)


class TorchvisionFile(NamedTuple):
    """A file of torchvision: of which MobileNet, and under which tag."""

    version: str
    tag: str
    file: str
    accuracy: Accuracy


TORCH = (
    TorchvisionFile("v2", "imagenet", "mobilenet_v2-b0353104.pth", (71.878, 90.286)),
    TorchvisionFile("v2", "imagenet_v2", "mobilenet_v2-7ebf99e0.pth", (72.154, 90.822)),
    TorchvisionFile("v3_large", "imagenet", "mobilenet_v3_large-8738ca79.pth", (74.042, 91.340)),
    TorchvisionFile("v3_large", "imagenet_v2", "mobilenet_v3_large-5c1a4163.pth", (75.274, 92.566)),
    TorchvisionFile("v3_small", "imagenet", "mobilenet_v3_small-047dcff4.pth", (67.668, 87.402)),
)

#: Weights that timm trained, for the builds that are as in torchvision.
TIMM = (
    TimmFile("v2_torch", "mobilenetv2_100.ra_in1k", (72.976, 91.010), photograph(0.875)),
    TimmFile("v3_large_torch", "mobilenetv3_large_100.ra_in1k", (75.766, 92.538), photograph(0.875)),
    TimmFile(
        "v3_large_torch",
        "mobilenetv3_large_100.ra4_e3600_r224_in1k",
        (76.31,),
        photograph(0.95, **SYMMETRIC_PIXELS),
    ),
    TimmFile(
        "v3_large_torch",
        "mobilenetv3_large_100.miil_in21k_ft_in1k",
        (77.918, 92.914),
        photograph(0.875, "bilinear", scale=1 / 255),
    ),
    TimmFile("v3_small_torch", "mobilenetv3_small_100.lamb_in1k", (67.656, 87.636), photograph(0.875)),
)


def official_weights() -> Iterator[WeightsSpec]:
    """Return the weights of the tables; ``imagenet`` are those of the build that a model is equal to, at 224 pixels."""
    for width in V1:
        stem = f"mobilenet/mobilenet_{width.in_files}_{{}}_tf"
        yield from _of_every_size(f"mobilenet_v1{width.end}", stem, width.accuracies)
    for width in V2:
        stem = f"mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width.in_files}_{{}}"
        yield from _of_every_size(f"mobilenet_v2{width.end}", stem, width.accuracies)
    for v3 in V3:
        stem = f"mobilenet_v3/weights_mobilenet_v3_{v3.in_files}_float"
        yield from keras_files(
            f"mobilenet_v3_{v3.end}",
            (f"{stem}.h5", f"{stem}_no_top_v2.h5"),
            (v3.top_1,),
            md5=(v3.md5, v3.md5_without_top),
            licence="Apache-2.0",
        )
    for timm in V3_BY_WAY_OF_TIMM:
        summary = "of Google, by way of timm"
        yield timm_file(f"mobilenet_v3_{timm.end}", "in1k", timm.timm_name, timm.accuracy, summary=summary)
    for torch in TORCH:
        yield torchvision_file(f"mobilenet_{torch.version}_torch", torch.tag, torch.file, torch.accuracy)
    for timm in TIMM:
        yield timm_file(
            f"mobilenet_{timm.end}",
            timm.timm_name.partition(".")[2],
            timm.timm_name,
            timm.accuracy,
            preprocessing=timm.preprocessing,
            # In v3, torchvision departs from PyTorch's own epsilon, and timm does not.
            config={"epsilon": 1e-5} if timm.end.startswith("v3") else {},
        )


def _of_every_size(model: str, stem: str, accuracies: dict[int, Accuracy]) -> Iterator[WeightsSpec]:
    for size, accuracy in accuracies.items():
        own_size = size == 224
        path = stem.format(size)
        known = V1_025_SHA256 if path.endswith("mobilenet_2_5_224_tf") else None
        records = keras_files(
            model,
            (f"{path}.h5", f"{path}_no_top.h5"),
            accuracy,
            tag="imagenet" if own_size else f"imagenet_{size}",
            sha256=(known, None),
            input_shape=None if own_size else (size, size, 3),
            reference=AT_224 if own_size else BELOW,
            licence="Apache-2.0",
        )
        yield from (replace(each, fingerprint=V1_025_FINGERPRINT) if each.sha256 else each for each in records)
