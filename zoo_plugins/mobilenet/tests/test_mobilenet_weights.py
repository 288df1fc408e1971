"""What the records of the official weights of the MobileNets say."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from zoo_mobilenet.plugin import zoo_models, zoo_weights

WEIGHTS = {(spec.model, spec.name): spec for spec in zoo_weights()}


def test_every_width_has_every_resolution_that_is_published_with_and_without_a_top() -> None:
    counts = Counter(model for model, _ in WEIGHTS)
    for width in ("_025", "_050", "_075", ""):
        assert counts[f"mobilenet_v1{width}"] == 2 * 4
    for width in ("_035", "_050", "_075", ""):
        assert counts[f"mobilenet_v2{width}"] == 2 * 5
    assert counts["mobilenet_v2_130"] == counts["mobilenet_v2_140"] == 2
    assert {model: count for model, count in counts.items() if model.startswith("mobilenet_v3")} == {
        "mobilenet_v3_large": 3,
        "mobilenet_v3_large_075": 3,
        "mobilenet_v3_large_minimalistic": 3,
        "mobilenet_v3_small": 3,
        "mobilenet_v3_small_075": 3,
        "mobilenet_v3_small_minimalistic": 3,
        "mobilenet_v3_large_torch": 5,
        "mobilenet_v3_small_torch": 2,
    }


def test_widths_and_resolutions_are_those_in_the_names_of_the_files() -> None:
    weights = WEIGHTS["mobilenet_v1_075", "imagenet_160_notop"]
    assert (weights.file_name, weights.input_shape) == ("mobilenet_7_5_160_tf_no_top.h5", (160, 160, 3))
    weights = WEIGHTS["mobilenet_v2_130", "imagenet"]
    assert weights.file_name == "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.3_224.h5"
    assert weights.input_shape is None


def test_a_wider_network_and_a_larger_photograph_are_better() -> None:
    for models in (
        ["mobilenet_v1_025", "mobilenet_v1_050", "mobilenet_v1_075", "mobilenet_v1"],
        ["mobilenet_v2_035", "mobilenet_v2_050", "mobilenet_v2_075", "mobilenet_v2"],
    ):
        for tag in ("imagenet_128", "imagenet_160", "imagenet_192", "imagenet"):
            figures = [WEIGHTS[model, tag].metrics["top-1"] for model in models]
            assert figures == sorted(figures)
        for model in models:
            tags = ("imagenet_128", "imagenet_160", "imagenet_192", "imagenet")
            figures = [WEIGHTS[model, tag].metrics["top-5"] for tag in tags]
            assert figures == sorted(figures)


def test_the_digest_of_the_smallest_is_that_of_the_real_file(shared: Path) -> None:
    weights = WEIGHTS["mobilenet_v1_025", "imagenet"]
    file = shared / "weights" / weights.file_name
    assert weights.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert WEIGHTS["mobilenet_v1_025", "imagenet_notop"].sha256 is None


def test_version_3_of_keras_scales_pixels_itself_whoever_publishes_the_file() -> None:
    for tag in ("imagenet", "imagenet_notop", "in1k"):
        assert WEIGHTS["mobilenet_v3_small", tag].preprocessing is None
    models = {spec.name: spec for spec in zoo_models()}
    assert models["mobilenet_v3_small"].preprocessing.scale == 1.0  # type: ignore[union-attr]


def test_those_that_timm_trained_of_version_3_need_another_epsilon() -> None:
    of_timm = {key: spec for key, spec in WEIGHTS.items() if "/timm/mobilenet" in spec.source}
    assert {model: dict(spec.config) for (model, _), spec in of_timm.items()} == {
        "mobilenet_v2_torch": {},
        "mobilenet_v3_large_torch": {"epsilon": 1e-5},
        "mobilenet_v3_small_torch": {"epsilon": 1e-5},
    }
    pixels = {tag: spec.preprocessing for (model, tag), spec in of_timm.items() if model == "mobilenet_v3_large_torch"}
    assert {tag: (each.mean, each.crop_fraction, each.interpolation) for tag, each in pixels.items() if each} == {
        "ra_in1k": ((0.485, 0.456, 0.406), 0.875, "bicubic"),
        "ra4_e3600_r224_in1k": ((1.0,), 0.95, "bicubic"),
        "miil_in21k_ft_in1k": ((0.0,), 0.875, "bilinear"),
    }
