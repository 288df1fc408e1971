"""What the records of the official weights of the ResNets say."""

from __future__ import annotations

from collections import Counter

import pytest

from zoo_resnet.plugin import zoo_weights

WEIGHTS = {(spec.model, spec.name): spec for spec in zoo_weights()}


def test_each_model_has_as_many_weights_as_are_published() -> None:
    assert Counter(model for model, _ in WEIGHTS) == {
        "resnet18": 8,
        "resnet34": 7,
        "resnet50": 4,
        "resnet101": 2,
        "resnet152": 2,
        "resnet50_v1_5": 20,
        "resnet101_v1_5": 9,
        "resnet152_v1_5": 9,
        "resnet50_v2": 2,
        "resnet101_v2": 2,
        "resnet152_v2": 2,
    }


def test_the_main_weights_of_a_torch_build_are_read_without_torch() -> None:
    main, twin = WEIGHTS["resnet50_v1_5", "imagenet"], WEIGHTS["resnet50_v1_5", "imagenet_pth"]
    assert main.source == "https://huggingface.co/timm/resnet50.tv_in1k/resolve/main/model.safetensors"
    assert main.file_name == "resnet50.tv_in1k.safetensors"
    assert (main.sha256, twin.sha256) == (None, "0676ba61")
    assert main.preprocessing is twin.preprocessing is None
    assert main.metrics["top-1"] == pytest.approx(twin.metrics["top-1"], abs=1e-4)


@pytest.mark.parametrize(
    ("tag", "side", "interpolation"),
    [
        ("imagenet_v2", 232, "bilinear"),
        ("imagenet_v2_pth", 232, "bilinear"),
        ("a1_in1k", 236, "bicubic"),
        ("a1h_in1k", 224, "bicubic"),
        ("d_in1k", 236, "bicubic"),
        ("ra_in1k", 256, "bicubic"),
        ("gluon_in1k", 256, "bicubic"),
    ],
)
def test_a_recipe_has_photographs_of_its_own_size(tag: str, side: int, interpolation: str) -> None:
    preprocessing = WEIGHTS["resnet50_v1_5", tag].preprocessing
    assert preprocessing is not None
    assert round(224 / preprocessing.crop_fraction) == side
    assert preprocessing.interpolation == interpolation
    assert preprocessing.std == (0.229, 0.224, 0.225)


def test_terms_that_forbid_commerce_are_named() -> None:
    restricted = {tag for (_, tag), spec in WEIGHTS.items() if spec.licence == "CC-BY-NC-4.0"}
    assert restricted == {"fb_ssl_yfcc100m_ft_in1k", "fb_swsl_ig1b_ft_in1k"}
    assert WEIGHTS["resnet18", "fb_swsl_ig1b_ft_in1k"].summary == "of Facebook, semi-weakly supervised, by way of timm"


def test_the_files_of_2015_are_kept_beside_those_of_today_which_have_the_same_name() -> None:
    today, until_2019 = WEIGHTS["resnet50", "imagenet"], WEIGHTS["resnet50", "imagenet_2015"]
    assert today.source.rpartition("/")[2] == until_2019.source.rpartition("/")[2] == today.file_name
    assert until_2019.file_name == "resnet50_2015.h5"
    assert until_2019.metrics == {"top-1": 0.74704, "top-5": 0.9202}
