"""What a run leaves in its folder, and what opening the folder gives back."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.errors import ArgumentError, RunError, WeightsError

FILES = {
    "calibration.png",
    "confusion.png",
    "curves.png",
    "history.csv",
    "history.json",
    "mistakes.png",
    "model.keras",
    "predictions.png",
    "report.html",
    "report.md",
    "run.json",
}


def train(model: Any, data: Any, strategy: str = "full", **options: Any) -> zoo.Run:
    return zoo.transfer(model, data, strategy, **{"epochs": 1, "seed": 1, "progress": False, **options})


@pytest.fixture(scope="module")
def digits() -> zoo.Dataset:
    return zoo.load_data("digits", classes=(7, 1), seed=3)


@pytest.fixture(scope="module")
def run(digits: zoo.Dataset, tmp_path_factory: pytest.TempPathFactory) -> zoo.Run:
    folder = tmp_path_factory.mktemp("runs") / "not" / "yet" / "there"
    return train("small_mlp", digits, epochs=3, hidden_units=(16, 8), batch_norm=True, dropout=0.1, out=folder)


@pytest.fixture
def copy(run: zoo.Run, tmp_path: Path) -> Path:
    """A copy of the run's folder, to damage."""
    return Path(shutil.copytree(run.folder, tmp_path / "copy"))


def test_the_folder_holds_everything_and_nothing_else(run: zoo.Run) -> None:
    assert {each.name for each in run.folder.iterdir()} == FILES
    assert [each.name for each in run.folder.parent.iterdir()] == ["there"]


def test_an_opened_run_is_the_run_that_was_written(run: zoo.Run, digits: zoo.Dataset) -> None:
    opened = zoo.load(run.folder)
    assert all(map(np.array_equal, opened.model.get_weights(), run.model.get_weights()))
    assert opened.build == run.build
    assert opened.build.class_names == ("7", "1")
    assert opened.build.options["config"]["hidden_units"] == (16, 8)
    assert (opened.history, opened.metrics, opened.pictures) == (run.history, run.metrics, run.pictures)
    assert opened.info["seed"] == 1
    pictures = list(digits.test.inputs[:5])
    assert zoo.predict(opened, pictures) == zoo.predict(run, pictures) == zoo.predict(str(run.folder), pictures)


def test_the_record_says_how_to_do_it_again(run: zoo.Run, digits: zoo.Dataset) -> None:
    record = json.loads((run.folder / "run.json").read_text())
    assert record["format"] == 1
    assert record["model"]["name"] == "zoo-small/small_mlp"
    assert record["strategy"]["name"] == "zoo-core/full"
    assert record["strategy"]["phases"] == [{"name": "full", "trainable": ["*"], "epochs": 3, "learning_rate": 0.001}]
    assert record["versions"]["keras"] == keras.__version__
    again = zoo.load_data(**record["data"]["origin"])
    assert np.array_equal(again.test.inputs, digits.test.inputs)


def test_the_report_can_be_read_by_a_person(run: zoo.Run) -> None:
    text = (run.folder / "report.md").read_text()
    assert text.startswith("# small_mlp on digits\n")
    assert str(run.metrics) in text
    assert "None: training started from random values." in text
    assert "zoo predict . photo.jpg" in text
    assert "there" not in text  # the name of the folder, which may be changed
    assert "| full | all | 3 | 0.001 |" in text


def test_the_pictures_are_pictures(run: zoo.Run) -> None:
    for name in ("curves.png", "predictions.png"):
        with Image.open(run.folder / name) as image:
            image.load()
            assert min(image.size) > 300
            assert len(image.convert("RGB").getcolors(1_000_000) or ()) > 20


def test_data_of_one_split_has_no_figures_and_says_so(digits: zoo.Dataset) -> None:
    run = train("small_mlp", replace(digits, validation=None, test=None))
    assert run.metrics is None
    assert "val_loss" not in run.history[0]
    assert set(run.pictures) == {"curves.png", "predictions.png"}


def test_keras_opens_the_model_too(run: zoo.Run) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = keras.models.load_model(run.folder / "model.keras")
    assert all(map(np.array_equal, plain.get_weights(), run.model.get_weights()))


def test_a_run_in_memory_is_saved_later(digits: zoo.Dataset, tmp_path: Path) -> None:
    run = train("small_mlp", digits)
    assert run.folder is None
    saved = run.save(tmp_path / "run")
    assert saved.folder == tmp_path / "run"
    assert {each.name for each in saved.folder.iterdir()} == FILES
    with pytest.raises(RunError, match="exists and is not empty"):
        run.save(tmp_path / "run")


def test_a_run_that_is_opened_and_saved_elsewhere_keeps_its_report_and_pictures(run: zoo.Run, tmp_path: Path) -> None:
    copy = zoo.load(run.folder).save(tmp_path / "elsewhere")
    assert {each.name for each in copy.folder.iterdir()} == FILES
    for name in FILES - {"model.keras"}:
        assert (copy.folder / name).read_bytes() == (run.folder / name).read_bytes(), name
    assert zoo.load(copy.folder).documents == run.documents


def test_a_run_goes_on_from_its_folder_and_the_report_names_it(run: zoo.Run, digits: zoo.Dataset) -> None:
    onward = train(str(run.folder), digits, "head")
    assert onward.build.options == run.build.options
    assert onward.report.source == str(run.folder)


