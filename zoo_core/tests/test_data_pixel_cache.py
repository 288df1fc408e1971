"""Kept pixels are those that were decoded, on disk as in memory, and a short disk costs time and nothing else."""

from __future__ import annotations

import gc
import io
import shutil
import tempfile
import tracemalloc
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data import Split, pipeline, pixel_cache, preprocessing
from zoo.data.pipeline import batches
from zoo.data.pixel_cache import PixelCache
from zoo.specs import Preprocessing

Usage = namedtuple("Usage", "total used free")

COUNT, SHAPE = 30, (24, 24, 3)
CENTRE = Preprocessing(scale=1 / 127.5, mean=(1.0,))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Split:
    folder = tmp_path_factory.mktemp("photographs")
    random = np.random.default_rng(0)
    paths = tuple(folder / f"{index}.jpg" for index in range(COUNT))
    for index, path in enumerate(paths):
        Image.fromarray(random.integers(0, 256, (40 + index, 60, 3), np.uint8)).save(path)
    return Split(paths, np.arange(COUNT, dtype=np.int64))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Note the files that are decoded."""
    seen: list[Path] = []

    def noted(source: Path, *args: object, **options: object) -> object:
        seen.append(source)
        return preprocessing.pixels_of(source, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "pixels_of", noted)
    return seen


@pytest.fixture(params=["in memory", "on disk"])
def _either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "on disk":
        monkeypatch.setattr(pixel_cache, "IN_MEMORY", 0)


def epochs_of(split: Split, count: int, **options: object) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    data = batches(split, CENTRE, SHAPE, batch_size=7, shuffle=True, seed=3, **options)  # type: ignore[arg-type]
    return [list(data) for _ in range(count)]


@pytest.mark.usefixtures("_either")
def test_every_epoch_is_bit_for_bit_what_decoding_gives(photographs: Split, decoded: list[Path]) -> None:
    kept, again = (epochs_of(photographs, 3, keep=keep) for keep in (True, False))
    for ours, theirs in zip(kept, again, strict=True):
        for (x, y), (expected, labels) in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(x, expected)
            np.testing.assert_array_equal(y, labels)
    assert sorted(decoded) == sorted(photographs.inputs)  # once each


@pytest.mark.usefixtures("_either")
def test_an_epoch_that_was_broken_off_is_kept_as_far_as_it_went(photographs: Split, decoded: list[Path]) -> None:
    data = batches(photographs, CENTRE, SHAPE, batch_size=10, keep=True)
    first = data[0][0]
    assert len(decoded) == 10
    np.testing.assert_array_equal(data[0][0], first)
    assert len(decoded) == 10
    assert len(data[1][0]) == 10
    assert len(decoded) == 20


@pytest.mark.usefixtures("_either")
def test_several_batches_keep_their_own(photographs: Split) -> None:
    raw = Preprocessing(resize="squash")
    one, other = (batches(photographs, each, SHAPE, batch_size=8, keep=True) for each in (CENTRE, raw))
    first = [one[0][0], other[0][0]]
    assert not np.array_equal(*first)
    one.close()
    np.testing.assert_array_equal(other[0][0], first[1])
    np.testing.assert_array_equal(one[0][0], first[0])


@pytest.mark.parametrize("writes", [0, 12])
def test_a_disk_that_fills_up_costs_nothing_but_time(
    photographs: Split, decoded: list[Path], monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    monkeypatch.setattr(pixel_cache, "IN_MEMORY", 0)
    monkeypatch.setattr(pixel_cache, "_BYTES_BETWEEN_CHECKS", 1)
    looks = iter([10**12] * (1 + writes) + [0] * 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, next(looks)))
    kept, again = (epochs_of(photographs, 2, keep=keep) for keep in (True, False))
    for ours, theirs in zip(kept, again, strict=True):
        assert all(np.array_equal(x, expected) for (x, _), (expected, _) in zip(ours, theirs, strict=True))
    assert len(decoded) == 2 * COUNT - writes


def test_a_write_that_is_cut_short_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_cache, "IN_MEMORY", 0)
    kept = PixelCache(4, (2, 2, 3))
    picture = np.ones((2, 2, 3), np.uint8)
    kept.put(0, picture)
    assert kept._disk is not None
    whole = kept._disk._file

    class Half(io.BytesIO):
        """A file on a disk with room for half of what is written."""

        def write(self, content: object) -> int:
            return len(memoryview(content).cast("B")) // 2  # type: ignore[arg-type]

    monkeypatch.setattr(kept._disk, "_file", Half())
    kept.put(1, picture)
    monkeypatch.setattr(kept._disk, "_file", whole)
    kept.put(2, picture)  # it has given up
    assert [kept.get(index) is not None for index in range(4)] == [True, False, False, False]


@pytest.mark.parametrize(("free", "is_kept"), [(2**40, True), (2**30 + 1000, False), (2**30 + 2**20, True)])
def test_a_short_disk_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, free: int, is_kept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pixel_cache, "IN_MEMORY", 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**40, 0, free))
    with caplog.at_level("DEBUG", logger="zoo"):
        kept = PixelCache(100, (10, 10, 3))
    kept.put(0, np.ones((10, 10, 3), np.uint8))
    assert (kept.get(0) is not None) == is_kept
    where = "kept on disk" if is_kept else "not kept on disk"
    assert caplog.messages == [f"the pixels of 100 images are {where}: they take 0.0 MB, with {free / 1e6:.1f} MB free"]


def test_nothing_is_left_of_what_was_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_cache, "IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = PixelCache(4, (2, 2, 3))
    kept.put(3, np.full((2, 2, 3), 7, np.uint8))
    assert kept.get(3) is not None
    assert list(tmp_path.iterdir()) == []  # nor is it while it is used, so that a killed process leaves nothing
    assert kept._disk is not None
    file = kept._disk._file
    del kept
    gc.collect()
    assert file.closed


def test_memory_does_not_grow_with_the_number_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_cache, "IN_MEMORY", 0)
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    tracemalloc.start()
    kept = PixelCache(4000, picture.shape)
    for index in range(4000):
        kept.put(index, picture)
    assert all(np.array_equal(kept.get(index), picture) for index in range(0, 4000, 100))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(kept) == 4000
    assert peak < 2**18  # of 49 MB that are kept
