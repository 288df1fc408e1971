"""What the record of AlexNet's official weights says."""

from __future__ import annotations

from zoo_alexnet.plugin import zoo_weights


def test_there_is_one_file_of_torchvision_for_the_network_in_one_column() -> None:
    (weights,) = zoo_weights()
    assert (weights.model, weights.name) == ("alexnet", "imagenet")
    assert weights.source == "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
    assert (weights.file_name, weights.sha256) == ("alexnet-owt-7be5be79.pth", "7be5be79")
    assert weights.metrics == {"top-1": 0.56522, "top-5": 0.79066}
    assert weights.preprocessing is None
    assert weights.licence == "BSD-3-Clause"
