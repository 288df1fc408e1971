"""The commands that build and use networks, run in this process."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from zoo.cli import arguments, train

Zoo = Callable[..., tuple[int, str, str]]

TRAIN = ("train", "small_convnet.digits_0_4", "--data", "digits", "--classes", "5,6,7", "--epochs", "1", "--seed", "3")


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# -- zoo build


def test_a_declared_build_is_verified_and_says_against_what(zoo: Zoo) -> None:
    status, out, err = zoo("build", "small_convnet")
    assert (status, err) == (0, "")
    assert "9,798  (verified against 60 + 880" in out
    assert "random initial values" in out


def test_another_configuration_is_built_and_said_not_to_be_checked(zoo: Zoo) -> None:
    words = ("--classes", "3", "--input-shape", "64x64x1", "--option", "dropout=0.5")
    document = json.loads(zoo("build", "small_convnet", *words, "--json")[1])
    assert (document["verified"], document["total"]) == (False, 60 + 880 + (15 * 15 * 16 + 1) * 48 + 1_568 + 99)
    assert (document["input_shape"], document["output_shape"]) == ([None, 64, 64, 1], [None, 3])
    assert document["options"]["config"]["dropout"] == 0.5
    assert "not checked, since this is not the declared configuration" in zoo("build", "small_convnet", *words)[1]


def test_a_network_without_its_top_is_pooled(zoo: Zoo) -> None:
    document = json.loads(zoo("build", "small_resnet", "--no-top", "--pooling", "avg", "--json")[1])
    assert document["output_shape"] == [None, 16]


def test_every_layer_is_shown_when_asked_for(zoo: Zoo) -> None:
    assert "fc2" not in zoo("build", "small_convnet")[1]
    assert "fc2" in zoo("build", "small_convnet", "--summary")[1]


def test_a_build_with_weights_reports_what_became_of_each_variable(zoo: Zoo) -> None:
    out = zoo("build", "small_convnet.digits_0_4")[1]
    assert "10 variables loaded from " in out
    _, out, err = zoo("build", "small_convnet", "--weights", "digits_0_4", "--classes", "3")
    assert "8 variables loaded from " in out
    assert "left at its initial value: predictions/kernel" in out
    assert "left at its initial value" not in err.replace("the head is left at its initial values", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--classes", "-3"), "with classes=-3: a model has a whole number of classes, 1 or more"),
        (("--classes", "three"), "'three' is not a valid integer; see zoo build --help"),
        (("--input-shape", "4x4x1"), "the smallest it takes is 8x8"),
        (("--input-shape", "big"), "'big' is not a shape; write one such as 32x32x3"),
        (("--option", "dropout"), "'dropout' is not of the form key=value"),
        (("--option", "classes=3"), "pass 'classes' as --classes"),
        (("--option", "droput=0.1"), "did you mean 'dropout'?"),
        (("--weights", "imagenet"), "has the tags digits_0_4"),
        (("--weights", "nosuch.h5"), "there is no file nosuch.h5"),
    ],
)
def test_a_build_that_cannot_be_is_one_line(words: tuple[str, ...], message: str, zoo: Zoo) -> None:
    status, out, err = zoo("build", "small_convnet", *words)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert message in err


# -- zoo train, evaluate, predict


@pytest.fixture
def run_folder(zoo: Zoo) -> str:
    """The folder of a small run on the digits 5, 6 and 7."""
    status, out, _ = zoo(*TRAIN, "--json")
    assert status == 0
    return str(json.loads(out)["folder"])


def test_training_prints_its_progress_to_stderr_and_the_outcome_to_stdout(zoo: Zoo) -> None:
    status, out, err = zoo(*TRAIN)
    assert status == 0
    assert out.startswith("runs/small_convnet.digits_0_4-digits-1  small_convnet trained on digits\n")
    assert "next       zoo predict runs/small_convnet.digits_0_4-digits-1 PHOTO.jpg" in " ".join(out.splitlines()[-1:])
    assert err.startswith("digits: 326 for training")
    assert "epoch 1/1 (head)" in err
    written = set(os.listdir("runs/small_convnet.digits_0_4-digits-1"))
    assert {"model.keras", "run.json", "history.json", "report.md", "report.html", "curves.png"} < written


def test_the_recipe_that_a_report_prints_is_the_same_training(zoo: Zoo, run_folder: str) -> None:
    printed = re.search(r"```toml\n(.*?)```", Path(run_folder, "report.md").read_text(), re.DOTALL)
    assert printed is not None
    Path("again.toml").write_text(printed[1])
    status, _, err = zoo("train", "--recipe", "again.toml", "--out", "again", "--json")
    assert status == 0, err
    first, again = (json.loads(Path(each, "run.json").read_text()) for each in (run_folder, "again"))
    assert again["metrics"] == first["metrics"]
    assert again["seed"] == first["seed"]


def test_without_weights_everything_learns(zoo: Zoo) -> None:
    for words, strategy in ((("small_convnet",), "full"), (("small_convnet.digits_0_4",), "head")):
        status, out, _ = zoo("train", *words, "--data", "digits", "--classes", "5,6", "--epochs", "1", "--json")
        assert status == 0
        assert json.loads(out)["strategy"]["name"] == f"zoo-core/{strategy}"


def test_each_run_gets_a_folder_of_its_own() -> None:
    assert train.new_run_folder("net-data") == os.path.join("runs", "net-data-1")
    Path("runs/net-data-1").mkdir(parents=True)
    assert train.new_run_folder("net-data") == os.path.join("runs", "net-data-2")


def test_a_run_evaluates_on_what_was_held_out_of_its_own_data(zoo: Zoo, run_folder: str) -> None:
    recorded = json.loads(Path(run_folder, "run.json").read_text())["metrics"]
    for words in ((), ("--data", "digits")):  # named again, the data is still divided as it was for training
        measured = json.loads(zoo("evaluate", run_folder, *words, "--json")[1])
        assert (measured["count"], measured["split"]) == (recorded["count"], "test")
        assert measured["top1"] == pytest.approx(recorded["top1"])
    _, out, _ = zoo("evaluate", run_folder, "--split", "validation")
    first, top_1, calibration, header, _, *classes = out.splitlines()
    assert "validation samples" in first
    assert top_1.split()[-1] == "(95%)"
    assert "expected error" in calibration
    assert header.split() == ["class", "recall", "precision", "F1", "samples"]
    assert [line.split()[0] for line in classes] == ["5", "6", "7"]


def test_a_run_predicts_by_the_names_of_its_classes(zoo: Zoo, run_folder: str) -> None:
    for name in ("a.png", "b.png"):
        Image.new("L", (8, 8), 99).save(name)
    (answer,) = json.loads(zoo("predict", run_folder, "a.png", "--top", "2", "--json")[1])
    assert answer["input"] == "a.png"
    assert len(answer["predictions"]) == 2
    assert {each["label"] for each in answer["predictions"]} < {"5", "6", "7"}
    assert zoo("predict", run_folder, "a.png")[1].startswith("a.png\n  ")
    header, _, *lines = zoo("predict", run_folder, "a.png", "b.png")[1].splitlines()
    assert header.split() == ["input", "prediction", "next", "best"]
    assert [line.split()[0] for line in lines] == ["a.png", "b.png"]


def test_files_left_out_are_counted_and_named(zoo: Zoo) -> None:
    for number in range(20):
        for name, grey in (("dark", 20), ("light", 220)):
            Path("photos", name).mkdir(parents=True, exist_ok=True)
            Image.new("L", (32, 32), grey + number).save(f"photos/{name}/{number}.png")
    Path("photos/dark/broken.jpg").write_bytes(b"\xff\xd8\xff")
    words = ("train", "small_convnet.digits_0_4", "--data", "photos", "--epochs", "1", "--out", "run")
    status, _, err = zoo(*words)
    assert status == 0
    assert "1 file skipped" in err
    assert "skipped photos/dark/broken.jpg: " in err
    status, out, err = zoo(*words[:-1], "other", "--on-error", "refuse")
    assert (status, out) == (1, "")
    assert "broken.jpg" in err
    status, _, err = zoo(*words)
    assert status == 1
    assert "the folder exists and is not empty" in err
    assert "skipped" not in err  # it is said before the photographs are looked at


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "small_convnet"), "pass --data, or a recipe that contains it; see zoo train --help"),
        (("train", "small_convnet", "--data", "digits", "--strategy", "haed"), "did you mean 'head'?"),
        (("train", "small_convnt", "--data", "digits"), "did you mean 'small_convnet' or"),
        (("train", "small_convnet", "--data", "nofolder"), "there is no folder 'nofolder'"),
        (
            ("evaluate", "small_convnet.digits_0_4"),
            "is not the folder of a run; pass --data to say what to measure on; see zoo evaluate --help",
        ),
        (("predict", "small_convnet.digits_0_4"), "missing argument 'IMAGE...'"),
        (("predict", "small_convnet.digits_0_4", "no.jpg"), "predict 'no.jpg': there is no such file"),
        (("predict", "small_convnet.digits_0_4", "a.csv", "b.csv"), "pass one CSV file at a time"),
        (("predict", "small_convnet", __file__), "without weights has random values"),
        (("predict", "small_convnet.digits_0_4", __file__), "it is not an image in a known format"),
        (("weights", "verify", __file__), "pass --model as well"),
        (("weights", "verify", __file__, "--model", "small_convnet"), "test_cli_training.py"),
    ],
)
def test_a_mistake_is_one_line(words: tuple[str, ...], message: str, zoo: Zoo) -> None:
    status, out, err = zoo(*words)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert message in err


def test_weights_are_verified(zoo: Zoo) -> None:
    status, out, _ = zoo("weights", "verify", "small_convnet.digits_0_4")
    assert status == 0
    assert "10, all loaded" in out
    assert json.loads(zoo("weights", "verify", "small_convnet.digits_0_4", "--json")[1])["tag"] == "digits_0_4"


# -- the former names of options


def test_a_former_name_of_an_option_still_works_and_one_line_says_what_it_is_called_now(zoo: Zoo) -> None:
    words = ("--schedule", "step", "--epochs", "2", "--json")
    status, out, err = zoo(*TRAIN, *words, "--decay", "0.5", "--decay-every", "1", "--accumulate", "2")
    assert status == 0, err
    assert json.loads(out)["training"] == {
        "schedule": "step",
        "lr_decay": 0.5,
        "lr_decay_every": 1,
        "gradient_accumulation_steps": 2,
    }
    warnings = [line for line in err.splitlines() if line.startswith("zoo: warning: ")]
    assert [line.split()[2] + " " + line.split()[6] for line in warnings] == [
        "--decay --lr-decay;",
        "--decay-every --lr-decay-every;",
        "--accumulate --gradient-accumulation-steps;",
    ]
    help_page = zoo("train", "--help")[1]
    assert "--lr-decay-every" in help_page
    assert not {"--decay", "--decay-every", "--accumulate"} & set(help_page.split())


def test_an_option_under_both_of_its_names_is_an_error(zoo: Zoo) -> None:
    status, out, err = zoo(*TRAIN, "--decay", "0.5", "--lr-decay", "0.5")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "--decay is the old name of --lr-decay; pass only --lr-decay" in err


# -- what JSON calls things


def test_the_json_of_a_run_calls_its_figures_and_its_load_report_by_the_names_of_the_field(
    zoo: Zoo, run_folder: str
) -> None:
    record = json.loads(Path(run_folder, "run.json").read_text())
    evaluated = json.loads(zoo("evaluate", run_folder, "--json")[1])
    for metrics in (record["metrics"], evaluated):
        assert set(metrics["recall"]) == {"5", "6", "7"}
        assert "per_class" not in metrics
    assert evaluated["recall"] == pytest.approx(record["metrics"]["recall"])
    built = json.loads(zoo("build", "small_convnet", "--weights", "digits_0_4", "--classes", "3", "--json")[1])
    for report in (record["weights"], built["weights"]):
        assert {name for name, _ in report["missing"]} == {"predictions/kernel", "predictions/bias"}
        assert sorted(report["unexpected"]) == ["predictions/bias", "predictions/kernel"]
        assert not {"initial", "unused"} & report.keys()


# -- arguments


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("(16, 32)", (16, 32)), ("True", True), ("none", None), ("relu", "relu"), ("1e-3", 1e-3)],
)
def test_the_value_of_an_option_is_what_python_would_read(text: str, value: Any) -> None:
    assert arguments.value_of(text) == value


def test_shapes_names_and_fractions_are_read() -> None:
    assert arguments.shape("32x32x3") == arguments.shape("32,32,3") == arguments.shape("(32, 32, 3)") == (32, 32, 3)
    assert arguments.shape("8") == (8,)
    assert arguments.names("cat, dog,") == ("cat", "dog")
    assert arguments.fraction_or_path("0.2") == 0.2
    assert arguments.fraction_or_path("held_out") == "held_out"
