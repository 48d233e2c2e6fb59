"""The gate: every layout of pixels comes out as the same upright 8-bit RGB."""

from __future__ import annotations

import io
import struct
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from molyneux.data.gate import MAX_ASPECT, open_image
from molyneux.ground.errors import SettingError
from pictures import ORIENTATION, PHOTOS, chunk, encoded, oriented, photo, pixels, png, refused

# F14: 16 bits


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    levels = np.linspace(0, 65535, 256 * 4).astype(np.uint16).reshape(16, 64)
    picture = open_image(encoded(Image.fromarray(levels), "PNG"))
    expected = np.rint(levels.astype(np.float64) * 255 / 65535)
    for channel in range(3):
        assert np.array_equal(pixels(picture)[..., channel], expected)
    assert any("16-bit" in note for note in picture.notes)
    clipped = np.asarray(Image.open(io.BytesIO(encoded(Image.fromarray(levels), "PNG"))).convert("RGB"))
    assert np.abs(clipped[..., 0] - expected).max() > 100  # what convert alone would do


def test_sixteen_bit_colour_from_hand_written_files() -> None:
    levels = np.array([[[0x1234, 0x5678, 0x9ABC], [0xFFFF, 0, 0x8000]]], dtype=">u2")
    assert np.allclose(pixels(open_image(png(2, 1, 16, 2, b"\0" + levels.tobytes()))), levels / 257, atol=1)
    alpha = np.array([[[0x1234, 0x5678, 0x9ABC, 0xFFFF], [0, 0, 0, 0]]], dtype=">u2")
    out = pixels(open_image(png(2, 1, 16, 6, b"\0" + alpha.tobytes())))
    assert np.allclose(out, [[[18, 86, 154], [255, 255, 255]]], atol=1)


def test_sixteen_bit_files_with_a_transparent_colour() -> None:
    grey = np.array([[0x1234, 0x1235]], dtype=">u2")  # one level apart: only the first is transparent
    out = open_image(png(2, 1, 16, 0, b"\0" + grey.tobytes(), before=chunk(b"tRNS", b"\x12\x34")))
    assert pixels(out)[0, :, 0].tolist() == [255, 18]
    rgb = np.array([[[0x1234, 0x5678, 0x9ABC], [0x2234, 0x5678, 0x9ABC]]], dtype=">u2")
    key = chunk(b"tRNS", rgb[0, 0].tobytes())
    assert pixels(open_image(png(2, 1, 16, 2, b"\0" + rgb.tobytes(), before=key))).tolist() == [
        [[255, 255, 255], [34, 86, 154]]
    ]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_numbers_of_unknown_range_are_refused(mode: str) -> None:
    assert mode in refused(Image.new(mode, (4, 4), 200), "mode")


# F15: transparency


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), (10, 200, 90)])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_composited(background: tuple[int, int, int], kind: str) -> None:
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 256, (24, 31, 4), dtype=np.uint8)
    source = encoded(
        Image.fromarray(rgba), kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {})
    )
    share = rgba[..., 3:] / 255
    expected = rgba[..., :3] * share + np.array(background) * (1 - share)
    picture = open_image(source, background=background)
    assert np.abs(pixels(picture) - expected).max() <= 1
    assert any("transparent" in note for note in picture.notes)


def test_colours_hidden_under_transparency_stay_hidden() -> None:
    hidden = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert np.asarray(hidden.convert("RGB"))[0, 0].tolist() == [255, 0, 0]  # the trap
    for source in (
        hidden,
        encoded(hidden, "PNG"),
        encoded(hidden.convert("LA"), "PNG"),
        hidden.convert("PA"),
    ):
        assert (pixels(open_image(source)) == 255).all()


@pytest.mark.parametrize(("mode", "key"), [("P", 0), ("L", 0), ("1", 0), ("RGB", (0, 0, 0)), ("P", b"\0")])
@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_colour(mode: str, key: object, kind: str) -> None:
    if kind == "GIF" and (mode == "RGB" or not isinstance(key, int)):
        pytest.skip("a GIF's transparent colour is a number")
    image = Image.new(mode, (6, 4), 0)
    if mode == "P":
        image.putpalette([9, 8, 7] * 256)
    out = pixels(open_image(encoded(image, kind, transparency=key), background=(1, 2, 3)))
    assert (out == (1, 2, 3)).all()


@pytest.mark.parametrize("background", [(0, 0, 256), (0, -1, 0)])
def test_a_background_that_is_no_colour(background: tuple[int, int, int]) -> None:
    with pytest.raises(SettingError, match="background"):
        open_image(photo(), background=background)


# F16: layouts, animation, shapes


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("CMYK", "JPEG"), ("L", "JPEG"), ("L", "PNG"), ("1", "PNG"), ("P", "PNG"), ("P", "GIF"), ("1", "BMP")],
)
def test_other_layouts_keep_the_picture(mode: str, kind: str) -> None:
    original = photo("flower").resize((96, 64))
    shown = photo("flower").resize((96, 64)).convert(mode)
    out = pixels(open_image(encoded(shown, kind))).astype(int)
    assert out.shape == (64, 96, 3)
    reference = np.asarray(shown.convert("RGB")).astype(int)
    assert np.abs(out - reference).mean() < 3
    if mode in ("CMYK", "P"):
        assert np.abs(out - np.asarray(original)).mean() < 16


