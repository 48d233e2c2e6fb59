"""Examples (Figs. 1, 2, 4, Table S.1): images with their best pairs, neurons with the images they fire on most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from molyneux.data.gate import Picture
from molyneux.data.sources import Source
from molyneux.experiments.bench import Bench, in_batches, opened, sampled
from molyneux.experiments.captions import Captioned, CaptionsSettings, Said, caption_stage, with_noun
from molyneux.experiments.pictures import Place, picture_stage, place_of
from molyneux.experiments.table import NOT_COMPARABLE, Context, Table, left_out
from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.plain import plain
from molyneux.ground.results import Results
from molyneux.ground.rows import Float16, Float32, Int32, Skipped
from molyneux.ground.stage import Stage
from molyneux.neurons.fields import patch_activations

__all__ = ["Firing", "GallerySettings", "Place", "Shown", "compute", "summarise"]


@dataclass(frozen=True)
class GallerySettings:
    """How much is shown."""

    images: int = 20
    """At random."""
    fired: int = 8
    """Images a neuron."""

    def __post_init__(self) -> None:
        if min(self.images, self.fired) < 1:
            raise SettingError("images, fired", value=(self.images, self.fired), expected="at least 1")


@dataclass(frozen=True)
class Shown:
    """An image with the activation maps of its pairs' neurons."""

    caption: str
    word: str
    place: Place | None
    """None where patches lie on no single grid."""
    neurons: tuple[NeuronId, ...]
    """Those of its best pairs, each once, in order."""
    fields: tuple[tuple[Float16, ...], ...]
    """Of each, the activation at every patch."""


@dataclass(frozen=True)
class Firing:
    """How strongly an image fires the neurons that ``stage.json`` lists: the largest activation and its patch."""

    activations: tuple[Float32, ...]
    patches: tuple[Int32, ...]


def compute(bench: Bench, settings: GallerySettings, shared: CaptionsSettings) -> None:
    """Work the stages ``gallery``, ``firing`` and ``pictures`` off."""
    captions = caption_stage(bench, shared)
    items = sampled(bench.seed, bench.sources, settings.images, purpose="gallery")
    told = plain(settings)
    assert isinstance(told, dict)
    told |= {"given": len(bench.sources), "captions_stage": plain(shared)}
    shown = bench.stage("gallery", items, Shown, told)

    def make_rows(some: Sequence[Source]) -> list[Shown | Skipped]:
        rows = [with_noun(row) for row in captions.rows_of(some)]
        ready = [
            next((one for one in (row, picture) if isinstance(one, Skipped)), (picture, row))
            for picture, row in zip(opened(some), rows, strict=True)
        ]
        return in_batches(ready, lambda batch: [_shown(bench, *one) for one in batch], size=1)

    bench.work(shown, make_rows)
    said = _firsts(captions, items)
    wanted: dict[str, list[NeuronId]] = {source.id: [] for source in items}
    if said:
        fired = _fire(bench, said, told)
        rows = {source.id: fired.row_of(source.id) for source in bench.sources}
        for place, one in enumerate(said):
            for item in strongest(rows, place)[: settings.fired]:
                wanted.setdefault(item, []).append(one.neuron)
    picture_stage(bench, wanted, told)


def strongest(rows: Mapping[str, Firing | Skipped], place: int) -> list[str]:
    """Images by how strongly they fire one of the neurons, ties by id."""
    strength = {item: row.activations[place] for item, row in rows.items() if isinstance(row, Firing)}
    return sorted(strength, key=lambda item: (-strength[item], item))


def _firsts(captions: Stage[Source, Captioned], items: Sequence[Source]) -> list[Said]:
    """The best neuron of every image shown, each once, with its decoding."""
    found: dict[NeuronId, Said] = {}
    for row in captions.rows_of(items):
        if isinstance(row, Captioned) and row.neurons:
            neuron = row.neurons[0].neuron
            found.setdefault(neuron, row.said(neuron))
    return list(found.values())


