"""Tables for people and programs: CSV that a spreadsheet cannot be tricked with, JSON that stays raw."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from molyneux.ground.files import keep, safe_name
from molyneux.ground.plain import plain, to_json

__all__ = ["csv_text", "spreadsheet_safe", "write_table"]

# Full-width forms count as operators in some spreadsheets; a tab or line end can hide the operator after it.
_ACTING = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def spreadsheet_safe(text: str) -> str:
    """Text that a spreadsheet shows and does not run: an apostrophe goes before what may begin a formula."""
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_ACTING) else text


def csv_text(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as CSV (RFC 4180, UTF-8), the columns in the order in which they come up.

    Text is quoted and made spreadsheet-safe. Numbers stay numbers, negative ones too; NaN and infinities are
    empty cells, as is None. Lists and objects are JSON in a cell.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow([spreadsheet_safe(name) for name in names])
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in names])
    return out.getvalue()


def write_table(folder: Path, name: str, rows: Sequence[Mapping[str, object]], **about: object) -> Path:
    """Write ``<name>.csv`` and ``<name>.json`` with their hashes, and return the path of the CSV.

    Args:
        folder: a run's ``tables``, as a rule.
        about: what else the JSON says, such as ``used=``, ``given=`` and the models that scored.

    Raises:
        StorageError: they cannot be written.
    """
    path = folder / f"{safe_name(name)}.csv"
    keep(path.with_suffix(".json"), to_json({"name": name} | about | {"rows": list(rows)}).encode())
    keep(path, csv_text(rows).encode())
    return path


def _cell(value: object) -> str | int | float:
    told = plain(value)
    match told:
        case None:
            return ""
        case bool():
            return "true" if told else "false"
        case float():
            return told if math.isfinite(told) else ""
        case int():
            return told
        case str():
            return spreadsheet_safe(told)
    return spreadsheet_safe(to_json({"": told}, indent=None).strip()[len('{"": ') : -1])
