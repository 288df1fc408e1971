"""The zoo's main claim on real data: published weights reach their published figures, with no option but the path."""

from __future__ import annotations

from pathlib import Path

import pytest

import zoo
from zoo.data import Dataset


@pytest.fixture(scope="module")
def test_images(shared: Path) -> Dataset:
    return zoo.load_data("cifar10", path=shared / "data" / "cifar10_jpeg.tar.gz", splits=("test",))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "top1"), [("resnet20", 0.8103), ("resnet56", 0.8320)])
def test_a_torch_file_of_a_resnet_reaches_its_accuracy_on_the_jpeg_test_images(
    shared: Path, test_images: Dataset, name: str, top1: float
) -> None:
    """Figures of shared/facts.md; the authors' own, on lossless images, are 0.9178 and 0.9362."""
    model = zoo.build(f"{name}_cifar", weights=str(shared / "weights" / f"{name}_cifar10.safetensors"))
    metrics = zoo.evaluate(model, test_images, batch_size=250)
    assert metrics.count == 10_000
    assert metrics.top1 == pytest.approx(top1, abs=0.002)
