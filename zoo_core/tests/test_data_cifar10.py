"""CIFAR-10 as binary batches, as class folders, as an archive of either, and as something else."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo import settings
from zoo.data import load_data
from zoo.data.sources.cifar10 import CLASSES, RECORD
from zoo.errors import ArgumentError, DataError


def write_batches(folder: Path, count: int = 20) -> dict[str, np.ndarray]:
    """Write the six official files; return the records of each."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    batches = {}
    for name in (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"):
        batches[name] = rng.integers(0, 256, (count, RECORD), np.uint8)
        batches[name][:, 0] = np.arange(count) % 10
        (folder / name).write_bytes(batches[name].tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(CLASSES) + "\n\n")
    return batches


def write_pictures(folder: Path, train: int = 10, test: int = 2, size: int = 32) -> None:
    for part, count in (("train", train), ("test", test)):
        for label, name in enumerate(CLASSES):
            (folder / part / name).mkdir(parents=True)
            for index in range(count):
                colour = (20 * label, 255 - 20 * label, 150 * (part == "test") + 12 * index)
                Image.new("RGB", (size, size), colour).save(folder / part / name / f"{index:04}.jpg")


def pack(folder: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)
    return archive


def test_the_official_batches_come_out_as_pictures(tmp_path: Path) -> None:
    batches = write_batches(tmp_path / "cifar-10-batches-bin")
    data = load_data("cifar10", path=tmp_path / "cifar-10-batches-bin")
    assert data.class_names == CLASSES
    assert [len(split) for split in data.splits.values()] == [90, 10, 20]
    record = batches["test_batch.bin"][7]
    assert data.test.labels[7] == record[0] == 7
    picture = data.test.inputs[7]
    assert picture.shape == (32, 32, 3)
    assert picture.dtype == np.uint8
    # red first, row by row: the value at row 5, column 9 of green
    assert picture[5, 9].tolist() == [record[1 + plane * 1024 + 5 * 32 + 9] for plane in range(3)]


def test_a_folder_around_it_and_an_archive_hold_the_same(tmp_path: Path) -> None:
    write_batches(tmp_path / "data" / "cifar-10-batches-bin")
    archive = pack(tmp_path / "data" / "cifar-10-batches-bin", tmp_path / "cifar-10-binary.tar.gz")
    around, packed = load_data("cifar10", path=tmp_path / "data"), load_data("cifar10", path=str(archive))
    shutil.copytree(tmp_path / "data", tmp_path / "unpacked")
    for part, split in around.splits.items():
        np.testing.assert_array_equal(split.inputs, packed.splits[part].inputs)
        np.testing.assert_array_equal(split.labels, packed.splits[part].labels)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cifar-10-binary.tar.gz", "data", "unpacked"]


def test_class_folders_are_read_in_the_official_order(tmp_path: Path) -> None:
    write_pictures(tmp_path / "cifar")
    pack(tmp_path / "cifar", tmp_path / "cifar.tar.gz")
    folder, archive = (load_data("cifar10", path=tmp_path / name) for name in ("cifar", "cifar.tar.gz"))
    assert [len(split) for split in folder.splits.values()] == [90, 10, 20]
    assert np.bincount(folder.validation.labels).tolist() == [1] * 10
    np.testing.assert_array_equal(folder.test.inputs, archive.test.inputs)
    red = folder.test.inputs[:, 0, 0, 0].astype(int)
    assert abs(red - 20 * folder.test.labels).max() < 4


def test_only_the_splits_wanted_are_read(tmp_path: Path) -> None:
    write_batches(tmp_path / "bin")
    (tmp_path / "bin" / "data_batch_3.bin").write_bytes(b"damaged")
    data = load_data("cifar10", path=tmp_path / "bin", splits=("test",))
    assert list(data.splits) == ["test"]
    assert len(load_data(**data.origin).test) == 20
    with pytest.raises(DataError, match=r"data_batch_3\.bin has 7 bytes"):
        load_data("cifar10", path=tmp_path / "bin")
    with pytest.raises(ArgumentError, match="splits is 'test'"):
        load_data("cifar10", path=tmp_path / "bin", splits="test")


def test_copies_between_the_official_parts_are_noted(tmp_path: Path) -> None:
    write_batches(tmp_path / "bin")
    shutil.copy(tmp_path / "bin" / "data_batch_1.bin", tmp_path / "bin" / "test_batch.bin")
    assert load_data("cifar10", path=tmp_path / "bin").notes == (
        "20 of 20 test samples are also in the training split",
    )


def test_damage_is_named(tmp_path: Path) -> None:
    def refused(found: str) -> None:
        with pytest.raises(DataError, match=found):
            load_data("cifar10", path=tmp_path / "bin")

    batches = write_batches(tmp_path / "bin")
    test_batch = tmp_path / "bin" / "test_batch.bin"
    test_batch.unlink()
    refused(r"test_batch\.bin is missing")
    test_batch.write_bytes(batches["test_batch.bin"].tobytes()[:-1])
    refused(r"test_batch\.bin has 61,459 bytes")
    batches["test_batch.bin"][3, 0] = 10
    test_batch.write_bytes(batches["test_batch.bin"].tobytes())
    refused(r"test_batch\.bin has the label 10")
    (tmp_path / "bin" / "batches.meta.txt").write_text("apple aquarium_fish baby")
    refused("names other classes .apple")


def test_pictures_of_another_size_or_a_class_without_any_are_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path / "large", 1, 1, size=48)
    with pytest.raises(DataError, match=r"large/test/airplane/0000\.jpg: it has 48x48 pixels"):
        load_data("cifar10", path=tmp_path / "large")
    write_pictures(tmp_path / "cifar", 1, 1)
    shutil.rmtree(tmp_path / "cifar" / "train" / "frog")
    with pytest.raises(DataError, match="train has no images of frog"):
        load_data("cifar10", path=tmp_path / "cifar")


