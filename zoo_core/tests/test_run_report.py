"""What a person reads and looks at of a run."""

from __future__ import annotations

import base64
import io
import re
import tomllib
import warnings
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.data import Dataset, Split
from zoo.inference.evaluation import outputs_of
from zoo.inference.loaded_model import LoadedModel
from zoo.reporting import plots, run_report
from zoo.reporting.documents import Code, Grid, Heading, Items, Paragraph, Snippet, Strong, markdown, page
from zoo.runs.metrics import Bin
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
    return zoo.transfer("mlp", data, "full", epochs=2, seed=1, progress=False, out=folder, **options)


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
    for cell in ("zoo-classic/mlp, input 28x28x1", f"{run.metrics.top1:.4f}", "calibration error"):
        assert cell in shown.cells
    low, high = run.metrics.intervals["top-1"]
    assert f"| top-1 | {run.metrics.top1:.4f} | {low:.4f} to {high:.4f} |" in text


def test_the_parameters_that_learnt_are_counted(run: zoo.Run) -> None:
    total = run.model.count_params()
    assert f"{total:,}, of which {total:,} learnt" in run_report.render(run)["report.md"]
    phases = [{"trainable": ("predictions",)}, {"trainable": ("predictions", "hidden2")}]
    last = 8 * 1 + 1  # of two classes one unit
    outputs = run.model.get_layer("predictions").kernel.shape[1]
    last = 8 * outputs + outputs
    assert count_parameters(run.model, phases[:1]) == {"total": total, "trained": last}
    assert count_parameters(run.model, phases)["trained"] == last + 16 * 8 + 8


def test_the_report_holds_a_recipe_that_trains_the_same_model(tmp_path: Path) -> None:
    digits = zoo.load_data("digits", classes=(3, 8), seed=3)
    options: dict[str, Any] = {"hidden_units": (16, 8), "dropout": 0.1}
    run = zoo.transfer("mlp", digits, "full", epochs=1, batch_size=16, seed=7, progress=False, **options)
    text = run_report.render(run)["report.md"]
    recipe = tomllib.loads(text.partition("```toml\n")[2].partition("```")[0])
    assert recipe == {
        "model": "mlp",
        "strategy": "full",
        "epochs": 1,
        "batch_size": 16,
        "seed": 7,
        "data": {"name": "zoo-core/digits", "seed": 3, "classes": ["3", "8"]},
        "options": {"hidden_units": [16, 8], "dropout": 0.1},
    }
    again = {key: value for key, value in recipe.items() if key not in ("model", "data", "options")}
    named = {"name_or_folder": recipe["data"].pop("name"), **recipe["data"]}
    other = zoo.transfer("mlp", zoo.load_data(**named), progress=False, **again, **recipe["options"])
    assert all(map(np.array_equal, run.model.get_weights(), other.model.get_weights()))


def test_the_worst_mistakes_are_drawn_and_named(run: zoo.Run) -> None:
    worst = run.metrics.mistakes[0]
    assert f"| {worst.sample} | " in run_report.render(run)["report.md"]
    assert f"{worst.probability:.1%}" in run_report.render(run)["report.md"]
    assert {"confusion.png", "calibration.png", "mistakes.png"} <= set(run.pictures)


def test_a_table_has_no_contact_sheet_and_a_regression_no_confusion() -> None:
    rows = Split(np.float32([[0], [1], [2], [3]]), np.array([0, 1, 0, 1]))
    data = Dataset("rows", "classification", train=rows, test=rows, class_names=NAMES)
    run = zoo.transfer("logistic_regression", data, "full", epochs=1, seed=1, progress=False)
    assert set(run.pictures) == {"curves.png", "predictions.png", "confusion.png", "calibration.png"}
    numbers = Split(rows.inputs, np.float32([0, 1, 2, 3]))
    data = Dataset("rows", "regression", train=numbers, test=numbers)
    run = zoo.transfer("linear_regression", data, "full", epochs=1, seed=1, progress=False)
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
    assert "| interrupted | before the last epoch was done |" in text
    assert "curves.png" not in text


# -- the blocks of a document


def test_blocks_are_written_as_markdown_and_as_html() -> None:
    blocks = [
        Heading("A *title*", 1),
        Paragraph(("see ", Code("a`b|c"), " and ", Strong("this"))),
        Items(("one", Code("two"))),
        Grid(("", "n"), (("x|y", Code("p|q")),)),
        Snippet("if a < b:\n    pass", "python"),
    ]
    assert markdown(blocks) == (
        "# A \\*title\\*\n\n"
        "see `` a`b\\|c `` and **this**\n\n"
        "- one\n- `two`\n\n"
        "|  | n |\n| --- | --- |\n| x\\|y | `p\\|q` |\n\n"
        "```python\nif a < b:\n    pass\n```\n"
    )
    text = page("<t>", blocks, {})
    assert "<title>&lt;t&gt;</title>" in text
    assert "<h1>A *title*</h1>\n<p>see <code>a`b|c</code> and <strong>this</strong></p>" in text
    assert "<pre>if a &lt; b:\n    pass</pre>" in text
    assert Page(text).cells == ["x|y", "p|q"]


# -- pictures


def size_of(png: bytes) -> tuple[int, int]:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image.size


def colours_of(png: bytes) -> set[tuple[int, ...]]:
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3)
    return set(map(tuple, np.unique(pixels, axis=0).tolist()))


def counted(classes: int) -> dict[str, dict[str, int]]:
    return {f"class {n}": {f"class {n}": 9, f"class {(n + 1) % classes}": 1} for n in range(classes)}


