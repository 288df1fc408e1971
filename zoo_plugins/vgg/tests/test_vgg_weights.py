"""What the records of the official weights of the VGG networks say."""

from __future__ import annotations

from collections import Counter

from zoo_vgg.plugin import zoo_models, zoo_weights

WEIGHTS = {(spec.model, spec.name): spec for spec in zoo_weights()}


def test_each_model_has_the_weights_of_its_own_build_first() -> None:
    counts = Counter(model for model, _ in WEIGHTS)
    assert counts == {**{spec.name: 2 for spec in zoo_models()}, "vgg16": 5, "vgg19": 4}
    assert WEIGHTS["vgg16", "imagenet"].source.endswith("/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5")
    assert WEIGHTS["vgg16_bn", "imagenet"].file_name == "vgg16_bn.tv_in1k.safetensors"
    assert WEIGHTS["vgg16_bn", "imagenet_pth"].sha256 == "6c64b313"


def test_the_weights_of_torch_for_a_model_of_keras_bring_their_own_pixels() -> None:
    models = {spec.name: spec for spec in zoo_models()}
    for tag in ("tv_in1k", "tv_in1k_pth"):
        assert WEIGHTS["vgg19", tag].preprocessing == models["vgg19_bn"].preprocessing
    for model, tag in (("vgg16", "imagenet"), ("vgg16_bn", "imagenet")):
        assert WEIGHTS[model, tag].preprocessing is None


def test_the_features_of_ssd_have_no_classifier_and_pixels_less_their_mean() -> None:
    features = WEIGHTS["vgg16", "ssd_features_pth"]
    assert (features.include_top, features.metrics) == (False, {})
    pixels = features.preprocessing
    assert pixels is not None
    white = [(255 * pixels.scale - mean) / pixels.std[0] for mean in pixels.mean]
    assert [round(value) for value in white] == [255 - 123, 255 - 117, 255 - 104]


def test_the_weights_of_oxford_come_on_their_terms() -> None:
    assert WEIGHTS["vgg16", "imagenet_notop"].licence == "CC-BY-4.0"
    assert WEIGHTS["vgg16", "imagenet"].metrics == {"top-1": 0.713, "top-5": 0.901}
