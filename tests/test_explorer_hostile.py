"""Runs that somebody sent: where another kind of value stands than belongs there, no page is made, and it is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from looked import Looked, run_of_looks
from molyneux.experiments.gallery import Firing
from molyneux.experiments.looks_neuron import NeuronLook
from molyneux.experiments.looks_rows import RANKINGS, Mapped
from molyneux.explorer import lookups
from molyneux.explorer.export import export
from molyneux.explorer.look_columns import COLUMNS, LATER, check_columns, check_settings, kind_of
from molyneux.explorer.lookups import Lookups
from molyneux.ground import manifest
from molyneux.ground.files import keep
from molyneux.ground.parts import read_part
from molyneux.ground.plain import from_json, to_json
from molyneux.ground.rows import columns
from molyneux.ground.run import Run, open_run
from molyneux.ground.run_errors import DamagedError, RunError
from molyneux.report.record import number
from molyneux.report.shown import TableRecord, shown

EVIL = 'sum", 1)]; __import__("os").system("echo PWNED"); places = [("", 0, "sum'
ROWS: dict[str, Any] = {
    "looks": Looked,
    "looks-firing": Firing,
    "looks-maps": Mapped,
    "looks-neurons": NeuronLook,
}


def told(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a manifest as somebody would who knows how its digest is made."""
    data: Any = from_json(path.read_bytes())
    del data["digest"]
    change(data)
    path.write_bytes(to_json(data | {"digest": manifest._digest(data)}).encode())


