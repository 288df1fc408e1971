"""Images become the pixels and numbers of a model, and scaled decoding of large files shows the same."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from zoo.data.decoding import open_image
from zoo.data.preprocessing import pixels_of, prepare, prepare_all
from zoo.errors import ArgumentError, DataError
from zoo.specs import Preprocessing

RAW = Preprocessing(crop_fraction=1.0)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def test_crop_takes_the_shorter_side_to_256_and_the_centre_of_224() -> None:
    image = open_image(np.random.default_rng(0).integers(0, 256, (300, 500, 3), np.uint8))
    symmetric = Preprocessing(scale=1 / 127.5, mean=(1.0,))
    resized = image.resize((427, 256), Image.Resampling.BILINEAR).crop((101, 16, 325, 240))
    expected = np.asarray(resized, np.float64) / 127.5 - 1
    np.testing.assert_allclose(prepare(image, symmetric, (224, 224, 3)), expected, atol=1e-6)
    # The fast way does not compute what is cut off, and rounds differently here and there: by one grey value.
    fast = prepare(image, replace(symmetric, exact=False), (224, 224, 3))
    np.testing.assert_allclose(fast, expected, atol=1.01 / 127.5)


@pytest.mark.parametrize("size", [(50, 90), (90, 50), (20, 20), (64, 32)])
@pytest.mark.parametrize("target", [(32, 64), (64, 32), (33, 33)])
@pytest.mark.parametrize("resize", ["crop", "squash"])
def test_every_picture_comes_out_at_the_target_size(
    size: tuple[int, int], target: tuple[int, int], resize: str
) -> None:
    image = Image.new("RGB", size, (200, 100, 50))
    out = prepare(image, Preprocessing(resize=resize), (*target, 3))  # type: ignore[arg-type]
    assert out.shape == (*target, 3)
    assert (out == (200, 100, 50)).all()  # a border of black would show that the crop left the picture


def test_a_crop_keeps_the_aspect_ratio_and_a_squeeze_does_not() -> None:
    image = Image.fromarray(np.repeat(np.arange(0, 200, dtype=np.uint8)[None], 100, axis=0))
    crop = prepare(image, RAW, (50, 50, 1))[25, :, 0]
    squeeze = prepare(image, Preprocessing(resize="squash"), (50, 50, 1))[25, :, 0]
    assert crop[-1] - crop[0] == pytest.approx(98, abs=2)
    assert squeeze[-1] - squeeze[0] == pytest.approx(196, abs=4)


def test_a_picture_of_the_right_size_is_not_resampled() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(prepare(open_image(pixels), RAW, (32, 32, 3)), pixels)
    np.testing.assert_array_equal(prepare(open_image(pixels), RAW, (None, None, 3)), pixels)


def test_channels_mean_and_std_apply_in_the_order_of_the_channels() -> None:
    image = Image.new("RGB", (4, 4), (10, 20, 30))
    caffe = Preprocessing(channels="bgr", mean=(1.0, 2.0, 3.0), std=(1.0, 2.0, 4.0), crop_fraction=1.0)
    assert prepare(image, caffe, (4, 4, 3))[0, 0].tolist() == [29.0, 9.0, 1.75]


def test_grey_is_repeated_for_three_channels_and_colour_becomes_grey_for_one() -> None:
    image = Image.new("RGB", (4, 4), (255, 0, 0))
    assert prepare(image, Preprocessing(channels="grey", crop_fraction=1.0), (4, 4, 3))[0, 0].tolist() == [76.0] * 3
    imagenet = Preprocessing(mean=(1.0, 2.0, 3.0), std=(2.0,), crop_fraction=1.0)
    assert prepare(image, imagenet, (4, 4, 1))[0, 0].tolist() == [37.0]


def test_per_image_standardisation_survives_a_picture_of_one_colour() -> None:
    own = Preprocessing(per_image=True, crop_fraction=1.0)
    out = prepare(open_image(np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)), own, (8, 8, 3))
    assert out.mean() == pytest.approx(0, abs=1e-5)
    assert out.std() == pytest.approx(1, abs=1e-5)
    assert not prepare(Image.new("RGB", (8, 8), (9, 9, 9)), own, (8, 8, 3)).any()


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 2), (8, 8, 5), (0, 8, 3), (8,)])
def test_a_shape_that_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match="1, 3 or 4 channels"):
        prepare(Image.new("RGB", (8, 8)), RAW, shape)


def photograph(height: int, width: int, seed: int = 0) -> Image.Image:
    """Return a picture of large shapes and some detail, as scaled decoding is made for."""
    random = np.random.default_rng(seed)
    pixels = sum(
        strength * np.asarray(Image.fromarray(random.integers(0, 256, (*rows, 3), np.uint8)).resize((width, height), 3))
        for rows, strength in (((3, 4), 0.6), ((12, 16), 0.3), ((48, 64), 0.1))
    )
    return Image.fromarray(np.asarray(pixels).astype(np.uint8))


def both_ways(source: Any, preprocessing: Preprocessing, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the pixels of a picture, decoded and resized exactly and not."""
    exact, fast = (pixels_of(source, replace(preprocessing, exact=each), shape) for each in (True, False))
    return exact.astype(int), fast.astype(int)


