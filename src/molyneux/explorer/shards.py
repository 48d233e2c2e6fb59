"""Data for pages that open from ``file://``: scripts that make one call each, with nothing in them that can act."""

from __future__ import annotations

import hashlib
import json
import math
import re
from base64 import b64encode
from collections.abc import Mapping

from molyneux.ground.plain import Json, plain

__all__ = ["data_uri", "key_of", "mime_of", "packed", "shard_text"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_ACTING = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_KEY = 16


def key_of(image: str) -> str:
    """The opaque key of an image: the first 16 hexadecimal digits of its id's SHA-256."""
    return hashlib.sha256(image.encode("utf8", "surrogatepass")).hexdigest()[:_KEY]


def shard_text(name: str, data: Mapping[str, object]) -> str:
    """``molyneux.shard("name", {...});`` in ASCII; numbers that are not finite are null.

    JSON is also JavaScript once U+2028 and U+2029 are escaped, as everything beyond ASCII is here; ``<``, ``>`` and
    ``&`` are too, so that no text ends a script or begins an entity. Keys are ours, never text from data: an object
    literal takes ``__proto__`` for more than a key.

    Raises:
        ValueError: a name that is no path below the data folder.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} names no shard")
    told = json.dumps(_finite(plain(data)), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return f'molyneux.shard("{name}",{told.translate(_ACTING)});\n'


def packed(content: bytes) -> str:
    """Bytes (little-endian float32, as a rule) as base64."""
    return b64encode(content).decode("ascii")


def mime_of(picture: bytes) -> str:
    """PNG or JPEG, by its first bytes; nothing else is shown.

    Raises:
        ValueError: it is something else.
    """
    if picture.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if picture.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    raise ValueError("a picture of a run is PNG or JPEG")


def data_uri(picture: bytes | None) -> str | None:
    """A picture within a shard: a canvas may be read only if its picture came from the page itself."""
    return None if picture is None else f"data:{mime_of(picture)};base64,{packed(picture)}"


def _finite(value: Json) -> Json:
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {key: _finite(one) for key, one in value.items()}
        case list():
            return [_finite(one) for one in value]
    return value
