"""The networks of these tests are what their plugin says of them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import zoo
from zoo.testing.figures import figures_of

SMALL = (
    "small_binary_convnet",
    "small_convnet",
    "small_inception",
    "small_logistic",
    "small_mlp",
    "small_regression",
    "small_resnet",
    "small_separable",
)


def test_the_plugin_offers_its_models_without_a_fault() -> None:
    (plugin,) = (each for each in zoo.list_plugins() if each.distribution == "zoo-small")
    assert plugin.faults == ()
    assert tuple(sorted(spec.name for spec in plugin.specs["zoo_models"])) == SMALL


def test_a_process_that_a_test_starts_finds_them_too() -> None:
    code = "import zoo; print(zoo.info('small_convnet').parameters.total)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout == "9798\n"


@pytest.mark.parametrize("name", SMALL)
def test_each_is_as_large_and_as_costly_as_its_record_says(name: str) -> None:
    spec, model = zoo.info(name), zoo.build(name)  # which checks the parameters
    assert figures_of(model) == {"macs": spec.macs, "activation_bytes": spec.activation_bytes}
    assert model.count_params() < 10_000


@pytest.mark.parametrize("name", SMALL)
def test_without_its_top_each_lacks_the_head_that_its_record_names(name: str) -> None:
    spec, whole = zoo.info(name), zoo.build(name)
    left = {layer.name for layer in zoo.build(name, include_top=False).layers}
    declared = {*spec.head, *(layer for each in spec.auxiliary for layer in each)}
    assert not declared & left
    assert {layer.name for layer in whole.layers if layer.weights} - left <= declared
    assert whole.get_layer(spec.head[-1]).kernel.shape[-1] == spec.classes


def test_the_digits_0_to_4_are_known() -> None:
    data = zoo.load_data("digits", classes=range(5))
    assert zoo.evaluate("small_convnet.digits_0_4", data).top1 == pytest.approx(0.9833, abs=1e-4)


def test_the_auxiliary_classifier_is_seen_in_training_alone() -> None:
    model, images = zoo.build("small_inception"), np.zeros((2, 32, 32, 3), "float32")
    assert [output.shape for output in model(images, training=True)] == [(2, 10), (2, 10)]
    assert model(images).shape == (2, 10)
