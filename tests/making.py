"""What tests of folders in the making share: making one, a process at it, and what is left when it is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from molyneux.ground.beside import beside
from molyneux.ground.files import TEMPORARY

DYING = """
import sys, time
from pathlib import Path
from molyneux.ground.beside import beside
with beside(Path(sys.argv[1])) as new:
    (new / "half.txt").write_text("half")
    print("there", flush=True)
    time.sleep(600)
"""


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()
    }


def put(target: Path, text: str = "new") -> None:
    with beside(target) as new:
        (new / "one.txt").write_text(text)


def begun(target: Path) -> subprocess.Popen[str]:
    """A process that is in the middle of making a folder."""
    process = subprocess.Popen([sys.executable, "-c", DYING, str(target)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process


def killed(target: Path) -> None:
    """What kill -9 leaves behind."""
    process = begun(target)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert any(target.parent.glob(f"{TEMPORARY}*/new/half.txt"))


def is_held(workshop: Path) -> bool:
    lock = FileLock(workshop.with_name(f"{workshop.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
