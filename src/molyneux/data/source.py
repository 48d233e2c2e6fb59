"""What users may hand over as an image."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from PIL import Image

from molyneux.data.gate import Picture, open_image

__all__ = ["ImageSource", "picture_of"]

#: A path, an encoded file's bytes, a PIL image, or a Picture that came through the gate already.
ImageSource: TypeAlias = str | Path | bytes | Image.Image | Picture


def picture_of(source: ImageSource) -> Picture:
    """The image, through the gate unless it came through before.

    Raises:
        ImageError: it cannot be used.
    """
    return source if isinstance(source, Picture) else open_image(source)
