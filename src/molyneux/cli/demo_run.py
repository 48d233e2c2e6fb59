"""The run that ``molyneux demo`` keeps: its screen shows it, and the explorer opens it; computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from molyneux.cli.console import note, waiting
from molyneux.ground.errors import ModelError, MolyneuxError, SettingError

if TYPE_CHECKING:
    from molyneux.data.sources import Source
    from molyneux.experiments.looks_rows import Looked, LooksSettings
    from molyneux.models.captioner import Captioner

__all__ = ["demo_run", "run_name"]

_NAME = "molyneux-demo"
_DRAWS = 8


def run_name(model: str) -> str:
    """The folder of a model's demo: another model's is never in the way."""
    from molyneux.ground.files import safe_name

    if model == "miniature":
        return _NAME
    return f"{_NAME}-{safe_name(Path(model).resolve().name if Path(model).is_dir() else model)}"


def demo_run(
    captioner: Captioner, source: Source, folder: Path, *, counts: Sequence[int], command: Sequence[str]
) -> Looked:
    """What ``looks`` says of the demo's image: read from the folder, or computed into it.

    A demo's own run there that was made with other weights or another version is replaced; anything else is refused.

    Args:
        counts: units switched off.
        command: what was typed, for the run's manifest.

    Raises:
        SettingError: the folder holds something else than a demo's run.
        ModelError: the image was skipped.
    """
    from molyneux.experiments.looks_rows import Looked
    from molyneux.experiments.looks_run import looks_run
    from molyneux.ground.beside import beside
    from molyneux.ground.run import open_run
    from molyneux.ground.run_errors import RunLockedError, RunMismatchError

    settings = _settings(captioner, counts)

    def compute(where: Path) -> None:
        with waiting("what each word's neurons are, where they fire, and the captions without them"):
            looks_run(captioner, [source], where, settings=settings, command=command)

    if not folder.exists():
        note(f"computing what the screen and the explorer show, once: {folder}")
    elif not _is_demos(folder):
        raise _refusal(folder)
    try:
        compute(folder)
    except RunMismatchError:
        if open_run(folder).writers():
            raise RunLockedError("run", value=str(folder), expected="no other job to write it") from None
        note(f"made with another version or other weights, computing it again: {folder}")
        with beside(folder) as new:
            compute(new)
    found = open_run(folder).results("looks", Looked)
    if source.id not in found.rows:
        why = ", ".join(found.tally.skipped)
        raise ModelError(
            "demo",
            value=captioner.name,
            expected=f"a model that captions the image, but it was skipped: {why}",
            fix=f"Give more memory or another --dtype, remove {folder}, and try again.",
        )
    return found.rows[source.id]


def _settings(captioner: Captioner, counts: Sequence[int]) -> LooksSettings:
    """What one neuron alone does is left to live edits. A large model explains the noun alone: somebody waits."""
    from molyneux.experiments.suite import suite_for
    from molyneux.neurons.story import is_miniature

    layout = captioner.layout
    usual = suite_for(layout.layers, layout.units).looks
    words = "all" if is_miniature(captioner) else "noun"
    levels = tuple(count for count in counts if count)
    return replace(usual, images=1, words=words, counts=levels, draws=_DRAWS, edits=64, places=0)


def _is_demos(folder: Path) -> bool:
    """Whether the demo made what is there: a run by its command, or a folder in which nothing is yet."""
    from molyneux.ground.lock import LOCKS
    from molyneux.ground.manifest import MANIFEST, read_manifest

    if not folder.is_dir() or folder.is_symlink():
        return False
    if not (folder / MANIFEST).is_file():
        return {path.name for path in folder.iterdir()} <= {LOCKS}
    try:
        return read_manifest(folder).command[:2] == ("molyneux", "demo")
    except MolyneuxError:
        return False


def _refusal(folder: Path) -> SettingError:
    return SettingError(
        "--save-dir",
        value=str(folder.parent),
        expected=f"no {folder.name} in it but an earlier demo's",
        fix="Name another folder; that one stays as it is.",
    )
