"""The commands that only look, run in this process: what they print, and that every mistake is one clear line."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from zoo import registry
from zoo.cli import preprocessing_text
from zoo.specs import Preprocessing

Zoo = Callable[..., tuple[int, str, str]]
Install = Callable[..., None]

ACME = """\
from zoo import ModelSpec, ParameterCount, StrategySpec, WeightsSpec, hookimpl

def model(name, **more):
    return ModelSpec(
        name=name, builder="acme:build", input_shape=(4,), classes=2, parameters=ParameterCount(1_234, 1_000),
        summary="a net of acme", task="classification", **more,
    )

@hookimpl
def zoo_models():
    yield model("acmenet", aliases=("acme",), config={"depth": 4}, paper="https://example.org", year=2026)
    yield model("acmenet_wide")

@hookimpl
def zoo_weights():
    yield WeightsSpec(
        model="acmenet", name="tiny", source="acme.h5", sha256="0" * 64, classes=2, summary="two of them",
        class_names=("cat", "dog"), metrics={"top-1": 0.75},
    )

@hookimpl
def zoo_strategies():
    yield StrategySpec(name="gently", phases="acme:phases", summary="train gently", config={"layers": 3})
"""

BROKEN = "raise RuntimeError('no licence')"


# -- zoo list


def test_a_model_is_listed_with_its_count_input_weights_and_plugin(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", ACME)
    status, out, err = zoo("list", "acmenet")
    line = next(line for line in out.splitlines() if line.startswith("acmenet "))
    assert line.split() == ["acmenet", "1,234", "0.750", "4", "zoo-acme", "tiny", "a", "net", "of", "acme"]
    assert (status, err) == (0, "")


def test_a_word_is_looked_for_anywhere_in_the_name_and_a_pattern_is_a_pattern(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", ACME)
    assert _names(zoo("list", "net_wi", "--json")) == ["acmenet_wide"]
    assert _names(zoo("list", "acme*", "--json")) == ["acmenet", "acmenet_wide"]
    assert _names(zoo("list", "*cmenet", "--json")) == ["acmenet"]


def test_a_list_can_be_narrowed_to_models_with_weights_to_a_plugin_and_to_a_task(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", ACME)
    acme = ("list", "--plugin", "zoo-acme", "--json")
    assert _names(zoo(*acme, "--weights")) == ["acmenet"]
    assert _names(zoo(*acme, "--no-weights")) == ["acmenet_wide"]
    assert _names(zoo(*acme, "--task", "regression")) == []
    assert _names(zoo(*acme, "--task", "classification")) == ["acmenet", "acmenet_wide"]


def test_datasets_and_strategies_are_listed_too(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", ACME)
    assert "digits" in _names(zoo("list", "--datasets", "--json"))
    assert "gently" in _names(zoo("list", "--strategies", "--json"))
    assert "layers=3  zoo-acme  train gently" in zoo("list", "--strategies", "gent")[1]


#: More weights for the first of acme's models, and some for the other.
MANY = ACME.replace(
    "@hookimpl\ndef zoo_strategies",
    """\
    def more(model, name, **fields):
        source = f"https://example.org/{model}_{name}.safetensors"
        return WeightsSpec(model=model, name=name, source=source, classes=2, summary="more", **fields)

    pixels = Preprocessing(crop_fraction=0.5, interpolation="bicubic", mean=(2.0,))
    yield more("acmenet", "imagenet", metrics={"top-1": 0.5}, licence="MIT", preprocessing=pixels)
    yield more("acmenet", "imagenet_8", input_shape=(8,), config={"depth": 2}, include_top=False)
    yield more("acmenet_wide", "imagenet", sha256="0123456789ab", metrics={"top-1": 0.9, "top-5": 1.0})

