"""Locks of a run: only files that we make are locks, and none of them lies behind a link."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

import looked
from molyneux.explorer.export import export
from molyneux.explorer.own import own_run
from molyneux.ground.left_out import keep_left_out
from molyneux.ground.lock import LOCKS, claim, guarded, holders, is_lock_file, locked
from molyneux.ground.manifest import write_manifest
from molyneux.ground.run import Run, open_run, writing
from molyneux.ground.run_errors import RunError, RunLockedError
from molyneux.report.page import write_report
from runs import identity

MINE = ("poetry.lock", "poetry.json", "0123456789abcdef.json", "0123456789abcdef.lock", "notes.txt")
NOT_OURS = ("poetry.lock", "poetry.json", "abc.lock", "0123456789ABCDEF.lock", "0123456789abcdef0.lock")


def filled(folder: Path, names: tuple[str, ...] = MINE) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text("mine")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def sent(tmp_path: Path) -> Run:
    """A run whose locks are a link to somebody's folder."""
    run = looked.run_of_looks(tmp_path / "run", images=2)
    write_manifest(run.folder, replace(run.manifest, status="running"))  # so that its holders are asked for
    (run.folder / LOCKS / "guard").unlink(missing_ok=True)
    (run.folder / LOCKS).rmdir()
    (run.folder / LOCKS).symlink_to(filled(tmp_path / "mine"))
    return run


@pytest.mark.parametrize(
    "look",
    [
        lambda run: open_run(run.folder).status(),
        lambda run: own_run(open_run(run.folder)).status(),
        lambda run: holders(run.folder),
        lambda run: write_report(run.folder),
        lambda run: export(open_run(run.folder), run.folder.parent / "pages"),
    ],
    ids=["status", "own status", "holders", "report", "export"],
)
def test_looking_at_a_run_with_linked_locks_touches_no_other_folder(
    sent: Run, look: Callable[[Run], object]
) -> None:
    look(sent)
    assert names(sent.folder.parent / "mine") == sorted(MINE)


def written(folder: Path) -> AbstractContextManager[object]:
    return writing(folder, identity())


def told(folder: Path) -> AbstractContextManager[object]:
    keep_left_out(folder, {"prompts": "no patch"})
    raise AssertionError("it was kept")


@pytest.mark.parametrize("enter", [guarded, locked, lambda folder: claim(folder, "a"), written, told])
def test_writing_a_run_with_linked_locks_is_refused(
    sent: Run, enter: Callable[[Path], AbstractContextManager[object]]
) -> None:
    with pytest.raises(RunError, match="own"), enter(sent.folder):
        pytest.fail("went in")
    assert names(sent.folder.parent / "mine") == sorted(MINE)


def test_only_names_that_we_make_are_locks(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with writing(run, identity()):
        filled(run / LOCKS, NOT_OURS)
        (tmp_path / "elsewhere.lock").write_text("mine")
        (run / LOCKS / f"{'a' * 16}.lock").symlink_to(tmp_path / "elsewhere.lock")
        assert len(holders(run)) == 1
    assert open_run(run).status() == "finished"
    with writing(run, identity()):
        pass
    assert names(run / LOCKS) == sorted([*NOT_OURS, "guard", f"{'a' * 16}.lock"])
    assert (tmp_path / "elsewhere.lock").read_text() == "mine"
    (run / LOCKS / f"{'b' * 16}.lock").touch()  # of a process that was killed
    assert holders(run) == []
    assert f"{'b' * 16}.lock" not in names(run / LOCKS)


def test_a_holder_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    with locked(tmp_path):
        (name,) = (tmp_path / LOCKS).glob("*.json")
        name.unlink()
        os.mkfifo(name)
        with pytest.raises(RunLockedError, match="another process"), locked(tmp_path):
            pytest.fail("went in")


def test_what_is_a_lock_file(tmp_path: Path) -> None:
    with locked(tmp_path), claim(tmp_path, "looks-0"):
        filled(tmp_path / LOCKS, NOT_OURS)
        ours = [path.name for path in (tmp_path / LOCKS).iterdir() if is_lock_file(path)]
        assert len(ours) == 4
        assert not set(ours) & set(NOT_OURS)
        assert not is_lock_file(filled(tmp_path, ("guard",)) / "guard")
