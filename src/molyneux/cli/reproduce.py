"""``molyneux reproduce``: the paper's tables on a folder of images, into a run that can be interrupted."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from molyneux.cli.console import emit, note, waiting
from molyneux.cli.frame import INTERRUPTED, SKIPS, complain
from molyneux.cli.options import AsJson, Device, Dtype, Model, open_captioner
from molyneux.cli.parts import chosen_parts
from molyneux.cli.threads import settle

if TYPE_CHECKING:
    from molyneux.data.sources import DataSet, Source
    from molyneux.experiments.bench import Bench
    from molyneux.experiments.suite import Suite
    from molyneux.models.captioner import Captioner

__all__ = ["reproduce"]

_RUN = "Run"
_PAGES = "Explorer"


@dataclass(frozen=True)
class _Work:
    """Everything that was asked for, opened and checked."""

    names: list[str]
    captioner: Captioner
    data: DataSet
    classes: tuple[DataSet, ...]
    sources: tuple[Source, ...]
    suite: Suite
    judges: dict[str, str | None]
    """``judge`` for both, ``clip_judge`` and ``bert_judge`` for one: as ``Bench`` takes them."""
    batch_size: int
    seed: int

    def bench(self, run: Any, sources: tuple[Source, ...], progress: Any) -> Bench:
        from molyneux.experiments.bench import Bench
        from molyneux.experiments.identity import is_papers

        own = bool(chosen_parts().keys() - {"projection"})
        return Bench(
            run=run,
            captioner=self.captioner,
            sources=sources,
            classes=tuple(source for one in self.classes for source in one.sources),
            batch_size=self.batch_size,
            **self.judges,
            comparable=is_papers(self.captioner, self.data, sources, own_parts=own),
            progress=progress,
        )


def reproduce(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EXPERIMENT]...", help="Some of them; all if left out.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RUN", help="The run's folder; made, or gone on with.")
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            "--data", metavar="FOLDER", help="'miniature', or a folder: COCO, classes, or plain images."
        ),
    ] = "miniature",
    classes: Annotated[
        Path | None,
        typer.Option(
            "--classes", metavar="FOLDER", help="Class folders for selectivity, or train/ and val/ of such."
        ),
    ] = None,
    images: Annotated[
        int | None, typer.Option("--images", min=1, help="As many at random; else all.")
    ] = None,
    counts: Annotated[
        str | None, typer.Option("--counts", metavar="0,N,...", help="Units that ablation switches off.")
    ] = None,
    pages: Annotated[
        int | None,
        typer.Option(
            "--pages",
            min=1,
            metavar="N",
            help="Images with a page in the explorer, at random; 60 if left out.",
            rich_help_panel=_PAGES,
        ),
    ] = None,
    neuron_pages: Annotated[
        int | None,
        typer.Option(
            "--neuron-pages",
            min=1,
            metavar="N",
            help="Neurons with a page: those that these images list most for their first nouns, then for any "
            "word; 200 if left out.",
            rich_help_panel=_PAGES,
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option("--judge", help="'miniature': its own judges, even where CLIP and BERT are there."),
    ] = None,
    clip: Annotated[
        str | None,
        typer.Option("--clip", metavar="FOLDER|ID", help="The CLIP that scores images with texts."),
    ] = None,
    bert: Annotated[
        str | None,
        typer.Option("--bert", metavar="FOLDER|ID", help="The BERT that scores texts with texts."),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch-size", min=1, help="Images a pass, and a part of the run.", rich_help_panel=_RUN
        ),
    ] = 16,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of every random choice.", rich_help_panel=_RUN)
    ] = 0,
    lenient: Annotated[
        bool,
        typer.Option(
            "--lenient",
            help="Leave wrong annotations out instead of refusing the data.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    report: Annotated[
        bool,
        typer.Option(
            "--report/--no-report", help="End with a page: RUN/report/index.html.", rich_help_panel=_RUN
        ),
    ] = True,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Tell images, time, memory and disk; write nothing.", rich_help_panel=_RUN
        ),
    ] = False,
    model: Model = "miniature",
    device: Device = None,
    dtype: Dtype = None,
    as_json: AsJson = False,
) -> None:
    """Make the paper's tables and figures from a folder of images; interrupted anywhere, it goes on where it stopped.

    Experiments: layers, ablation, segmentation, agreement, prompts, selectivity, gallery, looks.

    Example: molyneux reproduce ablation layers --out my-run --images 64
    """
    if out is None:
        raise typer.BadParameter("name a folder for the run", param_hint="--out")
    levels = _levels(counts)
    names = _names(experiments)
    if "looks" not in names and (pages or neuron_pages):
        raise typer.BadParameter(
            "pages are made by the experiment looks: name it too", param_hint="--pages / --neuron-pages"
        )
    found, folders = _data(data, classes, lenient=lenient)
    captioner = open_captioner(model, device, dtype)
    settle(captioner)
    from molyneux.experiments.bench import sampled
    from molyneux.experiments.suite import suite_for

    sources = found.usable(lenient=lenient)
    if images is not None:
        sources = sampled(seed, sources, images, purpose="images")
    layout = captioner.layout
    suite = _with_pages(suite_for(layout.layers, layout.units, counts=levels), pages, neuron_pages)
    chosen_judge = judge or ("miniature" if data == "miniature" and model == "miniature" else None)
    judges = {"judge": chosen_judge, "clip_judge": clip, "bert_judge": bert}
    asked = _Work(names, captioner, found, folders, sources, suite, judges, batch_size, seed)
    if dry_run:
        _dry(asked, out, as_json)
        return
    _run(asked, out, named=bool(experiments), report=report, as_json=as_json)


def _dry(asked: _Work, out: Path, as_json: bool) -> None:
    from molyneux.cli.reproducing import trial_json, trial_screen
    from molyneux.experiments.trial import trial

    with waiting("measuring on a few images"):
        cost = trial(asked.bench, asked.sources, asked.names, asked.suite, out=out)
    if as_json:
        emit(trial_json(cost, neurons=asked.suite.looks.pages))
    else:
        trial_screen(cost, neurons=asked.suite.looks.pages)


def _run(asked: _Work, out: Path, *, named: bool, report: bool, as_json: bool) -> None:
    from molyneux.cli.reproducing import report_of, showing, suite_json, table_screen
    from molyneux.experiments.identity import identity_of
    from molyneux.experiments.suite import reproduce as compute
    from molyneux.ground.left_out import keep_left_out
    from molyneux.ground.lock import place_here
    from molyneux.ground.run import shell_command, writing

    command = ["molyneux", *sys.argv[1:]]
    with waiting("hashing weights and data"):
        identity = identity_of(
            asked.captioner,
            asked.data,
            asked.sources,
            classes=asked.classes,
            seed=asked.seed,
            settings={"batch_size": asked.batch_size, **asked.judges},
        )
    try:
        with writing(out, identity, command=command) as run, showing() as progress:
            bench = asked.bench(run, asked.sources, progress)
            names, left_out = _possible(asked, bench, named=named)
            if place_here().rank == 0:
                keep_left_out(out, left_out, possible=names)
            made = compute(bench, names, asked.suite)
        page = report_of(out) if report else None
    except KeyboardInterrupt:
        complain(f"interrupted; what is done is kept. To go on: {shell_command(command)}")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        emit(suite_json(made, left_out, out=str(out), page=page))
    else:
        for tables in made.values():
            for one in tables:
                table_screen(one)
    note(f"tables: {out / 'tables'}")
    if page is not None:
        note(f"report: {page}")
    skipped = run.results("captions").tally.skipped
    if skipped:
        raise typer.Exit(SKIPS)


def _possible(asked: _Work, bench: Bench, *, named: bool) -> tuple[list[str], dict[str, str]]:
    """The experiments that these data allow; one that was asked for by name is refused aloud."""
    from molyneux.experiments.suite import unavailable
    from molyneux.ground.errors import SettingError

    why = {name: unavailable(name, bench, asked.suite) for name in asked.names}
    missing = {name: reason for name, reason in why.items() if reason is not None}
    for name, reason in missing.items():
        if named:
            raise SettingError("experiment", value=name, expected=f"data that allow it, but: {reason}")
        note(f"{name} left out: {reason}")
    return [name for name in asked.names if name not in missing], missing


def _names(experiments: list[str] | None) -> list[str]:
    from molyneux.experiments.suite import EXPERIMENTS

    for name in experiments or ():
        if name not in EXPERIMENTS:
            raise typer.BadParameter(
                f"{name!r}: expected some of {', '.join(EXPERIMENTS)}", param_hint="EXPERIMENT"
            )
    return [name for name in EXPERIMENTS if not experiments or name in experiments]


def _levels(counts: str | None) -> tuple[int, ...] | None:
    if counts is None:
        return None
    try:
        return tuple(int(one) for one in counts.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{counts!r}: expected numbers with commas, such as 0,50,100", param_hint="--counts"
        ) from None


def _with_pages(suite: Suite, images: int | None, neurons: int | None) -> Suite:
    """The suite with as many pages as were asked for."""
    from dataclasses import replace

    looks = suite.looks
    chosen = replace(looks, images=images or looks.images, pages=neurons or looks.pages)
    return replace(suite, looks=chosen)


def _data(data: str, classes: Path | None, *, lenient: bool) -> tuple[DataSet, tuple[DataSet, ...]]:
    """The images, and class folders beside them; one report of all that is wrong, before anything is computed."""
    from dataclasses import replace

    from molyneux.data.folders import open_classes, open_data
    from molyneux.ground.assets import asset

    found = open_data(asset("miniature") if data == "miniature" else Path(data))
    for problem in found.report.problems:
        note(str(problem))
    found.report.require(lenient=lenient)
    folders = []
    for name in ("train", "val") if classes and (classes / "train").is_dir() else ("",):
        if classes:
            one = open_classes(classes / name)
            one.report.require(lenient=lenient)
            prefix = f"{name}/" if name else ""
            told = tuple(replace(source, id=f"{prefix}{source.id}") for source in one.sources)
            folders.append(replace(one, sources=told))
    return found, tuple(folders)
