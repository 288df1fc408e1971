"""The examples in docstrings of public names run and give what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = [
    "zoo.building",
    "zoo.cli.output",
    "zoo.comparing",
    "zoo.data.datasets",
    "zoo.devices",
    "zoo.errors",
    "zoo.evaluation",
    "zoo.explaining",
    "zoo.feature_maps",
    "zoo.metrics",
    "zoo.placing",
    "zoo.registry",
    "zoo.specs",
    "zoo.transfer.transferring",
    "zoo_classic.layouts",
    "zoo_mobilenet.layouts",
    "zoo_resnet.layouts",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert (failed, tried > 0) == (0, True)
