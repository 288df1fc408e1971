"""Batches are the same for the same seed, whoever asks for them, and the fast way equals the slow one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from zoo.data import Split
from zoo.data.augmentation import Augmentation
from zoo.data.decoding import open_image
from zoo.data.pipeline import ahead, arrays, batches, stream
from zoo.data.preprocessing import prepare
from zoo.errors import ArgumentError, DataError
from zoo.specs import Preprocessing

RAW = Preprocessing(crop_fraction=1.0)


def pictures(count: int = 10, channels: int = 3) -> Split:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 8, channels), np.uint8)
    return Split(pixels, np.arange(count, dtype=np.int64))


def epoch(data: keras.utils.PyDataset) -> list[int]:
    return [int(label) for _, y in data for label in y]


@pytest.mark.parametrize(
    "preprocessing",
    [
        RAW,
        Preprocessing(resize="squash", scale=1 / 127.5, mean=(1.0,)),
        Preprocessing(crop_fraction=1.0, channels="bgr", mean=(103.939, 116.779, 123.68)),
        Preprocessing(crop_fraction=1.0, scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        Preprocessing(crop_fraction=1.0, per_image=True),
        Preprocessing(crop_fraction=1.0, channels="grey"),
        Preprocessing(),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 12, None])
def test_a_batch_is_what_its_pictures_are_one_by_one(
    preprocessing: Preprocessing, channels: int, size: int | None
) -> None:
    split = pictures(channels=channels)
    shape = (size, size, channels)
    one_by_one = np.stack([prepare(open_image(picture), preprocessing, shape) for picture in split.inputs])
    x, y = arrays(split, preprocessing, shape)
    np.testing.assert_allclose(x, one_by_one, rtol=1e-6, atol=1e-6)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(y, split.labels)


def test_the_last_batch_holds_the_rest_in_order() -> None:
    data = batches(pictures(), RAW, (8, 8, 3), batch_size=4)
    assert [len(y) for _, y in data] == [4, 4, 2]
    assert epoch(data) == epoch(data) == list(range(10))


@pytest.mark.parametrize("augmentation", [None, Augmentation(flip="horizontal")])
@pytest.mark.parametrize(
    "held",
    [
        lambda x: x,
        lambda x: x[1:, ::2],
        lambda x: x.reshape(len(x), -1).T[3:],
        lambda x: x[0][None],
        memoryview,
        keras.ops.convert_to_tensor,
    ],
    ids=["itself", "slice", "reshaped", "row", "memoryview", "tensor"],
)
def test_a_batch_that_somebody_holds_stays_as_it_is(held: Any, augmentation: Augmentation | None) -> None:
    data = batches(pictures(40), RAW, (8, 8, 3), batch_size=4, augmentation=augmentation)
    parts, copies = zip(*((held(x), np.array(held(x))) for x, _ in data), strict=True)
    for part, copy in zip(parts, copies, strict=True):
        np.testing.assert_array_equal(np.asarray(part), copy)


def test_the_memory_of_a_batch_that_nobody_holds_is_used_again() -> None:
    data = batches(pictures(400), RAW, (8, 8, 3), batch_size=4)
    assert len({x.ctypes.data for x, _ in data}) <= 5  # one in use, and two ahead; which come and go as threads do


def test_epochs_are_shuffled_anew_and_repeat_with_the_seed() -> None:
    first, again, other = (
        batches(pictures(50), RAW, (8, 8, 3), batch_size=7, shuffle=True, seed=seed) for seed in (1, 1, 2)
    )
    epochs = [epoch(first) for _ in range(3)]
    assert [epoch(again) for _ in range(3)] == epochs
    assert len({tuple(each) for each in epochs}) == 3
    assert all(sorted(each) == list(range(50)) for each in epochs)
    assert epoch(other) != epochs[0]


def test_keras_sees_the_same_epochs_as_a_loop_does() -> None:
    seen: list[int] = []

    class Recorder(keras.Model):
        def train_step(self, batch: tuple) -> dict:
            seen.extend(batch[1].numpy().tolist())
            return {"loss": keras.ops.zeros(())}

    def shuffled() -> keras.utils.PyDataset:
        return batches(pictures(20), RAW, (8, 8, 3), batch_size=6, shuffle=True, seed=4)

    model = Recorder()
    model.compile(run_eagerly=True)
    model.fit(shuffled(), epochs=3, shuffle=False, verbose=0)
    loop = shuffled()
    assert seen == epoch(loop) + epoch(loop) + epoch(loop)


def test_files_are_decoded_when_asked_for_and_named_when_gone(tmp_path: Path) -> None:
    paths = []
    for index in range(4):
        paths.append(tmp_path / f"{index}.png")
        Image.new("RGB", (20 + index, 10), (index, 0, 0)).save(paths[-1])
    data = batches(Split(tuple(paths), np.arange(4)), RAW, (8, 8, 3), batch_size=2)
    assert [x[0, 0, 0, 0] for x, _ in data] == [0, 2]
    paths[3].unlink()
    with pytest.raises(DataError, match=r"3\.png: there is no such file"):
        data[1]


def test_pictures_of_different_sizes_make_no_batch_without_a_size(tmp_path: Path) -> None:
    for side in (8, 9):
        Image.new("RGB", (side, side)).save(tmp_path / f"{side}.png")
    split = Split((tmp_path / "8.png", tmp_path / "9.png"), np.arange(2))
    with pytest.raises(DataError, match=r"differ in size: \(8, 8, 3\) and \(9, 9, 3\)"):
        arrays(split, RAW, (None, None, 3))


def test_rows_of_a_table_pass_through() -> None:
    rows = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    x, y = batches(Split(rows, np.ones(5, np.float32)), None, (3,), batch_size=8)[0]
    np.testing.assert_array_equal(x, rows)
    assert y.tolist() == [1.0] * 5


def test_a_model_that_takes_something_else_is_refused() -> None:
    rows = Split(np.zeros((5, 3), np.float32), np.zeros(5, np.float32))
    with pytest.raises(ArgumentError, match="a table of 3 features"):
        batches(rows, None, (4,), batch_size=2)
    with pytest.raises(ArgumentError, match="a table of 3 features"):
        batches(rows, RAW, (8, 8, 3), batch_size=2)
    with pytest.raises(ArgumentError, match="the data is images"):
        arrays(pictures(), None, (3,))
    with pytest.raises(ArgumentError, match="batches of 0"):
        batches(rows, None, (3,), batch_size=0)


def test_the_next_two_items_are_computed_while_one_is_used_and_no_more() -> None:
    computed = []

    class Steps:
        def __len__(self) -> int:
            return 5

        def __getitem__(self, index: int) -> int:
            computed.append(index)
            if index == 4:
                raise DataError("read it", "it is gone", "look for it")
            return 10 * index

    items = ahead(Steps())
    assert next(items) == 0
    assert next(items) == 10
    items.close()
    assert sorted(computed) == [0, 1, 2, 3]
    with pytest.raises(DataError, match="it is gone"):
        list(ahead(Steps()))
    assert list(ahead([])) == []


class Rows(keras.utils.PyDataset):
    """Five batches of four rows, which notes those that are asked for, and has lost the last."""

    signature = keras.KerasTensor((None, 3)), keras.KerasTensor((None,))

    def __init__(self, is_whole: bool = True) -> None:
        super().__init__()
        self.is_whole = is_whole
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Any:
        self.asked.append(index)
        if index == 4 and not self.is_whole:
            raise DataError("read it", "it is gone", "look for it")
        return np.full((4, 3), index, np.float32), np.zeros(4, np.float32)


def linear() -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_of_a_stream_keras_takes_each_batch_once_an_epoch() -> None:
    data, checks = Rows(), Rows()
    with stream(data) as learnt, stream(checks) as held_out:
        linear().fit(learnt, validation_data=held_out, epochs=3, shuffle=False, verbose=0)
    for each in (data, checks):
        assert sorted(each.asked) == sorted(3 * list(range(5)))
    with stream(Rows()) as items:
        assert [int(x[0, 0]) for x, _ in items] == list(range(5))
    with stream(None) as nothing:
        assert nothing is None


def test_a_stream_may_hold_pictures_of_their_own_sizes(tmp_path: Path) -> None:
    for side in (8, 9, 11):
        Image.new("RGB", (side, 2 * side)).save(tmp_path / f"{side}.png")
    data = batches(Split(tuple(sorted(tmp_path.iterdir())), np.zeros(3)), RAW, (None, None, 3), batch_size=1)
    with stream(data) as items:
        assert {tuple(x.shape) for x, _ in items} == {(1, 16, 8, 3), (1, 18, 9, 3), (1, 22, 11, 3)}


@pytest.mark.parametrize("use", [lambda x: linear().fit(x, shuffle=False), lambda x: linear().predict(x)])
def test_what_a_batch_raises_comes_out_of_keras_as_it_was_raised(use: Any) -> None:
    with pytest.raises(DataError, match="it is gone"), stream(Rows(is_whole=False)) as items:
        use(items)
