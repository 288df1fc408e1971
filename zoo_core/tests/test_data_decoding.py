"""Images of every kind are opened as the same upright pixels, and what is not an image is named."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data.decoding import open_image
from zoo.errors import ArgumentError, DataError


def ramp(height: int, width: int) -> Image.Image:
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([rows, columns, rows + columns], -1).astype(np.uint8))


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def test_a_photograph_taken_sideways_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it upright
    image = ramp(20, 30)
    opened = open_image(encoded(image, "PNG", exif=exif))
    np.testing.assert_array_equal(np.asarray(opened), np.rot90(np.asarray(image), -1))


def test_what_is_transparent_becomes_white() -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = (255, 0, 0, 255)
    pixels[0, 1] = (0, 0, 0, 128)
    opened = open_image(encoded(Image.fromarray(pixels), "PNG"))
    assert opened.mode == "RGB"
    assert [opened.getpixel((x, y)) for y in (0, 1) for x in (0, 1)] == [
        (255, 0, 0),
        (127,) * 3,
        (255,) * 3,
        (255,) * 3,
    ]


def test_grey_with_transparency_stays_grey() -> None:
    opened = open_image(Image.fromarray(np.array([[[10, 255], [10, 0]]], np.uint8), "LA"))
    assert opened.mode == "L"
    assert np.asarray(opened).tolist() == [[10, 255]]


def test_sixteen_bits_are_scaled_to_eight() -> None:
    values = np.array([[0, 257, 257 * 100 + 100, 65_535]], np.uint16)
    for source in (encoded(Image.fromarray(values), "PNG"), Image.fromarray(values.astype(np.int32))):
        assert np.asarray(open_image(source)).tolist() == [[0, 1, 100, 255]]


def test_palette_and_cmyk_become_rgb() -> None:
    palette = ramp(8, 8).quantize(4)
    np.testing.assert_array_equal(np.asarray(open_image(encoded(palette, "GIF"))), np.asarray(palette.convert("RGB")))
    cmyk = open_image(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    red, green, blue = cmyk.getpixel((4, 4))
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4)])
def test_arrays_of_integers_and_of_floats_are_the_same_picture(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape)
    if shape[-1] == 4:
        array[..., 3] = 255
    expected = open_image(array.astype(np.uint8))
    assert expected.mode == ("L" if len(shape) == 2 or shape[2] == 1 else "RGB")
    np.testing.assert_array_equal(np.asarray(open_image(np.clip(array - 0.25, 0, 255))), np.asarray(expected))
    np.testing.assert_array_equal(np.asarray(open_image(array)), np.asarray(expected))


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.zeros((4, 4), bool), "its values are not numbers"),
        (np.full((4, 4), np.nan), "its values go from nan to nan"),
        (np.full((4, 4), 300), "its values go from 300 to 300"),
        (np.full((4, 4), -1.0), "its values go from -1 to -1"),
        (np.linspace(0, 1, 16).reshape(4, 4), "as if they had been divided by 255"),
        (np.zeros((4, 4, 2), np.uint8), r"its shape is not \(H, W\)"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"its shape is not \(H, W\)"),
        (np.zeros((0, 4, 3), np.uint8), r"its shape is not \(H, W\)"),
    ],
)
def test_an_array_that_is_no_picture_is_refused(array: np.ndarray, found: str) -> None:
    with pytest.raises(DataError, match=found):
        open_image(array)


def test_damaged_and_foreign_files_are_named(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    (tmp_path / "cut.jpg").write_bytes(encoded(noise, "JPEG")[:1500])
    (tmp_path / "page.jpg").write_text("<html>")
    (tmp_path / "script.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    for name, found in (
        ("cut.jpg", "truncated"),
        ("page.jpg", "not an image"),
        ("script.eps", "not an image"),
        ("gone", "no such file"),
    ):
        with pytest.raises(DataError, match=f"{name}: .*{found}"):
            open_image(tmp_path / name)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for side in (40, 50):  # Pillow itself only warns of the first, up to twice the limit
        with pytest.raises(DataError, match="cannot be decoded"):
            open_image(encoded(Image.new("L", (side, side)), "PNG"))


def test_something_else_altogether_is_refused() -> None:
    with pytest.raises(ArgumentError, match="an object of type list is not an image"):
        open_image([1, 2])  # type: ignore[arg-type]
