"""Whether top neurons fire on the object (Fig. 5, Fig. S.1), beside random ones of the same layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from molyneux.data.gate import Picture
from molyneux.data.masks import CocoObject
from molyneux.data.sources import Source
from molyneux.experiments.bench import Bench, in_batches, opened
from molyneux.experiments.captions import Captioned, CaptionsSettings, caption_stage, ranking, with_noun
from molyneux.experiments.table import NOT_COMPARABLE, Context, Table, interval, left_out
from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.plain import plain
from molyneux.ground.results import Results
from molyneux.ground.rows import Float16, Int32, Skipped
from molyneux.ground.seeds import generator_of
from molyneux.metrics.contrast import difference_interval
from molyneux.metrics.families import paired_tests
from molyneux.metrics.overlap import ious
from molyneux.models.geometry import PatchGrid
from molyneux.neurons.arms import random_like
from molyneux.neurons.fields import ReceptiveField, patch_activations

__all__ = ["Overlap", "Overlaps", "SegmentationSettings", "compute", "single_objects", "summarise"]


@dataclass(frozen=True)
class SegmentationSettings:
    """Which objects and neurons are compared."""

    categories: tuple[str, ...] = ()
    """Those compared; empty: the ``most`` categories that most images hold exactly one object of."""
    most: int = 12
    """The paper's 12."""
    neurons: int = 20
    """Of an image, the first of the ranking."""
    interpretable: bool = False
    """Only interpretable neurons."""
    percentile: float | int = 95
    """Of the map, above which a pixel is in the field."""

    def __post_init__(self) -> None:
        if min(self.most, self.neurons) < 1:
            raise SettingError("most, neurons", value=(self.most, self.neurons), expected="at least 1")
        if not 0 <= self.percentile < 100:
            raise SettingError("percentile", value=self.percentile, expected="from 0, below 100")


@dataclass(frozen=True)
class Overlap:
    """One object of an image: IoU of each top neuron's field with its mask, and of each random one's."""

    category: str
    top: tuple[float, ...]
    random: tuple[float, ...]


@dataclass(frozen=True)
class Overlaps:
    """An image's objects, and where its neurons fire."""

    overlaps: tuple[Overlap, ...]
    neurons: tuple[NeuronId, ...]
    random: tuple[NeuronId, ...]
    columns: Int32
    """Patches across; 0 where they lie on no single grid."""
    fields: tuple[tuple[Float16, ...], ...]
    """Of the first top neurons, the activation at each patch: for pictures."""


_DRAWN = 4  # neurons whose maps are kept


def single_objects(source: Source) -> dict[str, CocoObject]:
    """Category -> object, of the categories that an image holds exactly one object of, and no crowd."""
    counted = Counter(one.category for one in source.objects or ())
    return {one.category: one for one in source.objects or () if counted[one.category] == 1 and not one.crowd}


def categories_of(sources: Sequence[Source], settings: SegmentationSettings) -> tuple[str, ...]:
    """The categories compared, by name."""
    counted = Counter(category for source in sources for category in single_objects(source))
    if settings.categories:
        unknown = sorted(set(settings.categories) - counted.keys())
        if unknown:
            raise SettingError("category", value=unknown[0], expected=f"one of {', '.join(sorted(counted))}")
        return tuple(sorted(settings.categories))
    best = sorted(counted, key=lambda name: (-counted[name], name))[: settings.most]
    return tuple(sorted(best))


def compute(bench: Bench, settings: SegmentationSettings, shared: CaptionsSettings) -> None:
    """Work the stage ``segmentation`` off, over the images that hold one object of a category compared.

    Raises:
        SettingError: no image does; a category that is not there.
    """
    chosen = categories_of(bench.sources, settings)
    items = [source for source in bench.sources if single_objects(source).keys() & set(chosen)]
    if not items:
        raise SettingError("objects", value=0, expected="images with one annotated object of a category")
    captions = caption_stage(bench, shared)
    told = plain(settings)
    assert isinstance(told, dict)
    told |= {"categories": list(chosen), "captions_stage": plain(shared), "images": len(bench.sources)}
    stage = bench.stage("segmentation", items, Overlaps, told)

    def make_rows(some: Sequence[Source]) -> list[Overlaps | Skipped]:
        rows = [with_noun(row) for row in captions.rows_of(some)]
        ready = [
            next((one for one in (row, picture) if isinstance(one, Skipped)), (source, picture, row))
            for source, picture, row in zip(some, opened(some), rows, strict=True)
        ]
        return in_batches(
            ready, lambda batch: [_image(bench, settings, chosen, *one) for one in batch], size=1
        )

    bench.work(stage, make_rows)