def _fire(bench: Bench, said: Sequence[Said], told: dict[str, object]) -> Stage[Source, Firing]:
    neurons = [one.neuron for one in said]
    listed = [{"neuron": str(one.neuron), "tokens": list(one.tokens)} for one in said]
    stage = bench.stage("firing", bench.sources, Firing, told | {"neurons": listed})

    def compute_rows(pictures: Sequence[Picture]) -> list[Firing]:
        inputs = bench.captioner.prepare(pictures)
        values = patch_activations(bench.captioner, inputs, neurons)
        best = values.masked_fill(values.isnan(), -torch.inf).max(dim=2)  # shorter rows end in NaN
        return [
            Firing(tuple(row.tolist()), tuple(where.tolist()))
            for row, where in zip(best.values, best.indices, strict=True)
        ]

    return bench.work(stage, lambda some: in_batches(opened(some), compute_rows, size=bench.at_once))


def _shown(bench: Bench, picture: Picture, row: Captioned) -> Shown:
    neurons = list(dict.fromkeys(pair.neuron for pair in row.pairs))
    inputs = bench.captioner.prepare([picture])
    place = place_of(bench.captioner.grid(picture, inputs))
    values = patch_activations(bench.captioner, inputs, neurons)[0]
    assert row.noun is not None
    return Shown(row.caption, row.noun, place, tuple(neurons), tuple(tuple(one.tolist()) for one in values))


def summarise(
    shown: Results[Shown],
    settings: GallerySettings,
    context: Context,
    *,
    captions: Results[Captioned],
    firing: Results[Firing] | None,
) -> list[Table]:
    """Table S.1: the best pairs of each image; and each neuron's images by activation."""
    told = shown.settings if isinstance(shown.settings, dict) else {}
    given = told.get("given", shown.given)
    assert isinstance(given, int)
    note = "examples at random; the paper's are in its Table S.1" + (
        "" if context.comparable else f" ({NOT_COMPARABLE})"
    )
    tables = [
        Table(
            name="gallery",
            title="The best (neuron, patch) pairs of some images",
            paper="Table S.1",
            rows=tuple(_pairs(shown, captions)),
            given=given,
            used=shown.used,
            skipped=left_out(shown.tally, given=given, reason="not-sampled"),
            notes=(note,),
            settings=told,
        )
    ]
    if firing is not None:
        tables.append(
            Table(
                name="firing",
                title="The images that fire a neuron most",
                paper="Figure 4",
                rows=tuple(_fired(firing, captions, settings)),
                given=firing.given,
                used=firing.used,
                skipped=firing.tally.skipped,
                notes=("the best neurons of the gallery's images; activation at its largest patch",),
                settings=plain(settings),
            )
        )
    return tables


def _pairs(shown: Results[Shown], captions: Results[Captioned]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for item, one in shown.rows.items():
        row = captions.rows[item]
        for rank, pair in enumerate(row.pairs):
            said = row.said(pair.neuron)
            told = {"image": item, "caption": one.caption, "word": one.word, "rank": rank + 1}
            told |= {"neuron": str(pair.neuron), "patch": pair.patch, "score": pair.score}
            rows.append(told | {"tokens": list(said.tokens[:5]), "interpretable": said.interpretable})
    return rows


def _fired(
    firing: Results[Firing], captions: Results[Captioned], settings: GallerySettings
) -> list[dict[str, object]]:
    told = firing.settings
    assert isinstance(told, dict)
    rows: list[dict[str, object]] = []
    for place, one in enumerate(told["neurons"]):
        for rank, item in enumerate(strongest(firing.rows, place)[: settings.fired]):
            here = firing.rows[item]
            row: dict[str, object] = {"neuron": one["neuron"], "tokens": one["tokens"][:5], "rank": rank + 1}
            row |= {"image": item, "activation": here.activations[place], "patch": here.patches[place]}
            rows.append(row | {"caption": captions.rows[item].caption if item in captions.rows else None})
    return rows
