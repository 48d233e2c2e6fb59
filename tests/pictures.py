"""Photographs, files written by hand, and the two ways to look at what the gate did."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import skimage
import sklearn
from PIL import Image

from molyneux.data.gate import REASONS, Picture, open_image
from molyneux.ground.errors import ImageError

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
    body = chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def oriented(image: Image.Image, orientation: int) -> Image.Exif:
    exif = image.getexif()
    exif[ORIENTATION] = orientation
    return exif