def rewritten(run: Run, stage: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change a stage's parts, and keep their hashes right."""
    for part in sorted((run.folder / stage).glob("*.parquet")):
        table = change(read_part(part))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        keep(part, sink.getvalue().to_pybytes())


def as_text(column: str) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        place = table.column_names.index(column)
        return table.set_column(place, column, pa.array([EVIL] * table.num_rows))

    return change


@pytest.mark.parametrize("stage", sorted(ROWS))
def test_the_columns_that_pages_expect_are_those_of_the_rows(stage: str) -> None:
    schema = columns(ROWS[stage])
    assert {field.name: kind_of(field.type) for field in schema} == COLUMNS[stage]
    check_columns(stage, schema)


def test_rankings_are_those_of_the_experiment() -> None:
    assert lookups.RANKINGS == RANKINGS


def test_what_earlier_versions_lack_may_be_absent() -> None:
    schema = columns(Looked)
    words = schema.field("words").type.value_type
    ranked = words.field("rankings").type.value_type
    assert {"alone"} == LATER
    older = pa.struct([one for one in ranked if one.name != "alone"])
    word = pa.struct(
        [pa.field(one.name, pa.list_(older)) if one.name == "rankings" else one for one in words]
    )
    check_columns("looks", schema.set(schema.get_field_index("words"), pa.field("words", pa.list_(word))))
    lacking = pa.struct([one for one in words if one.name != "first"])
    with pytest.raises(RunError, match="column words"):
        check_columns(
            "looks", schema.set(schema.get_field_index("words"), pa.field("words", pa.list_(lacking)))
        )


@pytest.mark.parametrize(
    ("stage", "column"),
    [("looks", "patches"), ("looks", "words"), ("looks-firing", "activations"), ("looks-neurons", "norm")],
)
def test_text_where_numbers_belong_is_refused(stage: str, column: str, tmp_path: Path) -> None:
    run = run_of_looks(tmp_path / "run", images=2)
    rewritten(run, stage, as_text(column))
    with pytest.raises(RunError, match=f"stage {stage}.*text.*column {column}"):
        export(open_run(run.folder), tmp_path / "pages")
    assert not (tmp_path / "pages").exists()


def test_a_text_within_a_word_is_refused(tmp_path: Path) -> None:
    """The number of a word's token, two levels down."""
    run = run_of_looks(tmp_path / "run", images=2)

    def change(table: pa.Table) -> pa.Table:
        words = table["words"].to_pylist()
        made = pa.array([[word | {"first": EVIL} for word in one] for one in words])
        return table.set_column(table.column_names.index("words"), "words", made)

    rewritten(run, "looks", change)
    with pytest.raises(RunError, match="column words"):
        export(open_run(run.folder), tmp_path / "pages")


@pytest.mark.parametrize(("name", "value"), [("fired", EVIL), ("counts", [EVIL]), ("neurons", [3])])
def test_settings_of_another_kind_are_refused(name: str, value: object) -> None:
    with pytest.raises(RunError, match=name):
        check_settings("looks-firing", {name: value})
    check_settings("looks", {"neurons": 4, "counts": [5], "fired": 8, "given": 3})


def test_only_known_rankings_are_read(tmp_path: Path) -> None:
    def change(number: int, row: Looked) -> Looked:
        words = [
            replace(word, rankings=(*word.rankings, *(replace(one, by=EVIL) for one in word.rankings)))
            for word in row.words
        ]
        return replace(row, words=tuple(words))

    plain = Lookups(run_of_looks(tmp_path / "plain", images=2))
    looks = Lookups(run_of_looks(tmp_path / "evil", images=2, change=change))
    assert {one["by"] for some in looks.named.values() for one in some} == set(RANKINGS)
    assert looks.named == plain.named
    assert looks.alone == plain.alone


@pytest.mark.parametrize(
    ("field", "value"), [("seed", EVIL), ("seed", True), ("seed", 1.5), ("created", 3), ("command", [3])]
)
def test_a_manifest_of_other_kinds_is_refused(field: str, value: object, tmp_path: Path) -> None:
    run = run_of_looks(tmp_path / "run", images=1)

    def change(data: dict[str, Any]) -> None:
        (data["identity"] if field == "seed" else data)[field] = value

    told(run.folder / "manifest.json", lambda data: None)
    open_run(run.folder)  # the digest is made right
    told(run.folder / "manifest.json", change)
    with pytest.raises(RunError, match="manifest"):
        open_run(run.folder)


@pytest.mark.parametrize(
    ("name", "value"), [("layers", EVIL), ("units", -1), ("layers", 1), ("layers", 10**9)]
)
def test_a_model_of_another_size_is_refused(name: str, value: object, tmp_path: Path) -> None:
    run = run_of_looks(tmp_path / "run", images=1)
    told(run.folder / "manifest.json", lambda data: data["identity"]["settings"].__setitem__(name, value))
    with pytest.raises(RunError, match=r"layer|units"):
        export(open_run(run.folder), tmp_path / "pages")


TABLES: dict[str, Any] = {
    "looks": [{"neuron": "L0.u0", "tokens": [], "rank": 10**400}],
    "gallery": [{"rank": 10**400, "tokens": "ab", "image": None}],
    "ablation": [{"arm": "top", "count": 10**400, "change_mean": -(10**400)}],
    "agreement": [{"what": [], "share": {}, "of": 10**400}],
    "huge": [{"a": 10**400}],
    "empty": [],
    "long": [{"rank": 10**400, "rank_low": -1, "rank_high": 10**400}],
}


@pytest.mark.parametrize("name", TABLES)
def test_odd_tables_are_shown(name: str, tmp_path: Path) -> None:
    run = run_of_looks(tmp_path / "run", images=1)
    table = {"title": "Odd", "paper": "", "given": 1, "used": 1, "skipped": {}, "judges": [], "notes": []}
    text = json.dumps(table | {"name": name, "rows": TABLES[name], "settings": None})
    keep(run.tables / f"{name}.json", text.encode())
    made = export(open_run(run.folder), tmp_path / "pages")
    assert made.left_out == {}
    assert (made.folder / "data" / "tables" / f"{name}.js").is_file()


NO_TABLES = {
    "given": b'{"rows": [], "given": 1e999}',
    "rows": b'{"rows": 5}',
    "skipped": b'{"rows": [], "skipped": [1]}',
    "infinite": b'{"rows": [{"rank": 1e999}]}',
    "constant": b'{"rows": [{"rank": Infinity}]}',
    "list": b"[]",
    "deep": b'{"rows": [], "notes": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "digits": b'{"rows": [{"a": ' + b"9" * 5000 + b"}]}",
    "text": b"\xff",
}


@pytest.mark.parametrize("name", NO_TABLES)
def test_what_is_no_table_is_left_out_and_told(name: str, tmp_path: Path) -> None:
    run = run_of_looks(tmp_path / "run", images=1)
    keep(run.tables / f"{name}.json", NO_TABLES[name])
    made = export(open_run(run.folder), tmp_path / "pages")
    assert list(made.left_out) == [name]
    assert f"{name}.json" in made.left_out[name]
    assert not (made.folder / "data" / "tables" / f"{name}.js").exists()
    assert (made.folder / "data" / "tables" / "words.js").is_file()
    assert f"{name}.json" in (made.folder / "data" / "run.js").read_text()


@pytest.mark.parametrize(
    ("value", "told"),
    [(10**400, None), (float("inf"), None), (float("nan"), None), (True, None), ("1", None), (3, 3.0)],
)
def test_a_number_of_a_row_is_finite(value: object, told: float | None) -> None:
    assert number({"a": value}, "a") == told


def test_a_table_that_nothing_shows_is_damaged() -> None:
    """Whatever a view trips over is told as the table's fault."""
    stand = {"title": "", "paper": "", "given": 0, "used": 0, "skipped": {}, "judges": (), "notes": ()}
    table = TableRecord(name="odd", rows=({"a": [10**5000]},), settings=None, **stand)  # type: ignore[arg-type]
    with pytest.raises(DamagedError, match=r"odd\.json"):
        shown(table)