@hookimpl
def zoo_strategies""",
).replace("ParameterCount,", "ParameterCount, Preprocessing,")


def test_of_many_weights_the_list_names_the_main_ones_and_counts_the_others(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", MANY)
    lines = zoo("list", "acmenet")[1].splitlines()
    assert lines[2].split()[:7] == ["acmenet", "1,234", "0.750", "4", "zoo-acme", "imagenet", "+2"]
    assert lines[3].split()[:7] == ["acmenet_wide", "1,234", "0.900", "4", "zoo-acme", "imagenet", "a"]


def test_the_list_of_models_with_weights_names_every_tag(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", MANY)
    line = zoo("list", "acmenet", "--weights")[1].splitlines()[2]
    assert line.endswith("0.750  4      tiny, imagenet, imagenet_8")


def test_the_most_accurate_come_first_and_those_without_figures_last(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", MANY.replace('model("acmenet_wide")', 'model("acmenet_wide")\n    yield model("acmenet_bare")'))
    assert _names(zoo("list", "acmenet", "--sort", "top-1", "--json")) == ["acmenet_wide", "acmenet", "acmenet_bare"]


def test_an_empty_list_says_so_and_is_no_error(zoo: Zoo) -> None:
    count = len(registry.list_models())
    assert zoo("list", "nosuch") == (0, "", f"no model matches; the zoo has {count:,} models\n")
    assert zoo("list", "nosuch", "--json")[:2] == (0, "[]\n")


def test_a_narrow_terminal_keeps_one_line_for_each_model(
    zoo: Zoo, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("zoo-acme", ACME.replace("a net of acme", "a net of acme " * 20))
    monkeypatch.setenv("COLUMNS", "60")
    lines = zoo("list", "acmenet")[1].splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= 60
    assert "zoo-acme" not in lines[2]


HUNDREDS = ACME.replace('model("acmenet_wide")', 'from (model(f"acmenet_{each:03}") for each in range(600))')


def test_a_list_of_hundreds_of_models_looks_like_a_short_one(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", HUNDREDS)
    short, long = (zoo("list", pattern)[1].splitlines() for pattern in ("acmenet_00", "acmenet_"))
    assert (len(short), len(long)) == (2 + 10, 2 + 600)
    assert [line.split() for line in long[:1] + long[2:12]] == [line.split() for line in short[:1] + short[2:]]
    assert long[0].index("parameters") + len("parameters") == long[2].index("1,234") + len("1,234")


def test_a_long_list_fits_a_narrow_terminal(zoo: Zoo, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("zoo-acme", HUNDREDS)
    monkeypatch.setenv("COLUMNS", "40")
    lines = zoo("list", "acmenet_")[1].splitlines()
    assert max(map(len, lines)) == 40
    assert lines[2].endswith("…")


def test_a_long_list_as_json_has_a_line_for_each_model_and_the_same_documents(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", HUNDREDS)
    out = zoo("list", "acmenet_", "--json")[1]
    assert len(out.splitlines()) == 600 + 2
    [one] = json.loads(zoo("list", "acmenet_007", "--json")[1])
    assert json.loads(out)[7] == one


def test_a_broken_plugin_is_one_line_on_stderr_and_the_list_is_whole(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", ACME)
    install("zoo-broken", BROKEN)
    status, out, err = zoo("list")
    assert (status, err) == (0, "1 plugin is broken; see zoo plugins\n")
    assert "acmenet" in out


# -- zoo info


def test_info_shows_what_the_record_holds(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", ACME)
    _, out, _ = zoo("info", "acme")
    for part in (
        "zoo-acme/acmenet",
        "1,234, 1,000 of them trainable",
        "https://example.org (2026)",
        "depth = 4",
        "2 (cat, dog)",
        "top-1 0.75",
    ):
        assert part in out


def test_info_as_json_holds_the_record_and_its_weights(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", ACME)
    document = json.loads(zoo("info", "acmenet", "--json")[1])
    assert document["parameters"] == {"total": 1234, "trainable": 1000}
    assert document["qualified"] == "zoo-acme/acmenet"
    assert [each["name"] for each in document["weights"]] == ["tiny"]


def test_many_weights_are_a_table_and_one_of_them_has_a_sheet(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", MANY)
    _, out, err = zoo("info", "acmenet")
    row = next(line for line in out.splitlines() if line.startswith("imagenet "))
    assert row.split() == [
        "imagenet",
        "0.500",
        "4",
        "4",
        "of",
        "8",
        "bicubic,",
        "p",
        "-",
        "2",
        ".safetensors",
        "MIT",
        "more",
    ]
    assert "zoo info acmenet.tiny shows everything" in err
    sheet = " ".join(zoo("info", "acmenet.imagenet_8")[1].split())
    for part in (
        "acmenet.imagenet_8 more",
        "input 8 ",
        "classifier not in the file",
        "options depth = 2",
        "file https://example.org/acmenet_imagenet_8.safetensors",
        "digest not published; Zoo keeps the digest of the first file that it downloads",
    ):
        assert part in sheet
    assert "sha256 0123456789ab..." in " ".join(zoo("info", "acmenet_wide")[1].split())


def test_preprocessing_is_put_into_words() -> None:
    torch = Preprocessing(scale=1 / 255, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.1))
    assert preprocessing_text.in_words(torch, (224, 224, 3)) == (
        "resized to 256 on the shorter side, cropped to 224x224 in the centre, bilinear",
        "red, green, blue",
        "(p / 255 - (0.5, 0.4, 0.3)) / (0.2, 0.2, 0.1) for each pixel value p from 0 to 255",
    )
    squeezed = Preprocessing(resize="squash", channels="grey")
    assert preprocessing_text.in_words(squeezed, (28, 28, 1)) == (
        "squashed to 28x28, bilinear",
        "grey",
        "pixel values from 0 to 255, unchanged",
    )
    assert "standard deviation" in preprocessing_text.in_words(Preprocessing(per_image=True), (24, 24, 3))[-1]


@pytest.mark.parametrize(
    ("preprocessing", "words"),
    [
        (Preprocessing(), "224 of 256 bilinear, p"),
        (Preprocessing(scale=1 / 127.5, mean=(1.0,)), "224 of 256 bilinear, p / 127.5 - 1"),
        (Preprocessing(channels="bgr", mean=(1.0, 2.0, 3.0)), "224 of 256 bilinear, bgr p - mean"),
        (
            Preprocessing(crop_fraction=0.95, scale=1 / 255, mean=(0.5, 0.4, 0.3), std=(0.2,)),
            "224 of 236 bilinear, (p / 255 - mean) / 0.2",
        ),
        (Preprocessing(resize="squash", per_image=True), "squashed bilinear, standardised by itself"),
    ],
)
def test_preprocessing_is_put_into_a_few_words(preprocessing: Preprocessing, words: str) -> None:
    assert preprocessing_text.in_a_few_words(preprocessing, (224, 224, 3)) == words


# -- zoo plugins


def test_plugins_shows_distribution_phase_and_reason_of_a_fault_and_the_traceback_when_asked(
    zoo: Zoo, install: Install
) -> None:
    install("zoo-acme", ACME)
    install("zoo-broken", BROKEN)
    status, out, err = zoo("plugins")
    assert status == 0
    assert "2 models, 1 weights tag, 1 strategy" in out
    assert "zoo-broken 1.2  zoo_broken_plugin fails in the phase import\n  RuntimeError: no licence" in out
    assert "Traceback" not in out
    assert "--traceback" in err
    assert "Traceback (most recent call last)" in zoo("plugins", "--traceback")[1]


def test_plugins_as_json_counts_the_records_and_names_the_faults(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", ACME)
    install("zoo-broken", BROKEN)
    plugins = {each["distribution"]: each for each in json.loads(zoo("plugins", "--json")[1])}
    assert plugins["zoo-acme"]["records"] == {"models": 2, "weights": 1, "strategies": 1}
    assert plugins["zoo-broken"]["faults"][0]["phase"] == "import"


# -- zoo prefer


def test_a_preference_is_kept_shown_and_forgotten(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", ACME)
    install("zoo-copy", ACME)
    status, _, err = zoo("info", "acmenet")
    assert status == 1
    assert "zoo-acme/acmenet and zoo-copy/acmenet" in err
    assert zoo("prefer", "acmenet", "zoo-copy")[0] == 0
    assert json.loads(zoo("prefer", "--json")[1]) == {"acmenet": "zoo-copy"}
    assert "zoo-copy/acmenet" in zoo("info", "acmenet")[1]
    assert zoo("prefer", "--forget", "acmenet")[0] == 0
    assert "no preferences" in zoo("prefer")[2]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("acmenet",), "pass the distribution that 'acmenet' should come from"),
        (("acmenet", "zoo-small"), "offered by zoo-acme"),
        (("--forget", "acmenet"), "no preference for 'acmenet'"),
        (("acmenet", "zoo-acme", "--forget", "acmenet"), "either"),
    ],
)
def test_a_preference_that_cannot_be_is_an_error(
    words: tuple[str, ...], reason: str, zoo: Zoo, install: Install
) -> None:
    install("zoo-acme", ACME)
    status, out, err = zoo("prefer", *words)
    assert (status, out) == (1, "")
    assert reason in err


# -- zoo weights list


def test_weights_are_listed_by_model_and_tag(zoo: Zoo, install: Install) -> None:
    install("zoo-acme", ACME)
    assert "acmenet.tiny        2  top-1 0.75  zoo-acme  two of them" in zoo("weights", "list", "acme")[1]
    (document,) = json.loads(zoo("weights", "list", "acme", "--json")[1])
    assert (document["model"], document["name"], document["class_names"]) == ("acmenet", "tiny", ["cat", "dog"])
    assert zoo("weights", "list", "nosuch")[:2] == (0, "")


# -- commands of plugins


COMMANDS = """\
import click
from zoo import hookimpl

