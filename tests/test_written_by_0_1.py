"""Runs, recipes and locks that Zoo 0.1 wrote still open, run and continue; see `written_by_0_1/README.md`."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.cli import main
from zoo.transfer import resume

WRITTEN = Path(__file__).parent / "written_by_0_1"


@pytest.fixture(autouse=True)
def _no_warning_reaches_the_user() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        warnings.filterwarnings("default", category=DeprecationWarning, module="keras|tensorflow|google|numpy")
        yield


def digits(classes: range) -> zoo.Dataset:
    return zoo.load_data("digits", classes=classes)


def recorded(run: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((WRITTEN / run / "run.json").read_text(encoding="utf-8"))
    return content


def check_same_epochs(history: list[dict[str, Any]], expected: str) -> None:
    """Compare with a history that Zoo 0.1 wrote, perhaps on another processor."""
    before = json.loads((WRITTEN / expected).read_text(encoding="utf-8"))
    assert len(history) == len(before)
    for name in ("learning_rate", "loss", "val_loss", "val_accuracy"):
        values, old = [each[name] for each in history], [each[name] for each in before]
        np.testing.assert_allclose(values, old, rtol=1e-3, err_msg=name)


def continued(source: str, folder: str, tmp_path: Path) -> zoo.Run:
    """Resume a copy of ``source`` whose recipe names the place where the copy lies."""
    shutil.copytree(WRITTEN / source, tmp_path / source)
    recipe = next((tmp_path / source).rglob("recipe.json"))
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("WHERE_IT_WAS", tmp_path.as_posix()), encoding="utf-8")
    return resume(tmp_path / folder, progress=False)


def test_a_run_opens_with_its_figures_under_their_new_names() -> None:
    run, record = zoo.load(WRITTEN / "digits"), recorded("digits")
    assert run.metrics is not None
    assert run.report is not None
    assert run.metrics.recall == record["metrics"]["per_class"]
    assert run.metrics.top1 == record["metrics"]["top1"]
    assert run.report.missing == tuple(tuple(each) for each in record["weights"]["initial"])
    assert run.report.unexpected == ("predictions/kernel", "predictions/bias")
    assert run.build.class_names == ("5", "6", "7", "8", "9")
    assert run.build.preprocessing == zoo.Preprocessing(resize="squash", channels="grey", scale=1 / 255, exact=False)


def test_a_run_is_evaluated_to_the_figures_that_it_was_written_with() -> None:
    metrics = zoo.evaluate(WRITTEN / "digits", digits(range(5, 10)))
    before = recorded("digits")["metrics"]
    assert metrics.samples == before["samples"]
    assert metrics.confusion == before["confusion"]
    assert metrics.recall == pytest.approx(before["per_class"])
    assert metrics.loss == pytest.approx(before["loss"], rel=1e-5)
    assert metrics.calibration_error == pytest.approx(before["calibration_error"], rel=1e-3)


def test_a_regression_opens_and_is_evaluated_on_its_table() -> None:
    before = recorded("rows")["metrics"]
    metrics = zoo.evaluate(WRITTEN / "rows", zoo.load_data("table", path=WRITTEN / "rows.csv", target="price", seed=1))
    assert metrics.samples == before["samples"]
    assert (metrics.mae, metrics.rmse) == (
        pytest.approx(before["mae"], rel=1e-5),
        pytest.approx(before["rmse"], rel=1e-5),
    )


def test_a_run_predicts() -> None:
    test = digits(range(5, 10)).test
    assert test is not None
    answers = zoo.predict(WRITTEN / "digits", test.inputs, top=1)
    wrong = {number for number, *_ in recorded("digits")["metrics"]["mistakes"]}
    labels = ("5", "6", "7", "8", "9")
    missed = {
        number
        for number, (answer, label) in enumerate(zip(answers, test.labels, strict=True))
        if answer[0].label != labels[label]
    }
    assert wrong <= missed
    assert len(missed) == round(179 * (1 - recorded("digits")["metrics"]["top1"]))


def test_two_runs_are_compared() -> None:
    comparison = zoo.compare([WRITTEN / "digits", WRITTEN / "stopped"])
    assert [each.metrics and each.metrics.top1 for each in comparison.runs] == [
        recorded(name)["metrics"]["top1"] for name in ("digits", "stopped")
    ]
    assert [(each.decision, each.figure) for each in comparison.verdicts] == [("better", "top-1")]
    assert comparison.differences["strategy.name"] == ("zoo-core/head", "zoo-core/full")


def test_a_run_written_again_opens_with_the_same_content(tmp_path: Path) -> None:
    run = zoo.load(WRITTEN / "digits")
    run.save(tmp_path / "again")
    again = zoo.load(tmp_path / "again")
    assert (again.metrics, again.report, again.build) == (run.metrics, run.report, run.build)
    assert '"squash"' in (tmp_path / "again" / "run.json").read_text(encoding="utf-8")


def test_a_training_that_was_killed_ends_like_one_that_nobody_stopped(tmp_path: Path) -> None:
    run = continued("killed.unfinished", "killed", tmp_path)
    check_same_epochs(run.history, "unstopped_history.json")
    assert [each.name for each in tmp_path.iterdir()] == ["killed"]


def test_a_training_that_ctrl_c_stopped_ends_like_one_that_nobody_stopped(tmp_path: Path) -> None:
    stopped = zoo.load(WRITTEN / "stopped")
    assert stopped.info["interrupted"]
    run = continued("stopped", "stopped", tmp_path)
    check_same_epochs(run.history, "unstopped_history.json")
    assert not run.info["interrupted"]


def test_a_recipe_with_the_old_option_names_trains_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # whoever wrote the recipe may be told the new names
        code = main(["train", "--recipe", str(WRITTEN / "recipe.toml"), "--out", "run"])
    assert code == 0, capsys.readouterr().err
    check_same_epochs(zoo.load("run").history, "recipe_history.json")


@pytest.mark.parametrize("name", ["lenet5.digits_0_4", "cats_and_dogs_convnet", "linear_regression"])
def test_a_lock_is_accepted(name: str, tmp_path: Path) -> None:
    # A lock holds exact versions. Everything else in it has to be what is installed today.
    written = (WRITTEN / "zoo.lock").read_text(encoding="utf-8")
    (tmp_path / "zoo.lock").write_text(written.replace("0.1.0", zoo.__version__), encoding="utf-8")
    assert zoo.build(name, locked=tmp_path / "zoo.lock").count_params() > 0


def test_a_lock_of_another_preprocessing_is_still_refused(tmp_path: Path) -> None:
    written = (WRITTEN / "zoo.lock").read_text(encoding="utf-8").replace("0.1.0", zoo.__version__)
    (tmp_path / "zoo.lock").write_text(written.replace('"squeeze"', '"crop"'), encoding="utf-8")
    with pytest.raises(zoo.LockError, match=r"the preprocessing is .*squash.* here and .*crop.* in the lock"):
        zoo.build("cats_and_dogs_convnet", locked=tmp_path / "zoo.lock")
