"""An official ImageNet file reaches its published figures, with no option but its path."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.cli import main
from zoo.data.decoding import open_image
from zoo.data.preprocessing import prepare
from zoo.models.build_info import build_of

#: shared/facts.md: shorter side to 256 (bilinear), centre 224, x / 127.5 - 1.
TOP1, TOP5 = 0.610, 0.815


def test_mobilenet_v1_025_recognises_as_many_photographs_as_it_should(shared: Path) -> None:
    data = zoo.load_data(shared / "data" / "imagenet_samples")
    model = zoo.build("mobilenet_v1_025", weights=str(shared / "weights" / "mobilenet_2_5_224_tf.h5"))
    pixels = build_of(model).preprocessing
    images = np.stack([prepare(open_image(path), pixels, (224, 224, 3)) for path in data.test.inputs])
    best = np.argsort(-model.predict(images, verbose=0), axis=1)[:, :5]
    right = best == data.test.labels[:, None]
    assert len(images) == 200
    assert right[:, 0].mean() == pytest.approx(TOP1, abs=0.005)
    assert right.any(axis=1).mean() == pytest.approx(TOP5, abs=0.005)


def test_zoo_evaluate_chooses_the_preprocessing_and_says_the_same(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = shared / "weights" / "mobilenet_2_5_224_tf.h5"
    command = ["evaluate", "mobilenet_v1_025", "--weights", str(weights), "--json"]
    assert main([*command, "--data", str(shared / "data" / "imagenet_samples")]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["count"] == 200
    assert metrics["top1"] == pytest.approx(TOP1, abs=0.005)
    assert metrics["top5"] == pytest.approx(TOP5, abs=0.005)
