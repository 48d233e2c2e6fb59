"""What captions lose without their top neurons (Fig. 6, Fig. S.3, Table S.3), beside random ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from molyneux.data.gate import Picture
from molyneux.data.sources import Source
from molyneux.experiments.bench import BatchSize, Bench, in_batches, opened
from molyneux.experiments.captions import (
    Captioned,
    CaptionsSettings,
    caption_stage,
    ranking,
    target_of,
    with_noun,
)
from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.plain import plain
from molyneux.ground.rows import Int32, Skipped
from molyneux.ground.seeds import generator_of
from molyneux.metrics.bertscore import bert_score
from molyneux.neurons.ablate import target_probabilities
from molyneux.neurons.arms import ARMS, random_like
from molyneux.neurons.edit import POSITIONS
from molyneux.neurons.edited import recaption

__all__ = [
    "PAPER_COUNTS",
    "Ablated",
    "AblationSettings",
    "Edited",
    "ablate_image",
    "compute",
    "counts_for",
    "plan",
]

PAPER_COUNTS = (0, 50, 100, 200, 400, 800, 1600, 3200, 6400)
PAPER_UNITS = 28 * 16_384
_MINIATURE_SHARE = 0.05  # what ``molyneux miniature evaluate`` switches off


@dataclass(frozen=True)
class AblationSettings:
    """Which units are switched off, and where."""

    counts: tuple[int, ...] = PAPER_COUNTS
    """Units switched off, rising from 0."""
    arms: tuple[str, ...] = ARMS
    """``top`` units by score, the ``interpretable`` among them, ``random`` ones of the top units' layers."""
    positions: str = "all"
    """``all`` or ``visual``."""
    draws: int = 1
    """Random draws an image and count."""
    edits: int = 32
    """Edits of an image that run as rows of one batch."""
    captions: bool = True
    """Also generate the caption anew, and compare it with the original."""

    def __post_init__(self) -> None:
        rising = list(self.counts) == sorted(set(self.counts))
        if not rising or self.counts[:1] != (0,) or len(self.counts) < 2:
            raise SettingError("counts", value=self.counts, expected="0, then rising numbers of units")
        for arm in self.arms:
            if arm not in ARMS:
                raise SettingError("arm", value=arm, expected=f"one of {', '.join(ARMS)}")
        if "random" not in self.arms or len(set(self.arms)) != len(self.arms):
            raise SettingError("arms", value=self.arms, expected="each once, and 'random' beside the others")
        if self.positions not in POSITIONS:
            raise SettingError("positions", value=self.positions, expected="'all' or 'visual'")
        if min(self.draws, self.edits) < 1:
            raise SettingError("draws, edits", value=(self.draws, self.edits), expected="at least 1")


@dataclass(frozen=True)
class Edited:
    """One edit of one image."""

    arm: str
    count: Int32
    draw: Int32
    units: Int32
    """Really switched off: fewer than ``count`` where an arm has no more."""
    probability: float
    """p(c), the caption's tokens before c held fixed."""
    caption: str | None
    bertscore: float | None
    """F1 of the caption against the original one."""


@dataclass(frozen=True)
class Ablated:
    """An image's edits; without any edit p(c) is ``probability`` and the caption the original one."""

    word: str
    caption: str
    probability: float
    bertscore: float | None
    """Of the caption against itself: 1, unless it is empty for the judge."""
    edits: tuple[Edited, ...]


def counts_for(layers: int, units: int) -> tuple[int, ...]:
    """The paper's counts for its own size of model; else the same shares of all units, and 5% beside them."""
    total = layers * units
    if total == PAPER_UNITS:
        return PAPER_COUNTS
    scaled = {max(1, round(count * total / PAPER_UNITS)) for count in PAPER_COUNTS[1:]}
    return (0, *sorted(scaled | {max(1, round(_MINIATURE_SHARE * total))}))


