"""The examples in docstrings of public names run and give what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = [
    "zoo.building",
    "zoo.cli.output",
    "zoo.inference.comparison",
    "zoo.data.dataset",
    "zoo.devices",
    "zoo.errors",
    "zoo.inference.evaluation",
    "zoo.inference.explanation",
    "zoo.models.feature_maps",
    "zoo.runs.metrics",
    "zoo.devices.placement",
    "zoo.registry",
    "zoo.specs",
    "zoo.transfer.training",
    "zoo_classic.layouts",
    "zoo_mobilenet.layouts",
    "zoo_resnet.layouts",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert (failed, tried > 0) == (0, True)