def _image(
    bench: Bench,
    settings: SegmentationSettings,
    chosen: Sequence[str],
    source: Source,
    picture: Picture,
    row: Captioned,
) -> Overlaps | Skipped:
    captioner = bench.captioner
    inputs = captioner.prepare([picture])
    grid = captioner.grid(picture, inputs)
    if grid is None:
        return Skipped("no-geometry", "the model's visual positions have no place on the image")
    objects = {name: one for name, one in single_objects(source).items() if name in chosen}
    if any(one.size != picture.image.size[::-1] for one in objects.values()):
        return Skipped("size", "the annotation is of an image of another size")
    units = captioner.layout.units
    packed = row.ranked_interpretable if settings.interpretable else row.ranked
    top = ranking(packed, units, settings.neurons)
    if not top:
        return Skipped("not-interpretable", "no interpretable neuron")
    rng = generator_of(bench.seed, source.id, purpose="segmentation random arm")
    random = random_like(top, units, rng)
    both = list(dict.fromkeys([*top, *random]))
    values = dict(zip(both, patch_activations(captioner, inputs, both)[0], strict=True))
    fields = {neuron: _field(grid, values[neuron], settings.percentile) for neuron in both}
    seen = _seen(grid, len(values[top[0]]))
    overlaps = []
    for name, one in sorted(objects.items()):
        mask = one.mask() & seen  # what a crop cut off nobody could have seen
        arms = (tuple(ious(np.stack([fields[n] for n in arm]), mask).tolist()) for arm in (top, random))
        overlaps.append(Overlap(name, *arms))
    columns = grid.columns if type(grid) is PatchGrid else 0
    kept = tuple(tuple(values[neuron].tolist()) for neuron in top[:_DRAWN])
    return Overlaps(tuple(overlaps), tuple(top), tuple(random), columns, kept)


def _field(
    grid: PatchGrid, values: Float[Tensor, " patch"], percentile: float | int
) -> Bool[np.ndarray, "height width"]:
    mask: Bool[np.ndarray, "height width"] = (
        grid.upsample(values).as_subclass(ReceptiveField).mask(percentile).numpy()
    )
    return mask


def _seen(grid: PatchGrid, patches: int) -> Bool[np.ndarray, "height width"]:
    """The pixels that the model saw."""
    seen: Bool[np.ndarray, "height width"] = np.isfinite(grid.upsample(torch.zeros(patches)).numpy())
    return seen


def image_means(found: Results[Overlaps], category: str) -> tuple[list[float], list[float]]:
    """Mean IoU of each image's top neurons with its object of a category, and of its random ones."""
    pairs = [
        (float(np.mean(one.top)), float(np.mean(one.random)))
        for row in found.rows.values()
        for one in row.overlaps
        if one.category == category
    ]
    return [top for top, _ in pairs], [random for _, random in pairs]


def summarise(found: Results[Overlaps], settings: SegmentationSettings, context: Context) -> list[Table]:
    """A row a category: mean IoU of top and random neurons, their difference, and a corrected test; then all."""
    told = found.settings if isinstance(found.settings, dict) else {}
    names = sorted({one.category for row in found.rows.values() for one in row.overlaps})
    arms = {name: image_means(found, name) for name in names}
    tests = paired_tests(arms, seed=context.seed) if arms else {}
    rows = []
    for name in names:
        row = {"category": name} | _cells(*arms[name], seed=context.seed)
        rows.append(row | {"p": tests[name].p_value, "p_corrected": tests[name].corrected})
    objects = [one for row in found.rows.values() for one in row.overlaps]
    if objects:
        # An image may hold objects of several categories: one value an image, so that they count as one.
        per = [
            tuple(
                float(np.mean([np.mean(getattr(one, arm)) for one in row.overlaps]))
                for arm in ("top", "random")
            )
            for row in found.rows.values()
        ]
        pooled = ([top for top, _ in per], [random for _, random in per])
        test = paired_tests({"all": pooled}, seed=context.seed)["all"]
        rows.append(
            {"category": "all images"}
            | _cells(*pooled, seed=context.seed)
            | {"p": test.p_value, "p_corrected": test.corrected}
        )
    given = told.get("images", found.given)
    assert isinstance(given, int)
    return [
        Table(
            name="segmentation",
            title="Receptive fields against objects (IoU)",
            paper="Figure 5",
            rows=tuple(rows),
            given=given,
            used=found.used,
            skipped=left_out(found.tally, given=given, reason="no-single-object"),
            notes=(
                f"{len(names)} categories; the paper: 12, its figures only drawn"
                + ("" if context.comparable else f" ({NOT_COMPARABLE})"),
                f"mean over the first {settings.neurons} neurons of an image; pixels above the "
                f"{settings.percentile:g}th percentile",
                "random: as many units of the same layers; p: sign-flip test over images, Holm over the categories",
            ),
            settings=told,
        )
    ]


def _cells(top: list[float], random: list[float], *, seed: int) -> dict[str, object]:
    apart = difference_interval(top, random, paired=True, seed=seed)
    told: dict[str, object] = {f"top_{key}": value for key, value in interval(top, seed=seed).items()}
    told |= {f"random_{key}": value for key, value in interval(random, seed=seed).items()}
    return told | {
        "less_random": apart.difference,
        "less_random_low": apart.low,
        "less_random_high": apart.high,
    }
