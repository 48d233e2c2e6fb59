"""A run: created, read, resumed only if it is the same, never mixed, never misread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from molyneux.ground.errors import SettingError
from molyneux.ground.files import keep, kept
from molyneux.ground.manifest import (
    SCHEMA,
    Identity,
    differences,
    migrated,
    read_manifest,
    source_hash,
    versions_here,
    write_manifest,
)
from molyneux.ground.rows import Skipped
from molyneux.ground.run import open_run, shell_command, writing
from molyneux.ground.run_errors import DamagedError, Difference, RunError, RunMismatchError, Stopped
from molyneux.ground.work import each, work
from runs import Found, Thing, found, identity, parts, things


def write(folder: Path, count: int = 10, size: int = 3) -> Path:
    with writing(folder, identity(), command=["molyneux", "go"]) as run:
        work(run.stage("found", things(count), row=Found, part_size=size), each(found))
    return folder


def test_rows_come_back_as_they_went_in(tmp_path: Path) -> None:
    run = open_run(write(tmp_path / "run"))
    results = run.results("found", Found)
    expected = {thing.id: found(thing) for thing in things(10)}
    assert dict(results.rows) == {key: one for key, one in expected.items() if isinstance(one, Found)}
    assert dict(results.skipped) == {key: one for key, one in expected.items() if isinstance(one, Skipped)}
    assert (results.given, results.used, results.missing) == (10, 8, 0)
    assert results.tally.skipped == {"no-noun": 2}
    assert run.stages() == ["found"]
    assert run.status() == "finished"


def test_those_who_do_not_know_the_row_type_read_dicts(tmp_path: Path) -> None:
    results = open_run(write(tmp_path / "run")).results("found")
    first = results.rows["image 0"]
    assert first["text"] == "IMAGE 0"
    assert first["neurons"][0] == {"layer": 1, "unit": 2}
    assert set(results.skipped) == {"image 4", "image 9"}


def test_the_manifest_is_written_first_and_says_all(tmp_path: Path) -> None:
    with writing(tmp_path / "run", identity(), command=["molyneux", "go"]) as run:
        told = json.loads((tmp_path / "run" / "manifest.json").read_text())
        assert told["status"] == "running"
        assert not run.stages()
    told = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert told["status"] == "finished"
    assert told["schema"] == SCHEMA
    assert told["command"] == ["molyneux", "go"]
    assert told["identity"] == {
        "settings": {"model": "tiny"}, "weights": {"model": "aa"}, "data": {}, "seed": 7,
        "versions": {"molyneux": "0"},
    }  # fmt: skip


def test_a_finished_stage_is_not_computed_again(tmp_path: Path) -> None:
    write(tmp_path / "run")
    before = parts(tmp_path / "run")

    def never(items: Sequence[Thing]) -> list[Found | Skipped]:
        raise AssertionError("computed again")

    with writing(tmp_path / "run", identity()) as run:
        done = work(run.stage("found", things(10), row=Found, part_size=3), never)
    assert (done.done, done.used, done.skipped) == (10, 8, {"no-noun": 2})
    assert parts(tmp_path / "run") == before
    assert run.resume_command() == "molyneux go"


def test_an_expensive_stage_is_read_by_others(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Length:
        letters: int

    with writing(tmp_path / "run", identity()) as run:
        shared = run.stage("found", things(10), row=Found, part_size=3)
        with pytest.raises(RunError, match="Work it off"):
            shared.row_of("image 1")
        work(shared, each(found))

        def lengths(items: Sequence[Thing]) -> list[Length | Skipped]:
            rows = shared.rows_of(items)
            return [row if isinstance(row, Skipped) else Length(len(row.text)) for row in rows]

        odd = things(10)[1::2]
        work(run.stage("lengths", odd, row=Length, part_size=2, settings={"why": "test"}), lengths)
        with pytest.raises(RunError, match="one of its items"):
            shared.row_of("image 99")
    results = open_run(tmp_path / "run").results("lengths", Length)
    assert list(results.rows) == ["image 1", "image 3", "image 5", "image 7"]
    assert list(results.skipped) == ["image 9"]
    assert results.settings == {"why": "test"}


# F5: another model, prompt, data, seed, version or setting.

CHANGES = [
    ({"settings": {"model": "tiny", "prompt": "A"}}, Difference("settings.prompt", None, "A")),
    ({"settings": {"model": "other"}}, Difference("settings.model", "tiny", "other")),
    ({"weights": {"model": "bb"}}, Difference("weights.model", "aa", "bb")),
    ({"data": {"images": "cc"}}, Difference("data.images", None, "cc")),
    ({"seed": 8}, Difference("seed", 7, 8)),
    ({"versions": {"molyneux": "1"}}, Difference("versions.molyneux", "0", "1")),
]


@pytest.mark.parametrize(("change", "difference"), CHANGES, ids=lambda value: str(value)[:30])
def test_resuming_with_anything_else_is_refused(tmp_path: Path, change, difference: Difference) -> None:
    write(tmp_path / "run")
    before = (tmp_path / "run" / "manifest.json").read_bytes()
    with pytest.raises(RunMismatchError) as caught, writing(tmp_path / "run", identity(**change)):
        pytest.fail("went in")
    assert difference in caught.value.differences
    assert f"{difference.field}: {difference.run!r} in the run, {difference.now!r} now" in str(caught.value)
    assert (tmp_path / "run" / "manifest.json").read_bytes() == before


@dataclass(frozen=True)
class Wider(Found):
    more: int = 0


STAGES = [
    ({"items": things(11)}, "given"),
    ({"items": things(10)[::-1]}, "ids"),
    ({"part_size": 4}, "part_size"),
    ({"settings": {"levels": (1, 2)}}, "settings.levels"),
    ({"row": Wider}, "columns.more"),
]


@pytest.mark.parametrize(("change", "field"), STAGES, ids=lambda value: str(value)[:30])
def test_taking_up_a_stage_with_anything_else_is_refused(tmp_path: Path, change, field: str) -> None:
    write(tmp_path / "run")
    asked = {"items": things(10), "row": Found, "part_size": 3, "settings": {}} | change
    items = asked.pop("items")
    with pytest.raises(RunMismatchError) as caught, writing(tmp_path / "run", identity()) as run:
        run.stage("found", items, **asked)
    assert field in [difference.field for difference in caught.value.differences]
    assert open_run(tmp_path / "run").status() == "failed"


def test_the_same_settings_in_other_words_are_the_same(tmp_path: Path) -> None:
    with writing(tmp_path / "run", identity(settings={"levels": (1, 2), "path": Path("a")})) as run:
        run.stage("found", things(1), row=Found, settings={"layers": [3]})
    with writing(tmp_path / "run", identity(settings={"path": "a", "levels": [1, 2]})) as run:
        run.stage("found", things(1), row=Found, settings={"layers": (3,)})


def test_one_and_true_are_different_settings() -> None:
    assert differences({"a": 1, "b": 1.0}, {"a": True, "b": 1}) == [
        Difference("a", 1, True), Difference("b", 1.0, 1)
    ]  # fmt: skip
    assert differences(identity(), identity()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_settings_that_cannot_be_compared_are_refused(value: object) -> None:
    with pytest.raises(SettingError, match="settings"):
        Identity({"a": value}, {}, {})  # type: ignore[dict-item]


def test_versions_and_our_own_code_are_part_of_what_a_run_is() -> None:
    told = Identity({}, {}, {}).versions
    assert told == versions_here()
    assert told["source"] == source_hash()
    assert {"molyneux", "torch", "transformers", "numpy", "pillow", "python"} <= told.keys()


# F36: schemas.


def test_a_newer_schema_is_refused_and_an_older_one_brought_up(tmp_path: Path) -> None:
    write(tmp_path / "run")
    manifest = read_manifest(tmp_path / "run")
    write_manifest(tmp_path / "run", replace(manifest, schema=SCHEMA + 1))
    with pytest.raises(RunError, match=f"schema of the run {SCHEMA + 1}.*later one"):
        open_run(tmp_path / "run")
    write_manifest(tmp_path / "run", replace(manifest, schema=SCHEMA - 1))
    with pytest.raises(RunError, match="compute it again"):
        open_run(tmp_path / "run")
    steps = {1: lambda told: told | {"b": told["a"]}, 2: lambda told: {"c": told["b"], "a": 0}}
    assert migrated({"schema": 1, "a": 5}, tmp_path, schema=3, steps=steps) == {"schema": 3, "c": 5, "a": 0}
    for wrong in ("1", None, True, 4):
        with pytest.raises(RunError):
            migrated({"schema": wrong}, tmp_path, schema=3, steps=steps)


def test_a_stage_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "run")
    path = tmp_path / "run" / "found" / "stage.json"
    keep(path, kept(path).replace(b'"schema": 1', b'"schema": 9'))
    with pytest.raises(RunError, match="schema of the run 9"):
        open_run(tmp_path / "run").results("found")


DAMAGE = [b"", b"[]", b"{", b'{"schema": NaN}', b"\xff", b'{"a": ' * 100_000]


@pytest.mark.parametrize("content", DAMAGE, ids=lambda content: repr(content[:12]))
def test_a_damaged_manifest_is_named(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "run")
    (tmp_path / "run" / "manifest.json").write_bytes(content)
    with pytest.raises(DamagedError, match=r"manifest\.json"):
        open_run(tmp_path / "run")


def test_a_manifest_edited_by_hand_is_named(tmp_path: Path) -> None:
    write(tmp_path / "run")
    path = tmp_path / "run" / "manifest.json"
    path.write_text(path.read_text().replace('"seed": 7', '"seed": 8'))
    with pytest.raises(DamagedError, match="digest"):
        open_run(tmp_path / "run")


# Which folders and names.


def test_modes(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="a run to resume"), writing(tmp_path / "a", identity(), mode="resume"):
        pytest.fail("went in")
    with writing(tmp_path / "b", identity(), mode="create"):
        pass
    with (
        pytest.raises(RunError, match="no run there yet"),
        writing(tmp_path / "b", identity(), mode="create"),
    ):
        pytest.fail("went in")
    with writing(tmp_path / "b", identity(), mode="resume"):
        pass


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(RunError, match="empty folder"), writing(tmp_path, identity()):
        pytest.fail("went in")
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]
    with pytest.raises(RunError), writing(tmp_path / "photo.jpg", identity()):
        pytest.fail("went in")
    with pytest.raises(RunError, match=r"manifest\.json"):
        open_run(tmp_path)


ODD = ["with space", "zeile\numbruch", "日本 🦓", "'quoted\" $(x)", "CON", "-rf", "n" * 200, "\udcff"]


@pytest.mark.parametrize("name", ODD, ids=lambda name: ascii(name)[:20])
def test_folders_and_items_of_any_name(tmp_path: Path, name: str) -> None:
    folder, items = tmp_path / name, [Thing(f"{name}/{n} 1") for n in range(3)]
    with writing(folder, identity(), command=["molyneux", str(folder)]) as run:
        clean = [Thing(item.id.encode("utf8", "backslashreplace").decode()) for item in items]
        work(run.stage("found", clean, row=Found), each(found))
    assert open_run(folder).results("found", Found).used == 3
    assert "\n" not in run.resume_command()


@pytest.mark.parametrize("name", ["", "A", "a b", "../x", "a/b", "arrays", "x" * 65, ".locks", "con.", "ä"])
def test_a_stages_name_is_plain(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError), writing(tmp_path / "run", identity()) as run:
        run.stage(name, things(1), row=Found)


def test_a_shell_reads_the_command_back() -> None:
    import subprocess

    words = ["a b", "new\nline", "it's", "$(x)", "\x1b[31m", "ü", ""]
    line = shell_command(words)
    assert line.isprintable()
    told = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True).stdout
    assert told.decode().split("\0")[:-1] == words


def test_an_id_twice_and_a_run_that_is_only_looked_at(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="differ"), writing(tmp_path / "run", identity()) as run:
        run.stage("found", [Thing("a"), Thing("a")], row=Found)
    with pytest.raises(RunError, match="open for writing"):
        open_run(tmp_path / "run").stage("found", things(1), row=Found)
    with pytest.raises(RunError, match="none yet"):
        open_run(tmp_path / "run").results("lost")


def test_how_it_ended_is_in_the_manifest(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writing(tmp_path / "run", identity()):
        1 / 0  # noqa: B018
    manifest = read_manifest(tmp_path / "run")
    assert (manifest.status, manifest.error) == ("failed", "division by zero")
    for stop in (KeyboardInterrupt, lambda: Stopped("SIGTERM")):
        with pytest.raises(KeyboardInterrupt), writing(tmp_path / "run", identity()):
            raise stop()
        assert open_run(tmp_path / "run").status() == "interrupted"
    with writing(tmp_path / "run", identity()):
        assert open_run(tmp_path / "run").status() == "running"
    assert open_run(tmp_path / "run").status() == "finished"