@pytest.fixture
def decoded_sizes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Note the (width, height) at which JPEG files are decoded where they may be scaled."""
    sizes: list[tuple[int, int]] = []
    decode = simplejpeg.decode_jpeg

    def noted(*arguments: Any, **options: Any) -> Any:
        pixels = decode(*arguments, **options)
        sizes.append((pixels.shape[1], pixels.shape[0]))
        return pixels

    monkeypatch.setattr(simplejpeg, "decode_jpeg", noted)
    return sizes


@pytest.mark.parametrize(
    ("size", "preprocessing", "decoded"),
    [
        ((400, 300), Preprocessing(resize="squash"), (100, 75)),  # a quarter leaves at least 64 either way
        ((400, 300), Preprocessing(), (100, 75)),  # 73 are needed of the shorter side
        ((400, 288), Preprocessing(), (200, 144)),
        ((300, 400), Preprocessing(crop_fraction=1.0), (75, 100)),
        ((127, 400), Preprocessing(resize="squash"), (127, 400)),
        ((128, 4000), Preprocessing(resize="squash"), (64, 2000)),
        ((2000, 2000), Preprocessing(), (250, 250)),  # an eighth is the least
        ((32, 32), Preprocessing(), (32, 32)),
    ],
)
def test_a_large_photograph_is_decoded_no_larger_than_needed(
    decoded_sizes: list[tuple[int, int]], size: tuple[int, int], preprocessing: Preprocessing, decoded: tuple[int, int]
) -> None:
    content = encoded(Image.new("RGB", size, (200, 100, 50)), "JPEG")
    scaled = replace(preprocessing, exact=False)
    assert prepare(content, scaled, (64, 64, 3)).shape == (64, 64, 3)
    prepare(content, preprocessing, (64, 64, 3))
    assert decoded_sizes == [decoded]
    prepare(content, scaled, (None, None, 3))
    assert decoded_sizes == [decoded, size]


@pytest.mark.parametrize("resize", ["crop", "squash"])
@pytest.mark.parametrize("size", [(401, 613), (613, 401)])
def test_scaled_decoding_shows_the_same_picture(size: tuple[int, int], resize: str) -> None:
    content = encoded(photograph(*size), "JPEG", quality=95)
    pixels = Preprocessing(resize=resize)  # type: ignore[arg-type]
    exact, scaled = both_ways(content, pixels, (96, 96, 3))
    assert np.abs(exact - scaled).mean() < 1
    shifted = np.abs(exact[:, 1:] - exact[:, :-1]).mean()
    assert np.abs(exact - scaled).mean() < shifted / 3  # it is nowhere moved by a pixel


@pytest.mark.parametrize("orientation", range(1, 9))
def test_scaled_decoding_knows_which_way_is_up(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(photograph(301, 503), "JPEG", exif=exif, quality=95)
    shape = (64, 40, 3) if orientation < 5 else (40, 64, 3)
    exact, scaled = both_ways(content, Preprocessing(), shape)
    assert np.abs(exact - scaled).mean() < 1


def test_scaled_decoding_knows_which_way_is_up_from_xmp_too() -> None:
    described = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    upright = photograph(301, 503)
    content = encoded(upright, "JPEG", xmp=described, quality=95)
    assert open_image(content).size == upright.size[::-1]
    exact, scaled = both_ways(content, Preprocessing(), (40, 64, 3))
    assert np.abs(exact - scaled).mean() < 1


@pytest.mark.parametrize("before", [b"\xff\xfe\0\x06\xff\xda\xff\xda", b"\xff\xff"], ids=["comment", "fill bytes"])
def test_which_way_is_up_may_stand_behind_what_looks_like_pixels(before: bytes) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(photograph(301, 503), "JPEG", exif=exif, quality=95)
    exact, scaled = both_ways(content[:2] + before + content[2:], Preprocessing(), (40, 64, 3))
    assert np.abs(exact - scaled).mean() < 1


@pytest.mark.parametrize(("mode", "decoded"), [("L", [(64, 64)]), ("CMYK", [])])
def test_scaled_decoding_takes_grey_and_leaves_cmyk_to_pillow(
    mode: str, decoded: list[tuple[int, int]], decoded_sizes: list[tuple[int, int]]
) -> None:
    content = encoded(photograph(256, 256).convert(mode), "JPEG", quality=95)
    exact, scaled = both_ways(content, RAW, (64, 64, 3))
    assert decoded_sizes == decoded
    assert np.abs(exact - scaled).mean() < 2


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(50, 40), (150, 190), (300, 300)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_is_no_jpeg_is_resized_as_pillow_does(interpolation: str, size: tuple[int, int], channels: int) -> None:
    pixels = np.asarray(photograph(200, 180).convert("RGBA"))
    squeeze = Preprocessing(resize="squash", interpolation=interpolation)  # type: ignore[arg-type]
    exact, fast = both_ways(pixels, squeeze, (*size, channels))
    if interpolation == "nearest":
        # A pixel whose centre falls on the border between two may come from either.
        assert (exact != fast).mean() < 0.05
    else:
        assert np.abs(exact - fast).max() <= (1 if interpolation == "bilinear" else 3)


def test_pixels_stay_when_the_next_file_is_decoded() -> None:
    contents = [encoded(Image.new("RGB", (32, 32), (grey, grey, grey)), "JPEG") for grey in (10, 200)]
    dark, light = (pixels_of(each, replace(RAW, exact=False), (32, 32, 3)) for each in contents)
    assert (dark.max(), light.min()) == (10, 200)


def test_a_large_photograph_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    path.write_bytes(encoded(photograph(800, 800), "JPEG")[:-3000])
    with pytest.raises(DataError, match=r"cut\.jpg: .*truncated"):
        prepare(path, RAW, (64, 64, 3))


def test_the_fourth_channel_is_the_opacity() -> None:
    pixels = np.full((8, 8, 4), (10, 20, 30, 255), np.uint8)
    pixels[:, 4:, 3] = 0
    four = Preprocessing(crop_fraction=1.0, mean=(1.0, 2.0, 3.0), std=(1.0, 1.0, 2.0))
    out = prepare(encoded(Image.fromarray(pixels), "PNG"), four, (8, 8, 4))
    assert out[0, 0].tolist() == [9.0, 18.0, 13.5, 126.0]
    assert out[0, 7, 3] == -1.5
    bgr = prepare(pixels, Preprocessing(crop_fraction=1.0, channels="bgr"), (8, 8, 4))
    assert bgr[0, 0].tolist() == [30.0, 20.0, 10.0, 255.0]
    grey = prepare(pixels, Preprocessing(crop_fraction=1.0, channels="grey"), (8, 8, 4))
    assert grey[0, ::7].tolist() == [[18.0, 18.0, 18.0, 255.0], [18.0, 18.0, 18.0, 0.0]]


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK"])
def test_what_has_no_opacity_is_opaque(mode: str) -> None:
    image = Image.new("RGB", (8, 8), (204, 204, 204)).convert(mode)
    out = prepare_all([image, image.convert("RGB")], RAW, (8, 8, 4))
    assert out.shape == (2, 8, 8, 4)
    assert (out[..., 3] == 255).all()
    assert np.abs(out[..., :3] - 204).max() <= 1


def test_pictures_of_one_batch_are_normalised_as_alone() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)
    own = Preprocessing(per_image=True, crop_fraction=1.0)
    np.testing.assert_array_equal(
        prepare_all(pixels, own, (16, 16, 3)), np.stack([prepare(each, own, (16, 16, 3)) for each in pixels])
    )
