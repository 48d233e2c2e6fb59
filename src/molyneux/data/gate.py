"""The one gate through which every image enters: upright 8-bit RGB, or a clear refusal."""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from PIL import Image, ImageFile

from molyneux.data.formats import FORMATS, Stream, foreign_name, parser
from molyneux.data.pixels import orientation_of, to_rgb, upright
from molyneux.ground.errors import ImageError, SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_ASPECT", "MAX_PIXELS", "REASONS", "ImageSource", "Picture", "open_image"]

MAX_PIXELS = 89_478_485
"""Most pixels that are decoded, read from the header: Pillow's own default, 9459 squared."""

MAX_ASPECT = 50
"""Longest side over shortest; beyond it a model's square input keeps nothing of the image."""

REASONS = {
    "missing": "no file of that name, or it vanished",
    "empty": "a file of no bytes",
    "unreadable": "no permission, a folder, a device, or the disk failed",
    "not-an-image": "the first bytes are those of no image",
    "format": "an image or document of a format that is not read",
    "truncated": "cut short or damaged",
    "too-large": "more pixels than MAX_PIXELS",
    "aspect": "longer than MAX_ASPECT times its width, or the reverse",
    "mode": "numbers of unknown range (Pillow's modes I and F)",
    "url": "an address on the network",
}
"""Every ``reason`` of an ImageError from here, and what it means."""

_URL = re.compile(r"[a-z][a-z0-9+.-]+://|https?:/", re.IGNORECASE)


@dataclass(frozen=True)
class Picture:
    """An image that passed the gate."""

    image: Image.Image
    """RGB, 8 bits, upright, without metadata: nothing downstream can turn it a second time."""

    name: str
    """The path as it was given, printable; ``<bytes>`` or ``<image>`` where there is none."""

    notes: tuple[str, ...] = ()
    """What had to be changed on the way in, a short sentence each."""


ImageSource: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | Picture
"""What users may hand over as an image: a path, a file's bytes, a Pillow image, or what passed the gate before."""


def open_image(
    source: ImageSource,
    *,
    background: tuple[int, int, int] = (255, 255, 255),
) -> Picture:
    """Read an image completely and turn it upright, as 8-bit RGB.

    Safe to call from several threads: no setting of Pillow is changed. The source is never modified.

    Args:
        source: a path, a file's bytes, or a Pillow image; a Picture comes back as it is.
        background: red, green and blue, 0 to 255, that transparent pixels are laid on.

    Raises:
        ImageError: it cannot be used; ``reason`` is one of :data:`REASONS`.
        SettingError: ``background`` is no colour, or Pillow was told to pad damaged files with grey.
    """
    _check_settings(background)
    if isinstance(source, Picture):
        return source
    if isinstance(source, Image.Image):
        name = _printable(getattr(source, "filename", "") or "<image>")
        return _finish(source, name, background, moving=False)
    if isinstance(source, bytes):
        return _read(BytesIO(source), "<bytes>", background)
    path = _path_of(source)
    name = _printable(path)
    if _URL.match(path):
        _refuse(name, "url", "a file on this machine", "Download it first: no connection is opened.")
    with _opened(path, name) as stream:
        return _read(stream, name, background)


def _check_settings(background: tuple[int, int, int]) -> None:
    if len(background) != 3 or not all(isinstance(c, int) and 0 <= c <= 255 for c in background):
        raise SettingError("background", value=background, expected="three whole numbers from 0 to 255")
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise SettingError(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES",
            value=True,
            expected="False, or half a file would be shown to the model with grey in place of the rest",
            fix="Set it back to False before opening images.",
        )


def _path_of(source: object) -> str:
    """Of a user's path; types are checked in tests only, so anything may come here."""
    if not isinstance(source, str | os.PathLike):
        kind, fix = type(source).__name__, "Of an array make an image with PIL.Image.fromarray."
        _refuse(f"<{kind}>", "unreadable", "a path, a file's bytes or a Pillow image", fix)
    path: str = os.fspath(source)
    return path


