"""The gate: every fault of a file is refused with its reason, every honest layout comes out right."""

from __future__ import annotations

import io
import os
import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import skimage
import sklearn
from PIL import Image, ImageFile

from molyneux.data import gate
from molyneux.data.gate import MAX_ASPECT, MAX_PIXELS, REASONS, Picture, open_image
from molyneux.ground.errors import ImageError, SettingError

_SKIMAGE = Path(skimage.__file__).parent / "data"
_SKLEARN = Path(sklearn.__file__).parent / "datasets" / "images"
PHOTOS = {
    "astronaut": _SKIMAGE / "astronaut.png",
    "coffee": _SKIMAGE / "coffee.png",
    "chelsea": _SKIMAGE / "chelsea.png",
    "rocket": _SKIMAGE / "rocket.jpg",
    "camera": _SKIMAGE / "camera.png",
    "china": _SKLEARN / "china.jpg",
    "flower": _SKLEARN / "flower.jpg",
}
ORIENTATION = 0x0112


def photo(name: str = "coffee") -> Image.Image:
    return Image.open(PHOTOS[name]).convert("RGB")


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(picture: Picture) -> np.ndarray:
    assert picture.image.mode == "RGB"
    return np.asarray(picture.image)


def refused(source: object, reason: str) -> str:
    assert reason in REASONS
    with pytest.raises(ImageError) as caught:
        open_image(source)
    assert caught.value.reason == reason, str(caught.value)
    return str(caught.value)


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *, before: bytes = b"") -> bytes:
    """A PNG written by hand: layouts that Pillow reads but does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = _chunk(b"IHDR", header) + before + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# F13: cut short, empty, not an image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9])
def test_a_file_cut_short_is_refused_never_padded(kind: str, share: float) -> None:
    whole = encoded(photo().resize((160, 120)), kind)
    assert open_image(whole).image.size == (160, 120)
    refused(whole[: int(len(whole) * share)], "truncated")


def test_pillow_verify_would_have_passed_half_a_jpeg() -> None:
    whole = encoded(photo(), "JPEG")
    Image.open(io.BytesIO(whole[: len(whole) // 2])).verify()
    refused(whole[: len(whole) // 2], "truncated")


@pytest.mark.parametrize("keep", range(3, 40))
def test_a_jpeg_that_ends_in_its_header(keep: int) -> None:
    refused(encoded(photo("rocket"), "JPEG")[:keep], "truncated")


def test_a_flipped_byte_in_a_png(tmp_path: Path) -> None:
    damaged = bytearray(encoded(photo(), "PNG"))
    damaged[len(damaged) // 2] ^= 0xFF
    refused(bytes(damaged), "truncated")


def test_padding_switched_on_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(SettingError, match="LOAD_TRUNCATED_IMAGES"):
        open_image(encoded(photo(), "JPEG"))


@pytest.mark.filterwarnings("ignore:::PIL")  # Pillow's own remarks on damaged EXIF and the like
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
def test_damaged_bytes_are_read_or_refused_and_nothing_else(kind: str) -> None:
    rng = np.random.default_rng(0)
    small = photo().resize((32, 24))
    whole = np.frombuffer(encoded(small, kind, exif=_oriented(small, 6)), np.uint8)
    reasons = set()
    for _ in range(800):
        damaged = whole.copy()
        hit = rng.integers(0, rng.choice([40, 200, len(whole)]), rng.integers(1, 6))
        damaged[hit % len(whole)] = rng.integers(0, 256, len(hit))
        try:
            open_image(damaged.tobytes())
        except ImageError as error:
            reasons.add(error.reason)
    assert "truncated" in reasons
    assert reasons <= {"truncated", "not-an-image", "format", "aspect", "too-large"}


def test_empty_and_text_and_noise(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.png", tmp_path / "text.jpg"
    empty.touch()
    text.write_text("This is a photograph of a cat. Believe me.")
    assert "no bytes" in refused(empty, "empty")
    assert "JPEG, PNG, WebP, GIF or BMP" in refused(text, "not-an-image")
    refused(b"", "empty")
    refused(bytes(range(256)), "not-an-image")


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
    out = open_image(png(2, 1, 16, 0, b"\0" + grey.tobytes(), before=_chunk(b"tRNS", b"\x12\x34")))
    assert pixels(out)[0, :, 0].tolist() == [255, 18]
    rgb = np.array([[[0x1234, 0x5678, 0x9ABC], [0x2234, 0x5678, 0x9ABC]]], dtype=">u2")
    key = _chunk(b"tRNS", rgb[0, 0].tobytes())
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


# F17: bombs


@pytest.mark.parametrize("side", [9460, 12_000, 30_000, 2**31 - 1])
def test_a_bomb_is_refused_from_its_header(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file holds only a header: had anything been decoded, the reason would be "truncated"."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # the gate's limit is its own
    bomb = png(side, side, 8, 2, b"")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f"{MAX_PIXELS:,}" in refused(bomb, "too-large")


def test_no_warning_about_size_leaks() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refused(png(10_000, 10_000, 8, 2, b""), "too-large")  # Image.open warns here


def test_the_limit_counts_pixels() -> None:
    assert 9459**2 <= MAX_PIXELS < 9460**2
    assert MAX_PIXELS == Image.MAX_IMAGE_PIXELS


def test_a_text_bomb_in_a_png_does_not_unpack() -> None:
    text = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200 * 2**20)))
    refused(png(1, 1, 8, 2, b"\0\1\2\3", before=text), "truncated")


# F18: orientation


def _oriented(image: Image.Image, orientation: int) -> Image.Exif:
    exif = image.getexif()
    exif[ORIENTATION] = orientation
    return exif


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
    source = encoded(stored, kind, exif=_oriented(stored, orientation))
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
    source = encoded(stored, "JPEG", exif=_oriented(stored, orientation))
    assert open_image(source).image.size == (30, 20)


def test_an_orientation_that_is_no_number_is_said() -> None:
    entry = struct.pack(">HHHIHHI", 1, ORIENTATION, 2, 2, 0x3600, 0, 0)  # ASCII "6"
    source = encoded(photo().resize((30, 20)), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08" + entry)
    picture = open_image(source)
    assert picture.image.size == (30, 20)
    assert picture.notes == ("EXIF unreadable, taken as upright",)


# F19: disguises


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("TIFF", "TIFF"),
        ("EPS", "EPS"),
        ("PDF", "PDF"),
        ("ICO", "icon"),
        ("JPEG2000", "2000"),
        ("AVIF", "AVIF"),
    ],
)
def test_other_formats_named_png_never_reach_a_parser(
    kind: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disguised = tmp_path / "photo.png"
    disguised.write_bytes(encoded(photo().resize((64, 64)), kind))
    Image.init()
    for name in Image.OPEN:
        monkeypatch.setitem(Image.OPEN, name, (_trap, None))
    assert said in refused(disguised, "format")
    refused(disguised.read_bytes(), "format")


def _trap(*_: object) -> None:
    pytest.fail("a parser saw the file")


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    liar = tmp_path / "photo.png"
    liar.write_bytes(encoded(photo(), "JPEG"))
    assert open_image(liar).image.size == photo().size


@pytest.mark.parametrize(
    "head", [b"<svg xmlns='x'/>", b"<?xml version='1.0'?>", b"\0\0\0\x18ftypheic", b"8BPS\0\1"]
)
def test_the_message_names_what_it_is(head: bytes) -> None:
    assert "Convert it" in refused(head + bytes(40), "format")


# F33: names


@pytest.mark.parametrize(
    "name",
    [
        "Łódź 写真 🐈.jpg",
        "two words .png",
        "line\nbreak.jpg",
        "=cmd|' '!A0.jpg",
        "-rf",
        "a" * 240,
        "no_extension",
        "%2e%2e",
    ],
)
def test_odd_names_work(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(encoded(photo().resize((20, 10)), "JPEG"))
    assert open_image(path).name == str(path)
    assert open_image(str(path)).image.size == (20, 10)


def test_a_name_that_is_no_text_is_printable(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    try:
        Image.new("RGB", (2, 2)).save(path, "PNG")
    except OSError:
        pytest.skip("this file system takes only unicode names")
    open_image(path).name.encode("utf-8")


@pytest.mark.parametrize("name", ["nul\0byte.png", "b" * 300])
def test_impossible_names(name: str) -> None:
    refused(name, "unreadable")


@pytest.mark.parametrize(
    "address", ["https://example.org/a.jpg", "HTTP://x/y.png", "file:///a.png", "s3://b/c.png"]
)
def test_addresses_are_refused_with_advice(address: str) -> None:
    assert "Download" in refused(address, "url")


def test_an_address_that_became_a_path() -> None:
    refused(Path("https://example.org/a.jpg"), "url")


# F35: files that vanish or cannot be read


def test_missing_and_folder_and_pipe(tmp_path: Path) -> None:
    refused(tmp_path / "nothing.jpg", "missing")
    refused(tmp_path, "unreadable")
    (tmp_path / "file").touch()
    refused(tmp_path / "file" / "below.png", "missing")
    os.mkfifo(tmp_path / "pipe.jpg")
    refused(tmp_path / "pipe.jpg", "unreadable")  # and does not wait for a writer
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    refused(tmp_path / "loop.png", "unreadable")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(photo().resize((8, 8)), "PNG"))
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser reads everything: let the system call say no
        monkeypatch.setattr("builtins.open", _denied)
    assert "Permission denied" in refused(path, "unreadable")


def _denied(path: str, *_: object) -> None:
    raise PermissionError(13, "Permission denied", path)


def test_a_file_that_vanishes_between_look_and_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gone.png"
    path.write_bytes(encoded(photo().resize((8, 8)), "PNG"))
    look = os.stat

    def look_then_remove(name: str) -> os.stat_result:
        seen = look(name)
        path.unlink()
        return seen

    monkeypatch.setattr(gate.os, "stat", look_then_remove)
    refused(path, "missing")


def test_a_disk_that_fails_in_the_middle() -> None:
    class Failing(io.BytesIO):
        def read(self, *args: int) -> bytes:
            if self.tell() > 4000:
                raise OSError(5, "Input/output error")
            return super().read(*args)

    with pytest.raises(ImageError, match="Input/output error") as caught:
        gate._read(Failing(encoded(photo(), "PNG")), "x", (0, 0, 0))
    assert caught.value.reason == "unreadable"


def test_nothing_is_modified(tmp_path: Path) -> None:
    path = tmp_path / "original.jpg"
    path.write_bytes(encoded(photo(), "JPEG", exif=_oriented(photo(), 6)))
    before, time = path.read_bytes(), path.stat().st_mtime_ns
    held = Image.open(path)
    held.load()
    pixels_before, info_before = held.tobytes(), dict(held.info)
    open_image(path)
    drawn = open_image(held).image
    drawn.paste((0, 0, 0), (0, 0, *drawn.size))
    assert (held.tobytes(), held.info) == (pixels_before, info_before)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, time)


def test_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(encoded(photo(), "GIF"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(20):
            open_image(path)
    if Path("/proc/self/fd").is_dir():
        targets = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_open(fd)]
        assert str(path) not in targets


def _is_open(descriptor: str) -> bool:
    return os.path.islink(f"/proc/self/fd/{descriptor}")


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
        picture = open_image(encoded(big, "JPEG", exif=_oriented(big, 6)))
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


def test_a_picture_passes_through() -> None:
    picture = open_image(photo())
    assert open_image(picture) is picture


def test_every_reason_is_documented() -> None:
    text = (Path(__file__).parents[1] / "docs" / "data.md").read_text()
    assert [reason for reason in REASONS if f"`{reason}`" not in text] == []
    assert f"{MAX_PIXELS:,}" in text
    assert f"{MAX_ASPECT}" in text
