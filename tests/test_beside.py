"""Folders that are made beside their place: whole or not at all, and what killed processes leave is cleared away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import looked
from making import begun, contents, is_held, killed, put
from molyneux.explorer.export import export
from molyneux.ground.beside import beside, clear
from molyneux.ground.files import TEMPORARY
from molyneux.ground.manifest import Identity
from molyneux.ground.run import writing
from molyneux.report.page import write_report

IDENTITY = Identity({"beside": True}, {}, {})


def test_it_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    put(tmp_path / "deeper" / "pages", "first")
    put(tmp_path / "deeper" / "pages", "second")
    assert contents(tmp_path) == {"deeper/pages/one.txt": "second"}
    assert [path.name for path in (tmp_path / "deeper").iterdir()] == ["pages"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    def fail() -> None:
        with beside(tmp_path / "pages") as new:
            (new / "one.txt").write_text("half")
            raise error

    put(tmp_path / "pages", "first")
    with pytest.raises(error):
        fail()
    assert contents(tmp_path) == {"pages/one.txt": "first"}
    assert [path.name for path in tmp_path.iterdir()] == ["pages"]


def test_what_a_killed_process_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    killed(tmp_path / "pages")
    killed(tmp_path / "other")
    put(tmp_path / "pages")
    assert contents(tmp_path) == {"pages/one.txt": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["pages"]


def test_what_a_living_process_makes_is_left_alone(tmp_path: Path) -> None:
    process = begun(tmp_path / "pages")
    try:
        put(tmp_path / "pages")
        assert len(list(tmp_path.glob(f"{TEMPORARY}*/new/half.txt"))) == 1
    finally:
        process.kill()
        process.communicate()
    clear(tmp_path)
    assert contents(tmp_path) == {"pages/one.txt": "new"}


def test_a_process_killed_between_the_renames_loses_nothing(tmp_path: Path) -> None:
    put(tmp_path / "pages", "first")
    killed(tmp_path / "pages")
    (workshop,) = tmp_path.glob(f"{TEMPORARY}*[0-9a-f]")
    (tmp_path / "pages").rename(workshop / "old")  # where it was killed
    clear(tmp_path)
    assert contents(tmp_path) == {"pages/one.txt": "first"}


def test_a_full_disk_at_the_second_rename_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "pages", "first")
    usual = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(28, "No space left on device")
        return usual(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="No space"):
        put(tmp_path / "pages", "second")
    monkeypatch.undo()
    assert contents(tmp_path) == {"pages/one.txt": "first"}


def nothing(folder: Path) -> None:
    """No lock file: of another version, or another program."""
    (folder / f"{TEMPORARY}molyneux-{'0' * 16}").mkdir()


def short(folder: Path) -> None:
    (folder / f"{TEMPORARY}molyneux-1").mkdir()
    (folder / f"{TEMPORARY}molyneux-1.lock").touch()


def other(folder: Path) -> None:
    (folder / f"{TEMPORARY}0123456789abcdef").mkdir()
    (folder / f"{TEMPORARY}0123456789abcdef.lock").touch()


def linked(folder: Path) -> None:
    (folder / "photos").mkdir()
    (folder / f"{TEMPORARY}molyneux-{'0' * 16}").symlink_to(folder / "photos")
    (folder / f"{TEMPORARY}molyneux-{'0' * 16}.lock").touch()


@pytest.mark.parametrize("make", [nothing, short, other, linked])
def test_what_is_not_certainly_ours_is_left_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path)
    for folder in [path for path in tmp_path.iterdir() if path.is_dir()]:
        (folder / "mine.txt").write_text("mine")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    clear(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_place_outside_is_not_written(tmp_path: Path) -> None:
    """Where the old folder goes back to is read from a file: it stays in the folder it came from."""
    (tmp_path / "in").mkdir()
    killed(tmp_path / "in" / "pages")
    (workshop,) = (tmp_path / "in").glob(f"{TEMPORARY}*[0-9a-f]")
    (workshop / "old").mkdir()
    (workshop / "place.txt").write_bytes(os.fsencode("../elsewhere"))
    clear(tmp_path / "in")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_resumed_run_clears_dead_reports_and_no_living_one(tmp_path: Path) -> None:
    """The report of a run is made inside it, by whoever wants one, also while the run is taken up."""
    run = tmp_path / "run"
    with writing(run, IDENTITY):
        pass
    killed(run / "report")
    living = begun(run / "report")
    half = f"{TEMPORARY}0123456789abcdef"
    (run / half).write_text("half")
    (place,) = [path for path in run.glob(f"{TEMPORARY}*/new") if is_held(path.parent)]
    (place / half).write_text("half")
    try:
        with writing(run, IDENTITY):
            pass
        assert sorted(path.relative_to(run).as_posix() for path in run.rglob(f"{TEMPORARY}*")) == sorted(
            [place.parent.name, f"{place.parent.name}.lock", f"{place.parent.name}/new/{half}"]
        )
    finally:
        living.kill()
        living.communicate()
    with writing(run, IDENTITY):
        pass
    assert list(run.rglob(f"{TEMPORARY}*")) == []


def test_an_export_killed_in_the_middle_leaves_nothing_half(tmp_path: Path) -> None:
    """kill -9 while pages are written: the earlier ones stay whole, and the next export clears what is left."""
    run = looked.run_of_looks(tmp_path / "run", images=3)
    first = export(run, tmp_path / "pages")
    code = (
        "import os, signal, sys; from pathlib import Path; from molyneux.ground.run import open_run\n"
        "from molyneux.explorer.export import export\n"
        "def die(done, total):\n"
        "    if done == 20: os.kill(os.getpid(), signal.SIGKILL)\n"
        "export(open_run(Path(sys.argv[1])), Path(sys.argv[2]), progress=die)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run.folder), str(first.folder)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(f"{TEMPORARY}*"))) == 2
    assert sum(path.is_file() for path in first.folder.rglob("*")) == first.files
    again = export(run, tmp_path / "pages")
    assert (again.files, again.bytes) == (first.files, first.bytes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pages", "run"]


def test_a_report_killed_in_the_middle_is_cleared_by_the_next(tmp_path: Path) -> None:
    run = looked.run_of_looks(tmp_path / "run", images=2).folder
    code = (
        "import os, signal, sys; from pathlib import Path; from molyneux.report import page\n"
        "page.write_whole = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "page.write_report(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(run.glob(f"{TEMPORARY}*"))) == 2
    assert write_report(run) == run / "report" / "index.html"
    assert list(run.rglob(f"{TEMPORARY}*")) == []
