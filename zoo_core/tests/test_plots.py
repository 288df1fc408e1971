"""What is drawn: the marks, texts and colours of each plot, and the pixels of its PNG."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray
from PIL import Image

from zoo.reporting.canvas import FAINT, RIGHT, TRAINING, VALIDATION, WRONG
from zoo.reporting.evaluation_plots import calibration, class_bars, confusion, scatter
from zoo.reporting.image_grids import Example, contact_sheet, filter_grid, map_grid, side_by_side
from zoo.reporting.model_chart import FAMILIES, Cost, accuracy_against_cost
from zoo.reporting.training_plots import curves, rate_search
from zoo.runs.metrics import Bin

#: Draws a plot and returns its figure, to be looked at mark by mark.
Draw = Callable[..., Figure]


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Draw:
    drawn: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: Any, **options: Any) -> None:
        drawn.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)

    def figure_of(plot: Callable[..., bytes], *arguments: Any) -> Figure:
        plot(*arguments)
        return drawn[-1]

    return figure_of


def pixels(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def count_of(colour: str, png: bytes) -> int:
    """Return how many pixels have exactly this colour."""
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return int((pixels(png) == wanted).all(axis=2).sum())


def size_of(png: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(png)).size


def texts(artists: Sequence[Text]) -> list[str]:
    return [each.get_text() for each in artists]


def headline(figure: Figure) -> str:
    return " ".join(figure.get_suptitle().split())


# -- a training


def history_of(val_losses: Sequence[float], phases: Sequence[str] = ("head",)) -> list[dict[str, Any]]:
    return [
        {
            "epoch": epoch,
            "phase": phases[min(epoch, len(phases)) - 1],
            "loss": 1 / epoch,
            "accuracy": 0.4 + 0.1 * epoch,
            "val_loss": loss,
            "val_accuracy": 0.7 - 0.1 * abs(epoch - 2),
        }
        for epoch, loss in enumerate(val_losses, 1)
    ]


def test_the_curves_are_those_of_the_history(draw: Draw) -> None:
    loss, accuracy = draw(curves, history_of([3.0, 1.0, 2.0])).axes
    for axis, training, validation in (
        (loss, [1, 1 / 2, 1 / 3], [3, 1, 2]),
        (accuracy, [0.5, 0.6, 0.7], [0.6, 0.7, 0.6]),
    ):
        one, other, _ = axis.lines
        assert (one.get_label(), one.get_color()) == ("training", TRAINING)
        assert (other.get_label(), other.get_color()) == ("validation", VALIDATION)
        assert list(one.get_xdata()) == list(other.get_xdata()) == [1, 2, 3]
        assert list(one.get_ydata()) == pytest.approx(training)
        assert list(other.get_ydata()) == pytest.approx(validation)
        assert axis.get_xlim() == (0.5, 3.5)
    assert accuracy.get_title(loc="right") == "best 70.0%, epoch 2"  # the highest, where the best loss is the lowest
    assert (loss.get_title(loc="left"), accuracy.get_title(loc="left")) == ("loss", "accuracy")
    assert texts(loss.get_legend().get_texts()) == ["training", "validation"]
    assert accuracy.yaxis.get_major_formatter()(0.5, 0) == "50%"


@pytest.mark.parametrize(("losses", "best"), [((3.0, 1.0, 2.0), 2), ((3.0, 1.0, 0.5), 3), ((3.0, np.nan, 4.0), 1)])
def test_the_best_epoch_has_a_ring_and_its_value_above(draw: Draw, losses: Sequence[float], best: int) -> None:
    axis = draw(curves, history_of(losses)).axes[0]
    ring = axis.lines[-1]
    assert (ring.get_xdata(), ring.get_ydata()) == ([best], [losses[best - 1]])
    assert (ring.get_markerfacecolor(), ring.get_markeredgecolor()) == ("none", VALIDATION)
    assert axis.get_title(loc="right") == f"best {losses[best - 1]:.4f}, epoch {best}"


def test_without_validation_the_best_epoch_is_that_of_the_training(draw: Draw) -> None:
    history = [{"epoch": epoch, "phase": "full", "loss": 9.0 - epoch, "mae": 100.0 * epoch} for epoch in (1, 2)]
    loss, error = draw(curves, history).axes
    assert [each.get_color() for each in loss.lines[:-1]] == [TRAINING]
    assert loss.lines[-1].get_markeredgecolor() == TRAINING
    assert error.get_title(loc="left") == "mean absolute error"
    assert error.get_title(loc="right") == "best 100.00, epoch 1"  # the least error, not the greatest


def test_a_line_and_a_name_mark_where_a_phase_begins(draw: Draw) -> None:
    axis = draw(curves, history_of([3.0, 1.0, 2.0], ("head", "fine tuning"))).axes[0]
    (line,) = (each for each in axis.lines if each.get_linestyle() == "--")
    assert (line.get_xdata(), line.get_color()) == ([1.5, 1.5], FAINT)
    assert [(each.get_text(), each.get_position()[0]) for each in axis.texts] == [("head", 0.5), ("fine tuning", 1.5)]
    alone = draw(curves, history_of([3.0, 1.0, 2.0])).axes[0]
    assert texts(alone.texts) == []
    assert not [each for each in alone.lines if each.get_linestyle() == "--"]


def test_the_axis_of_a_single_epoch_has_one_tick_and_the_plot_its_usual_size(draw: Draw) -> None:
    axis = draw(curves, history_of([3.0])).axes[0]
    assert [tick for tick in axis.get_xticks() if 0.5 <= tick <= 1.5] == [1]
    assert size_of(curves(history_of([3.0]))) == size_of(curves(history_of([3.0, 1.0, 2.0])))


def test_the_rate_that_was_chosen_is_marked_and_the_end_of_the_search_is_cut_off(draw: Draw) -> None:
    rates = np.geomspace(1e-6, 1, 50)
    losses = np.concatenate([np.linspace(2, 1, 45), [3, 9, 70, 900, np.inf]])
    for rate in (1e-3, 1e-2):
        (axis,) = draw(rate_search, rates, losses, rate).axes
        curve, mark = axis.lines
        assert np.array_equal(curve.get_xydata(), np.stack([rates, losses], axis=1)[:-1])  # without what is infinite
        assert (mark.get_xdata(), mark.get_color()) == ([rate, rate], VALIDATION)
        assert axis.get_title(loc="right") == f"chosen: {rate:g}"
        assert axis.get_xscale() == "log"
        assert axis.get_ylim() == pytest.approx((0.9, 2.4))


# -- an evaluation


def counted(classes: int) -> dict[str, dict[str, int]]:
    return {f"class {n}": {f"class {n}": 9, f"class {(n + 1) % classes}": 1} for n in range(classes)}


def cells(figure: Figure) -> dict[tuple[float, float], tuple[str, str]]:
    """Return the number and its colour in each cell, by row and column."""
    return {
        (y, x): (each.get_text(), each.get_color()) for each in figure.axes[0].texts for x, y in [each.get_position()]
    }


def test_a_confusion_matrix_has_the_counts_in_their_cells_and_the_shares_as_colours(draw: Draw) -> None:
    figure = draw(confusion, {"cat": {"cat": 9, "dog": 1}, "dog": {"dog": 2, "cat": 3}}, "cats and dogs")
    (axis,) = figure.axes
    assert cells(figure) == {(0, 0): ("9", "white"), (0, 1): ("1", WRONG), (1, 0): ("3", "white"), (1, 1): ("2", RIGHT)}
    assert np.asarray(axis.images[0].get_array()) == pytest.approx(np.array([[0.9, 0.1], [0.6, 0.4]]))
    assert axis.images[0].get_clim() == (0, 1)
    assert texts(axis.get_xticklabels()) == texts(axis.get_yticklabels()) == ["cat", "dog"]
    assert (axis.get_xlabel(), axis.get_ylabel(), headline(figure)) == ("predicted", "true", "cats and dogs")


def test_predictions_of_classes_that_the_data_does_not_have_get_a_column(draw: Draw) -> None:
    figure = draw(confusion, {"cat": {"cat": 3}, "dog": {"dog": 1, "wolf": 1, "fox": 1}}, "title")
    assert texts(figure.axes[0].get_xticklabels()) == ["cat", "dog", "others"]
    assert texts(figure.axes[0].get_yticklabels()) == ["cat", "dog"]
    assert cells(figure)[1, 2] == ("2", "white")
    assert size_of(confusion({"cat": {"cat": 5}}, "one class"))[0] > 200


def test_a_confusion_matrix_grows_with_its_classes_and_gives_way_to_pairs(draw: Draw) -> None:
    sizes = [size_of(confusion(counted(classes), "title")) for classes in (2, 10, 30, 50, 51, 1000)]
    assert sizes[0][0] < sizes[1][0] < sizes[2][0] < sizes[3][0]
    assert sizes[3][0] < 2_000
    assert sizes[4] == pytest.approx(sizes[5], abs=40)  # as many pairs as can be read
    counts = counted(60)
    counts["class 7"] = {"class 7": 3, "class 1": 7}
    figure = draw(confusion, counts, "title")
    (axis,) = figure.axes
    assert headline(figure) == "title: most confused of 60 classes"
    assert len(axis.patches) == 30
    assert (texts(axis.get_yticklabels())[-1], axis.patches[-1].get_width()) == ("class 7  as  class 1", 7)
    assert axis.texts[-1].get_text() == "7 of 10"


def test_the_reliability_diagram_shows_the_distance_from_the_diagonal(draw: Draw) -> None:
    empty = [Bin(0, 0.0, 0.0)] * 15
    sure, proud = ([*empty[:-1], Bin(10, 0.97, accuracy)] for accuracy in (0.97, 0.3))
    upper, lower = draw(calibration, proud, 0.67, "title").axes
    bar, gap = upper.patches
    assert (bar.get_x(), bar.get_width(), bar.get_height()) == pytest.approx((14 / 15, 1 / 15, 0.3))
    assert (gap.get_y(), gap.get_height()) == pytest.approx((0.3, 0.67))
    assert [each.get_height() for each in lower.patches] == [0] * 14 + [10]
    assert texts(upper.texts) == ["expected calibration error 67.0%"]
    (diagonal,) = upper.lines
    assert np.array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])
    # In the pixels: the bar of the proud model is a third as high, and the rest is hatched in orange.
    sure_png, proud_png = (calibration(bins, 0.0, "title") for bins in (sure, proud))
    assert count_of(TRAINING, sure_png) > 2.5 * count_of(TRAINING, proud_png) > 0
    assert count_of(VALIDATION, proud_png) > 2 * count_of(VALIDATION, sure_png)


def test_the_bars_of_classes_are_their_recall_and_the_lowest_is_on_top(draw: Draw) -> None:
    figure = draw(class_bars, {"cat": 0.9, "dog": 0.25, "cow": 1.0}, "title")
    (axis,) = figure.axes
    assert texts(axis.get_yticklabels()) == ["cow", "cat", "dog"]  # from the bottom up
    assert [each.get_width() for each in axis.patches] == [1.0, 0.9, 0.25]
    assert texts(axis.texts) == ["100%", "90%", "25%"]
    many = draw(class_bars, {f"class {number}": number / 100 for number in range(100)}, "title")
    assert [each.get_width() for each in many.axes[0].patches][::-1] == [number / 100 for number in range(40)]


def test_a_scatter_plot_has_the_values_as_points_and_the_diagonal(draw: Draw) -> None:
    truth, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 0.0])
    (axis,) = draw(scatter, truth, predicted, "price", "title").axes
    assert np.array_equal(axis.collections[0].get_offsets(), np.stack([truth, predicted], axis=1))
    assert np.array_equal(axis.lines[0].get_xydata(), [[0, 0], [4, 4]])
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("true price", "predicted price")


# -- images


def test_a_wrong_prediction_has_a_red_frame_and_its_true_class(draw: Draw) -> None:
    grey = Image.new("RGB", (64, 64), (99, 99, 99))
    examples = [Example(grey, "cat", "cat", 0.9), Example(grey, "cat", "dog", 0.6)]
    figure = draw(contact_sheet, examples, "title")
    (axis,) = figure.axes
    right, wrong = axis.texts
    assert (right.get_text(), right.get_color()) == ("cat (90%)", RIGHT)
    assert (wrong.get_text(), wrong.get_color()) == ("dog (60%)\ntrue: cat", WRONG)
    (frame,) = axis.patches
    left, end, bottom, top = axis.images[1].get_extent()
    assert frame.get_bbox().bounds == pytest.approx((left, top, end - left, bottom - top))
    assert to_hex(frame.get_edgecolor()) == WRONG
    png = contact_sheet(examples, "title")
    half = size_of(png)[0] // 2
    red = (pixels(png) == [0xC0, 0x18, 0x18]).all(axis=2)
    assert not red[:, :half].any()
    assert red[:, half:].sum() > 1_000
    assert count_of("#636363", png) > 2 * 200 * 200  # both photographs, as they are


def test_the_probability_of_a_long_name_is_still_written(draw: Draw) -> None:
    for share in (0.5, 0.9):
        example = Example(Image.new("L", (9, 9)), "a" * 90, "a" * 90, share)
        (text,) = draw(contact_sheet, [example], "title").axes[0].texts
        assert text.get_text() == f"{'a' * 21}… ({share:.0%})"


def test_two_images_beside_each_other_show_what_was_seen_in_a_frame(draw: Draw) -> None:
    one, other = Image.new("RGB", (160, 80), (200, 0, 0)), Image.new("RGB", (160, 80), (0, 0, 200))
    figure = draw(side_by_side, one, other, "cat (90%)", "layer conv5", (40, 0, 120, 80))
    first, second = figure.axes
    assert headline(figure) == "cat (90%) layer conv5"
    assert not first.patches
    assert second.patches[0].get_bbox().bounds == (39.5, -0.5, 80, 80)
    drawn = pixels(side_by_side(one, other, "cat (90%)", "layer conv5", (0, 0, 160, 80)))
    half = drawn.shape[1] // 2
    assert {tuple(drawn[drawn.shape[0] // 2, x].tolist()) for x in (half // 2, half + half // 2)} == {
        (200, 0, 0),
        (0, 0, 200),
    }
    assert tuple(drawn[drawn.shape[0] // 2, half // 2].tolist()) == (200, 0, 0)
    assert not draw(side_by_side, one, other, "t", "r", (0, 0, 160, 80)).axes[1].patches


def tiles(figure: Figure, height: int, width: int) -> NDArray[np.float64]:
    """Return the tiles of a grid ``(count, height, width, 3)``, one value for each pixel of a tile."""
    sheet = np.asarray(figure.axes[0].images[0].get_array())
    # White lines part the tiles, and every pixel of a tile is a square of several pixels of the sheet.
    down, across = (np.flatnonzero((sheet == 1).all(axis=axes)) for axes in ((1, 2), (0, 2)))
    tops, lefts = (starts(line) for line in (down, across))
    scale = int(down[0]) // height
    tall, wide = height * scale, width * scale
    return np.stack([sheet[y : y + tall : scale, x : x + wide : scale] for y in tops for x in lefts])


def starts(white: NDArray[np.intp]) -> list[int]:
    """Return where tiles begin: at the start, and behind each run of white lines."""
    return [0, *(int(each) + 1 for each in white if each + 1 not in white)]


def test_a_grid_shows_every_filter_stretched_over_the_whole_scale(draw: Draw) -> None:
    kernels = np.random.default_rng(0).normal(size=(3, 3, 3, 8)).astype(np.float32)
    figure = draw(filter_grid, kernels, "filters")
    for place, tile in enumerate(tiles(figure, 3, 3)[:8]):
        kernel = kernels[..., place]
        assert tile == pytest.approx((kernel - kernel.min()) / (kernel.max() - kernel.min()), abs=1e-5)
    assert headline(figure) == "filters"
    grey = draw(filter_grid, kernels[:, :, :2], "filters")
    assert headline(grey) == "filters, mean over 2 channels"
    mean = kernels[:, :, :2, 0].mean(axis=2)
    expected = (mean - mean.min()) / (mean.max() - mean.min())
    assert tiles(grey, 3, 3)[0].mean(axis=2) == pytest.approx(expected, abs=0.01)


def test_a_grid_of_maps_shows_those_that_vary_most(draw: Draw) -> None:
    maps = np.zeros((7, 7, 100), np.float32)
    maps[2, 4, 30:40] = 1
    figure = draw(map_grid, maps, "maps of conv1")
    assert headline(figure) == "maps of conv1: 64 of 100, 7x7"
    yellow = np.array([253, 231, 36]) / 255  # the end of the scale
    hot = np.abs(tiles(figure, 7, 7) - yellow).max(axis=3) < 0.01
    assert [tuple(place) for place in np.argwhere(hot.any(axis=0))] == [(2, 4)]
    assert hot.any(axis=(1, 2)).sum() == 10
    assert count_of("#fde724", map_grid(maps, "maps")) > 0
    # Each map is stretched by itself, so that a common factor changes nothing.
    assert np.array_equal(tiles(draw(map_grid, maps * 5, "maps"), 7, 7), tiles(figure, 7, 7))


# -- models


def test_the_chart_of_models_has_accuracy_over_cost_and_parameters_as_areas(draw: Draw) -> None:
    models = [
        Cost("small", "acme", 1_000_000, 2_000_000, 0.6),
        Cost("large", "acme", 100_000_000, 50_000_000, 0.8),
        Cost("wasteful", "other", 10_000_000_000, 25_000_000, 0.7),
    ]
    (axis,) = draw(accuracy_against_cost, models, "1,000 classes").axes
    bubbles = {tuple(each.get_offsets()[0]): each for each in axis.collections}
    assert set(bubbles) == {(each.macs, each.top_1) for each in models}
    areas = [bubbles[each.macs, each.top_1].get_sizes()[0] for each in models]
    assert areas[1] - areas[0] == pytest.approx(8 * 48)  # square points for each million
    colours = [to_hex(bubbles[each.macs, each.top_1].get_facecolor()[0]) for each in models]
    assert colours == [FAMILIES[0], FAMILIES[0], FAMILIES[1]]
    assert np.array_equal(axis.lines[0].get_xydata(), [[1e6, 0.6], [1e8, 0.8]])  # nothing is gained by the wasteful one
    names = {each.get_text(): each.get_fontweight() for each in axis.texts}
    assert names == {"small": "bold", "large": "bold", "wasteful": "normal"}
    assert axis.get_xscale() == "log"
    assert axis.get_title(loc="left") == "Accuracy on 1,000 classes against cost"


# -- titles and names


def darkest(png: bytes, **box: slice) -> int:
    return int(pixels(png)[box.get("rows", slice(None)), box.get("columns", slice(None))].min())


def test_a_title_stays_inside_a_narrow_picture() -> None:
    title = "small_convnet_with_a_name_of_many_words on holidays_of_the_whole_family, validation samples"
    examples = [Example(Image.new("RGB", (64, 64), "white"), "cat", "cat", 0.9)]
    drawn = {
        "confusion": confusion({"a": {"a": 1}, "b": {"b": 1}}, title),
        "sheet": contact_sheet(examples, title),
        "pairs": confusion(counted(51), title * 2),
        "bars": class_bars({"a": 0.5}, title),
    }
    for name, png in drawn.items():
        assert darkest(png, rows=slice(0, 30)) < 100, name
        assert darkest(png, columns=slice(-3, None)) > 200, name
    one_line = contact_sheet(examples, "title")
    assert size_of(drawn["sheet"])[1] > size_of(one_line)[1] + 20


def test_names_of_any_script_and_with_dollars_are_drawn_without_complaint(draw: Draw) -> None:
    names = ("日本の犬", "größter Käfer ☃", "$x_{$", "हिन्दी")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        matrix = draw(confusion, {name: {name: 1} for name in names}, "cost in $_{$")
        bars = draw(class_bars, dict.fromkeys(names, 0.5), "title")
        plot = draw(scatter, np.arange(3.0), np.arange(3.0), "$ per m^2 $_", "title")
    assert tuple(texts(matrix.axes[0].get_xticklabels())) == names
    assert set(texts(bars.axes[0].get_yticklabels())) == set(names)
    assert headline(matrix) == "cost in $_{$"
    for text in (plot.axes[0].xaxis.label, matrix.axes[0].get_xticklabels()[2]):
        assert not text.get_parse_math()


def test_the_same_plot_is_the_same_file_every_time() -> None:
    first, second = (curves(history_of([3.0, 1.0])) for _ in range(2))
    assert first == second
    assert b"matplotlib" not in first
