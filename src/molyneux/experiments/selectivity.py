"""Whether a class's neurons fire on its images alone (Fig. S.2, S.4), beside random ones of the same layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from molyneux.data.gate import Picture
from molyneux.data.sources import Source
from molyneux.experiments.bench import Bench, in_batches, opened, sampled
from molyneux.experiments.captions import Captioned, CaptionsSettings, caption_stage, ranking
from molyneux.experiments.table import NOT_COMPARABLE, Context, Table, interval, left_out
from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.plain import plain
from molyneux.ground.results import Results
from molyneux.ground.rows import Float32, Skipped
from molyneux.ground.seeds import generator_of
from molyneux.ground.stage import Stage
from molyneux.metrics.contrast import difference_interval
from molyneux.neurons.arms import random_like
from molyneux.neurons.fields import patch_activations

__all__ = ["Fired", "SelectivitySettings", "compute", "labelled", "neurons_of_classes", "split", "summarise"]

TRAIN, VAL = "train/", "val/"


@dataclass(frozen=True)
class SelectivitySettings:
    """Which classes, images and neurons."""

    classes: tuple[str, ...] = ()
    """Names; empty: ``most`` of them."""
    most: int = 0
    """Classes drawn at random; 0: the paper's 10 of class folders, all categories of annotated objects."""
    train: int = 200
    """Images a class that neurons are chosen on, or half of what is there."""
    top: int = 100
    """Interpretable neurons of an image that count."""
    neurons: int = 20
    """Of a class: those in most of its images."""

    def __post_init__(self) -> None:
        if min(self.train, self.top, self.neurons) < 1 or self.most < 0:
            raise SettingError(
                "train, top, neurons", value=(self.train, self.top, self.neurons), expected="at least 1"
            )


@dataclass(frozen=True)
class Fired:
    """An image's mean activation over patches of every class's neurons, class after class."""

    label: str
    activations: tuple[Float32, ...]
    random: tuple[Float32, ...]


def labelled(sources: Sequence[Source]) -> list[Source]:
    """The images with one class: their folder's, or the category of all objects that they hold."""
    found = []
    for source in sources:
        names = {source.label} if source.label else {one.category for one in source.objects or ()}
        if len(names) == 1:
            found.append(replace(source, label=names.pop()))
    return found


