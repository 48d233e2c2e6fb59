"""One image's Story from what ``looks`` kept of it: a screen, a figure and the pages tell one and the same result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from molyneux.data.gate import Picture
from molyneux.experiments.looks_rows import Grid, Looked, LookedEdit, LookedWord, Ranked
from molyneux.ground.story import AblationView, ArmCurve, NeuronView, Story
from molyneux.metrics.stats import mean_interval
from molyneux.models.caption import read_caption
from molyneux.models.captioner import Captioner
from molyneux.models.geometry import PatchGrid
from molyneux.neurons.arms import ARMS
from molyneux.neurons.story import score_words, tell_caption
from molyneux.neurons.target import choose_target

__all__ = ["story_of_look"]


def story_of_look(
    captioner: Captioner, picture: Picture, row: Looked, *, by: str = "sum", views: int = 4
) -> Story:
    """The Story of the caption's first noun; the model computes nothing.

    Args:
        row: of the picture, by this model.
        by: the ranking, one of ``RANKINGS``.
        views: neurons, at most.

    Raises:
        NoNounError: the caption has none.
    """
    caption = read_caption(row.token_ids, row.probabilities, captioner.tokenizer, image=picture.name)
    target = choose_target(caption)
    plain = tell_caption(captioner, picture, caption)
    word = next(one for one in row.words if one.noun)
    ranked = next(one for one in word.rankings if one.by == by)
    return replace(
        plain,
        word=target.word,
        probability=row.probabilities[word.first],
        score=score_words("pre", by),
        neurons=tuple(_views(row, ranked, views, plain.image.shape[:2])),
        ablation=_ablation(caption.text, word, ranked),
    )


def _views(row: Looked, ranked: Ranked, count: int, shown: tuple[int, ...]) -> list[NeuronView]:
    """The best neurons, their maps at the size that is shown."""
    grid = None if row.grid is None else _grid(row.grid)
    small = None if grid is None else grid.scaled(shown[1], shown[0])
    values = np.frombuffer(row.maps, "<f4").reshape(len(row.said), row.patches)
    places = {one.neuron: place for place, one in enumerate(row.said)}
    made = []
    for one in ranked.neurons[:count]:
        said = row.said[places[one.neuron]]
        heat = None if small is None else small.upsample(torch.tensor(values[places[one.neuron]])).numpy()
        made.append(
            NeuronView(
                name=str(one.neuron),
                score=one.score,
                patch=one.patch,
                box=None if grid is None else grid.patch_box(one.patch),
                tokens=said.tokens,
                interpretable=said.interpretable,
                heat=heat,
            )
        )
    return made


def _grid(place: Grid) -> PatchGrid:
    left, top, right, bottom = place.box
    return PatchGrid(place.rows, place.columns, place.width, place.height, (left, top, right, bottom))


def _ablation(caption: str, word: LookedWord, ranked: Ranked) -> AblationView:
    """What is left of the word and of the caption without its neurons, an arm each."""
    assert word.p is not None, "a word with rankings has been explained"
    plain = LookedEdit("", 0, 0, 0, word.p, caption)
    counts = sorted({edit.count for edit in ranked.edits})
    arms = {arm: [[plain], *(_of(ranked, arm, count) for count in counts)] for arm in ARMS}
    return AblationView(word.p, tuple(_curve(arm, (0, *counts), some, word.p) for arm, some in arms.items()))


def _of(ranked: Ranked, arm: str, count: int) -> list[LookedEdit]:
    return [edit for edit in ranked.edits if (edit.arm, edit.count) == (arm, count)]


def _curve(arm: str, counts: tuple[int, ...], edits: Sequence[Sequence[LookedEdit]], base: float) -> ArmCurve:
    """Mean relative change of p over draws with its 95% interval, a value a count."""
    changes = [
        mean_interval([(one.p - base) / base if base else 0.0 for one in some], seed=0) for some in edits
    ]
    return ArmCurve(
        arm=arm,
        counts=counts,
        mean=tuple(change.mean for change in changes),
        low=tuple(change.low for change in changes),
        high=tuple(change.high for change in changes),
        captions=tuple(tuple(one.caption for one in some) for some in edits),
        units=tuple(max(one.units for one in some) for some in edits),
    )
