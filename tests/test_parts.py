"""Files whole or not at all, names for any text, typed rows, parts, seeds."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from molyneux.ground.errors import ImageError, MolyneuxError, NonFiniteError, NoNounError, SettingError
from molyneux.ground.files import hash_of, keep, kept, safe_name, write_whole
from molyneux.ground.neuron import NeuronId
from molyneux.ground.parts import Parts, Tally, part_name
from molyneux.ground.rows import Float16, Int32, Skipped, columns, from_table, to_table
from molyneux.ground.run_errors import DamagedError
from molyneux.ground.seeds import generator_of, seed_of
from molyneux.ground.work import skip_of
from runs import Found

HERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
ANY_TEXT = st.text(st.characters(exclude_categories=()))

# Files.

STEPS = ["open", "os.fsync", "os.replace"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_ends_at_any_step_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, step: str, error: BaseException
) -> None:
    path = tmp_path / "file"
    keep(path, b"old")
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    name = f"molyneux.ground.files.{step}" if "." in step else f"builtins.{step}"
    with patch(name, side_effect=error), pytest.raises((OSError, KeyboardInterrupt)):
        write_whole(path, b"new")
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_data_is_on_the_disk_before_its_name_is(tmp_path: Path) -> None:
    """The order of the calls; that a disk obeys cannot be tested here."""
    calls: list[str] = []
    real = {name: getattr(os, name) for name in ("fsync", "replace")}

    def spy(name: str):
        return lambda *words: (calls.append(name), real[name](*words))[1]

    with patch("os.fsync", spy("fsync")), patch("os.replace", spy("replace")):
        write_whole(tmp_path / "file", b"new")
    assert calls == ["fsync", "replace", "fsync"]


@HERE
@given(st.binary(max_size=300), st.data())
def test_any_change_to_a_kept_file_is_seen(tmp_path: Path, content: bytes, data) -> None:
    path = tmp_path / "kept"
    keep(path, content)
    assert kept(path) == content
    assert (tmp_path / "kept.sha256").read_text() == f"{hash_of(content)}  kept\n"
    changed = data.draw(st.binary(max_size=300).filter(lambda other: other != content))
    path.write_bytes(changed)
    with pytest.raises(DamagedError, match="kept"):
        kept(path)


def test_sha256sum_checks_a_run(tmp_path: Path) -> None:
    keep(tmp_path / "a.bin", b"some")
    keep(tmp_path / "b.bin", b"more")
    command = "sha256sum --check *.sha256"
    assert (
        subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=False).returncode
        == 0
    )
    (tmp_path / "b.bin").write_bytes(b"less")
    assert (
        subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=False).returncode
        == 1
    )


def test_what_has_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="no SHA-256"):
        kept(tmp_path / "never")
    keep(tmp_path / "gone", b"x")
    (tmp_path / "gone").unlink()
    with pytest.raises(DamagedError, match="it has gone"):
        kept(tmp_path / "gone")


NAMES = [
    "a",
    "A",
    "con",
    "con.txt",
    "nul",
    "a/b",
    "a\\b",
    "..",
    ".",
    "",
    "a.",
    "a ",
    "\n",
    "ä",
    "x" * 500,
    "\ud800",
]


@settings(max_examples=100)
@given(st.lists(st.one_of(ANY_TEXT, st.sampled_from(NAMES)), unique=True, max_size=20))
def test_names_for_any_text_are_safe_and_differ(texts: list[str]) -> None:
    names = [safe_name(text) for text in [*texts, *(safe_name(text) for text in texts)]]
    for name in names:
        assert 0 < len(name) <= 80
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.-")
        assert name[0] not in ".-"
        assert name[-1] != "."
        assert name.split(".")[0] not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    assert len({safe_name(text) for text in texts}) == len(texts)


def test_plain_names_stay() -> None:
    assert safe_name("000000000139") == "000000000139"
    assert safe_name("table-1") == "table-1"
    hashed = safe_name("Table 1")
    assert hashed.startswith("table-1-")
    assert safe_name(hashed) != hashed, "or a text that looks like a hashed name would meet one"


# Rows.


class Pair(namedtuple("Pair", "left right")):
    __annotations__ = {"left": int, "right": str}


@dataclass(frozen=True)
class Inner:
    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Wide:
    text: str
    flag: bool
    count: int
    small: Int32
    data: bytes
    inner: Inner
    many: tuple[Inner, ...]
    neurons: tuple[NeuronId, ...]
    pair: Pair
    maybe: float | None
    maybe_inner: Inner | None
    nested: tuple[tuple[int, ...], ...]


INNER = st.builds(Inner, ANY_TEXT, st.lists(st.floats(allow_nan=False), max_size=3).map(tuple))
LONG = st.integers(-(2**63), 2**63 - 1)
NEURONS = st.builds(NeuronId, st.integers(0, 99), st.integers(0, 2**40))
WIDE = st.builds(
    Wide,
    text=ANY_TEXT,
    flag=st.booleans(),
    count=LONG,
    small=st.integers(-(2**31), 2**31 - 1),
    data=st.binary(max_size=9),
    inner=INNER,
    many=st.lists(INNER, max_size=3).map(tuple),
    neurons=st.lists(NEURONS, max_size=3).map(tuple),
    pair=st.builds(Pair, st.integers(0, 9), st.text(max_size=3)),
    maybe=st.none() | st.floats(allow_nan=False),
    maybe_inner=st.none() | INNER,
    nested=st.lists(st.lists(LONG, max_size=2).map(tuple), max_size=2).map(tuple),
)
SKIPPED = st.builds(Skipped, st.sampled_from(["empty", "no-noun"]), st.text(max_size=9))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(WIDE, SKIPPED), min_size=1, max_size=4))
def test_rows_survive_parquet(tmp_path_factory, results: list[Wide | Skipped]) -> None:
    ids = tuple(f"item {number}" for number in range(len(results)))
    parts = Parts(tmp_path_factory.mktemp("stage"), Wide, ids, 10)
    tally = parts.commit(0, results)
    wanted = [_surrogates_escaped(result) for result in results]
    assert parts.read(0) == list(zip(ids, wanted, strict=True))
    assert parts.check(0) == tally
    assert tally.used == sum(isinstance(result, Wide) for result in results)


def _surrogates_escaped(value):
    """What a reader gets: UTF-8 cannot hold half a character."""
    if isinstance(value, str):
        return value.encode("utf8", "backslashreplace").decode()
    if isinstance(value, Wide | Inner):
        return type(value)(
            *(_surrogates_escaped(getattr(value, name)) for name in value.__dataclass_fields__)
        )
    if type(value) is tuple:
        return tuple(map(_surrogates_escaped, value))
    return value


@dataclass(frozen=True)
class Map:
    heat: tuple[Float16, ...]


def test_arrays_go_into_columns_and_nan_stays_nan(tmp_path: Path) -> None:
    table = to_table(["a"], [Map(np.array([0.1, float("nan")], dtype=np.float32))], Map)  # type: ignore[arg-type]
    ((_, row),) = from_table(table, Map)
    assert isinstance(row, Map)
    assert row.heat[0] == np.float16(0.1)
    assert math.isnan(row.heat[1])


@dataclass(frozen=True)
class Union:
    value: int | str


@dataclass(frozen=True)
class Loose:
    value: dict[str, int]


@dataclass(frozen=True)
class Taken:
    reason: str


@pytest.mark.parametrize("row", [Union, Loose, Taken, int])
def test_rows_without_a_column_type_are_refused(row: type) -> None:
    with pytest.raises(TypeError):
        columns(row)


@pytest.mark.parametrize(
    "results",
    [
        [Found("a", (), ())],
        [Found("a", (), ()), None],
        [Found("a", (), ()), Map(())],
        [Found("a", (), ()), Found(None, (), ())],  # type: ignore[arg-type]
        [Found("a", (), ()), Found("a", (), ("x",))],  # type: ignore[arg-type]
        [Found("a", (), ())] * 3,
    ],
)
def test_results_that_do_not_fit_write_nothing(tmp_path: Path, results) -> None:
    parts = Parts(tmp_path, Found, ("a", "b"), 2)
    with pytest.raises((TypeError, ValueError)):
        parts.commit(0, results)
    assert list(tmp_path.iterdir()) == []


def test_parts_are_slices_of_one_size(tmp_path: Path) -> None:
    parts = Parts(tmp_path, Found, tuple("abcdefg"), 3)
    assert parts.count == 3
    assert [parts.ids[parts.slice(index)] for index in range(3)] == [tuple("abc"), tuple("def"), ("g",)]
    parts.commit(2, [Found("g", (), ())])
    assert parts.missing() == [0, 1]
    assert [item for item, _ in parts.all()] == ["g"]
    assert pq.ParquetFile(parts.path(2)).metadata.row_group(0).column(0).compression == "ZSTD"
    other = Parts(tmp_path, Found, tuple("abcdefG"), 3)
    with pytest.raises(DamagedError, match="other items"):
        other.read(2)
    assert Parts(tmp_path / "none", Found, (), 3).missing() == []
    assert Tally(2, {"a": 1}) + Tally(1, {"b": 1, "a": 0}) == Tally(3, {"a": 1, "b": 1})
    assert part_name(123456) == "part-123456.parquet"


def test_skips_are_of_items_only() -> None:
    assert skip_of(ImageError("image", reason="empty", expected="x")).reason == "empty"  # type: ignore[union-attr]
    assert skip_of(NoNounError("caption", expected="a noun")).reason == "no-noun"  # type: ignore[union-attr]
    assert skip_of(NonFiniteError("layer", expected="numbers")).reason == "non-finite"  # type: ignore[union-attr]
    for error in (SettingError("x", expected="y"), MolyneuxError("x", expected="y"), OSError(), KeyError()):
        assert skip_of(error) is None


# Seeds.


@given(st.integers(0, 2**64), ANY_TEXT, ANY_TEXT)
def test_seeds_fit_every_generator(seed: int, image: str, purpose: str) -> None:
    assert 0 <= seed_of(seed, image, purpose=purpose) < 2**63


def test_seeds_depend_on_all_and_on_nothing_else() -> None:
    known = seed_of(0, "val2017/000000000139.jpg")
    code = "from molyneux.ground.seeds import seed_of; print(seed_of(0, 'val2017/000000000139.jpg'))"
    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "9"},
    )
    assert int(other.stdout) == known == 5988855337936772481
    words = [
        (0, "ab", "c"),
        (0, "a", "bc"),
        (1, "ab", "c"),
        (0, "c", "ab"),
        (0, "ab", ""),
        (0, "a\0b", ""),
        (0, "b", "a"),
    ]
    assert len({seed_of(seed, image, purpose=purpose) for seed, image, purpose in words}) == len(words)
    assert generator_of(1, "a").random() == generator_of(1, "a").random() != generator_of(1, "b").random()


def test_reading_leaves_no_thread_that_could_abort_the_process_at_its_end(tmp_path: Path) -> None:
    """Arrow issue 34314: pool threads of a read now and then end a finished process with SIGABRT."""
    code = (
        "import os, sys; from pathlib import Path; from molyneux.ground.parts import read_part\n"
        "before = len(os.listdir('/proc/self/task')); read_part(Path(sys.argv[1]))\n"
        "print(before, len(os.listdir('/proc/self/task')))"
    )
    parts = Parts(tmp_path, Found, ("a",), 1)
    parts.commit(0, [Found("a", (), ())])
    done = subprocess.run(
        [sys.executable, "-c", code, str(parts.path(0))], capture_output=True, text=True, check=True
    )
    before, after = done.stdout.split()
    assert before == after
