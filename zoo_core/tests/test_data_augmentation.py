"""Augmentation changes what it says and as far as it says, the same way whenever it is asked for the same batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zoo.cli import main
from zoo.data import Split
from zoo.data.augmentation import Augmentation, augmenter
from zoo.data.augmented_folder import augment_folder
from zoo.data.decoding import open_image
from zoo.data.pipeline import batches
from zoo.errors import ArgumentError, DataError
from zoo.specs import Preprocessing

RAW = Preprocessing(crop_fraction=1.0)
ALL = Augmentation("both", 20, 0.1, 0.1, 0.2, 0.2, 0.1, 0.3, 0.1, 0.02)


def pictures(count: int = 40, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 12, 16, channels), np.uint8)


def changed(augmentation: Augmentation, pixels: np.ndarray, seed: int = 0) -> np.ndarray:
    return augmenter(augmentation, pixels.shape[-1])(pixels, (seed, 0, 0))


@pytest.mark.parametrize(
    ("flip", "flips"),
    [
        ("horizontal", [lambda x: x, lambda x: x[:, ::-1]]),
        ("vertical", [lambda x: x, lambda x: x[::-1]]),
        ("both", [lambda x: x, lambda x: x[:, ::-1], lambda x: x[::-1], lambda x: x[::-1, ::-1]]),
    ],
)
def test_half_of_the_pictures_are_flipped_and_nothing_else(
    flip: str, flips: list[Callable[[np.ndarray], np.ndarray]]
) -> None:
    pixels = pictures()
    out = changed(Augmentation(flip=flip), pixels)  # type: ignore[arg-type]
    found = [[bool((after == each(before)).all()) for each in flips] for before, after in zip(pixels, out, strict=True)]
    assert all(sum(row) == 1 for row in found)
    assert min(np.sum(found, axis=0)) > len(pixels) / len(flips) / 3


def spot_after(augmentation: Augmentation, x: int = 30, y: int = 20) -> np.ndarray:
    """Return where a bright spot in a dark picture of 41x41 comes to lie, of many tries."""
    pixels = np.zeros((200, 41, 41, 1), np.uint8)
    pixels[:, y - 1 : y + 2, x - 1 : x + 2] = 255
    weights = changed(augmentation, pixels)[..., 0]
    total = weights.sum((1, 2))
    rows, columns = np.mgrid[:41, :41]
    return np.stack([(weights * columns).sum((1, 2)), (weights * rows).sum((1, 2))], 1) / total[:, None] - 20


def test_a_rotation_goes_as_far_as_it_may_and_keeps_the_distance_from_the_middle() -> None:
    x, y = spot_after(Augmentation(rotation=30)).T
    np.testing.assert_allclose(np.hypot(x, y), 10, atol=0.2)
    angles = np.degrees(np.arctan2(y, x))
    assert (angles.min(), angles.max()) == (pytest.approx(-30, abs=2), pytest.approx(30, abs=2))


def test_a_zoom_and_a_shift_go_as_far_as_they_may() -> None:
    x, y = spot_after(Augmentation(zoom=0.2)).T
    np.testing.assert_allclose(y, 0, atol=0.05)
    assert (x.min(), x.max()) == (pytest.approx(8, abs=0.2), pytest.approx(12, abs=0.2))
    x, y = spot_after(Augmentation(shift=0.1), x=20).T
    for moved in (x, y):
        assert (moved.min(), moved.max()) == (pytest.approx(-4.1, abs=0.3), pytest.approx(4.1, abs=0.3))


def test_a_crop_shows_a_part_of_the_picture_and_never_its_outside() -> None:
    ramp = np.broadcast_to(np.arange(101, dtype=np.uint8)[None, None, :, None] * 2, (200, 8, 101, 1))
    out = changed(Augmentation(crop=0.5), np.ascontiguousarray(ramp))[:, 4, :, 0]
    assert (np.diff(out, axis=1) > 0).all()  # mirrored outside would fall
    widths = (out[:, -1] - out[:, 0]) / 200
    assert widths.min() == pytest.approx(0.5, abs=0.03)
    assert widths.max() == pytest.approx(1, abs=0.03)
    assert out[:, 0].max() > 70  # anywhere, not in the middle alone


def mid_range(channels: int = 3) -> np.ndarray:
    """Return images without very dark and very bright values, which changed colours would have to be clipped to."""
    return np.random.default_rng(1).integers(96, 160, (200, 12, 16, channels), np.uint8)


def test_brightness_adds_the_same_to_every_value_of_an_image() -> None:
    pixels = mid_range()
    added = changed(Augmentation(brightness=0.2), pixels) - pixels
    assert np.ptp(added, axis=(1, 2, 3)).max() < 0.01
    of_image = added.mean((1, 2, 3))
    assert (of_image.min(), of_image.max()) == (pytest.approx(-0.2 * 255, abs=2), pytest.approx(0.2 * 255, abs=2))


def test_contrast_enlarges_the_distance_from_the_mean() -> None:
    pixels = mid_range()
    out = changed(Augmentation(contrast=0.2), pixels)
    mean = pixels.mean((1, 2), keepdims=True)
    np.testing.assert_allclose(out.mean((1, 2), keepdims=True), mean, atol=0.1)
    factor = (out - mean).std((1, 2, 3)) / (pixels - mean).std((1, 2, 3))
    np.testing.assert_allclose(out - mean, factor[:, None, None, None] * (pixels - mean), atol=0.1)
    # Given one number, keras.layers.RandomContrast draws the factor from 1 up.
    assert (factor.min(), factor.max()) == (pytest.approx(1, abs=0.02), pytest.approx(1.2, abs=0.02))


@pytest.mark.parametrize("name", ["saturation", "hue"])
def test_saturation_and_hue_change_colours_and_leave_grey_as_it_is(name: str) -> None:
    grey = np.repeat(mid_range(channels=1), 3, axis=3)
    np.testing.assert_allclose(changed(Augmentation(**{name: 0.5}), grey), grey, atol=0.1)
    pixels = mid_range()
    out = changed(Augmentation(**{name: 0.5}), pixels)
    np.testing.assert_allclose(out.max(axis=3), pixels.max(axis=3), atol=0.1)  # the value of HSV
    saturation, before = ((each.max(3) - each.min(3)) / each.max(3) for each in (out, pixels.astype(float)))
    of_image = (saturation / np.maximum(before, 0.01)).mean((1, 2))
    if name == "hue":
        np.testing.assert_allclose(saturation, before, atol=0.01)
        assert np.abs(out - pixels).mean((1, 2, 3)).max() > 10
    else:
        assert of_image.min() < 0.7
        assert of_image.max() > 1.3


def test_noise_has_the_standard_deviation_that_was_asked_for() -> None:
    pixels = mid_range()
    noise = changed(Augmentation(noise=0.05), pixels) - pixels
    assert noise.mean() == pytest.approx(0, abs=0.2)
    assert noise.std() == pytest.approx(0.05 * 255, rel=0.02)


def test_opacity_moves_with_the_picture_and_has_no_colour() -> None:
    pixels = pictures(channels=4)
    out = changed(Augmentation(flip="horizontal", brightness=0.5), pixels)
    opacity, before = out[..., 3], pixels[..., 3]
    is_flipped = (opacity == before[:, :, ::-1]).all((1, 2))
    np.testing.assert_array_equal(opacity[~is_flipped], before[~is_flipped])
    assert 0 < is_flipped.sum() < len(pixels)
    assert np.abs(out[..., :3] - pixels[..., :3]).max() > 60


def test_grey_pictures_have_no_hue() -> None:
    assert changed(Augmentation(contrast=0.3, noise=0.1), pictures(channels=1)).shape == (40, 12, 16, 1)
    with pytest.raises(ArgumentError, match="the images are grey"):
        augmenter(Augmentation(hue=0.1), 1)


def test_threads_do_not_draw_from_each_others_seeds() -> None:
    augment = augmenter(ALL, 3)
    several = [np.full((4, 16, 16, 3), 128, np.uint8)] * 400
    alone = [augment(pixels, (0, 0, index)) for index, pixels in enumerate(several)]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda index: augment(several[index], (0, 0, index)), range(400)))
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"flip": "horizontl"}, "did you mean 'horizontal'"),
        ({"rotaton": 10}, "did you mean 'rotation'"),
        ({"rotation": 181}, "rotation is a number of degrees from 0 to 180"),
        ({"zoom": -0.1}, "zoom is a share from 0 to 0.9"),
        ({"noise": "much"}, "noise is a share"),
        ({"shift": True}, "shift is a share"),
        ({"crop": float("nan")}, "crop is a share"),
        (3, "it does not say which changes; pass True"),
        ("standard", "it does not say which changes; pass True"),
    ],
)
def test_what_is_no_augmentation_is_refused(values: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Augmentation.from_dict(values)


def test_an_augmentation_survives_being_written() -> None:
    for each in (Augmentation(), Augmentation.standard(), ALL):
        assert Augmentation.from_dict(json.loads(json.dumps(each.as_dict()))) == each
    assert Augmentation().is_off
    assert Augmentation.from_dict({}).as_dict() == {}
    assert not Augmentation.standard().is_off


# -- in batches


def augmented(epoch: int = 0, **options: object) -> list[tuple[np.ndarray, np.ndarray]]:
    split = Split(pictures(), np.arange(40, dtype=np.int64))
    options = {"batch_size": 16, "shuffle": True, "seed": 5, "augmentation": ALL, **options}
    data = batches(split, RAW, (12, 16, 3), **options)  # type: ignore[arg-type]
    assert data.is_random == (options["augmentation"] is not None)
    data.start_at(epoch)
    return list(data)


def equal(one: list[tuple[np.ndarray, np.ndarray]], other: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(np.array_equal(x, x2) and np.array_equal(y, y2) for (x, y), (x2, y2) in pairs)


def test_epochs_differ_and_each_can_be_had_by_itself() -> None:
    split = Split(pictures(), np.arange(40, dtype=np.int64))
    data = batches(split, RAW, (12, 16, 3), batch_size=16, shuffle=True, seed=5, augmentation=ALL)
    in_turn = [list(data) for _ in range(3)]
    assert not equal(in_turn[0], in_turn[1])
    assert all(equal(epoch, augmented(index)) for index, epoch in enumerate(in_turn))
    assert not equal(in_turn[0], augmented(seed=6))


def test_a_batch_is_the_same_whichever_was_asked_for_before() -> None:
    split = Split(pictures(), np.arange(40, dtype=np.int64))
    data = batches(split, RAW, (12, 16, 3), batch_size=16, seed=5, augmentation=ALL)
    backwards = [data[index] for index in (2, 1, 0)][::-1]
    assert equal(backwards, list(data))


def test_start_at_goes_on_with_the_order_of_that_epoch() -> None:
    split = Split(pictures(), np.arange(40, dtype=np.int64))
    first, resumed = (batches(split, RAW, (12, 16, 3), batch_size=16, shuffle=True, seed=5) for _ in range(2))
    epochs = [list(first) for _ in range(4)]
    resumed.start_at(2)
    assert equal(list(resumed), epochs[2])
    assert equal(list(resumed), epochs[3])
    assert not first.is_random


def test_an_augmentation_that_is_off_costs_and_changes_nothing() -> None:
    split = Split(pictures(), np.arange(40, dtype=np.int64))
    data = batches(split, RAW, (12, 16, 3), batch_size=40, augmentation=Augmentation())
    assert not data.is_random
    np.testing.assert_array_equal(data[0][0], pictures())


def test_changes_come_before_the_normalisation() -> None:
    centred = Preprocessing(crop_fraction=1.0, scale=1 / 127.5, mean=(1.0,))
    split = Split(pictures(), np.arange(40, dtype=np.int64))
    raw, x = (batches(split, each, (12, 16, 3), batch_size=40, augmentation=ALL)[0][0] for each in (RAW, centred))
    np.testing.assert_allclose(x, raw / 127.5 - 1, atol=1e-6)


def test_rows_are_not_augmented() -> None:
    rows = Split(np.zeros((5, 3), np.float32), np.zeros(5, np.float32))
    with pytest.raises(ArgumentError, match="rows of a table"):
        batches(rows, None, (3,), batch_size=2, augmentation=Augmentation.standard())


# -- written to a folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        for index, suffix in enumerate(("jpg", "png", "jpg")):
            path = tmp_path / "photos" / name / f"{index}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (20, 30, 3), np.uint8)).save(path)
    return tmp_path / "photos"


def tree(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_a_folder_is_written_with_its_originals_and_as_many_copies(folder: Path, tmp_path: Path) -> None:
    (folder / "cat" / "broken.jpg").write_bytes(b"no picture")
    written = augment_folder(folder, tmp_path / "more", Augmentation.standard(), copies=2, seed=1)
    assert (written.originals, written.copies) == (6, 12)
    assert [each.path.name for each in written.skipped] == ["broken.jpg"]
    before, after = tree(folder), tree(tmp_path / "more")
    assert len(after) == 18
    assert all(after[name] == content for name, content in before.items() if "broken" not in name)
    assert open_image(tmp_path / "more" / "dog" / "1.png.augmented-2.png").size == (30, 20)
    augment_folder(folder, tmp_path / "again", Augmentation.standard(), copies=2, seed=1)
    assert tree(tmp_path / "again") == after


def test_a_copy_shows_its_original_with_the_change_that_was_asked_for(folder: Path, tmp_path: Path) -> None:
    augment_folder(folder, tmp_path / "more", Augmentation(flip="horizontal"), copies=8, seed=1)
    original = np.asarray(open_image(folder / "dog" / "1.png"))
    copies = [open_image(tmp_path / "more" / "dog" / f"1.png.augmented-{number}.png") for number in range(1, 9)]
    mirrored = [np.array_equal(copy, original[:, ::-1]) for copy in copies]
    unchanged = [np.array_equal(copy, original) for copy in copies]
    assert [one != other for one, other in zip(mirrored, unchanged, strict=True)] == [True] * 8
    assert any(mirrored)
    assert any(unchanged)


def test_only_pictures_for_training_get_copies(folder: Path, tmp_path: Path) -> None:
    for part in ("train", "validation"):
        augment_folder(folder, tmp_path / "parted" / part, Augmentation(flip="both"))
    for copy in (tmp_path / "parted").rglob("*augmented*"):
        copy.unlink()
    written = augment_folder(tmp_path / "parted", tmp_path / "more", Augmentation(flip="both"), copies=3)
    assert (written.originals, written.copies) == (12, 18)
    assert not [name for name in tree(tmp_path / "more" / "validation") if "augmented" in name]


def test_what_cannot_be_written_leaves_nothing(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    standard = Augmentation.standard()
    for out, error, message in (
        (folder, ArgumentError, "among the originals"),
        (folder / "more", ArgumentError, "among the originals"),
        (tmp_path, ArgumentError, "not empty"),
    ):
        with pytest.raises(error, match=message):
            augment_folder(folder, out, standard)
    with pytest.raises(ArgumentError, match="0 copies"):
        augment_folder(folder, tmp_path / "more", standard, copies=0)
    with pytest.raises(ArgumentError, match="the augmentation changes nothing"):
        augment_folder(folder, tmp_path / "more", Augmentation())
    with pytest.raises(DataError, match="no such folder"):
        augment_folder(tmp_path / "gone", tmp_path / "more", standard)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(DataError, match="No space left"):
        augment_folder(folder, tmp_path / "more", standard)
    assert [each.name for each in tmp_path.iterdir()] == ["photos"]


def test_zoo_augment_writes_a_folder_and_says_so(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "more"
    assert main(["augment", str(folder), str(out), "--copies", "2", "--flip", "horizontal", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["originals"], document["copies"], document["augmentation"]) == (6, 12, {"flip": "horizontal"})
    assert len(tree(out)) == 18
    assert main(["augment", str(folder), str(out)]) == 1
    assert "the folder exists and is not empty" in capsys.readouterr().err