def _printable(path: str | bytes) -> str:
    """File names may hold bytes that are no text; they show as backslash escapes."""
    return os.fsdecode(path).encode("utf-8", "backslashreplace").decode()


def _refuse(name: str, reason: str, expected: str, fix: str = "") -> NoReturn:
    raise ImageError("image", value=name, reason=reason, expected=expected, fix=fix) from None


@contextmanager
def _opened(path: str, name: str) -> Iterator[Stream]:
    try:
        # Looked at before it is opened: opening a named pipe would wait for a writer.
        if not stat.S_ISREG(os.stat(path).st_mode):
            _refuse(name, "unreadable", "a file, not a folder or device", "Name the image files themselves.")
        stream = open(path, "rb")  # noqa: SIM115 (closed below; the error belongs to opening alone)
    except (FileNotFoundError, NotADirectoryError):
        _refuse(name, "missing", "an existing file", "Check the path.")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        _refuse(name, "unreadable", f"a readable file, but: {_said(error)}", "Check name and permissions.")
    with stream:
        yield stream


def _read(stream: Stream, name: str, background: tuple[int, int, int]) -> Picture:
    with _decoding(name):
        reader = parser(stream)
        if reader is None:
            _refuse_foreign(stream, name)
        image = reader(stream)
        _check_size(image.size, name)
        moving = bool(getattr(image, "is_animated", False))
    return _finish(image, name, background, moving=moving)


def _refuse_foreign(stream: Stream, name: str) -> NoReturn:
    expected = ", ".join(FORMATS[:-1]) + f" or {FORMATS[-1]}"
    if not stream.read(1):
        _refuse(name, "empty", f"{expected}, but it has no bytes", "Copy or download it again.")
    foreign = foreign_name(stream)
    if foreign is None:
        _refuse(name, "not-an-image", f"{expected}, but its content is none of these")
    _refuse(name, "format", f"{expected}, but its content is {foreign}", "Convert it to PNG or JPEG.")


def _finish(image: Image.Image, name: str, background: tuple[int, int, int], *, moving: bool) -> Picture:
    _check_size(image.size, name)
    with _decoding(name):
        image.load()  # the whole file: Pillow's verify() passes half a JPEG
        orientation = orientation_of(image)
    try:
        rgb, notes = to_rgb(image, background)
    except ValueError:
        _refuse(name, "mode", f"8- or 16-bit levels, but its mode is {image.mode}", "Scale it to 8 bits.")
    turned = upright(rgb, orientation)
    if orientation is None:
        notes.append("EXIF unreadable, taken as upright")
    elif turned is not rgb:
        notes.append(f"turned upright, EXIF orientation {orientation}")
    if moving:
        notes.append("animated, first frame taken")
    turned.info = {}  # an orientation left here would be applied again further on
    return Picture(turned, name, tuple(notes))


def _check_size(size: tuple[int, int], name: str) -> None:
    shorter, longer = sorted(size)
    said = f"but it is {size[0]} x {size[1]}"
    if shorter == 0:
        _refuse(name, "truncated", f"at least one pixel, {said}")
    if shorter * longer > MAX_PIXELS:
        _refuse(name, "too-large", f"at most {MAX_PIXELS:,} pixels, {said}", "Scale it down.")
    if longer > MAX_ASPECT * shorter:
        _refuse(name, "aspect", f"sides at most {MAX_ASPECT} to 1, {said}", "Crop it.")


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Whatever a parser raises on a damaged file, as one ImageError."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # a GIF frame beyond its canvas
        _refuse(name, "too-large", f"at most {MAX_PIXELS:,} pixels", "Scale it down.")
    except (ImageError, MemoryError, Warning):  # a Warning: the caller made them errors
        raise
    except Exception as error:  # parsers meet hostile bytes: struct.error, IndexError, zlib.error, ...
        if isinstance(error, OSError) and error.errno is not None:
            _refuse(name, "unreadable", f"a readable file, but: {_said(error)}", "Check the disk.")
        _refuse(name, "truncated", f"a whole image, but: {_said(error)}", "Copy or download it again.")


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