def split(
    sources: Sequence[Source], settings: SelectivitySettings, *, seed: int, folders: bool
) -> tuple[list[Source], list[Source], tuple[str, ...]]:
    """Images to choose neurons on, images to look at them with (never the same), and the classes.

    Ids that begin with ``train/`` and ``val/`` are split so; others in halves, at random, within each class.

    Raises:
        SettingError: a class that is not there; fewer than two classes of two images.
    """
    known = labelled(sources)
    counted = Counter(str(source.label) for source in known)
    there = sorted(name for name, count in counted.items() if count >= 2)
    if unknown := sorted(set(settings.classes) - set(there)):
        raise SettingError("class", value=unknown[0], expected=f"one of {', '.join(there)}")
    most = settings.most or (10 if folders else len(there))
    order = generator_of(seed, "", purpose="selectivity classes").permutation(len(there))
    names = settings.classes or tuple(there[place] for place in order[:most])
    if len(names) < 2:
        raise SettingError("classes", value=len(names), expected="two or more, of two images or more each")
    train: list[Source] = []
    val: list[Source] = []
    for name in sorted(names):
        mine = [source for source in known if source.label == name]
        marked = all(source.id.startswith((TRAIN, VAL)) for source in mine)
        pool = [source for source in mine if source.id.startswith(TRAIN)] if marked else mine
        count = min(settings.train, len(pool) if marked else len(mine) // 2)
        chosen = sampled(seed, pool, count, purpose="selectivity train")
        taken = {source.id for source in chosen}
        train += chosen
        val += [s for s in mine if s.id not in taken and not (marked and s.id.startswith(TRAIN))]
    return train, val, tuple(sorted(names))


def neurons_of_classes(
    rows: Mapping[str, Sequence[Captioned]], settings: SelectivitySettings, *, units: int
) -> dict[str, list[NeuronId]]:
    """Class -> the neurons in most of its images' top lists, ties by layer and unit."""
    found = {}
    for name, some in rows.items():
        counted: Counter[NeuronId] = Counter()
        for row in some:
            counted.update(ranking(row.ranked_interpretable, units, settings.top))
        best = sorted(counted, key=lambda neuron: (-counted[neuron], neuron))
        found[name] = best[: settings.neurons]
    return found


def _chosen(
    bench: Bench, settings: SelectivitySettings, stage: Stage[Source, Captioned], train: Sequence[Source]
) -> tuple[dict[str, list[NeuronId]], dict[str, list[NeuronId]]]:
    """The neurons of every class that has any, and random ones of the same layers."""
    rows: dict[str, list[Captioned]] = {}
    for source in train:
        row = stage.row_of(source.id)
        if isinstance(row, Captioned) and row.noun is not None:
            rows.setdefault(str(source.label), []).append(row)
    units = bench.captioner.layout.units
    own = neurons_of_classes(rows, settings, units=units)
    own = {name: neurons for name, neurons in sorted(own.items()) if neurons}
    random = {
        name: random_like(neurons, units, generator_of(bench.seed, name, purpose="selectivity random arm"))
        for name, neurons in own.items()
    }
    return own, random


def compute(bench: Bench, settings: SelectivitySettings, shared: CaptionsSettings) -> None:
    """Work the stage ``selectivity`` off over the images that neurons were not chosen on.

    Raises:
        SettingError: fewer than two classes, or more neurons an image than the captions stage ranked.
    """
    if settings.top > shared.ranked:
        raise SettingError("top", value=settings.top, expected=f"at most ranked={shared.ranked}")
    folders = bool(bench.classes)
    sources = bench.classes or bench.sources
    train, val, names = split(sources, settings, seed=bench.seed, folders=folders)
    if folders:
        stage = caption_stage(bench, shared, name="captions-classes", sources=train)
    else:
        stage = caption_stage(bench, shared)
    own, random = _chosen(bench, settings, stage, train)
    told = plain(settings)
    assert isinstance(told, dict)
    told |= {
        "classes": list(own),
        "without_neurons": [name for name in names if name not in own],
        "neurons_of": plain(own),
        "random_of": plain(random),
        "train_images": len(train),
        "given": len(sources),
        "captions_stage": plain(shared),
    }
    items = [source for source in val if source.label in own]
    fired = bench.stage("selectivity", items, Fired, told)

    def make_rows(some: Sequence[Source]) -> list[Fired | Skipped]:
        ready = [
            picture if isinstance(picture, Skipped) else (source, picture)
            for source, picture in zip(some, opened(some), strict=True)
        ]
        return in_batches(ready, lambda batch: _rows(bench, batch, (own, random)), size=bench.at_once)

    bench.work(fired, make_rows)


def _rows(
    bench: Bench, batch: Sequence[tuple[Source, Picture]], arms: tuple[dict[str, list[NeuronId]], ...]
) -> list[Fired]:
    flat = [[neuron for neurons in arm.values() for neuron in neurons] for arm in arms]
    both = list(dict.fromkeys([*flat[0], *flat[1]]))
    inputs = bench.captioner.prepare([picture for _, picture in batch])
    means = patch_activations(bench.captioner, inputs, both).nanmean(dim=2)
    place = {neuron: column for column, neuron in enumerate(both)}
    return [
        Fired(str(source.label), *(tuple(row[[place[neuron] for neuron in arm]].tolist()) for arm in flat))
        for (source, _), row in zip(batch, means, strict=True)
    ]


def class_means(found: Results[Fired], arm: str) -> dict[str, dict[str, list[float]]]:
    """Class of the neurons -> class of the images -> a value an image: the mean over the class's neurons."""
    told = found.settings
    assert isinstance(told, dict)
    sizes = {name: len(neurons) for name, neurons in told["neurons_of"].items()}
    means: dict[str, dict[str, list[float]]] = {name: {other: [] for other in sizes} for name in sizes}
    for row in found.rows.values():
        values, start = np.asarray(getattr(row, arm), dtype=np.float64), 0
        for name, size in sizes.items():
            means[name][row.label].append(float(values[start : start + size].mean()))
            start += size
    return means


def summarise(found: Results[Fired], settings: SelectivitySettings, context: Context) -> list[Table]:
    """The matrix, an entry a row; and a row a class: its neurons on its own images against all others."""
    told = found.settings if isinstance(found.settings, dict) else {}
    own, random = class_means(found, "activations"), class_means(found, "random")
    given, train = told["given"], told["train_images"]
    assert isinstance(given, int)
    assert isinstance(train, int)
    cells: list[dict[str, object]] = []
    rows: list[dict[str, object]] = []
    for name in own:
        for other, values in own[name].items():
            cell: dict[str, object] = {"neurons_of": name, "images_of": other}
            cell |= interval(values, seed=context.seed)
            chance = interval(random[name][other], seed=context.seed)
            cells.append(cell | {f"random_{key}": value for key, value in chance.items()})
        if own[name][name]:
            rows.append(
                {"class": name}
                | _contrast(own[name], name, context, "")
                | _contrast(random[name], name, context, "random_")
            )
    best = sum(bool(row["own_is_largest"]) for row in rows)
    random_best = sum(bool(row["random_own_is_largest"]) for row in rows)
    skipped = left_out(found.tally, given=given - train, reason="no-class-or-not-chosen")
    notes = (
        f"{len(own)} classes; the paper: 10 of ImageNet, 200 training images a class, its figures only drawn",
        NOT_COMPARABLE,
        f"neurons chosen on {train} images; looked at with {found.used} others",
        f"own images fire a class's neurons most in {best} of {len(rows)} classes; random neurons: {random_best}",
    )
    settings_told = {key: value for key, value in told.items() if key != "random_of"}
    return [
        Table(
            "selectivity",
            "Mean activation of a class's neurons on each class's images",
            "Figure S.2",
            tuple(cells),
            skipped=skipped,
            notes=notes,
            settings=settings_told,
            given=given - train,
            used=found.used,
        ),
        Table(
            "selectivity-classes",
            "A class's neurons on their own images and on others",
            "Figure S.2",
            tuple(rows),
            skipped=skipped,
            notes=notes,
            settings=plain(settings),
            given=given - train,
            used=found.used,
        ),
    ]


def _contrast(means: dict[str, list[float]], name: str, context: Context, prefix: str) -> dict[str, object]:
    """Own images against all others, and whether own ones have the largest mean."""
    mine, others = means[name], [value for other, some in means.items() if other != name for value in some]
    largest = all(np.mean(mine) > np.mean(some) for other, some in means.items() if other != name and some)
    told: dict[str, object] = {
        f"{prefix}own": float(np.mean(mine)),
        f"{prefix}others": float(np.mean(others)) if others else None,
        f"{prefix}own_is_largest": bool(others) and largest,
        f"{prefix}n_own": len(mine),
        f"{prefix}n_others": len(others),
    }
    if others:
        apart = difference_interval(mine, others, paired=False, seed=context.seed)
        told |= {
            f"{prefix}difference": apart.difference,
            f"{prefix}low": apart.low,
            f"{prefix}high": apart.high,
        }
    return told
