"""All experiments by name: what each needs, how it is computed, and its tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from molyneux.experiments import (
    ablation,
    ablation_tables,
    agreement,
    gallery,
    layers,
    looks,
    prompts,
    segmentation,
    selectivity,
)
from molyneux.experiments.bench import Bench
from molyneux.experiments.captions import Captioned, CaptionsSettings, caption_stage
from molyneux.experiments.looks_neuron import NeuronLook
from molyneux.experiments.looks_rows import Looked
from molyneux.experiments.table import Context, Table, save
from molyneux.experiments.vocabulary import LayerWords
from molyneux.ground.errors import SettingError
from molyneux.ground.lock import place_here
from molyneux.ground.results import Results
from molyneux.ground.run import Run

__all__ = ["EXPERIMENTS", "Suite", "reproduce", "suite_for", "tables_of", "unavailable"]


@dataclass(frozen=True)
class Suite:
    """The settings of every experiment of a run."""

    captions: CaptionsSettings = field(default_factory=CaptionsSettings)
    agreement: agreement.AgreementSettings = field(default_factory=agreement.AgreementSettings)
    prompts: prompts.PromptsSettings = field(default_factory=prompts.PromptsSettings)
    segmentation: segmentation.SegmentationSettings = field(default_factory=segmentation.SegmentationSettings)
    selectivity: selectivity.SelectivitySettings = field(default_factory=selectivity.SelectivitySettings)
    ablation: ablation.AblationSettings = field(default_factory=ablation.AblationSettings)
    layers: layers.LayersSettings = field(default_factory=layers.LayersSettings)
    gallery: gallery.GallerySettings = field(default_factory=gallery.GallerySettings)
    looks: looks.LooksSettings = field(default_factory=looks.LooksSettings)

    def __post_init__(self) -> None:
        needed = {"ranked": max(self.ablation.counts), "top": self.layers.top}
        for name, least in needed.items():
            if getattr(self.captions, name) < least:
                raise SettingError(
                    f"captions.{name}",
                    value=getattr(self.captions, name),
                    expected=f"{least} or more, which others read",
                )


@dataclass(frozen=True)
class Experiment:
    """One of the paper's claims."""

    about: str
    compute: Callable[[Bench, Any, CaptionsSettings], None]
    tables: Callable[[Run, Any, Context], list[Table]]


def _captions_alone(bench: Bench, settings: object, shared: CaptionsSettings) -> None:
    caption_stage(bench, shared)


def _captions(run: Run) -> Results[Captioned]:
    return run.results("captions", Captioned)


def _interpretable(run: Run) -> tuple[int, int]:
    """Interpretable units of the model, and all of them."""
    rows = run.results("interpretable", LayerWords).rows.values()
    counts = [int(np.unpackbits(np.frombuffer(row.interpretable, np.uint8)).sum()) for row in rows]
    return sum(counts), sum(row.units for row in rows)


def _gallery(run: Run, settings: Any, context: Context) -> list[Table]:
    firing = run.results("firing", gallery.Firing) if "firing" in run.stages() else None
    shown = run.results("gallery", gallery.Shown)
    return gallery.summarise(shown, settings, context, captions=_captions(run), firing=firing)


def _looks(run: Run, settings: Any, context: Context) -> list[Table]:
    neurons = run.results("looks-neurons", NeuronLook) if "looks-neurons" in run.stages() else None
    return looks.summarise(run.results("looks", Looked), settings, context, neurons=neurons)


EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        "layers": Experiment(
            "in which layers the top neurons are",
            _captions_alone,
            lambda run, settings, context: layers.summarise(_captions(run), settings, context),
        ),
        "ablation": Experiment(
            "what captions lose without their neurons",
            ablation.compute,
            lambda run, settings, context: ablation_tables.summarise(
                run.results("ablation", ablation.Ablated), settings, context
            ),
        ),
        "segmentation": Experiment(
            "whether neurons fire on the object",
            segmentation.compute,
            lambda run, settings, context: segmentation.summarise(
                run.results("segmentation", segmentation.Overlaps), settings, context
            ),
        ),
        "agreement": Experiment(
            "whether what neurons say fits the image",
            agreement.compute,
            lambda run, settings, context: agreement.summarise(
                run.results("agreement", agreement.Agreed), settings, context, units=_interpretable(run)
            ),
        ),
        "prompts": Experiment(
            "whether projected patches already say it",
            prompts.compute,
            lambda run, settings, context: prompts.summarise(
                run.results("prompts", prompts.Prompted), settings, context
            ),
        ),
        "selectivity": Experiment(
            "whether a class's neurons fire on its images alone",
            selectivity.compute,
            lambda run, settings, context: selectivity.summarise(
                run.results("selectivity", selectivity.Fired), settings, context
            ),
        ),
        "gallery": Experiment("examples of images and neurons", gallery.compute, _gallery),
        "looks": Experiment("what the explorer shows of images and neurons", looks.compute, _looks),
    }
)
"""In the order of work."""


_JUDGES = {"ablation": ("bert",), "agreement": ("bert", "clip"), "prompts": ("bert", "clip")}


def suite_for(layers_: int, units: int, *, counts: Sequence[int] | None = None) -> Suite:
    """The settings for a size of model: the paper's, or its shares of the units that are there.

    Raises:
        SettingError: more units than the model has, or counts that do not rise from 0.
    """
    total = layers_ * units
    levels = tuple(counts) if counts else ablation.counts_for(layers_, units)
    if max(levels) > total:
        raise SettingError("counts", value=max(levels), expected=f"at most {total}, the units of this model")
    top = min(100, total)
    return Suite(
        captions=CaptionsSettings(top=top, ranked=max(*levels, top)),
        ablation=ablation.AblationSettings(counts=levels),
        layers=layers.LayersSettings(top=top),
        selectivity=selectivity.SelectivitySettings(top=top),
        looks=looks.LooksSettings(counts=_strip_counts(levels)),
    )


def _strip_counts(levels: Sequence[int]) -> tuple[int, ...]:
    """Of the ablation's counts the two largest, for the explorer's strips: the paper's 1.4% of all units, and 5%."""
    above = sorted({count for count in levels if count})
    return tuple(above[-2:]) or (1,)


def unavailable(name: str, bench: Bench, suite: Suite) -> str | None:
    """Why an experiment cannot be done with these data and this model; None if it can."""
    try:
        if name == "segmentation":
            if not segmentation.categories_of(bench.sources, suite.segmentation):
                return "no image with exactly one annotated object of a category"
        elif name == "selectivity":
            sources = bench.classes or bench.sources
            selectivity.split(sources, suite.selectivity, seed=bench.seed, folders=bool(bench.classes))
        elif name == "prompts" and not bench.captioner.has_patches:
            return "no image patch stands in the decoder's input"
    except SettingError as error:
        return str(error)
    return None


def tables_of(run: Run, name: str, suite: Suite, context: Context) -> list[Table]:
    """An experiment's tables, from what the run holds; nothing is computed but summaries.

    Raises:
        RunError: its stages are not all there.
    """
    return EXPERIMENTS[name].tables(run, getattr(suite, name), context)


def reproduce(
    bench: Bench,
    names: Sequence[str],
    suite: Suite,
    *,
    told: Callable[[str, Sequence[Table]], None] | None = None,
) -> dict[str, list[Table]]:
    """Compute experiments one after the other and write each one's tables as soon as they are there.

    Args:
        names: of ``EXPERIMENTS``; each must be possible, see ``unavailable``.
        told: called with each experiment's name and tables.
    """
    for judge in sorted({judge for name in names for judge in _JUDGES.get(name, ())}):
        getattr(bench, judge)  # one that is missing is said before hours of work
    made = {}
    for name in names:
        EXPERIMENTS[name].compute(bench, getattr(suite, name), suite.captions)
        made[name] = tables_of(bench.run, name, suite, bench.context)
        if place_here().rank == 0:
            save(bench.run.tables, made[name])
        if told is not None:
            told(name, made[name])
    return made