def test_the_pickled_batches_are_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"\x80\x02")
    pack(tmp_path / "cifar-10-batches-py", tmp_path / "cifar-10-python.tar.gz")
    for path in (tmp_path / "cifar-10-batches-py", tmp_path / "cifar-10-python.tar.gz"):
        with pytest.raises(DataError, match=r"reading a pickle can run code; .*cifar-10-binary"):
            load_data("cifar10", path=path)


def test_other_files_and_archives_are_refused(tmp_path: Path) -> None:
    write_batches(tmp_path / "bin", 40)
    whole = pack(tmp_path / "bin", tmp_path / "whole.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "page.tar.gz").write_text("<html>")
    (tmp_path / "other").mkdir()
    for name, found in (
        ("cut.tar.gz", "not a complete archive"),
        ("page.tar.gz", "not a complete archive"),
        ("gone", "no such file"),
        ("other", "it holds no test and no train"),
    ):
        with pytest.raises(DataError, match=found):
            load_data("cifar10", path=tmp_path / name)


def test_an_archive_that_claims_gigabytes_is_not_read_into_memory(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo("test_batch.bin")
        member.size = 40_000_000
        tar.addfile(member, io.BytesIO(bytes(member.size)))
    with pytest.raises(DataError, match=r"test_batch\.bin has 40,000,000 bytes"):
        load_data("cifar10", path=tmp_path / "bomb.tar.gz")


def test_without_a_path_the_folder_of_data_is_looked_into() -> None:
    with pytest.raises(ArgumentError) as caught:
        load_data("cifar10")
    home = settings.config_folder() / "data" / "cifar10"
    assert str(home) in caught.value.advice
    assert "cifar-10-binary.tar.gz" in caught.value.advice
    write_batches(home / "source" / "cifar-10-batches-bin")
    pack(home / "source" / "cifar-10-batches-bin", home / "cifar-10-binary.tar.gz")
    shutil.rmtree(home / "source")
    assert len(load_data("cifar10").test) == 20


def test_the_jpeg_archive_gives_the_ten_thousand_test_images(shared: Path) -> None:
    data = load_data("cifar10", path=shared / "data" / "cifar10_jpeg.tar.gz", splits=("test",))
    assert data.test.inputs.shape == (10_000, 32, 32, 3)
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
    # The mean of the official test images, (0.4942, 0.4851, 0.4504), to what JPEG changes.
    np.testing.assert_allclose(data.test.inputs.mean((0, 1, 2)) / 255, (0.4942, 0.4851, 0.4504), atol=2e-3)