@hookimpl
def zoo_commands(app):
    @app.command("{name}")
    def command():
        "Say hello."
        click.echo("hello from a plugin")
"""


def test_a_plugin_adds_a_command(zoo: Zoo, install: Install) -> None:
    install("zoo-hello", COMMANDS.format(name="hello"))
    assert zoo("hello") == (0, "hello from a plugin\n", "")
    assert "hello     Say hello." in zoo("--help")[1]


def test_a_plugin_cannot_replace_a_command_of_ours(zoo: Zoo, install: Install) -> None:
    install("zoo-thief", COMMANDS.format(name="prefer"))
    assert "no preferences" in zoo("prefer")[2]
    status, out, err = zoo("--help")
    assert (status, out.count("\n  prefer ")) == (0, 1)
    assert err.count("\n") == 1
    assert "zoo-thief" in err
    assert "there is already a command 'prefer'" in err
    assert "fails in the phase zoo_commands" in zoo("plugins")[1]


def test_commands_that_cannot_be_added_leave_the_others(zoo: Zoo, install: Install) -> None:
    install("zoo-hello", COMMANDS.format(name="hello"))
    install("zoo-mad", COMMANDS.format(name="mad").replace("    @app", "    1 / 0\n    @app"))
    status, out, err = zoo("hello")
    assert (status, out) == (0, "hello from a plugin\n")
    assert "zoo-mad are missing: ZeroDivisionError" in err


# -- errors


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("info", "small_resnot"), "zoo: find the model 'small_resnot': none of the "),
        (("info",), "zoo: missing argument 'NAME'; see zoo info --help"),
        (("list", "--foo"), "zoo: no such option '--foo'; see zoo list --help"),
        (
            ("list", "--task", "cooking"),
            "'cooking' is not one of 'image-classification', 'classification', 'regression'",
        ),
        (("list", "--plugin", "zoo-smal"), "zoo: list what the plugin 'zoo-smal' offers: "),
        (("list", "--datasets", "--weights"), "leave them out with --datasets; see zoo list --help"),
        (("lst",), "zoo: there is no command 'lst'; did you mean list?; see zoo --help"),
        (("weights", "verfy"), "see zoo weights --help"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_1(words: tuple[str, ...], message: str, zoo: Zoo) -> None:
    status, out, err = zoo(*words)
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert message in err


def _failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(registry, "find_model", fail)


def test_what_nobody_expected_is_one_line_that_says_it_is_a_bug(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, KeyError("stem"))
    status, out, err = zoo("info", "small_convnet")
    assert (status, out) == (1, "")
    assert err == (
        "zoo: this is a bug in Zoo or in a plugin: KeyError: 'stem'; please report it with the output of --debug\n"
    )


@pytest.mark.parametrize("words", [("--debug", "info", "small_convnet"), ("info", "small_convnet", "--debug")])
def test_debug_lets_the_error_through_wherever_it_stands(
    words: tuple[str, ...], zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    _failing(monkeypatch, KeyError("stem"))
    with pytest.raises(KeyError, match="stem"):
        zoo(*words)


def test_a_refusal_of_the_system_is_no_bug(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, PermissionError(errno.EACCES, "Permission denied", "/root/run"))
    assert zoo("info", "small_convnet")[::2] == (
        1,
        "zoo: the operating system reports: Permission denied (/root/run)\n",
    )


def test_ctrl_c_is_130_and_one_line(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, KeyboardInterrupt())
    status, out, err = zoo("info", "small_convnet")
    assert (status, out, err.split()) == (130, "", ["zoo:", "interrupted"])


def test_no_command_is_the_help(zoo: Zoo) -> None:
    assert zoo() == zoo("--help")
    assert "verify" in zoo("weights")[1]


def _names(answer: tuple[int, str, str]) -> list[str]:
    return [each["name"] for each in json.loads(answer[1])]


def test_models_are_sorted_by_what_they_cost_and_those_without_figures_come_last(
    zoo: Zoo, install: Install, tmp_path: Any
) -> None:
    figures = {"acmenet": {"macs": 2_000_000, "activation_bytes": 8_000}}
    install("zoo-acme", ACME)
    (tmp_path / "site-packages" / "figures.json").write_text(json.dumps(figures))
    _, out, _ = zoo("list", "acme", "--sort", "macs", "--json")
    assert [model["macs"] for model in json.loads(out)] == [2_000_000, None]
    _, out, _ = zoo("info", "acmenet")
    assert "2 M multiply-accumulates, 8 kB of activations" in " ".join(out.split())


def test_damaged_figures_are_a_fault_and_the_models_stay(zoo: Zoo, install: Install, tmp_path: Any) -> None:
    install("zoo-acme", ACME)
    (tmp_path / "site-packages" / "figures.json").write_text('{"acmenet": {"colour": 1}}')
    _, out, _ = zoo("plugins", "--json")
    [plugin] = [each for each in json.loads(out) if each["distribution"] == "zoo-acme"]
    assert [fault["phase"] for fault in plugin["faults"]] == ["figures"]
    assert zoo("list", "acmenet")[0] == 0


# -- zoo list --plot

COSTS = {
    "acmenet": {"macs": 2_000_000, "activation_bytes": 8_000},
    "acmenet_wide": {"macs": 4_000_000, "activation_bytes": 8_000},
}


@pytest.fixture
def costly(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to draw into, with a plugin installed whose models have figures and costs."""
    install("zoo-acme", MANY)
    (tmp_path / "site-packages" / "figures.json").write_text(json.dumps(COSTS))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_plot_is_a_picture_of_the_models_with_figures(zoo: Zoo, costly: Path) -> None:
    assert zoo("list", "acmenet", "--plot") == (0, "models.png: 2 models\n", "")
    with Image.open(costly / "models.png") as picture:
        assert (picture.format, min(picture.size) > 500) == ("PNG", True)
    assert zoo("list", "acmenet_wide", "--plot", "own.png")[1] == "own.png: 1 model\n"
    assert (costly / "own.png").is_file()


