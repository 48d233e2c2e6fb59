"""A run: a folder that any process may write and anybody may read. The narrow waist of the house."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

from molyneux.ground.beside import clear
from molyneux.ground.errors import SettingError
from molyneux.ground.files import sweep
from molyneux.ground.lock import LOCKS, Holder, alone, guarded, holders, locked
from molyneux.ground.manifest import (
    MANIFEST,
    Identity,
    Manifest,
    differences,
    now,
    read_manifest,
    restarted,
    write_manifest,
)
from molyneux.ground.parts import HasId
from molyneux.ground.results import Results, read_results
from molyneux.ground.run_errors import RunError, RunMismatchError, StorageError
from molyneux.ground.seeds import seed_of
from molyneux.ground.stage import STAGE, Stage, open_stage
from molyneux.ground.stopping import stoppable, unstopped

__all__ = ["Run", "open_run", "shell_command", "writing"]

Item = TypeVar("Item", bound=HasId)
Row = TypeVar("Row")
Mode = Literal["create", "resume", "either"]

_TAKEN = ("arrays", "figures", "tables", "report")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")


@dataclass(frozen=True)
class Run:
    """An open run.

    ``manifest.json`` says what it is; each stage is a folder of Parquet parts; ``arrays``, ``figures`` and
    ``tables`` hold what is made of them. Opened with ``open_run`` to look, with ``writing`` to compute.
    """

    folder: Path
    manifest: Manifest
    writable: bool = False

    @property
    def arrays(self) -> Path:
        return self.folder / "arrays"

    @property
    def figures(self) -> Path:
        return self.folder / "figures"

    @property
    def tables(self) -> Path:
        return self.folder / "tables"

    def seed(self, image: str, *, purpose: str = "") -> int:
        """The seed for an image, from the run's own: see ``seed_of``."""
        return seed_of(self.manifest.identity.seed, image, purpose=purpose)

    def stage(
        self,
        name: str,
        items: Sequence[Item],
        *,
        row: type[Row],
        settings: object = None,
        part_size: int = 16,
    ) -> Stage[Item, Row]:
        """Begin or take up a stage: one row of type ``row`` for every item.

        Args:
            name: lower case letters, digits, ``-`` and ``_``; the folder's name.
            items: anything with an ``id``, each once, always in the same order.
            settings: of this stage alone; a mapping or dataclass.
            part_size: items that are computed and committed together.

        Raises:
            RunMismatchError: it is there with other items, settings, columns or part size.
            RunError: the run is open for looking only.
            SettingError: a name or items that cannot be.
        """
        if not self.writable:
            raise RunError("run", value=str(self.folder), expected="to be open for writing")
        return open_stage(
            self.folder, _stage_name(name), items, row=row, settings=settings or {}, part_size=part_size
        )

    def stages(self) -> list[str]:
        """The names of the stages that were begun."""
        return sorted(path.parent.name for path in self.folder.glob(f"*/{STAGE}"))

    @overload
    def results(self, name: str, row: type[Row], *, partial: bool = ...) -> Results[Row]: ...
    @overload
    def results(self, name: str, row: None = ..., *, partial: bool = ...) -> Results[dict[str, Any]]: ...
    def results(self, name: str, row: type[Any] | None = None, *, partial: bool = False) -> Results[Any]:
        """All rows of a stage: see ``read_results``.

        Raises:
            RunError: no such stage, or parts are missing and ``partial`` is False.
            DamagedError: a part is not what was written.
        """
        if name not in self.stages():
            raise RunError("stage", value=name, expected=f"one of {', '.join(self.stages()) or 'none yet'}")
        return read_results(self.folder / name, row, partial=partial)

    def status(self) -> str:
        """running, finished, interrupted or failed; a run that was killed is interrupted."""
        status = read_manifest(self.folder).status
        return "interrupted" if status == "running" and not self.writers() else status

    def writers(self) -> list[Holder]:
        """The processes that write it now; none in a folder that cannot be written to."""
        try:
            return holders(self.folder)
        except StorageError:
            return []

    def resume_command(self) -> str:
        """What to type to go on, quoted for a shell."""
        return shell_command(self.manifest.command)


