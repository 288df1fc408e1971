"""Runs side by side: what differs, and whether the difference could be chance."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import zoo
from zoo.errors import ArgumentError, RunError
from zoo.inference.comparison import mcnemar
from zoo.inference.scoring import Answers, classification_metrics, regression_metrics
from zoo.runs.metrics import Metrics

Zoo = Callable[..., tuple[int, str, str]]


def figures(right: list[bool], samples: str = "the same") -> Metrics:
    """The figures of a classifier of two classes that got these samples right."""
    labels = np.zeros(len(right), np.int64)
    predicted = np.where(right, 0, 1)
    ones = np.ones(len(right))
    metrics = classification_metrics(
        "classification", "test", ("a", "b"), Answers(labels, predicted, ones, ones, ones > 0)
    )
    return Metrics(**{**metrics.as_dict(), "samples": samples})


def write(folder: Path, metrics: Metrics | None, *, task: str = "head", seed: int = 1, **more: Any) -> Path:
    """Write as much of a run's folder as is compared."""
    folder.mkdir(parents=True)
    phase = {"name": task, "trainable": ["predictions"], "epochs": 2, "learning_rate": 0.01}
    record = {
        "format": 1,
        "model": {"name": "zoo-small/small_convnet", "version": "0.1.0", "options": {"classes": 2, "config": {}}},
        "weights": None,
        "metrics": metrics.as_dict() if metrics else None,
        "data": {"name": "digits", "description": "digits.", "origin": {"name_or_folder": "digits", "seed": 0}},
        "strategy": {"name": f"zoo-core/{task}", "options": {}, "phases": [phase]},
        "seed": seed,
        "batch_size": 32,
        "seconds": {"training": 3.25, "total": 5.0},
        "versions": {"keras": "3.15.1"},
        **more,
    }
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "history.json").write_text(json.dumps([{"epoch": 1, "phase": task}, {"epoch": 2, "phase": task}]))
    return folder


# -- McNemar's test


def test_the_probability_of_the_difference_is_that_of_an_exact_binomial_test() -> None:
    assert mcnemar(0, 5) == 2 / 32  # by hand: all heads or all tails of five coins
    assert mcnemar(1, 9) == 2 * (1 + 10) / 1024
    assert mcnemar(0, 0) == mcnemar(4, 4) == 1
    for one, other in ((3, 8), (120, 160), (2000, 2150)):
        assert mcnemar(one, other) == mcnemar(other, one)
        assert mcnemar(one, other) == pytest.approx(stats.binomtest(one, one + other).pvalue, rel=1e-9)


def test_a_difference_on_the_same_samples_is_judged_sample_by_sample(tmp_path: Path) -> None:
    before = [True] * 80 + [False] * 20
    after = [True] * 80 + [True] * 10 + [False] * 10  # ten more, and none lost
    one, other = write(tmp_path / "one", figures(before)), write(tmp_path / "other", figures(after))
    (verdict,) = zoo.compare([one, other]).verdicts
    assert (verdict.decision, verdict.p_value) == ("better", 2 / 1024)
    assert verdict.difference == pytest.approx(0.1)
    assert verdict.reason == (
        "better: of 100 samples, this run alone got 10 right and the first run alone 0 "
        "(McNemar's exact test, p = 0.002)"
    )
    assert zoo.compare([other, one]).verdicts[0].decision == "worse"
    # The intervals, 0.71 to 0.87 and 0.83 to 0.94, overlap: without the samples nothing could be said.
    others = write(tmp_path / "elsewhere", figures(after, "others"))
    (verdict,) = zoo.compare([one, others]).verdicts
    assert (verdict.decision, verdict.p_value) == ("undecided", None)
    assert "measured on different samples, overlap" in verdict.reason


def test_as_many_won_as_lost_is_undecided_however_many_they_are(tmp_path: Path) -> None:
    one = write(tmp_path / "one", figures([True] * 30 + [False] * 30))
    other = write(tmp_path / "other", figures([False] * 28 + [True] * 32))
    (verdict,) = zoo.compare([one, other]).verdicts
    assert verdict.decision == "undecided"
    assert "this run alone got 30 right and the first run alone 28" in verdict.reason


def test_intervals_that_lie_apart_are_a_difference(tmp_path: Path) -> None:
    one = write(tmp_path / "one", figures([True] * 50 + [False] * 50, "some"))
    other = write(tmp_path / "other", figures([True] * 90 + [False] * 10, "others"))
    (verdict,) = zoo.compare([one, other]).verdicts
    assert (verdict.decision, verdict.p_value) == ("better", None)
    assert "do not overlap" in verdict.reason


def test_a_smaller_error_of_a_regression_is_the_better(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=200)
    targets = np.arange(200.0)
    runs = [write(tmp_path / f"{size}", regression_metrics("test", targets + size * noise, targets)) for size in (1, 5)]
    (verdict,) = zoo.compare(runs).verdicts
    assert (verdict.figure, verdict.decision) == ("MAE", "worse")
    assert verdict.difference > 0


# -- what is shown


