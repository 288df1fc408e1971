"""Class folders in every layout, and everything that people leave in them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data import Dataset, load_data
from zoo.errors import ArgumentError, DataError


def draw(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)).save(path)
    return path


def draw_classes(root: Path, count: int = 10, classes: tuple[str, ...] = ("cat", "dog"), start: int = 0) -> Path:
    for label, name in enumerate(classes):
        for index in range(count):
            draw(root / name / f"{index}.jpg", start + 1000 * label + index)
    return root


def names(data: Dataset, part: str) -> list[str]:
    return [f"{path.parent.name}/{path.name}" for path in data.splits[part].inputs]  # type: ignore[union-attr]


def test_a_plain_folder_is_split_class_by_class(tmp_path: Path) -> None:
    data = load_data(draw_classes(tmp_path / "birds"))
    assert data.name == "birds"
    assert data.class_names == ("cat", "dog")
    assert data.test is None
    assert np.bincount(data.validation.labels).tolist() == [2, 2]
    assert sorted(names(data, "train") + names(data, "validation")) == sorted(
        f"{name}/{index}.jpg" for name in ("cat", "dog") for index in range(10)
    )
    assert [name.startswith("dog") for name in names(data, "train")] == data.train.labels.astype(bool).tolist()


def test_the_same_seed_gives_the_same_split_wherever_the_folder_lies(tmp_path: Path) -> None:
    first = load_data(draw_classes(tmp_path / "a"), seed=5)
    (tmp_path / "b").mkdir()
    for file in sorted((tmp_path / "a").rglob("*.jpg"), reverse=True):  # created in another order
        (tmp_path / "b" / file.parent.name).mkdir(exist_ok=True)
        shutil.copy(file, tmp_path / "b" / file.parent.name)
    assert names(load_data(tmp_path / "b", seed=5), "validation") == names(first, "validation")
    assert names(load_data(tmp_path / "a", seed=6), "validation") != names(first, "validation")


@pytest.mark.parametrize(("train", "validation", "test"), [("train", "val", "test"), ("Training", "valid", "testing")])
def test_a_split_inside_the_folder_is_kept(tmp_path: Path, train: str, validation: str, test: str) -> None:
    for start, (part, count) in enumerate(((train, 6), (validation, 2), (test, 3))):
        draw_classes(tmp_path / part, count, start=start * 100)
    data = load_data(tmp_path)
    assert {part: len(split) for part, split in data.splits.items()} == {"train": 12, "validation": 4, "test": 6}
    assert data.notes == ()


def test_a_part_that_is_not_there_is_cut_out_of_training(tmp_path: Path) -> None:
    draw_classes(tmp_path / "train", 10)
    draw_classes(tmp_path / "test", 3, start=100)
    data = load_data(tmp_path, validation=0.3)
    assert {part: len(split) for part, split in data.splits.items()} == {"train": 14, "validation": 6, "test": 6}


def test_a_split_outside_the_folder_is_read_from_there(tmp_path: Path) -> None:
    draw_classes(tmp_path / "a", 4)
    draw_classes(tmp_path / "b", 2, start=100)
    data = load_data(tmp_path / "a", validation=tmp_path / "b", test=0.25)
    assert {part: len(split) for part, split in data.splits.items()} == {"train": 6, "validation": 4, "test": 2}
    assert data.origin["validation"] == str(tmp_path / "b")
    assert names(load_data(**data.origin), "test") == names(data, "test")


def test_parts_with_other_classes_are_refused_by_name(tmp_path: Path) -> None:
    draw_classes(tmp_path / "train", 2)
    draw_classes(tmp_path / "val", 2, ("cat", "dogs"))
    with pytest.raises(DataError, match="other classes: dog only in train, dogs only in validation"):
        load_data(tmp_path)


def test_a_part_given_twice_is_refused(tmp_path: Path) -> None:
    draw_classes(tmp_path / "train", 2)
    draw_classes(tmp_path / "val", 2)
    with pytest.raises(ArgumentError, match="is its validation split already"):
        load_data(tmp_path, validation=0.2)


def test_a_class_of_railway_trains_is_a_class(tmp_path: Path) -> None:
    assert load_data(draw_classes(tmp_path, 5, ("bus", "train"))).class_names == ("bus", "train")


@pytest.mark.parametrize(
    ("folders", "found"), [(("train", "val", "birds"), "mixes the folders"), (("val", "test"), "no folder named train")]
)
def test_half_a_split_is_refused(tmp_path: Path, folders: tuple[str, ...], found: str) -> None:
    for folder in folders:
        draw_classes(tmp_path / folder, 2)
    with pytest.raises(DataError, match=found):
        load_data(tmp_path)


def test_corrupt_and_foreign_files_are_named_and_skipped(tmp_path: Path) -> None:
    draw_classes(tmp_path)
    whole = (tmp_path / "cat" / "0.jpg").read_bytes()
    (tmp_path / "cat" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cat" / "empty.png").touch()
    (tmp_path / "dog" / "notes.txt").write_text("not a picture")
    (tmp_path / "dog" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "dog" / ".DS_Store").write_text("litter")
    (tmp_path / "dog" / "Thumbs.db").write_text("litter")
    draw(tmp_path / "loose.jpg", 9)
    (tmp_path / "README.txt").write_text("about the birds")
    data = load_data(tmp_path)
    reasons = {each.path.name: each.reason for each in data.skipped}
    assert reasons.keys() == {"cut.jpg", "empty.png", "notes.txt", "gone.jpg", "loose.jpg"}
    assert "truncated" in reasons["cut.jpg"].lower()
    assert reasons["gone.jpg"] == "it is a link to nothing"
    assert len(data.train) + len(data.validation) == 20
    assert "5 files skipped" in data.describe()


def test_damaged_files_are_refused_as_asked_the_first_ten_by_name(tmp_path: Path) -> None:
    draw_classes(tmp_path)
    for index in range(12):
        (tmp_path / "cat" / f"bad{index:02}.jpg").write_text("no picture")
    with pytest.raises(DataError) as caught:
        load_data(tmp_path, on_error="refuse")
    assert "12 files" in caught.value.found
    assert "bad09.jpg" in caught.value.found
    assert "bad10.jpg" not in caught.value.found
    assert "and 2 more" in caught.value.found


def test_a_pipe_among_the_pictures_does_not_hang(tmp_path: Path) -> None:
    draw_classes(tmp_path)
    os.mkfifo(tmp_path / "cat" / "pipe.jpg")
    assert [each.reason for each in load_data(tmp_path).skipped] == ["it is no regular file"]


def test_a_bomb_among_the_pictures_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_classes(tmp_path)
    Image.new("L", (50, 30)).save(tmp_path / "cat" / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.warns(Image.DecompressionBombWarning):
        assert [each.path.name for each in load_data(tmp_path).skipped] == ["bomb.png"]


def test_subfolders_count_and_circles_of_links_end(tmp_path: Path) -> None:
    draw_classes(tmp_path, 4)
    draw(tmp_path / "cat" / "indoors" / "sofa" / "0.jpg", 77)
    (tmp_path / "cat" / "indoors" / "again").symlink_to(tmp_path / "cat")
    data = load_data(tmp_path, validation=0)
    assert np.bincount(data.train.labels).tolist() == [5, 4]


def test_copies_of_a_picture_stay_on_one_side(tmp_path: Path) -> None:
    draw_classes(tmp_path, 8)
    for index in range(8):
        shutil.copy(tmp_path / "cat" / f"{index}.jpg", tmp_path / "cat" / f"copy_of_{index}.jpg")
    for seed in range(5):
        data = load_data(tmp_path, validation=0.4, seed=seed)
        sides = [{path.read_bytes() for path in split.inputs} for split in data.splits.values()]
        assert len(sides) == 2
        assert not sides[0] & sides[1]


def test_given_parts_that_share_pictures_are_noted(tmp_path: Path) -> None:
    draw_classes(tmp_path / "train", 4)
    draw_classes(tmp_path / "val", 2, start=2)
    data = load_data(tmp_path)
    assert data.notes == ("4 of 4 validation samples are also in the training split",)
    assert data.notes[0] in data.describe()


def test_a_picture_in_two_classes_is_noted(tmp_path: Path) -> None:
    draw_classes(tmp_path, 4)
    shutil.copy(tmp_path / "cat" / "0.jpg", tmp_path / "dog" / "cat.jpg")
    assert load_data(tmp_path, validation=0).notes == ("1 pictures lie in more than one class folder",)


def test_a_class_without_validation_samples_is_noted(tmp_path: Path) -> None:
    draw_classes(tmp_path, 5)
    draw(tmp_path / "emu" / "only.jpg", 5000)
    assert load_data(tmp_path).notes == ("no validation sample of emu",)


def test_folders_that_are_no_dataset_are_refused(tmp_path: Path) -> None:
    def refused(folder: Path, found: str) -> None:
        with pytest.raises(DataError, match=found):
            load_data(folder)

    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "the folder is empty")
    refused(tmp_path / "gone", "no such folder")
    draw(tmp_path / "loose" / "1.jpg", 1)
    refused(tmp_path / "loose", "1 loose pictures and no class folder")
    refused(draw_classes(tmp_path / "one", 2, ("cat",)), "one class only, 'cat'")
    (draw_classes(tmp_path / "hollow", 2) / "emu").mkdir()
    refused(tmp_path / "hollow", "hollow/emu' holds no picture")
    (tmp_path / "hollow" / "emu" / "egg.jpg").write_text("<html>")
    refused(tmp_path / "hollow", "no file of the class folder .*egg.jpg")
    refused(tmp_path / "loose" / "1.jpg", "neither a folder nor a .csv file")


def test_on_error_must_be_known(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="on_error is 'ignore'"):
        load_data(draw_classes(tmp_path, 2), on_error="ignore")


def test_classes_can_be_chosen_and_ordered(tmp_path: Path) -> None:
    data = load_data(draw_classes(tmp_path, 4, ("cat", "dog", "emu")), classes=("emu", "cat"), validation=0.25)
    assert data.class_names == ("emu", "cat")
    assert [name[:3] for name in names(data, "train")] == ["cat"] * 3 + ["emu"] * 3
    assert data.train.labels.tolist() == [1, 1, 1, 0, 0, 0]


def test_cats_and_dogs_bring_their_split(shared: Path) -> None:
    data = load_data(shared / "data" / "cats_and_dogs")
    assert data.describe() == "cats_and_dogs: 1,000 for training, 400 for validation; 2 classes (cats, dogs)."
    assert np.bincount(data.train.labels).tolist() == [500, 500]
    assert np.bincount(data.validation.labels).tolist() == [200, 200]
