"""The cache of frozen features gives the same training to the last bit, on the blocks that families are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import zoo
from zoo.transfer.training_state import values_of


@pytest.fixture(scope="module")
def pictures() -> zoo.Dataset:
    return zoo.load_data("synthetic_images", count=75, size=32, classes=3, validation=0.2, test=0.2)


@pytest.mark.parametrize(
    ("model", "strategy", "options"),
    [
        ("resnet20_cifar", "last_layers", {"layers": 5}),
        ("mobilenet_v1_025", "head", {"input_shape": (32, 32, 3), "dropout": 0.5}),
        ("mobilenet_v2_035", "last_layers", {"layers": 7, "input_shape": (32, 32, 3)}),
        ("mobilenet_v3_small_075", "last_layers", {"layers": 3, "input_shape": (32, 32, 3)}),
        ("vgg16", "head", {"input_shape": (32, 32, 3), "fc_units": 16}),
    ],
)
def test_training_with_the_cache_gives_the_same_losses_and_weights_to_the_last_bit(
    model: str, strategy: str, options: dict[str, Any], pictures: zoo.Dataset
) -> None:
    quiet = {"seed": 3, "progress": False, "pictures": False}
    with_cache, without = (
        zoo.transfer(model, pictures, strategy, epochs=3, batch_size=16, cache=cache, **quiet, **options)
        for cache in ("auto", "off")
    )
    losses = [[(each["loss"], each.get("val_loss")) for each in run.history] for run in (with_cache, without)]
    assert losses[0] == losses[1]
    pairs = zip(values_of(with_cache.model.variables), values_of(without.model.variables), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)
    assert with_cache.metrics == without.metrics