def test_settings_that_differ_are_listed_and_no_others(tmp_path: Path) -> None:
    report = {"source": "/somewhere/small_convnet.h5", "tag": "digits"}
    one = write(tmp_path / "one", figures([True, False]), parameters={"total": 100, "trained": 10})
    other = write(tmp_path / "other", figures([True, False]), task="full", seed=2, weights=report, training={"l2": 0.1})
    comparison = zoo.compare([one, other])
    assert comparison.differences == {
        "strategy.name": ("zoo-core/head", "zoo-core/full"),
        "strategy.phases.1.name": ("head", "full"),
        "seed": (1, 2),
        "weights": ("random", "digits"),
        "training.l2": (None, 0.1),
    }
    assert [(each.model, each.strategy, each.epochs, each.seconds) for each in comparison.runs] == [
        ("small_convnet", "head", 2, 3.25),
        ("small_convnet", "full", 2, 3.25),
    ]
    assert [each.trained for each in comparison.runs] == [10, None]


def test_a_run_without_figures_is_undecided_and_says_why(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one", None), write(tmp_path / "other", figures([True]))
    (verdict,) = zoo.compare([one, other]).verdicts
    assert verdict.reason == f"undecided: {one} has no figures, because no data was held out"


def test_figures_of_a_run_of_an_earlier_zoo_are_compared_by_their_intervals(tmp_path: Path) -> None:
    old = {"task": "classification", "split": "test", "count": 100, "loss": 0.5, "top1": 0.6, "top5": None}
    one, other = write(tmp_path / "one", Metrics(**old)), write(tmp_path / "other", figures([True] * 100))
    record = json.loads((one / "run.json").read_text())
    (one / "run.json").write_text(json.dumps({**record, "metrics": old}))
    comparison = zoo.compare([one, other])
    assert comparison.runs[0].metrics.intervals["top-1"] == pytest.approx((0.5020, 0.6906), abs=1e-4)
    assert comparison.verdicts[0].decision == "better"
    assert "on samples that may differ, do not overlap" in comparison.verdicts[0].reason


def test_runs_in_memory_are_compared_too(tmp_path: Path) -> None:
    digits = zoo.load_data("digits", classes=(7, 1), seed=3)
    runs = [zoo.transfer("small_mlp", digits, "full", epochs=epochs, seed=1, progress=False) for epochs in (1, 3)]
    comparison = zoo.compare([runs[0], runs[1].save(tmp_path / "run")])
    assert [each.epochs for each in comparison.runs] == [1, 3]
    assert [each.trained for each in comparison.runs] == [runs[0].model.count_params()] * 2
    assert comparison.differences == {"strategy.phases.1.epochs": (1, 3)}
    assert comparison.verdicts[0].p_value is not None
    assert json.loads(json.dumps(comparison.as_dict()))["verdicts"][0]["figure"] == "top-1"


@pytest.mark.parametrize("damage", [lambda record: record.pop("strategy"), lambda record: record.update(metrics=[1])])
def test_what_cannot_be_compared_is_refused(tmp_path: Path, damage: Callable[[dict[str, Any]], Any]) -> None:
    whole = write(tmp_path / "whole", figures([True]))
    with pytest.raises(RunError, match="there is no such folder"):
        zoo.compare([whole, tmp_path / "nothing"])
    with pytest.raises(RunError, match=r"holds no run\.json"):
        zoo.compare([whole, tmp_path])
    with pytest.raises(ArgumentError, match="compare 1 run: a comparison needs at least two"):
        zoo.compare([whole])
    with pytest.raises(ArgumentError, match="this is a single run"):
        zoo.compare(str(whole))
    with pytest.raises(ArgumentError, match="a value of type int is not a run"):
        zoo.compare([whole, 3])
    numbers = write(tmp_path / "numbers", regression_metrics("test", np.ones(3), np.arange(3.0)))
    with pytest.raises(
        ArgumentError, match=r"is classification, and that of .* is regression; compare runs with the same task"
    ):
        zoo.compare([whole, numbers])
    record = json.loads((whole / "run.json").read_text())
    damage(record)
    (whole / "run.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        zoo.compare([whole, whole])


# -- zoo compare


def test_runs_are_printed_with_what_differs_and_who_is_better(zoo: Zoo, tmp_path: Path) -> None:
    one = write(tmp_path / "one", figures([True] * 80 + [False] * 20))
    other = write(tmp_path / "other", figures([True] * 95 + [False] * 5), seed=2)
    status, out, err = zoo("compare", str(one), str(other))
    assert (status, err) == (0, "")
    assert "0.8000 (0.7112 to 0.8666)" in out
    assert ["seed", "1", "2"] in [line.split() for line in out.splitlines()]
    assert "better: of 100 samples" in " ".join(out.split())
    document = json.loads(zoo("compare", str(one), str(other), "--json")[1])
    assert document["verdicts"][0]["decision"] == "better"
    status, out, err = zoo("compare", str(one), "nowhere")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "compare the run 'nowhere': there is no such folder" in err


def test_runs_are_compared_without_starting_tensorflow(tmp_path: Path) -> None:
    folders = [str(write(tmp_path / name, figures([True, False]))) for name in ("one", "other")]
    code = "import sys, zoo; zoo.compare(sys.argv[1:]); print([m for m in ('keras', 'tensorflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, *folders], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
