"""Every card is complete, its file is the one it names, and the weights do what the card says."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import zoo
from zoo.weights import verify
from zoo_weights.plugin import CARDS
from zoo_weights.publish import publish, write_card

NAMES = sorted(path.stem for path in CARDS.glob("*.toml"))


def card_of(name: str) -> dict:
    return tomllib.loads((CARDS / f"{name}.toml").read_text(encoding="utf-8"))


def test_every_file_has_a_card_and_every_card_a_file_that_the_zoo_lists() -> None:
    assert NAMES
    assert sorted(path.stem for path in CARDS.glob("*.safetensors")) == NAMES
    assert set(NAMES) <= set(zoo.list_weights())


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_whole_and_small(name: str) -> None:
    assert verify(name).report.sha256 == card_of(name)["sha256"]
    assert (CARDS / f"{name}.safetensors").stat().st_size < 4 * 2**20


@pytest.mark.parametrize("name", NAMES)
def test_the_recipe_on_a_card_is_a_command_with_its_seed_and_model(name: str) -> None:
    card = card_of(name)
    words = shlex.split(card["recipe"])
    assert words[:3] == ["zoo", "train", name.partition(".")[0]]
    assert words[words.index("--seed") + 1] == str(card["seed"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", card["date"])


def test_lenet5_reaches_on_the_held_out_digits_what_its_card_says() -> None:
    card = card_of("lenet5.digits_0_4")
    data = zoo.load_data("digits", classes=range(5), seed=card["seed"])
    metrics = zoo.evaluate("lenet5.digits_0_4", data)
    assert f"{metrics.count} {metrics.split} samples" == card["measured_on"]
    assert metrics.top1 == pytest.approx(card["metrics"]["top-1"], abs=0.01)


def test_a_run_becomes_a_file_and_a_card(tmp_path: Path) -> None:
    data = zoo.load_data("synthetic_images", count=40, size=32, channels=1, test=0.2)
    zoo.transfer("lenet5", data, "full", epochs=1, seed=7, out=tmp_path / "run", progress=False)
    path = write_card(tmp_path / "run", "toys", summary="toys", licence="none", recipe="zoo train", folder=tmp_path)
    card = tomllib.loads(path.read_text())
    assert (card["model"], card["tag"], card["seed"]) == ("zoo-classic/lenet5", "toys", 7)
    model = zoo.build("lenet5", classes=card["classes"])
    report = zoo.load_weights(model, path.with_suffix(".safetensors"))
    assert (report.sha256, report.missing) == (card["sha256"], ())


def test_what_is_no_run_is_refused_in_one_line(tmp_path: Path) -> None:
    arguments = [str(tmp_path), "tag", "--summary", "s", "--licence", "l", "--recipe", "r"]
    result = CliRunner().invoke(publish, arguments)
    assert result.exit_code == 1
    assert str(tmp_path) in result.output
