"""The shards of a run's tables: as the report words them, and the numbers themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from molyneux.explorer.lookups import Lookups
from molyneux.explorer.own import is_own
from molyneux.explorer.run_files import table_names
from molyneux.explorer.shards import shard_text
from molyneux.ground.files import kept, safe_name
from molyneux.ground.left_out import LEFT_OUT, left_out_of
from molyneux.ground.plain import from_json
from molyneux.ground.run import Run
from molyneux.ground.run_errors import DamagedError
from molyneux.report.shown import PAPER, UNREADABLE, Cell, TableRecord, View, in_order, shown

__all__ = ["MOST_ROWS", "absent_tables", "damaged_tables", "table_list", "table_shard"]

MOST_ROWS = 1000
"""Rows of a table that travel to a page; the file has all of them."""


def table_list(run: Run, damaged: Collection[str] = ()) -> list[dict[str, object]]:
    """Tables in the order of the paper, without those that are damaged."""
    tables = (_record(run, name) for name in in_order(table_names(run)) if name not in damaged)
    return [
        {"name": one.name, "shard": safe_name(one.name), "title": one.title, "paper": one.paper}
        | {"rows": len(one.rows)}
        for one in tables
    ]


def damaged_tables(looks: Lookups) -> dict[str, str]:
    """Tables that cannot be shown, by name, and why: the other pages are made without them."""
    found: dict[str, str] = {}
    for name in table_names(looks.run):
        try:
            shard_text("table", table_shard(looks, name))
        except (DamagedError, *UNREADABLE) as error:
            found[name] = str(error)
    return found


def absent_tables(run: Run) -> list[tuple[str, str | None]]:
    """Experiments of the paper of which the run has no table, in the paper's order, and why, where that was kept."""
    there, told = set(table_names(run)), _left_out(run)
    wanted: dict[str, list[str]] = {}
    for table, experiment in PAPER.items():
        wanted.setdefault(experiment, []).append(table)
    return [(name, told.get(name)) for name, tables in wanted.items() if not there & set(tables)]


def _left_out(run: Run) -> dict[str, str]:
    """Reasons of the run's own; none where the file is a link or damaged, which the run's report tells."""
    if not is_own(run.folder, run.folder / LEFT_OUT):
        return {}
    try:
        return left_out_of(run.folder)
    except DamagedError:
        return {}


def table_shard(looks: Lookups, name: str) -> dict[str, object]:
    """One table.

    Raises:
        DamagedError: the file is not what was written, or is no table.
    """
    table = _record(looks.run, name)
    view = shown(table)
    (group,) = view.groups
    rows = table.rows[:MOST_ROWS]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return {
        "name": name,
        "title": table.title,
        "paper": table.paper,
        "head": [_cell(cell, looks) | {"kind": cell.kind} for cell in view.head],
        "cells": [[_short(cell, looks) for cell in row] for row in group.rows[:MOST_ROWS]],
        "length": len(group.rows),
        "columns": columns,
        "rows": [[row.get(column) for column in columns] for row in rows],
        "used": table.used,
        "given": table.given,
        "skipped": list(table.skipped.items()),
        "judges": list(table.judges),
        "notes": list(table.notes),
        "papers": _papers(table, view),
    }


def _short(cell: Cell, looks: Lookups) -> str | dict[str, object]:
    told = _cell(cell, looks)
    return cell.text if told.keys() == {"text"} else told


def _cell(cell: Cell, looks: Lookups) -> dict[str, object]:
    """What a cell says beyond nothing."""
    told: dict[str, object] = {
        "small": cell.small,
        "kind": "" if cell.kind in ("text", "number") else cell.kind,
        "strong": cell.strong,
        "note": cell.note,
        "pieces": [list(piece) for piece in cell.pieces],
        "tokens": list(cell.tokens),
        "page": cell.kind == "neuron" and cell.text in looks.neurons,
        "key": looks.keys.get(cell.text) if cell.kind == "image" else None,
    }
    value = {} if cell.value is None else {"value": cell.value}
    return {"text": cell.text} | {name: one for name, one in told.items() if one} | value


def _papers(table: TableRecord, view: View) -> list[str]:
    """What the paper says, in words, where no column has it."""
    if any(cell.kind == "paper" for cell in view.head):
        return []
    said = (str(row["paper"]) for row in table.rows if isinstance(row.get("paper"), str))
    return list(dict.fromkeys(said))


def _record(run: Run, name: str) -> TableRecord:
    path = run.tables / f"{name}.json"
    try:
        told: Any = from_json(kept(path))
        rows = tuple(told["rows"])
        if not all(isinstance(row, Mapping) for row in rows):
            raise TypeError("rows that are no objects")
        return TableRecord(
            name=name,
            title=str(told.get("title", name)),
            paper=str(told.get("paper", "")),
            rows=rows,
            given=int(told.get("given") or 0),
            used=int(told.get("used") or 0),
            skipped={str(reason): int(number) for reason, number in (told.get("skipped") or {}).items()},
            judges=tuple(map(str, told.get("judges") or ())),
            notes=tuple(map(str, told.get("notes") or ())),
            settings=told.get("settings"),
        )
    except DamagedError:
        raise
    except UNREADABLE as error:
        raise DamagedError(path, "it is no table of a run") from error
