"""The run that ``molyneux demo`` keeps: its screen shows it, and the explorer opens it; computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from molyneux.cli.console import note, waiting
from molyneux.cli.demo_place import check_replaced, is_demos, put_aside, refusal
from molyneux.ground.errors import ModelError

if TYPE_CHECKING:
    from molyneux.data.sources import Source
    from molyneux.experiments.looks_rows import Looked, LooksSettings
    from molyneux.models.captioner import Captioner

__all__ = ["demo_run"]

_DRAWS = 8


def demo_run(
    captioner: Captioner, source: Source, folder: Path, *, counts: Sequence[int], command: Sequence[str]
) -> Looked:
    """What ``looks`` says of the demo's image: read from the folder, or computed into it.

    A demo's own run there that was made with other weights or another version is replaced, or moved aside if it
    holds files that no demo wrote; anything else is refused.

    Args:
        counts: units switched off.
        command: what was typed, for the run's manifest.

    Raises:
        SettingError: the folder holds something else than a demo's run, or we are in one that is to be replaced.
        RunLockedError: another process writes it.
        ModelError: the image was skipped.
    """
    from molyneux.experiments.looks_rows import Looked
    from molyneux.experiments.looks_run import looks_run
    from molyneux.ground.beside import beside
    from molyneux.ground.run import open_run
    from molyneux.ground.run_errors import RunMismatchError

    settings = _settings(captioner, counts)

    def compute(where: Path) -> None:
        with waiting("what each word's neurons are, where they fire, and the captions without them"):
            looks_run(captioner, [source], where, settings=settings, command=command)

    if not folder.exists():
        note(f"computing what the screen and the explorer show, once: {folder}")
    elif not is_demos(folder):
        raise refusal(folder)
    try:
        compute(folder)
    except RunMismatchError:
        check_replaced(folder)
        note(f"made with another version or other weights, computing it again: {folder}")
        with beside(folder) as new:
            compute(new)
            put_aside(folder)
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