def test_a_table_is_encoded_for_an_opened_run_as_it_was_in_training(tmp_path: Path) -> None:
    lines = [f"{number},{'rain' if number % 3 else 'sun'},{number * 2}" for number in range(60)]
    path = tmp_path / "sales.csv"
    path.write_text("\n".join(["day,weather,sales", *lines]))
    data = zoo.load_data(path, target="sales")
    run = train("small_regression", data, out=tmp_path / "run")
    opened = zoo.load(tmp_path / "run")
    assert opened.build.table == data.table
    rows = [{"day": "61", "weather": "rain"}, {"day": "", "weather": "snow"}]
    assert zoo.predict(opened, rows) == zoo.predict(run, rows)
    assert "rows.csv" in (tmp_path / "run" / "report.md").read_text()


# -- writing


def test_a_folder_that_holds_something_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(RunError, match="the folder exists and is not empty; pass another folder"):
        train("no such model", "no such data", out=tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(RunError, match="there is a file with that name"):
        train("small_mlp", "digits", out=tmp_path / "run")


def test_an_empty_folder_is_used(digits: zoo.Dataset, tmp_path: Path) -> None:
    assert train("small_mlp", digits, out=tmp_path).folder == tmp_path
    assert (tmp_path / "run.json").is_file()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_place_is_refused_with_the_reason(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match=r"cannot be created \(Permission denied\)"):
        train("small_mlp", "digits", out=tmp_path / "run")


def test_a_place_where_nothing_can_be_created_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("zoo.atomic.tempfile.mkdtemp", refuse)
    with pytest.raises(RunError, match=r"run': it cannot be created \(Permission denied\); pass another folder"):
        train("small_mlp", "digits", out=tmp_path / "new" / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_is_interrupted_leaves_nothing(digits: zoo.Dataset, tmp_path: Path) -> None:
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("small_mlp", digits, out=tmp_path / "a" / "run", callbacks=[Interrupt()])
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_leaves_nothing(run: zoo.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run.model, "save", full)
    with pytest.raises(RunError, match="No space left on device"):
        run.save(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


# -- opening


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    record = json.loads((folder / "run.json").read_text())
    change(record)
    (folder / "run.json").write_text(json.dumps(record))


def test_what_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such folder"):
        zoo.load(tmp_path / "nothing")
    with pytest.raises(RunError, match=r"it holds no run\.json, so it is not a run"):
        zoo.load(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="it is a file"):
        zoo.load(tmp_path / "file")


@pytest.mark.parametrize("name", ["model.keras", "history.json"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(RunError, match=f"{name} is missing; copy the folder again"):
        zoo.load(copy)


def test_a_damaged_record_is_named(copy: Path) -> None:
    whole = (copy / "run.json").read_text()
    for content in (whole[: len(whole) // 2], "[]", "{}", '{"format": 1}', "\0"):
        (copy / "run.json").write_text(content)
        with pytest.raises(RunError, match=r"run\.json is damaged"):
            zoo.load(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["model"].update(options={"classes": 2}),
        lambda record: record["model"].update(preprocessing={"sclae": 2}),
        lambda record: record["model"]["options"]["config"].update(hidden_units=["many"]),
        lambda record: record["model"].update(table={"target": "x"}),
        lambda record: record.update(metrics={"accuracy": 1}),
    ],
)
def test_a_record_with_nonsense_in_it_is_refused(copy: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    edit(copy, change)
    with pytest.raises(RunError):
        zoo.load(copy)


def test_a_truncated_model_is_refused(copy: Path) -> None:
    content = (copy / "model.keras").read_bytes()
    (copy / "model.keras").write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError, match="its model cannot be restored") as caught:
        zoo.load(copy)
    assert isinstance(caught.value.__cause__, WeightsError)


def test_a_model_of_other_classes_than_the_record_says_is_refused(copy: Path) -> None:
    edit(copy, lambda record: record["model"]["options"].update(classes=3))
    with pytest.raises(RunError, match=r"model\.keras has no values for predictions/kernel"):
        zoo.load(copy)


def test_a_plugin_that_is_gone_is_named_with_its_version(copy: Path) -> None:
    edit(copy, lambda record: record["model"].update(name="zoo-acme/acmenet", version="1.2"))
    with pytest.raises(RunError, match=r"no installed plugin offers its model .*; install zoo-acme 1\.2"):
        zoo.load(copy)


def test_a_folder_of_a_later_zoo_is_refused(copy: Path) -> None:
    edit(copy, lambda record: record.update(format=2))
    with pytest.raises(
        RunError,
        match="format is 2, and this version of Zoo reads formats up to 1; install a later version",
    ):
        zoo.load(copy)


def test_no_code_in_the_folder_is_run(copy: Path, tmp_path: Path) -> None:
    """The configuration in model.keras is not looked at, so that a Lambda in it does nothing."""
    import zipfile

    source = zipfile.ZipFile(copy / "model.keras")
    with zipfile.ZipFile(tmp_path / "other", "w") as target:
        for name in source.namelist():
            target.writestr(name, b"import os; os.abort()" if name == "config.json" else source.read(name))
    shutil.move(tmp_path / "other", copy / "model.keras")
    assert zoo.load(copy).metrics is not None


def test_options_that_are_no_data_are_refused_before_training(digits: zoo.Dataset) -> None:
    with pytest.raises(ArgumentError, match="cannot be kept with the run"):
        train("small_mlp", digits, activation=keras.activations.relu)