#: Models of a thousand classes with weights and costs: more than acme has of two classes.
THOUSAND = """\
from zoo import ModelSpec, ParameterCount, WeightsSpec, hookimpl

NAMES = ("thousand_a", "thousand_b", "thousand_c")

@hookimpl
def zoo_models():
    for name in NAMES:
        yield ModelSpec(
            name=name, builder="thousand:build", input_shape=(4,), classes=1000, parameters=ParameterCount(5_000),
            summary="a net of a thousand classes", task="classification", macs=1_000_000,
        )

@hookimpl
def zoo_weights():
    for name in NAMES:
        yield WeightsSpec(
            model=name, name="imagenet", source=f"https://example.org/{name}.safetensors", classes=1000,
            summary="of a thousand classes", metrics={"top-1": 0.6},
        )
"""


def test_the_accuracy_of_the_main_weights_is_drawn_and_only_beside_that_on_as_many_classes(
    zoo: Zoo, costly: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoo.reporting import model_chart

    drawn: list[Any] = []
    monkeypatch.setattr(model_chart, "accuracy_against_cost", lambda models, _: drawn.extend(models) or b"")
    install("zoo-thousand", THOUSAND)
    assert "without a published top-1 accuracy on 1,000 classes left out" in zoo("list", "--plot")[1]
    names = {each.name for each in drawn}
    assert {"thousand_a", "thousand_b", "thousand_c"} <= names
    assert not {"acmenet", "acmenet_wide"} & names
    drawn.clear()
    zoo("list", "--plugin", "zoo-acme", "--plot")
    assert drawn == [
        model_chart.Cost("acmenet", "acme", 2_000_000, 1_234, 0.5),
        model_chart.Cost("acmenet_wide", "acme", 4_000_000, 1_234, 0.9),
    ]


def test_without_figures_nothing_is_drawn_and_it_says_so(zoo: Zoo, costly: Path) -> None:
    status, out, err = zoo("list", "small_regression", "--plot")
    assert (status, out) == (0, "")
    assert err.startswith("nothing to plot: no model in the list has both a published top-1")
    assert not (costly / "models.png").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            ("--plot", "no/such/folder.png"),
            "plot the models to no/such/folder.png: it cannot be written (No such file",
        ),
        (("--plot", "resnet"), "name it resnet.png; see zoo list --help"),
        (("--plot", "--json"), "--plot or --json, not both"),
        (("--plot", "--datasets"), "are for models; leave them out with --datasets"),
    ],
)
def test_a_plot_that_cannot_be_is_an_error(words: tuple[str, ...], reason: str, zoo: Zoo, costly: Path) -> None:
    status, out, err = zoo("list", *words)
    assert (status, out) == (1, "")
    assert reason in err