def test_a_confusion_matrix_grows_with_its_classes_and_gives_way_to_pairs() -> None:
    sizes = [size_of(plots.confusion(counted(classes), "title")) for classes in (2, 10, 30, 50, 51, 1000)]
    assert sizes[0][0] < sizes[1][0] < sizes[2][0] < sizes[3][0]
    assert sizes[3][0] < 2_000
    assert sizes[4] == pytest.approx(sizes[5], abs=40)  # as many pairs as can be read


def darkest(png: bytes, **box: slice) -> int:
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    return int(pixels[box.get("rows", slice(None)), box.get("columns", slice(None))].min())


def test_a_title_stays_inside_a_narrow_picture() -> None:
    title = "mobilenet_v3_large_minimalistic_075 on holidays_of_the_whole_family, validation samples"
    examples = [plots.Example(Image.new("RGB", (64, 64), "white"), "cat", "cat", 0.9)]
    drawn = {
        "confusion": plots.confusion({"a": {"a": 1}, "b": {"b": 1}}, title),
        "sheet": plots.contact_sheet(examples, title),
        "pairs": plots.confusion(counted(51), title * 2),
        "bars": plots.class_bars({"a": 0.5}, title),
    }
    for name, png in drawn.items():
        assert darkest(png, rows=slice(0, 30)) < 100, name
        assert darkest(png, columns=slice(-3, None)) > 200, name
    one_line = plots.contact_sheet(examples, "title")
    assert size_of(drawn["sheet"])[1] > size_of(one_line)[1] + 20


def test_of_a_long_name_the_probability_is_still_written() -> None:
    sheets = [
        plots.contact_sheet([plots.Example(Image.new("L", (9, 9)), "a" * 90, "a" * 90, share)], "title")
        for share in (0.5, 0.9)
    ]
    assert sheets[0] != sheets[1]


def test_names_of_any_script_and_with_dollars_are_drawn_without_complaint() -> None:
    names = ("日本の犬", "größter Käfer ☃", "$x_{$", "हिन्दी")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.confusion({name: {name: 1} for name in names}, "cost in $_{$")
        plots.class_bars(dict.fromkeys(names, 0.5), "title")
        plots.scatter(np.arange(3.0), np.arange(3.0), "$ per m^2 $_", "title")


def test_of_one_epoch_no_half_is_marked_on_the_axis() -> None:
    history = [{"epoch": 1, "phase": "features", "loss": 0.5, "accuracy": 0.9}]
    figures = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "_png", lambda figure: figures.append(figure) or b"")
        plots.curves(history)
    assert [tick for tick in figures[0].axes[0].get_xticks() if 0.5 <= tick <= 1.5] == [1]


def test_a_prediction_outside_the_datas_classes_gets_a_column() -> None:
    alone = plots.confusion({"cat": {"cat": 3}, "dog": {"dog": 3}}, "title")
    beside = plots.confusion({"cat": {"cat": 3}, "dog": {"dog": 2, "wolf": 1}}, "title")
    assert alone != beside
    assert size_of(plots.confusion({"cat": {"cat": 5}}, "one class"))[0] > 200


def test_of_the_curves_the_best_epoch_is_marked() -> None:
    history = [
        {"epoch": epoch, "phase": "head", "loss": 1 / epoch, "accuracy": 0.5, "val_loss": loss, "val_accuracy": 0.5}
        for epoch, loss in enumerate((3.0, 1.0, 2.0), 1)
    ]
    assert plots.curves(history) == plots.curves(history)
    assert plots.curves(history) != plots.curves([*history[:2], {**history[2], "val_loss": 0.5}])
    assert size_of(plots.curves(history[:1])) == size_of(plots.curves(history))
    resumed = [{**record, "phase": "fine tuning"} if record["epoch"] > 1 else record for record in history]
    assert plots.curves(resumed) != plots.curves(history)


def test_of_a_search_for_a_rate_what_was_chosen_is_marked() -> None:
    rates = np.geomspace(1e-6, 1, 50)
    losses = np.concatenate([np.linspace(2, 1, 45), [3, 9, 70, 900, np.inf]])
    one, other = (plots.rate_search(rates, losses, rate) for rate in (1e-3, 1e-2))
    assert size_of(one) == size_of(other)
    assert one != other


def test_the_reliability_diagram_shows_the_distance_from_the_diagonal() -> None:
    empty = [Bin(0, 0.0, 0.0)] * 15
    sure = plots.calibration([*empty[:-1], Bin(10, 0.97, 0.97)], 0.0, "title")
    proud = plots.calibration([*empty[:-1], Bin(10, 0.97, 0.3)], 0.67, "title")
    assert size_of(sure) == size_of(proud)
    orange = (224, 123, 26)
    assert orange in colours_of(proud)
    area = [np.asarray(Image.open(io.BytesIO(each)).convert("RGB")) for each in (sure, proud)]
    blue = [int((each == (31, 111, 180)).all(axis=2).sum()) for each in area]
    assert blue[0] > 2.5 * blue[1]


def test_grids_show_every_filter_and_the_liveliest_maps() -> None:
    rng = np.random.default_rng(0)
    assert size_of(plots.filter_grid(rng.normal(size=(3, 3, 3, 8)).astype(np.float32), "title"))[0] > 300
    maps = np.zeros((7, 7, 100), np.float32)
    maps[0, 0, 30:40] = 1
    drawn = plots.map_grid(maps, "title")
    assert (253, 231, 36) in colours_of(drawn)  # the end of the scale: the maps that vary are among the 64
    assert plots.map_grid(maps * 5, "title") == drawn
