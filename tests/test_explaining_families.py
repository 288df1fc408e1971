"""A network of every family says where it looks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import zoo


@pytest.mark.parametrize(
    ("name", "options", "layer"),
    [
        ("lenet5", {}, "s4"),
        ("resnet20_cifar", {}, "conv4_block3_out"),
        ("resnet50_v2", {"input_shape": (64, 64, 3), "classes": 3}, "post_relu"),
        ("mobilenet_v1_025", {"input_shape": (64, 64, 3), "classes": 3}, "conv_pw_13_relu"),
        ("mobilenet_v3_small", {"input_shape": (64, 64, 3), "classes": 3}, None),
        ("vgg11", {"input_shape": (32, 32, 3), "classes": 1, "fc_units": 16}, None),
        ("alexnet_half", {"classes": 3}, None),
        ("googlenet", {"input_shape": (96, 96, 3), "classes": 3, "aux_classifiers": True}, None),
    ],
)
def test_every_family_is_explained(name: str, options: dict[str, Any], layer: str | None) -> None:
    keras.utils.set_random_seed(1)
    model = zoo.build(name, **options)
    photograph = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    found = [zoo.explain(model, photograph, label=index) for index in range(max(2, options.get("classes", 10)))]
    for each in found:
        assert each.heatmap.shape == (60, 80)
        assert np.isfinite(each.heatmap).all()
        assert each.heatmap.min() >= 0
        assert each.heatmap.max() == pytest.approx(1, abs=0.05) or not each.heatmap.any()
        assert layer in (None, each.layer)
    assert sum(each.heatmap.any() for each in found) > 0
    assert sum(each.probability for each in found) == pytest.approx(1, abs=1e-3)
