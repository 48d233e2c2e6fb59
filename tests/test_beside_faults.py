"""What stood in the place of a folder is never lost: full disks, power cuts, files of strangers, many makers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from making import contents, is_held, put
from molyneux.ground.beside import beside, clear
from molyneux.ground.files import TEMPORARY


def test_two_renames_that_fail_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be neither replaced nor put back is kept, the error says where, and later it goes back."""
    put(tmp_path / "pages", "first")
    usual = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.name in ("new", "old"):
            raise OSError(28, "No space left on device")
        return usual(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match=r"No space left on device; what stood there is kept in .*/old"):
        put(tmp_path / "pages", "second")
    (old,) = tmp_path.glob(f"{TEMPORARY}*/old")
    assert contents(old) == {"one.txt": "first"}
    clear(tmp_path)  # the disk is still full
    assert contents(old) == {"one.txt": "first"}
    monkeypatch.undo()
    clear(tmp_path)
    assert contents(tmp_path) == {"pages/one.txt": "first"}


def broken(workshop: Path, target: Path) -> None:
    """Killed after the first rename."""
    (workshop / "new").mkdir(parents=True)
    (workshop / "old").mkdir()
    (workshop / "old" / "one.txt").write_text("first")
    (workshop / "place.txt").write_bytes(os.fsencode(target.name))
    workshop.with_name(f"{workshop.name}.lock").touch()


PLACES: dict[str, bytes | None] = {
    "none": None,
    "empty": b"",
    "dot": b".",
    "dots": b"..",
    "a path": b"../elsewhere",
    "a NUL": b"a\0b",
    "long": b"a" * 5000,
    "too long for a name": b"a" * 300,
    "no UTF-8": b"\xff/",
}


@pytest.mark.parametrize("content", PLACES.values(), ids=PLACES.keys())
def test_a_place_that_is_not_known_loses_nothing(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A power cut may leave an empty place.txt; a stranger may write anything."""
    workshop = tmp_path / "in" / f"{TEMPORARY}molyneux-{'0' * 16}"
    broken(workshop, tmp_path / "in" / "pages")
    (workshop / "place.txt").unlink()
    if content is not None:
        (workshop / "place.txt").write_bytes(content)
    before = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    clear(tmp_path / "in")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == before
    assert str(workshop / "old") in caplog.text
    assert not is_held(workshop)


@pytest.mark.parametrize("kind", ["a pipe", "a link to a device", "a folder"])
def test_a_place_that_is_no_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    workshop = tmp_path / f"{TEMPORARY}molyneux-{'0' * 16}"
    broken(workshop, tmp_path / "pages")
    place = workshop / "place.txt"
    place.unlink()
    if kind == "a pipe":
        os.mkfifo(place)
    elif kind == "a folder":
        place.mkdir()
    else:
        place.symlink_to("/dev/zero")
    code = "import sys; from pathlib import Path; from molyneux.ground.beside import clear; clear(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    assert contents(workshop / "old") == {"one.txt": "first"}
    assert not is_held(workshop)


def test_a_place_that_somebody_else_took_keeps_what_stood_there(tmp_path: Path) -> None:
    workshop = tmp_path / f"{TEMPORARY}molyneux-{'0' * 16}"
    broken(workshop, tmp_path / "pages")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "notes.txt").write_text("mine")
    clear(tmp_path)
    assert contents(workshop / "old") == {"one.txt": "first"}
    assert contents(tmp_path / "pages") == {"notes.txt": "mine"}
    (workshop / "new").rmdir()  # the process ended after its second rename
    clear(tmp_path)
    assert contents(tmp_path) == {"pages/notes.txt": "mine"}


def test_what_a_process_killed_meanwhile_took_is_replaced_like_the_rest(tmp_path: Path) -> None:
    with beside(tmp_path / "pages") as new:
        (new / "one.txt").write_text("new")
        broken(tmp_path / f"{TEMPORARY}molyneux-{'0' * 16}", tmp_path / "pages")
    clear(tmp_path)
    assert contents(tmp_path) == {"pages/one.txt": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["pages"]


def test_a_kill_while_the_replaced_folder_is_removed_leaves_nothing(tmp_path: Path) -> None:
    """In whatever order its files go: without place.txt nobody would know whether it was replaced."""
    put(tmp_path / "pages", "first")
    code = (
        "import os, shutil, signal, sys; from pathlib import Path\n"
        "from molyneux.ground.beside import beside\n"
        "def die(folder, **_):\n"
        "    (Path(folder) / 'place.txt').unlink()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "shutil.rmtree = die\n"
        "with beside(Path(sys.argv[1])) as new: (new / 'one.txt').write_text('second')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "pages")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 3
    clear(tmp_path)
    assert contents(tmp_path) == {"pages/one.txt": "second"}
    assert [path.name for path in tmp_path.iterdir()] == ["pages"]


MAKING = """
import sys
from pathlib import Path
from molyneux.ground.beside import beside
for number in range(60):
    with beside(Path(sys.argv[1])) as new:
        (new / "one.txt").write_text(f"{sys.argv[2]} {number}")
"""


def test_many_makers_of_one_target_all_succeed(tmp_path: Path) -> None:
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKING, str(tmp_path / "pages"), str(number)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    said = [maker.communicate()[1] for maker in makers]
    assert said == [""] * 4
    assert [maker.returncode for maker in makers] == [0] * 4
    assert contents(tmp_path)["pages/one.txt"].endswith(" 59")
    assert [path.name for path in tmp_path.iterdir()] == ["pages"]
