"""What the records of the official weights of GoogLeNet and Inception v3 say."""

from __future__ import annotations

from zoo_inception.plugin import zoo_models, zoo_weights

WEIGHTS = {(spec.model, spec.name): spec for spec in zoo_weights()}


def test_each_build_has_its_own_and_the_network_of_the_paper_has_none() -> None:
    assert set(WEIGHTS) == {
        ("inception_v3", "imagenet"),
        ("inception_v3", "imagenet_notop"),
        ("inception_v3_torch", "imagenet"),
        ("inception_v3_torch", "imagenet_pth"),
        ("inception_v3_torch", "tf_in1k"),
        ("inception_v3_torch", "tf_adv_in1k"),
        ("inception_v3_torch", "gluon_in1k"),
        ("googlenet_bn", "imagenet"),
    }


def test_those_of_timm_are_for_bicubic_photographs_and_those_of_gluon_for_pixels_like_torchs() -> None:
    of_timm = {tag: spec.preprocessing for (_, tag), spec in WEIGHTS.items() if "huggingface.co/timm/" in spec.source}
    assert len(of_timm) == 4
    for tag, preprocessing in of_timm.items():
        assert preprocessing is not None
        assert (preprocessing.interpolation, preprocessing.crop_fraction) == ("bicubic", 0.875)
        gluon = tag == "gluon_in1k"
        assert (preprocessing.scale, preprocessing.mean[0]) == ((1 / 255, 0.485) if gluon else (1 / 127.5, 1.0))


def test_those_of_torchvision_are_for_what_comes_out_of_its_transform() -> None:
    pixels = {spec.name: spec.preprocessing for spec in zoo_models()}
    for model, tag in (("inception_v3_torch", "imagenet_pth"), ("googlenet_bn", "imagenet")):
        assert WEIGHTS[model, tag].preprocessing is None
        assert (pixels[model].scale, pixels[model].mean) == (1 / 127.5, (1.0,))  # type: ignore[union-attr]
