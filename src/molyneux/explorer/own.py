"""What belongs to a run and what a link in it leads to: a run that somebody sent gets no other file published."""

from __future__ import annotations

from pathlib import Path

from molyneux.ground.lock import LOCKS, Holder
from molyneux.ground.manifest import MANIFEST
from molyneux.ground.run import Run
from molyneux.ground.run_errors import RunError

__all__ = ["OwnRun", "is_own", "own_run"]


class OwnRun(Run):
    """A run without the stages that a link has a part in: they are as if they were not there."""

    def writers(self) -> list[Holder]:
        """Locks behind a link are not the run's, and are not touched."""
        return super().writers() if is_own(self.folder, self.folder / LOCKS) else []

    def stages(self) -> list[str]:
        return [name for name in super().stages() if _whole(self.folder, self.folder / name)]


def own_run(run: Run) -> Run:
    """The same run with nothing that lies behind a link.

    Raises:
        RunError: its manifest is a link, so nothing of it is its own.
    """
    if not is_own(run.folder, run.folder / MANIFEST):
        raise RunError(
            "run",
            value=f"{run.folder} with {MANIFEST} as a link",
            expected=f"a {MANIFEST} of its own",
            fix="Open the run that the link leads to.",
        )
    return OwnRun(run.folder, run.manifest, run.writable)


def is_own(folder: Path, path: Path) -> bool:
    """Whether a path below a folder is a regular file or a folder, no link, and below none."""
    at_home = path.resolve() == folder.resolve() / path.relative_to(folder)
    return at_home and (path.is_file() or path.is_dir())


def _whole(folder: Path, stage: Path) -> bool:
    return is_own(folder, stage) and all(is_own(folder, path) for path in stage.rglob("*"))
