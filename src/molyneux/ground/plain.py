"""Values to strict JSON and back: what is not finite becomes null and is flagged."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import numpy as np

from molyneux.ground.files import write_whole
from molyneux.ground.neuron import NeuronId

__all__ = ["NON_FINITE", "Json", "from_json", "plain", "to_json", "valid_text", "write_json"]

Json: TypeAlias = dict[str, Any] | list[Any] | str | int | float | bool | None
"""What JSON can hold; what is inside goes unnamed, as checkers at run time know no type that names itself."""

NON_FINITE = "non_finite"
"""The key of the flag: an object from JSON pointer to ``nan``, ``inf`` or ``-inf``."""


def plain(value: object) -> Json:
    """Dataclasses, tuples, NumPy, paths, enums and neuron names as what JSON knows; NaN stays NaN.

    Raises:
        TypeError: something else.
    """
    match value:
        case None | bool():
            return value
        case NeuronId():
            return str(value)
        case Enum():
            return plain(value.value)
        case str():
            return valid_text(value)
        case int() | float():
            return value
        case np.generic() | np.ndarray():
            return plain(value.tolist())
        case PathLike():
            return valid_text(str(fspath(value)))
        case Mapping():
            return {valid_text(str(plain(key))): plain(one) for key, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"no JSON for {type(value).__name__}")


def valid_text(text: str) -> str:
    """The text without lone surrogates, which UTF-8 cannot hold; they become backslash escapes."""
    return text.encode("utf8", "backslashreplace").decode()


def to_json(value: Mapping[str, object] | object, *, indent: int | None = 2) -> str:
    """Strict JSON of an object.

    NaN and infinities become null, and the key ``non_finite`` names each place, so that a gap in the
    measurements is told from a value that is not a number.

    Raises:
        TypeError: the value is no mapping or dataclass, or holds something that JSON cannot say.
    """
    told = plain(value)
    if not isinstance(told, dict):
        raise TypeError("only objects, so that there is room for the flag")
    found: dict[str, str] = {}
    told = {key: _finite(one, f"/{_escaped(key)}", found) for key, one in told.items()}
    if found and NON_FINITE in told:
        raise TypeError(f"the key {NON_FINITE!r} is taken")
    if found:
        told[NON_FINITE] = dict(found)
    return json.dumps(told, ensure_ascii=False, allow_nan=False, indent=indent) + "\n"


def write_json(path: Path, value: Mapping[str, object] | object) -> None:
    """``to_json`` into a file, whole or not at all."""
    write_whole(path, to_json(value).encode())


def from_json(text: str | bytes) -> Json:
    """Strict JSON: bare NaN and Infinity, keys that come twice and endless nesting are errors.

    Raises:
        ValueError: it is no such text.
    """
    try:
        told: Json = json.loads(
            text, parse_constant=_refuse, parse_float=_number, object_pairs_hook=_each_key_once
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return told


def _finite(value: Json, place: str, found: dict[str, str]) -> Json:
    match value:
        case float() if not math.isfinite(value):
            found[place] = repr(value)
            return None
        case dict():
            return {key: _finite(one, f"{place}/{_escaped(key)}", found) for key, one in value.items()}
        case list():
            return [_finite(one, f"{place}/{index}", found) for index, one in enumerate(value)]
    return value


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is beyond what a float holds")
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise ValueError("a key comes twice")
    return told
