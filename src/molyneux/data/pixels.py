"""Any pixel layout that Pillow knows, to upright 8-bit RGB."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, UInt8, UInt16
from PIL import ExifTags, Image

__all__ = ["orientation_of", "to_eight_bits", "to_rgb", "upright"]

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def to_eight_bits(values: UInt16[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width"]:
    """Scale 16-bit levels to 8 bits, ``round(value * 255 / 65535)``.

    Pillow's own ``convert`` clips instead: every level above 255 would become white.
    """
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def to_rgb(image: Image.Image, background: tuple[int, int, int]) -> tuple[Image.Image, list[str]]:
    """The image as RGB, transparent pixels laid on ``background``, with notes on what was changed.

    Colours under transparency are hidden data: ``convert("RGB")`` would show them. Colour profiles
    are ignored, as the models' own image processors do.

    Raises:
        ValueError: the mode says nothing about the range of its numbers (``I``, ``F``).
    """
    if image.mode in ("I", "F"):
        raise ValueError(image.mode)
    notes: list[str] = []
    if image.mode.startswith("I;16"):
        image = _from_sixteen_bits(image)
        notes.append("16-bit levels scaled to 8 bits")
    if image.has_transparency_data:
        image = _composite(image, background)
        notes.append(f"transparent, laid on {background}")
    if image.mode == "CMYK":
        notes.append("CMYK converted to RGB")
    return image.convert("RGB"), notes


def upright(image: Image.Image, orientation: int | None) -> Image.Image:
    """The image turned as its EXIF orientation (1 to 8) says; anything else leaves it as it is."""
    turn = None if orientation is None else _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def orientation_of(image: Image.Image) -> int | None:
    """The EXIF orientation that the file states, 1 where it states none, None if its EXIF is broken."""
    try:
        stated = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # Pillow's EXIF reader raises whatever a damaged block provokes
        return None
    return stated if isinstance(stated, int) else None


def _from_sixteen_bits(image: Image.Image) -> Image.Image:
    levels = np.asarray(image.convert("I")).astype(np.uint16)
    grey = Image.fromarray(to_eight_bits(levels))
    key = image.info.get("transparency")
    if key is None:
        return grey
    # One 16-bit level is declared transparent; after scaling, its neighbours would be too.
    opaque: Bool[np.ndarray, "height width"] = levels != key
    grey.putalpha(Image.fromarray(opaque.astype(np.uint8) * np.uint8(255)))
    return grey


def _composite(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    if image.mode == "La":  # premultiplied grey converts to LA only
        image = image.convert("LA")
    key = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        # Of 16-bit colours Pillow keeps the high bytes, but states the transparent colour in full.
        image = image.copy()
        image.info["transparency"] = tuple(level >> 8 for level in key)
    layer = image.convert("RGBA")
    canvas = Image.new("RGB", layer.size, background)
    canvas.paste(layer, mask=layer.getchannel("A"))
    return canvas