def test_cmyk_from_another_program_is_not_inverted() -> None:
    """Adobe's CMYK JPEGs store inverted inks and say so in an APP14 marker; Pillow writes such files."""
    white = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
    picture = open_image(encoded(white, "JPEG"))
    assert (pixels(picture) > 250).all()
    assert picture.notes == ("CMYK converted to RGB",)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "lime", "blue")]
    source = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, lossless=True)
    picture = open_image(source)
    assert (pixels(picture) == (255, 0, 0)).all()
    assert picture.notes == ("animated, first frame taken",)
    assert open_image(encoded(frames[0], kind)).notes == ()


def test_of_an_open_animation_the_frame_that_it_is_on() -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "lime", "blue")]
    held = Image.open(io.BytesIO(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])))
    held.seek(2)
    assert (pixels(open_image(held)) == (0, 0, 255)).all()


@pytest.mark.parametrize("size", [(1, 1), (1, MAX_ASPECT), (2, 3), (500, 10)])
def test_tiny_and_narrow_are_fine(size: tuple[int, int]) -> None:
    assert open_image(encoded(Image.new("RGB", size), "PNG")).image.size == size


@pytest.mark.parametrize("size", [(60000, 1), (1, MAX_ASPECT + 1), (510, 10)])
def test_absurd_shapes_are_refused(size: tuple[int, int]) -> None:
    assert f"{size[0]} x {size[1]}" in refused(encoded(Image.new("RGB", size), "PNG"), "aspect")
    refused(Image.new("RGB", size), "aspect")


def test_an_image_without_pixels() -> None:
    refused(Image.new("RGB", (0, 5)), "truncated")


# F18: orientation


# How a viewer undoes each orientation, written with numpy from the EXIF table: the stored row 0 and
# column 0 are the picture's top+left, top+right, bottom+right, bottom+left, left+top, ...
UNDO = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_orientation(orientation: int, kind: str) -> None:
    stored = photo("chelsea").crop((30, 20, 151, 97))
    source = encoded(stored, kind, exif=oriented(stored, orientation))
    picture = open_image(source)
    decoded = np.asarray(Image.open(io.BytesIO(source)).convert("RGB"))
    assert np.array_equal(pixels(picture), UNDO[orientation](decoded))
    assert bool(picture.notes) == (orientation != 1)
    again = open_image(picture.image)  # nothing is left that would turn it a second time
    assert np.array_equal(pixels(again), pixels(picture))
    assert not picture.image.getexif()


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_left_alone(orientation: int) -> None:
    stored = photo().resize((30, 20))
    source = encoded(stored, "JPEG", exif=oriented(stored, orientation))
    assert open_image(source).image.size == (30, 20)


def test_an_orientation_that_is_no_number_is_said() -> None:
    entry = struct.pack(">HHHIHHI", 1, ORIENTATION, 2, 2, 0x3600, 0, 0)  # ASCII "6"
    source = encoded(photo().resize((30, 20)), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08" + entry)
    picture = open_image(source)
    assert picture.image.size == (30, 20)
    assert picture.notes == ("EXIF unreadable, taken as upright",)


# Real photographs, threads


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("box", [(0, 0, 211, 13), (7, 3, 20, 230), (1, 1, 200, 201)])
def test_real_photographs_at_odd_aspects(name: str, box: tuple[int, int, int, int]) -> None:
    cut = photo(name).crop(box)
    picture = open_image(encoded(cut, "JPEG", quality=90))
    assert picture.image.size == cut.size
    assert np.abs(pixels(picture).astype(int) - np.asarray(cut)).mean() < 12


@pytest.mark.slow
@pytest.mark.parametrize("size", [(4032, 3024), (8064, 6048)])
def test_phone_photographs(size: tuple[int, int]) -> None:
    big = photo().resize(size)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = open_image(encoded(big, "JPEG", exif=oriented(big, 6)))
    assert picture.image.size == size[::-1]
    small = np.asarray(picture.image.resize((60, 80)), dtype=int)
    upright = np.asarray(photo().transpose(Image.Transpose.ROTATE_270).resize((60, 80)), dtype=int)
    assert np.abs(small - upright).mean() < 6


def test_from_many_threads_the_same_pixels() -> None:
    sources = [
        encoded(photo(name).resize((128, 96)), kind) for name in PHOTOS for kind in ("JPEG", "PNG", "WEBP")
    ]
    alone = [pixels(open_image(source)).tobytes() for source in sources]
    start = threading.Barrier(8)

    def work(_: int) -> list[bytes]:
        start.wait()
        return [pixels(open_image(source)).tobytes() for source in sources]

    with ThreadPoolExecutor(8) as pool:
        assert all(result == alone for result in pool.map(work, range(8)))