def compute(bench: Bench, settings: AblationSettings, shared: CaptionsSettings) -> None:
    """Work the stage ``ablation`` off.

    Raises:
        SettingError: more units than the captions stage ranked.
    """
    if max(settings.counts) > shared.ranked:
        raise SettingError("counts", value=max(settings.counts), expected=f"at most ranked={shared.ranked}")
    captions = caption_stage(bench, shared)
    told = plain(settings)
    assert isinstance(told, dict)
    judge = str(bench.bert.card) if settings.captions else ""
    stage = bench.stage(
        "ablation", bench.sources, Ablated, told | {"judge": judge, "captions_stage": plain(shared)}
    )
    size = BatchSize(bench.captioner.fitting(settings.edits), "edits")

    def make_rows(items: Sequence[Source]) -> list[Ablated | Skipped]:
        rows = [with_noun(row) for row in captions.rows_of(items)]
        pictures = [
            row if isinstance(row, Skipped) else picture
            for row, picture in zip(rows, opened(items), strict=True)
        ]
        ready = [
            picture if isinstance(picture, Skipped) else (item, picture, row)
            for item, picture, row in zip(items, pictures, rows, strict=True)
        ]
        found = in_batches(
            ready,
            lambda some: [ablate_image(bench, settings, shared, one, size=size) for one in some],
            size=1,
        )
        return _scored(bench, found) if settings.captions else found

    bench.work(stage, make_rows)


def plan(
    row: Captioned, settings: AblationSettings, *, item: str, units: int, seed: int
) -> list[tuple[str, int, int, list[NeuronId]]]:
    """(arm, count, draw, neurons) of every edit but those of 0 units."""
    most = max(settings.counts)
    arms = {
        "top": ranking(row.ranked, units, most),
        "interpretable": ranking(row.ranked_interpretable, units, most),
    }
    edits = []
    for arm in settings.arms:
        for count in settings.counts[1:]:
            if arm != "random":
                edits.append((arm, count, 0, arms[arm][:count]))
                continue
            for draw in range(settings.draws):
                rng = generator_of(seed, item, purpose=f"ablation {count} {draw}")
                edits.append((arm, count, draw, random_like(arms["top"][:count], units, rng)))
    return edits


def ablate_image(
    bench: Bench,
    settings: AblationSettings,
    shared: CaptionsSettings,
    one: tuple[Source, Picture, Captioned],
    *,
    size: BatchSize,
) -> Ablated | Skipped:
    """Every edit of one image, without BERTScores; equal sets of units are computed once.

    Args:
        one: the image, opened, with its row of the captions stage.
        size: edits that run as rows of one batch.
    """
    item, picture, row = one
    edits = plan(row, settings, item=item.id, units=bench.captioner.layout.units, seed=bench.seed)
    sets = [frozenset[NeuronId](), *(frozenset(off) for _, _, _, off in edits)]
    different = list(dict.fromkeys(sets))  # arms often begin with the same units
    inputs, target = bench.captioner.prepare([picture]), target_of(row)

    def compute(some: Sequence[frozenset[NeuronId]]) -> list[tuple[float, str | None]]:
        neurons = [sorted(off) for off in some]
        if not settings.captions:
            chances = target_probabilities(
                bench.captioner, inputs, target, neurons, positions=settings.positions
            )
            return [(chance, None) for chance in chances]
        redone = recaption(
            bench.captioner,
            inputs,
            target=target,
            edits=neurons,
            positions=settings.positions,
            max_new_tokens=shared.max_new_tokens,
        )
        return [(one.probability, one.caption.text) for one in redone]

    found = dict(zip(different, in_batches(different, compute, size=size), strict=True))
    failed = next((one for one in found.values() if isinstance(one, Skipped)), None)
    if failed is not None:
        return failed
    made = []
    for arm, count, draw, off in edits:
        chance, text = found[frozenset(off)]
        made.append(Edited(arm, count, draw, len(off), chance, text, None))
    return Ablated(target.word, row.caption, found[frozenset()][0], None, tuple(made))


def _scored(bench: Bench, rows: Sequence[Ablated | Skipped]) -> list[Ablated | Skipped]:
    """BERTScores of a part's new captions, all at once."""
    made = [row for row in rows if isinstance(row, Ablated)]
    pairs = [
        (text, row.caption) for row in made for text in (row.caption, *(e.caption or "" for e in row.edits))
    ]
    if not pairs:
        return list(rows)
    values = iter(
        bert_score(bench.bert, [new for new, _ in pairs], [old for _, old in pairs]).values.tolist()
    )
    scored: list[Ablated | Skipped] = []
    for row in rows:
        if isinstance(row, Ablated):
            own = next(values)
            row = replace(
                row, bertscore=own, edits=tuple(replace(e, bertscore=next(values)) for e in row.edits)
            )
        scored.append(row)
    return scored
