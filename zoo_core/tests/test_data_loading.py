"""Names, folders and plugins become datasets, or an error that says what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zoo import registry
from zoo.data import Dataset, Split, load_data
from zoo.errors import ArgumentError, DataError, PluginError, UnknownNameError
from zoo.registry import Entry
from zoo.specs import DatasetSpec


def test_digits_are_the_1797_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    data = load_data("digits")
    assert sum(map(len, data.splits.values())) == 1797
    assert data.class_names == tuple("0123456789")
    inks = np.rint(data.train.inputs[..., 0].astype(float) * 16 / 255)
    originals = {image.tobytes(): label for image, label in zip(*load_digits(return_X_y=True), strict=True)}
    assert [originals[each.reshape(64).tobytes()] for each in inks] == data.train.labels.tolist()
    assert data.train.inputs.max() == 255


def test_no_digit_is_on_two_sides_and_each_is_on_all() -> None:
    data = load_data("digits", seed=3)
    sides = [{each.tobytes() for each in split.inputs} for split in data.splits.values()]
    assert len(set.union(*sides)) == sum(map(len, sides)) == 1797
    assert all(np.bincount(split.labels).min() > 30 for split in data.splits.values())


def test_an_origin_written_as_json_loads_the_same_again() -> None:
    data = load_data("digits", classes=range(5, 10), validation=0.1, seed=7)
    again = load_data(**json.loads(json.dumps(data.origin)))
    assert data.origin["name_or_folder"] == "zoo-core/digits"
    assert again.class_names == data.class_names == ("5", "6", "7", "8", "9")
    for part, split in data.splits.items():
        np.testing.assert_array_equal(again.splits[part].inputs, split.inputs)
        np.testing.assert_array_equal(again.splits[part].labels, split.labels)


def test_classes_are_kept_in_the_order_asked() -> None:
    whole, some = load_data("digits"), load_data("digits", classes=("7", "1"))
    assert some.class_names == ("7", "1")
    np.testing.assert_array_equal(some.test.inputs[some.test.labels == 0], whole.test.inputs[whole.test.labels == 7])
    later = load_data(whole, classes=("7", "1"))
    assert later.test.labels.tolist() == some.test.labels.tolist()
    assert later.origin == some.origin


@pytest.mark.parametrize(
    ("classes", "found"),
    [
        (("1", "eleven"), "no class 'eleven' among 0, 1"),
        (("1",), "two or more different"),
        (("1", "1"), "two or more different"),
        ("12", "not a list of class names"),
        (3, "does not take 'classes'"),
    ],
)
def test_classes_that_are_not_there_are_refused(classes: object, found: str) -> None:
    with pytest.raises(ArgumentError, match=found):
        load_data("digits", classes=classes)  # type: ignore[arg-type]


def test_a_loaded_dataset_is_handed_back_and_takes_no_options() -> None:
    data = load_data("synthetic_images", count=12)
    assert load_data(data) is data
    with pytest.raises(ArgumentError, match="it is loaded already"):
        load_data(data, seed=3)


def test_synthetic_images_are_learnable_and_as_asked() -> None:
    data = load_data("synthetic_images", count=90, classes=3, size=16, channels=1, seed=2)
    assert data.train.inputs.shape == (72, 16, 16, 1)
    assert data.train.inputs.dtype == np.uint8
    centres = np.stack([data.train.inputs[data.train.labels == label].mean(0) for label in range(3)])
    distances = ((data.validation.inputs[:, None] - centres[None]) ** 2).mean((2, 3, 4))
    assert (distances.argmin(1) == data.validation.labels).all()
    with pytest.raises(ArgumentError, match="at least two classes"):
        load_data("synthetic_images", classes=1)


def test_a_word_that_is_neither_name_nor_folder_says_both() -> None:
    with pytest.raises(UnknownNameError, match="there is no folder 'digitz'; did you mean 'digits'"):
        load_data("digitz")


def test_a_path_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        load_data(str(tmp_path / "birds"))
    with pytest.raises(ArgumentError, match="neither a name nor a path"):
        load_data(None)  # type: ignore[arg-type]


def test_a_name_goes_before_a_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_data("digits").name == "digits"
    with pytest.raises(DataError, match="the folder is empty"):
        load_data("./digits")


def test_an_unknown_option_is_refused_with_the_nearest() -> None:
    with pytest.raises(ArgumentError, match=r"does not take 'validatoin'; it takes .*; did you mean 'validation'"):
        load_data("digits", validatoin=0.1)
    with pytest.raises(ArgumentError, match="is given as well"):
        load_data(".", path="there")


def test_a_missing_path_is_asked_for() -> None:
    with pytest.raises(
        ArgumentError, match=r"it needs path; pass path=, or put the data at .*california_housing; .*housing\.csv"
    ):
        load_data("california_housing")
    with pytest.raises(ArgumentError, match=r"it needs path; pass path=$"):
        load_data("image_folder")


def raising(seed: int = 0) -> Dataset:
    raise KeyError("colour")


def leaving() -> Dataset:
    sys.exit(3)


def returning_nonsense() -> list[int]:
    return [1]


def returning_false_labels() -> Dataset:
    split = Split(np.zeros((2, 4, 4, 3), np.uint8), np.array([0, 2]))
    return Dataset(name="acme", task="image-classification", train=split, class_names=("a", "b"))


@pytest.mark.parametrize(
    ("loader", "found"),
    [
        (f"{__name__}:raising", "its loader fails with KeyError: 'colour'"),
        (f"{__name__}:leaving", "its loader fails with SystemExit: 3"),
        (f"{__name__}:returning_nonsense", "its loader returns a list"),
        (f"{__name__}:returning_false_labels", "labels of train are not all indices of the 2 classes"),
        (f"{__name__}:nothing_of_that_name", "cannot be imported"),
        ("zoo_acme_that_is_not_installed:load", "cannot be imported"),
    ],
)
def test_a_plugin_that_fails_is_named(loader: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules[raising.__module__])
    spec = DatasetSpec(name="acme", loader=loader, task="image-classification", summary="")
    monkeypatch.setattr(registry, "find_dataset", lambda name: Entry(spec, "zoo-acme"))
    with pytest.raises(PluginError, match=f"zoo-acme/acme.*{found}.*zoo-acme"):
        load_data("acme")


def test_listing_datasets_and_strategies_imports_nothing_heavy() -> None:
    code = (
        "import sys, zoo.registry as r; print(r.list_datasets(), r.list_strategies()); "
        "print([m for m in ('numpy', 'PIL', 'keras', 'sklearn') if m in sys.modules])"
    )
    listed, heavy = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in (
        "digits",
        "image_folder",
        "cifar10",
        "california_housing",
        "table",
        "synthetic_images",
        "full",
        "head",
    ):
        assert repr(name) in listed
    assert heavy == "[]"
