"""The report of a run, and the drawings in it."""

from __future__ import annotations

import base64
import json
import re
import shutil
import tomllib
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.cli import main
from zoo.data import Dataset, Split
from zoo.inference.evaluation import outputs_of
from zoo.inference.loaded_model import LoadedModel
from zoo.reporting import run_report
from zoo.transfer.run_pictures import count_parameters, run_pictures

#: What nobody should call a class, and somebody does.
NAMES = ("<b>cat</b>", "a|dog & `co`")


class Page(HTMLParser):
    """A page of HTML as a browser takes it: its tags and attributes, and the text of each tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.cells: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag != "meta":
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open:
            self.cells[-1] += data


@pytest.fixture(scope="module")
def data() -> Dataset:
    digits = zoo.load_data("digits", classes=(3, 8), seed=3)
    return replace(digits, class_names=NAMES)


@pytest.fixture(scope="module")
def run(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> zoo.Run:
    folder = tmp_path_factory.mktemp("runs") / "run"
    options: dict[str, Any] = {"hidden_units": (16, 8), "dropout": 0.1}
    return zoo.transfer("small_mlp", data, "full", epochs=2, seed=1, progress=False, out=folder, **options)


def test_the_page_holds_its_pictures_and_needs_nothing_else(run: zoo.Run) -> None:
    text = (run.folder / "report.html").read_text()
    shown = Page(text)
    assert shown.open == []
    assert shown.tags["script"] == shown.tags["link"] == 0
    assert "http" not in text.replace("http-equiv", "")
    assert '<meta name="viewport"' in text
    sources = [str(each["src"]) for each in shown.images]
    assert all(each.startswith("data:image/png;base64,") for each in sources)
    inside = {base64.b64decode(each.partition(",")[2]) for each in sources}
    assert inside == set(run.pictures.values())
    assert all(each["alt"] for each in shown.images)


def test_names_of_classes_are_text_and_no_markup(run: zoo.Run) -> None:
    text = run_report.render(run)["report.html"]
    assert "<b>" not in text
    assert Page(text).tags["b"] == 0
    assert set(NAMES) <= set(Page(text).cells)
    lines = run_report.render(run)["report.md"].splitlines()
    assert "<b>" not in re.sub(r"\\<", "", "\n".join(lines))
    (dog,) = (line for line in lines if re.match(r"\| a\\\|dog & \\`co\\` \| \d+ \|", line))
    assert len(re.findall(r"(?<!\\)\|", dog)) == 6  # five cells


def test_both_reports_say_the_same(run: zoo.Run) -> None:
    shown, text = Page(run_report.render(run)["report.html"]), run_report.render(run)["report.md"]
    assert text.count("\n## ") == shown.tags["h2"]
    assert text.count("![") == len(shown.images)
    for cell in ("zoo-small/small_mlp, input 8x8x1", f"{run.metrics.top1:.4f}", "calibration error"):
        assert cell in shown.cells
    low, high = run.metrics.intervals["top-1"]
    assert f"| top-1 | {run.metrics.top1:.4f} | {low:.4f} to {high:.4f} |" in text


def test_a_report_takes_data_alone_and_no_model(run: zoo.Run) -> None:
    without_model = SimpleNamespace(
        build=run.build,
        history=run.history,
        report=run.report,
        metrics=run.metrics,
        info=run.info,
        pictures=run.pictures,
    )
    assert run_report.render(without_model) == run.documents


def test_the_commands_of_a_report_run_in_its_folder_whatever_it_is_called(
    run: zoo.Run, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(run.folder, tmp_path / "renamed since")
    Image.fromarray(np.squeeze(data.test.inputs[0])).save(folder / "photo.jpg", quality=100)
    monkeypatch.chdir(folder)
    section = (folder / "report.md").read_text().partition("## Predict with this model")[2].partition("##")[0]
    command = section.partition("```\n")[2].partition("\n```")[0].split()
    program = section.partition("```python\n")[2].partition("\n```")[0].splitlines()
    assert command == ["zoo", "predict", ".", "photo.jpg"]
    assert main([*command[1:], "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    names: dict[str, Any] = {}
    exec("\n".join([*program[:-1], f"answers = {program[-1]}"]), names)
    ((best, _),) = names["answers"]
    assert best.label in NAMES
    assert answer["predictions"][0]["label"] == best.label


def test_a_run_without_held_out_data_says_that_it_is_not_known_how_good_it_is(run: zoo.Run) -> None:
    text = run_report.render(replace(run, metrics=None))["report.md"]
    assert "No data was held out to test the model, so this report cannot say how good it is on new data." in text
    assert "## Results" not in text


def test_the_parameters_that_learnt_are_counted(run: zoo.Run) -> None:
    total = run.model.count_params()
    assert f"{total:,}, of which {total:,} were trained" in run_report.render(run)["report.md"]
    phases = [{"trainable": ("predictions",)}, {"trainable": ("predictions", "hidden2")}]
    last = 8 * 1 + 1  # of two classes one unit
    outputs = run.model.get_layer("predictions").kernel.shape[1]
    last = 8 * outputs + outputs
    assert count_parameters(run.model, phases[:1]) == {"total": total, "trained": last}
    assert count_parameters(run.model, phases)["trained"] == last + 16 * 8 + 8


def test_the_report_holds_a_recipe_that_trains_the_same_model(tmp_path: Path) -> None:
    digits = zoo.load_data("digits", classes=(3, 8), seed=3)
    options: dict[str, Any] = {"hidden_units": (16, 8), "dropout": 0.1}
    run = zoo.transfer("small_mlp", digits, "full", epochs=1, batch_size=16, seed=7, progress=False, **options)
    text = run_report.render(run)["report.md"]
    recipe = tomllib.loads(text.partition("```toml\n")[2].partition("```")[0])
    assert recipe == {
        "model": "small_mlp",
        "strategy": "full",
        "epochs": 1,
        "batch_size": 16,
        "seed": 7,
        "data": {"name": "zoo-core/digits", "seed": 3, "classes": ["3", "8"]},
        "options": {"hidden_units": [16, 8], "dropout": 0.1},
    }
    again = {key: value for key, value in recipe.items() if key not in ("model", "data", "options")}
    named = {"name_or_folder": recipe["data"].pop("name"), **recipe["data"]}
    other = zoo.transfer("small_mlp", zoo.load_data(**named), progress=False, **again, **recipe["options"])
    assert all(map(np.array_equal, run.model.get_weights(), other.model.get_weights()))


def test_the_worst_mistakes_are_drawn_and_named(run: zoo.Run) -> None:
    worst = run.metrics.mistakes[0]
    assert f"| {worst.sample} | " in run_report.render(run)["report.md"]
    assert f"{worst.probability:.1%}" in run_report.render(run)["report.md"]
    assert {"confusion.png", "calibration.png", "mistakes.png"} <= set(run.pictures)


def test_a_table_has_no_contact_sheet_and_a_regression_no_confusion() -> None:
    rows = Split(np.float32([[0], [1], [2], [3]]), np.array([0, 1, 0, 1]))
    data = Dataset("rows", "classification", train=rows, test=rows, class_names=NAMES)
    run = zoo.transfer("small_logistic", data, "full", epochs=1, seed=1, progress=False)
    assert set(run.pictures) == {"curves.png", "predictions.png", "confusion.png", "calibration.png"}
    numbers = Split(rows.inputs, np.float32([0, 1, 2, 3]))
    data = Dataset("rows", "regression", train=numbers, test=numbers)
    run = zoo.transfer("small_regression", data, "full", epochs=1, seed=1, progress=False)
    assert set(run.pictures) == {"curves.png", "predictions.png"}
    assert "95% interval" in run_report.render(run)["report.md"]


def test_a_training_that_was_stopped_in_its_first_epoch_has_a_report_without_curves(
    run: zoo.Run, data: Dataset
) -> None:
    loaded = LoadedModel(run.model, run.build)
    answers = outputs_of(loaded, data.splits["validation"], 32)
    drawn = run_pictures(loaded, data, "validation", [], run.metrics, answers)
    assert set(drawn) == {"confusion.png", "calibration.png", "mistakes.png", "predictions.png"}
    stopped = replace(run, history=[], pictures=drawn, info={**run.info, "interrupted": True})
    text = run_report.render(stopped)["report.md"]
    assert "| interrupted | yes, before the last epoch had finished |" in text
    assert "curves.png" not in text