def open_run(folder: Path) -> Run:
    """Open a run to look at it; it may be written by others at the same time.

    Raises:
        RunError: no run, or one of a schema that this version cannot read.
        DamagedError: its manifest is not what was written.
    """
    return Run(folder, read_manifest(folder))


@contextmanager
def writing(
    folder: Path,
    identity: Identity,
    *,
    command: Sequence[str] = (),
    mode: Mode = "either",
    job: str | None = None,
) -> Iterator[Run]:
    """Hold a run for computing: create it, or resume it if it is the same.

    Inside, signals that ask for an end raise Stopped, and the folder is locked for this job (all ranks of one
    torchrun are one job). At the end the manifest says how it went; the exception goes on its way.

    Args:
        command: what was typed, to be printed after a stop.
        mode: ``create`` refuses a run that is there, ``resume`` one that is not.
        job: see ``job_here``.

    Raises:
        RunMismatchError: the run was started with something else; says which fields differ.
        RunLockedError: another job writes it; says which process.
        RunError: the folder holds other things, or ``mode`` does not fit.
        StorageError: it cannot be written.
    """
    _check_folder(folder)
    with stoppable(), locked(folder, job=job) as holder:
        with unstopped(), guarded(folder):
            fresh = Manifest(identity, tuple(command), holder.job, now(), now())
            manifest = _begun(folder, fresh, mode)
            if alone(folder):
                sweep(folder)
                clear(folder)
        try:
            yield Run(folder, manifest, writable=True)
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt)
            with suppress(StorageError):  # a full disk: the error itself matters more
                _end(folder, command, "interrupted" if stopped else "failed", "" if stopped else str(error))
            raise
        _end(folder, command, "finished")


def shell_command(words: Sequence[str]) -> str:
    """Words as a shell reads them, on one line: control characters are escaped, as ``$'a\\nb'``."""
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    raw = word.encode("utf8", "surrogateescape")
    told = "".join(chr(b) if 32 <= b < 127 and chr(b) not in "\\'" else f"\\x{b:02x}" for b in raw)
    return f"$'{told}'"


def _begun(folder: Path, fresh: Manifest, mode: Mode) -> Manifest:
    """The manifest of this run, written: a fresh one, or the one that is there if it is of the same."""
    if not (folder / MANIFEST).exists():
        if mode == "resume":
            raise RunError("run", value=str(folder), expected="a run to resume", fix="Check the path.")
        manifest = fresh
    else:
        manifest = read_manifest(folder)
        if mode == "create" and manifest.job != fresh.job:  # else another rank of this job was first
            raise RunError(
                "run",
                value=str(folder),
                expected="no run there yet",
                fix="Resume it, or name another folder.",
            )
        if found := differences(manifest.identity, fresh.identity):
            raise RunMismatchError(folder, found)
        manifest = restarted(manifest, fresh.command, "running")
    write_manifest(folder, manifest)
    return manifest


def _end(folder: Path, command: Sequence[str], status: str, error: str = "") -> None:
    with unstopped(), guarded(folder):
        write_manifest(folder, restarted(read_manifest(folder), command, status, error))


def _check_folder(folder: Path) -> None:
    """A run never moves into a folder with other things."""
    try:
        there = {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunError("run", value=str(folder), expected=f"a folder, but: {error.strerror}") from error
    if there - {LOCKS} and MANIFEST not in there:
        raise RunError(
            "run", value=str(folder), expected="a run, or an empty folder", fix="Name a folder of its own."
        )


def _stage_name(name: str) -> str:
    if not _STAGE_NAME.fullmatch(name) or len(name) > 64 or name in _TAKEN:
        raise SettingError(
            "stage", value=name, expected=f"a-z, 0-9, - and _, and none of {', '.join(_TAKEN)}"
        )
    return name
