"""The costs that records name are those that papers and references publish."""

from __future__ import annotations

import pytest

import zoo


def test_resnet50_multiplies_as_often_as_its_paper_says() -> None:
    """Table 1 of He et al. 2015 has 3.8e9 multiply-adds; keras.applications lists no figures."""
    assert zoo.info("resnet50").macs == pytest.approx(3.86e9, rel=2e-3)
