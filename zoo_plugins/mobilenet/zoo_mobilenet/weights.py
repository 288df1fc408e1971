"""The official weights of the MobileNets: every width and resolution of Keras, those of torchvision and of timm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from zoo import Fingerprint, Preprocessing, WeightsSpec
from zoo.weights.published import SYMMETRIC_PIXELS, Accuracy, keras_files, photograph, timm_file, torchvision_file

SIZES = (224, 192, 160, 128, 96)

# Each row: the width in the names of the models, that in the names of the files, accuracy at each of SIZES.
V1 = (
    ("_025", "2_5", ((51.582, 75.792), (49.0, 73.6), (46.0, 70.7), (41.3, 66.2))),
    ("_050", "5_0", ((64.292, 85.624), (62.1, 84.0), (59.9, 82.5), (56.2, 79.6))),
    ("_075", "7_5", ((68.412, 88.242), (67.4, 87.3), (65.2, 86.1), (61.8, 83.6))),
    ("", "1_0", ((70.424, 89.504), (69.3, 88.9), (67.2, 87.5), (64.1, 85.3))),
)
V2 = (
    ("_035", "0.35", ((60.086, 82.432), (58.2, 81.2), (55.7, 79.1), (50.8, 75.0), (45.5, 70.4))),
    ("_050", "0.5", ((65.194, 86.062), (63.9, 85.4), (61.0, 83.2), (57.7, 80.8), (51.2, 75.8))),
    ("_075", "0.75", ((69.532, 89.176), (68.7, 88.9), (66.4, 87.3), (63.2, 85.3), (58.8, 81.6))),
    ("", "1.0", ((71.336, 90.142), (70.7, 90.1), (68.8, 89.0), (65.3, 86.9), (60.3, 83.2))),
    ("_130", "1.3", ((74.680, 92.122),)),
    ("_140", "1.4", ((75.230, 92.422),)),
)

# At 224 pixels accuracy is what Keras measured with these very files; below, what Google gives for the checkpoints that
# the files were converted from, for v1 those of June 2017.
AT_224 = "https://github.com/keras-team/keras-applications/blob/05ff4705388b34c9d335f350753e1e99df2fc0e9/README.md"
BELOW = "https://github.com/tensorflow/models/tree/master/research/slim/nets"

#: The digest of a file whose publisher gives none, measured on a file of that name.
V1_025_SHA256 = "680d2a0500ef0d92464ee60b1769a5723639e30a2d17ccd43beb398f33825bc8"

#: What that file makes of Zoo's made-up input, where the network gives keras.applications' outputs to 1e-6.
V1_025_FINGERPRINT = Fingerprint(
    (0.678667, 0.977436, -3.084936, -2.443606, -0.064011, 0.417598, -1.077767, -0.085102), input_shape=(224, 224, 3)
)

# Each row: the end of the model's name, its name in the files, MD5 of the file and of its twin without the top, top-1
# (docstring of keras.applications.MobileNetV3Large; there is no top-5).
V3 = (
    ("large", "large_224_1.0", "59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389", 75.6),
    ("large_075", "large_224_0.75", "765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e", 73.3),
    (
        *("large_minimalistic", "large_minimalistic_224_1.0"),
        *("675e7b876c45c57e9e63e6d90a36599c", "ec5221f64a2f6d1ef965a614bdae7973", 72.3),
    ),
    ("small", "small_224_1.0", "8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836", 68.1),
    ("small_075", "small_224_0.75", "cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819", 65.4),
    (
        *("small_minimalistic", "small_minimalistic_224_1.0"),
        *("99cd97fb2fcdad2bf028eb838de69e37", "cde8136e733e811080d9fcd8a252f7e4", 61.9),
    ),
)

# Each row: the end of the model's name, timm's name of the same weights, the accuracy that it found for them.
V3_BY_WAY_OF_TIMM = (
    ("large", "tf_mobilenetv3_large_100.in1k", (75.516, 92.594)),
    ("large_075", "tf_mobilenetv3_large_075.in1k", (73.432, 91.352)),
    ("large_minimalistic", "tf_mobilenetv3_large_minimal_100.in1k", (72.258, 90.638)),
    ("small", "tf_mobilenetv3_small_100.in1k", (67.918, 87.674)),
    ("small_075", "tf_mobilenetv3_small_075.in1k", (65.728, 86.126)),
    ("small_minimalistic", "tf_mobilenetv3_small_minimal_100.in1k", (62.890, 84.240)),
)

# Each row: the middle of the model's name, tag, file, accuracy.
TORCH = (
    ("v2", "imagenet", "mobilenet_v2-b0353104.pth", (71.878, 90.286)),
    ("v2", "imagenet_v2", "mobilenet_v2-7ebf99e0.pth", (72.154, 90.822)),
    ("v3_large", "imagenet", "mobilenet_v3_large-8738ca79.pth", (74.042, 91.340)),
    ("v3_large", "imagenet_v2", "mobilenet_v3_large-5c1a4163.pth", (75.274, 92.566)),
    ("v3_small", "imagenet", "mobilenet_v3_small-047dcff4.pth", (67.668, 87.402)),
)

# Each row: the middle of the model's name, timm's name of the weights, accuracy, preprocessing.
TIMM: tuple[tuple[str, str, Accuracy, Preprocessing], ...] = (
    ("v2", "mobilenetv2_100.ra_in1k", (72.976, 91.010), photograph(0.875)),
    ("v3_large", "mobilenetv3_large_100.ra_in1k", (75.766, 92.538), photograph(0.875)),
    (
        *("v3_large", "mobilenetv3_large_100.ra4_e3600_r224_in1k"),
        *((76.31,), photograph(0.95, **SYMMETRIC_PIXELS)),
    ),
    (
        *("v3_large", "mobilenetv3_large_100.miil_in21k_ft_in1k"),
        *((77.918, 92.914), photograph(0.875, "bilinear", scale=1 / 255)),
    ),
    ("v3_small", "mobilenetv3_small_100.lamb_in1k", (67.656, 87.636), photograph(0.875)),
)


def official_weights() -> Iterator[WeightsSpec]:
    """Return the weights of the tables; ``imagenet`` are those of the build that a model is equal to, at 224 pixels."""
    for end, width, accuracies in V1:
        yield from _of_every_size(f"mobilenet_v1{end}", f"mobilenet/mobilenet_{width}_{{}}_tf", accuracies)
    for end, width, accuracies in V2:
        stem = f"mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width}_{{}}"
        yield from _of_every_size(f"mobilenet_v2{end}", stem, accuracies)
    for end, name, md5, md5_without_top, top_1 in V3:
        stem = f"mobilenet_v3/weights_mobilenet_v3_{name}_float"
        yield from keras_files(
            f"mobilenet_v3_{end}",
            (f"{stem}.h5", f"{stem}_no_top_v2.h5"),
            (top_1,),
            md5=(md5, md5_without_top),
            licence="Apache-2.0",
        )
    for end, name, accuracy in V3_BY_WAY_OF_TIMM:
        yield timm_file(f"mobilenet_v3_{end}", "in1k", name, accuracy, summary="of Google, by way of timm")
    for middle, tag, file, accuracy in TORCH:
        yield torchvision_file(f"mobilenet_{middle}_torch", tag, file, accuracy)
    for middle, name, accuracy, preprocessing in TIMM:
        yield timm_file(
            f"mobilenet_{middle}_torch",
            name.partition(".")[2],
            name,
            accuracy,
            preprocessing=preprocessing,
            # There torchvision departs from PyTorch's own epsilon, and timm does not.
            config={"epsilon": 1e-5} if middle.startswith("v3") else {},
        )


def _of_every_size(model: str, stem: str, accuracies: tuple[Accuracy, ...]) -> Iterator[WeightsSpec]:
    for size, accuracy in zip(SIZES, accuracies, strict=False):
        own_size = size == SIZES[0]
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
