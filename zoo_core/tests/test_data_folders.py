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
    assert reasons["gone.jpg"] == "it is a link to a file that does not exist"
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
    assert [each.reason for each in load_data(tmp_path).skipped] == ["it is not a regular file"]


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
    assert load_data(tmp_path, validation=0).notes == ("1 image is in more than one class folder",)


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
    refused(tmp_path / "loose", "it holds 1 images, but no class folders")
    refused(draw_classes(tmp_path / "one", 2, ("cat",)), "there is only one class, 'cat'")
    (draw_classes(tmp_path / "hollow", 2) / "emu").mkdir()
    refused(tmp_path / "hollow", "hollow/emu' holds no images")
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


# -- loose pictures and a table


def label(root: Path, table: str, count: int = 4) -> Path:
    for index in range(count):
        draw(root / f"{index}.jpg", index)
    (root / "labels.csv").write_text(table)
    return root


def test_loose_pictures_with_a_table_are_all_for_testing_and_keep_the_indices_of_their_classes(tmp_path: Path) -> None:
    data = load_data(label(tmp_path, "file,class_index,label\n0.jpg,3,owl\n1.jpg,0,hen\n2.jpg,3,owl\n3.jpg,1,\n"))
    assert data.class_names == ("hen", "1", "2", "owl")
    assert [path.name for path in data.test.inputs] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert data.test.labels.tolist() == [3, 0, 3, 1]
    assert (data.train, data.validation) == (None, None)
    assert data.notes == ("no test sample of 2",)
    assert load_data(**data.origin).test.labels.tolist() == [3, 0, 3, 1]


def test_a_fraction_of_labelled_pictures_leaves_the_rest_for_training(tmp_path: Path) -> None:
    rows = "".join(f"{index}.jpg,{index % 2}\n" for index in range(10))
    data = load_data(label(tmp_path, "file,class_index\n" + rows, 10), validation=0.2)
    assert {part: len(split) for part, split in data.splits.items()} == {"train": 8, "validation": 2}


def test_the_names_of_all_classes_are_read_as_keras_writes_them(tmp_path: Path) -> None:
    label(tmp_path, "file,class_index\n0.jpg,1\n")
    names = '{"0": ["n01", "hen"], "1": ["n02", "crane"], "2": ["n03", "crane"]}'
    (tmp_path / "class_index.json").write_text(names)
    data = load_data(tmp_path)
    assert data.class_names == ("hen", "crane n02", "crane n03")
    assert [(each.path.name, each.reason) for each in data.skipped] == [
        (f"{index}.jpg", "labels.csv does not name it") for index in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ("picture,class_index\n0.jpg,1\n", "labels.csv has the columns picture, class_index, but not file"),
        ("file,class_index\n0.jpg,hen\n", "labels.csv gives '0.jpg' the class_index 'hen'"),
        ("file,class_index\n0.jpg,-1\n", "labels.csv gives '0.jpg' the class_index '-1'"),
        ("file,class_index\nno.jpg,1\n", "no file that labels.csv names is a complete image"),
    ],
)
def test_a_table_that_does_not_say_what_is_on_the_pictures_is_refused(tmp_path: Path, table: str, found: str) -> None:
    with pytest.raises(DataError, match=found):
        load_data(label(tmp_path, table, 1))


@pytest.mark.parametrize("names", ["no JSON", '{"0": "hen"}', '{"1": ["n01", "hen"]}'])
def test_names_of_classes_in_another_form_are_refused(tmp_path: Path, names: str) -> None:
    label(tmp_path, "file,class_index\n0.jpg,0\n", 1)
    (tmp_path / "class_index.json").write_text(names)
    with pytest.raises(DataError, match=r"class_index\.json does not name the classes"):
        load_data(tmp_path)


def test_an_index_beyond_the_named_classes_is_refused(tmp_path: Path) -> None:
    label(tmp_path, "file,class_index\n0.jpg,1\n", 1)
    (tmp_path / "class_index.json").write_text('{"0": ["n01", "hen"]}')
    with pytest.raises(DataError, match=r"class_index 1, but class_index\.json names 1 classes"):
        load_data(tmp_path)


def test_labelled_pictures_that_are_damaged_are_skipped_or_refused(tmp_path: Path) -> None:
    label(tmp_path, "file,class_index\n0.jpg,0\n1.jpg,1\n", 2)
    (tmp_path / "1.jpg").write_bytes(b"no picture")
    assert [each.path.name for each in load_data(tmp_path).skipped] == ["1.jpg"]
    with pytest.raises(DataError, match="1 file is not a complete image"):
        load_data(tmp_path, on_error="refuse")


def test_a_table_beside_class_folders_is_not_looked_at(tmp_path: Path) -> None:
    draw_classes(tmp_path, 4)
    (tmp_path / "labels.csv").write_text("file,class_index\n")
    assert load_data(tmp_path).class_names == ("cat", "dog")