def test_the_frontier_holds_what_nothing_cheaper_surpasses() -> None:
    from zoo.reporting.model_chart import Cost, frontier

    models = [
        Cost(name, "f", macs, 1, top_1)
        for name, macs, top_1 in [
            ("dear", 9, 0.8),
            ("worse", 5, 0.6),
            ("cheap", 1, 0.5),
            ("as cheap", 1, 0.4),
            ("good", 4, 0.7),
        ]
    ]
    assert [each.name for each in frontier(models)] == ["cheap", "good", "dear"]


def test_labels_cover_neither_one_another_nor_bubbles_nor_what_else_there_is() -> None:
    from zoo.reporting.label_placement import Box, Bubble, place_labels

    numbers = range(25)  # a grid so dense that most labels must move away
    bubbles = [Bubble(150 + 30 * (number % 5), 150 + 24 * (number // 5), 5, 60, 10) for number in numbers]
    legend = Box(0, 380, 200, 400)
    boxes = place_labels(bubbles, Box(0, 0, 420, 400), [legend])
    rims = [Box(b.x - 5, b.y - 5, b.x + 5, b.y + 5) for b in bubbles]
    assert all(box.right - box.left >= 60 and box.top - box.bottom >= 10 for box in boxes)
    covered = [(a, b) for a in numbers for b in numbers if a < b and boxes[a].overlap(boxes[b])]
    assert covered == []
    assert not any(
        box.overlap(rim) for number, box in enumerate(boxes) for other, rim in enumerate(rims) if other != number
    )
    assert not any(box.overlap(legend) for box in boxes)
