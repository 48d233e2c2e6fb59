"""The gate: every fault of a file is refused, with its reason."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from molyneux.data import gate
from molyneux.data.gate import MAX_ASPECT, MAX_PIXELS, REASONS, open_image
from molyneux.ground.errors import ImageError, SettingError
from pictures import chunk, encoded, oriented, photo, png, refused

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
    whole = np.frombuffer(encoded(small, kind, exif=oriented(small, 6)), np.uint8)
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
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200 * 2**20)))
    refused(png(1, 1, 8, 2, b"\0\1\2\3", before=text), "truncated")


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
    path.write_bytes(encoded(photo(), "JPEG", exif=oriented(photo(), 6)))
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


def test_a_picture_passes_through() -> None:
    picture = open_image(photo())
    assert open_image(picture) is picture


def test_every_reason_is_documented() -> None:
    text = (Path(__file__).parents[1] / "docs" / "data.md").read_text()
    assert [reason for reason in REASONS if f"`{reason}`" not in text] == []
    assert f"{MAX_PIXELS:,}" in text
    assert f"{MAX_ASPECT}" in text


def test_what_is_no_image_at_all_is_named() -> None:
    """In a process of its own: types are checked under pytest, users' are not."""
    lines = "import numpy\nfrom molyneux.data.gate import open_image\nfrom molyneux.ground.errors import ImageError\n"
    lines += "for thing in (None, 3, numpy.zeros((4, 4, 3))):\n"
    lines += "    try: open_image(thing)\n    except ImageError as error: print(error)\n"
    told = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True).stdout
    assert [word in told for word in ("<NoneType>", "<int>", "<ndarray>", "Pillow image")] == [True] * 4
