"""Which files may reach a parser: five formats, recognised by their first bytes, never by their names."""

from __future__ import annotations

from io import BufferedReader, BytesIO
from typing import TypeAlias

from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

__all__ = ["FORMATS", "Stream", "foreign_name", "parser"]

FORMATS = ("JPEG", "PNG", "WebP", "GIF", "BMP")
"""The formats that are read. TIFF and EPS are left out for their parsers' record of flaws."""

Stream: TypeAlias = BytesIO | BufferedReader
"""The bytes of a file: held in memory, or read from disk as they are needed."""

_HEAD_BYTES = 32

# Well-known kinds that are refused, so that the message can say what the file is.
_FOREIGN = (
    (0, (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF"),
    (0, (b"%!PS", b"\xc5\xd0\xd3\xc6"), "EPS or PostScript"),
    (0, (b"%PDF",), "PDF"),
    (0, (b"8BPS",), "Photoshop"),
    (0, (b"<svg", b"<?xml"), "SVG or XML"),
    (0, (b"\0\0\1\0",), "Windows icon"),
    (0, (b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51"), "JPEG 2000"),
    (0, (b"\xff\x0a", b"\0\0\0\x0cJXL"), "JPEG XL"),
    (4, (b"ftypavif", b"ftypavis"), "AVIF"),
    (4, (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypmsf1"), "HEIC"),
    (4, (b"ftyp",), "video"),
)


def parser(stream: Stream) -> type[ImageFile] | None:
    """Pillow's reader for the image that begins at the stream's start, or None if it is no allowed one.

    The classes are called directly rather than through ``Image.open(formats=...)``: the rule is the
    same (only these five ever see the bytes), but ``Image.open`` warns about large images through
    the process-wide ``MAX_IMAGE_PIXELS`` and warning filters, which no thread can switch off for
    itself. The gate checks the size on its own. A JPEG that carries further pictures (MPO: depth or
    gain maps of phones) gives its main one.
    """
    head = _head(stream)
    if head.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WebPImageFile
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GifImageFile
    return BmpImageFile if head.startswith(b"BM") else None


def foreign_name(stream: Stream) -> str | None:
    """What a refused file is, by its first bytes, such as ``"TIFF"``; None if nothing known."""
    head = _head(stream)
    return next((name for at, marks, name in _FOREIGN if head[at:].startswith(marks)), None)


def _head(stream: Stream) -> bytes:
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    stream.seek(0)
    return head
