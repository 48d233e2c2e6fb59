"""Typed rows: a frozen dataclass a row, as columns of a Parquet table and back.

Every item of a stage (an image, as a rule) gives one row: ``ok`` with the dataclass's fields, or ``skipped``
with a reason. Nothing is left out, so that a table can always say n used of n given.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa

from molyneux.ground.plain import valid_text

__all__ = ["Float16", "Float32", "Int32", "Skipped", "columns", "from_table", "to_table"]

Row = TypeVar("Row")

Float16: TypeAlias = Annotated[float, "halffloat"]
"""A float that is kept in two bytes: for activation maps."""
Float32: TypeAlias = Annotated[float, "float"]
Int32: TypeAlias = Annotated[int, "int32"]

_SIMPLE = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_(), bytes: pa.binary()}
_NAMED = {"halffloat": pa.float16(), "float": pa.float32(), "int32": pa.int32()}
_HEAD = {"id": pa.string(), "outcome": pa.string(), "reason": pa.string(), "detail": pa.string()}


@dataclass(frozen=True)
class Skipped:
    """What stands in the place of a row that could not be made."""

    reason: str
    """A short stable code, such as ``truncated`` or ``no-noun``: skips are counted by it."""
    detail: str = ""
    """A sentence for people."""


def columns(row: Any) -> pa.Schema:
    """The columns of a row type: id, outcome, reason, detail, then its fields.

    A field is an int, float, str, bool or bytes, one of the short numbers of this module, a dataclass or a
    NamedTuple of such, ``tuple[X, ...]``, or any of these ``| None``.

    Raises:
        TypeError: the row type is no dataclass, or has a field of another kind or of a name that is taken.
    """
    return _columns(row)


@cache
def _columns(row: Any) -> pa.Schema:
    if not is_dataclass(row):
        raise TypeError(f"{row!r} is no dataclass")
    own = _fields(row)
    if taken := sorted(own.keys() & _HEAD.keys()):
        raise TypeError(f"{row!r}.{taken[0]}: every row has a column of that name")
    return pa.schema(list((_HEAD | {name: _arrow(hint) for name, hint in own.items()}).items()))


def to_table(ids: Sequence[str], results: Sequence[object], row: type[Any]) -> pa.Table:
    """The table of a slice of items.

    Args:
        ids: of the items.
        results: for each item a ``row`` or a Skipped.

    Raises:
        TypeError: a result of another type, or None in a field that may not be None.
        pyarrow.ArrowInvalid: a value that does not fit its field.
    """
    schema = columns(row)
    names = list(_fields(row))
    needed = [name for name, hint in _fields(row).items() if not _optional(hint)]
    records = []
    for item, result in zip(ids, results, strict=True):
        if isinstance(result, Skipped):
            record: dict[str, Any] = {
                "outcome": "skipped",
                "reason": result.reason,
                "detail": valid_text(result.detail),
            }
        elif type(result) is row:
            record = {"outcome": "ok"} | {name: _stored(getattr(result, name)) for name in names}
            if empty := [name for name in needed if record[name] is None]:
                raise TypeError(f"{row.__name__}.{empty[0]} is None for {item!r}")
        else:
            raise TypeError(f"{item!r} gave {type(result).__name__}, not {row.__name__} or Skipped")
        records.append({"id": item} | record)
    return pa.Table.from_pylist(records, schema=schema)


def from_table(table: pa.Table, row: type[Row]) -> list[tuple[str, Row | Skipped]]:
    """The rows of a table, each with its item's id.

    Raises:
        TypeError: the table's columns are not those of the row type.
    """
    if not table.schema.equals(columns(row)):
        raise TypeError(f"columns {table.schema.names} are not those of {row.__name__}")
    kind: Any = row  # mypy takes no class for hashable
    read = _reader(kind)
    found: list[tuple[str, Row | Skipped]] = []
    for record in table.to_pylist():
        if record["outcome"] == "skipped":
            found.append((record["id"], Skipped(record["reason"], record["detail"] or "")))
        else:
            found.append((record["id"], read(record)))
    return found


def _fields(kind: Any) -> Mapping[str, Any]:
    """Name -> type of the fields of a dataclass or NamedTuple."""
    return _hints(kind)  # apart, as mypy takes no class for hashable


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    names: Iterable[str] = kind._fields if hasattr(kind, "_fields") else [f.name for f in fields(kind)]
    return {name: hints[name] for name in names}


def _structured(kind: object) -> bool:
    return isinstance(kind, type) and (is_dataclass(kind) or hasattr(kind, "_fields"))


def _parts(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _optional(hint: Any) -> bool:
    return types.NoneType in _parts(hint)


def _arrow(hint: Any) -> pa.DataType:
    kinds = [kind for kind in _parts(hint) if kind is not types.NoneType]
    if len(kinds) == 1:
        (kind,) = kinds
        if get_origin(kind) is Annotated and kind.__metadata__[0] in _NAMED:
            return _NAMED[kind.__metadata__[0]]
        if get_origin(kind) is tuple and get_args(kind)[1:] == (Ellipsis,):
            return pa.list_(_arrow(get_args(kind)[0]))
        if kind in _SIMPLE:
            return _SIMPLE[kind]
        if _structured(kind):
            return pa.struct(list({n: _arrow(h) for n, h in _fields(kind).items()}.items()))
    raise TypeError(f"no column for {hint}")


def _stored(value: object) -> object:
    if isinstance(value, str):
        return valid_text(value)
    if _structured(type(value)):
        return {name: _stored(getattr(value, name)) for name in _fields(type(value))}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [_stored(one) for one in value]
    return value


@cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """What turns a column's plain value into one of the type; made once a type, as runs have millions."""
    (kind,) = (kind for kind in _parts(hint) if kind is not types.NoneType)
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        if inner in _SIMPLE or get_origin(inner) is Annotated:
            return lambda value: None if value is None else tuple(value)
        read = _reader(inner)
        return lambda value: None if value is None else tuple(map(read, value))
    if _structured(kind):
        readers = tuple((name, _reader(one)) for name, one in _fields(kind).items())
        return lambda value: (
            None if value is None else kind(**{name: one(value[name]) for name, one in readers})
        )
    return lambda value: value
