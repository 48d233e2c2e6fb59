"""What is made of a run's rows: strict JSON (F28), CSV that no spreadsheet runs (F27), arrays, estimates."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molyneux.ground.arrays import read_arrays, write_arrays
from molyneux.ground.errors import SettingError
from molyneux.ground.estimate import Estimate, bytes_per_row, estimate, free_bytes
from molyneux.ground.files import keep, kept
from molyneux.ground.neuron import NeuronId
from molyneux.ground.parts import Parts
from molyneux.ground.plain import from_json, plain, to_json
from molyneux.ground.run_errors import DamagedError
from molyneux.ground.tables import csv_text, spreadsheet_safe, write_table
from runs import Found

ANY_TEXT = st.text(st.characters(exclude_categories=()))
SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT
NESTED = st.recursive(SIMPLE, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner), max_leaves=9)


@dataclass(frozen=True)
class Inner:
    name: str
    values: tuple[float, ...]


class Colour(Enum):
    RED = "red"


def test_nan_is_null_and_flagged() -> None:
    told = to_json({"a": [1.0, float("nan")], "b/c": {"~": -math.inf}, "d": np.float32("inf"), "e": 2})
    assert from_json(told) == {
        "a": [1.0, None], "b/c": {"~": None}, "d": None, "e": 2,
        "non_finite": {"/a/1": "nan", "/b~1c/~0": "-inf", "/d": "inf"},
    }  # fmt: skip
    assert "non_finite" not in to_json({"a": None})


@given(NESTED)
def test_json_is_always_strict(value: object) -> None:
    told = to_json({"value": value})
    read = json.loads(told, parse_constant=pytest.fail)
    assert read == from_json(told)
    told.encode()


def test_what_becomes_json() -> None:
    value = {"n": NeuronId(1, 2), "e": Colour.RED, "p": Path("a"), "d": Inner("x", (1.0,)), "a": np.arange(2)}
    assert plain(value) == {
        "n": "L1.u2",
        "e": "red",
        "p": "a",
        "d": {"name": "x", "values": [1.0]},
        "a": [0, 1],
    }
    for wrong in ({"a": object()}, [1], {"a": {1}}, {"non_finite": 1, "a": math.nan}):
        with pytest.raises(TypeError):
            to_json(wrong)


LOOSE = ['{"a": NaN}', '{"a": 1e999}', '{"a": 1, "a": 2}', "[" * 100_000, "", '{"a": -Infinity}']


@pytest.mark.parametrize("text", LOOSE, ids=lambda text: text[:16])
def test_loose_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        from_json(text)


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", "\u00a0=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_begins_a_formula(text: str) -> None:
    (header, row) = csv.reader(io.StringIO(csv_text([{text: text}]), newline=""))
    assert header == row == [f"'{text}"]
    assert json.loads(to_json({"rows": [{"a": text}]}))["rows"] == [{"a": text}]


@given(st.lists(st.fixed_dictionaries({"text": ANY_TEXT, "number": st.floats() | st.integers()}), min_size=1))
def test_csv_reads_back(rows) -> None:
    read = list(csv.DictReader(io.StringIO(csv_text(rows), newline="")))
    for row, told in zip(rows, read, strict=True):
        text = row["text"].encode("utf8", "backslashreplace").decode()
        assert told["text"] in (text, f"'{text}")
        assert not told["text"].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert told["number"] == (str(row["number"]) if math.isfinite(row["number"]) else "")


def test_cells_of_every_kind() -> None:
    rows = [{"a": -0.5, "b": True, "c": NeuronId(1, 2)}, {"b": None, "d": [1, "x"], "a": np.float64("nan")}]
    assert csv_text(rows).split("\r\n") == [
        '"a","b","c","d"', '-0.5,"true","L1.u2",""', '"","","","[1, ""x""]"', ""
    ]  # fmt: skip
    assert spreadsheet_safe("a=1") == "a=1"


def test_a_table_is_csv_and_json(tmp_path: Path) -> None:
    path = write_table(tmp_path, "Table 1", [{"arm": "=top", "mean": math.nan}], used=3, given=4)
    assert kept(path).decode() == '"arm","mean"\r\n"\'=top",""\r\n'
    assert from_json(kept(path.with_suffix(".json"))) == {
        "name": "Table 1", "used": 3, "given": 4, "rows": [{"arm": "=top", "mean": None}],
        "non_finite": {"/rows/0/mean": "nan"},
    }  # fmt: skip


# Arrays.


def test_arrays_come_back_and_damage_is_named(tmp_path: Path) -> None:
    arrays = {
        "a": np.arange(6, dtype=np.float16).reshape(2, 3).T,
        "b": np.zeros((0, 3), np.int64),
        "c": np.array(True),
    }
    path = write_arrays(tmp_path, "Some name/1", arrays)
    assert path.parent == tmp_path
    read = read_arrays(tmp_path, "Some name/1")
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        assert np.array_equal(read[name], array)
    path.write_bytes(path.read_bytes()[:-1] + b"\7")
    with pytest.raises(DamagedError, match="safetensors"):
        read_arrays(tmp_path, "Some name/1")
    keep(path, b"no safetensors")
    with pytest.raises(DamagedError, match="no safetensors file"):
        read_arrays(tmp_path, "Some name/1")


# Estimates.


def test_estimates(tmp_path: Path) -> None:
    one = estimate(100, row_bytes=10.5, seconds_each=2)
    assert one == Estimate(100, 7, 1050, 200.0)
    assert (
        estimate(100, row_bytes=10, seconds_each=2, world=4).seconds == 64
    )  # two parts of 16 for the busiest
    assert estimate(100, row_bytes=10, seconds_each=2, done=90) == Estimate(10, 1, 100, 20.0)
    assert estimate(0, row_bytes=1, seconds_each=1) == Estimate(0, 0, 0, 0.0)
    assert one + one == Estimate(100, 14, 2100, 400.0)
    with pytest.raises(SettingError):
        estimate(1, row_bytes=1, seconds_each=1, world=0)
    assert 0 < free_bytes(tmp_path / "not" / "there") == pytest.approx(free_bytes(tmp_path), rel=0.1)


def test_the_size_of_a_row_is_measured(tmp_path: Path) -> None:
    rows = [Found(os.urandom(500).hex(), (), ()) for _ in range(16)]
    ids = [str(number) for number in range(16)]
    told = bytes_per_row(ids, rows, Found)
    parts = Parts(tmp_path, Found, tuple(ids), 16)
    parts.commit(0, rows)
    assert told == pytest.approx(parts.path(0).stat().st_size / 16, rel=0.1)
    assert told > 500
