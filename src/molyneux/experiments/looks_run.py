"""A run of ``looks`` for single images that belong to no data set: what the explorer shows of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from molyneux.data.report import Findings
from molyneux.data.sources import DataSet, Source, id_of
from molyneux.experiments.bench import Bench
from molyneux.experiments.identity import identity_of
from molyneux.experiments.looks_rows import LooksSettings
from molyneux.experiments.suite import reproduce, suite_for
from molyneux.ground.errors import SettingError
from molyneux.ground.run import writing
from molyneux.ground.work import Progress
from molyneux.models.captioner import Captioner

__all__ = ["looks_run", "sources_of"]


def sources_of(images: Sequence[Path | Source]) -> tuple[Source, ...]:
    """Images as sources: files by name, with a number before it where several have the same; others as they are."""
    names = [one.id if isinstance(one, Source) else id_of(one.name) for one in images]
    ids = [name if names.count(name) == 1 else f"{place}-{name}" for place, name in enumerate(names)]
    made = [
        replace(one, id=name) if isinstance(one, Source) else Source(name, one, name)
        for name, one in zip(ids, images, strict=True)
    ]
    return tuple(sorted(made, key=lambda source: source.id))


def looks_run(
    captioner: Captioner,
    images: Sequence[Path | Source],
    folder: Path,
    *,
    settings: LooksSettings | None = None,
    command: Sequence[str] = (),
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """Compute ``looks`` of some images into a run; those that cannot be used are skipped with their reason.

    A run of the same images, model and settings that is there is taken up, and found done where it is.

    Args:
        images: files; or sources of a data set, with what it says of them.
        settings: None takes the suite's, with a page for every image.

    Raises:
        SettingError: no images.
        RunMismatchError: a run of something else is in the folder.
        RunError: the folder holds other things.
    """
    if not images:
        raise SettingError("images", value=0, expected="at least one")
    sources = sources_of(images)
    report = Findings().report(folder.name, given=len(sources), usable=len(sources))
    data = DataSet("files", sources[0].path.parent, sources, report)
    layout = captioner.layout
    suite = suite_for(layout.layers, layout.units)
    chosen = settings or replace(suite.looks, images=len(sources))
    suite = replace(suite, looks=chosen)
    with writing(folder, identity_of(captioner, data, sources), command=command) as run:
        reproduce(Bench(run, captioner, sources, progress=progress), ["looks"], suite)
