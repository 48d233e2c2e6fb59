"""One edit beside random ones, against edits made by hand; draws that a served page can repeat."""

from __future__ import annotations

import math

import numpy as np
import pytest

import molyneux as mx
from machines import captioner, images
from molyneux.data.gate import Picture, open_image
from molyneux.ground.errors import NeuronNameError, SettingError, TargetError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.seeds import generator_of
from molyneux.models.captioner import Captioner
from molyneux.neurons.ablate import target_probabilities
from molyneux.neurons.arms import random_like
from molyneux.neurons.compare import Comparison

NAMES = ["L0.u3", "L0.u7", "L2.u11"]
MANY = [NeuronId.parse(name) for name in NAMES]


def picture() -> Picture:
    return Picture(images()[0], "some/folder/a photo.jpg")


def by_hand(machine: Captioner, neurons: list[NeuronId], scale: float) -> tuple[float, str]:
    """p of the caption's second token and the new caption, one edit alone, by the plain forward pass."""
    ids = machine.caption(picture()).token_ids
    inputs = machine.extend(machine.prepare([picture()]), [ids[:1]])
    with mx.edit(machine, neurons, scale):
        chances = machine.forward(inputs).logits[0, -1, : machine.vocabulary].softmax(-1)
        return float(chances[ids[1]].detach()), machine.caption(picture()).text


def figures(made: Comparison) -> list[tuple[float, str]]:
    return [(one.probability, one.caption.text) for one in (made.plain, made.edited, *made.random)]


@pytest.mark.parametrize("scale", [0.0, 3.0])
@pytest.mark.parametrize("family", ["gptj", "llama", "opt"])
def test_each_row_is_what_an_edit_alone_gives(family: str, scale: float) -> None:
    machine = captioner(family)
    made = mx.compare(machine, picture(), NAMES, scale=scale, target=1, draws=3)
    assert made.neurons == tuple(MANY)
    assert made.scale == scale
    assert len(made.random) == len(made.drawn) == 3
    wanted = [by_hand(machine, list(some), scale) for some in ([], MANY, *made.drawn)]
    assert [text for _, text in figures(made)] == [text for _, text in wanted]
    assert [p for p, _ in figures(made)] == pytest.approx([p for p, _ in wanted], rel=1e-4)
    assert len({p for p, _ in wanted}) > 3  # or the edits would do nothing


def test_the_draws_are_those_of_a_served_page() -> None:
    machine = captioner()
    for seed in (0, 5):
        made = mx.compare(machine, picture(), NAMES, target=1, seed=seed, draws=4, image_id="a/b.jpg")
        assert made.drawn == tuple(
            tuple(random_like(MANY, 40, generator_of(seed, "a/b.jpg", purpose=f"live 1 {draw}")))
            for draw in range(4)
        )
    usual = mx.compare(machine, picture(), NAMES, target=1, draws=2)
    assert (
        usual.drawn == mx.compare(machine, picture(), NAMES, target=1, draws=2, image_id="a photo.jpg").drawn
    )
    assert usual.drawn != mx.compare(machine, picture(), NAMES, target=1, draws=2, image_id="other.jpg").drawn
    assert usual.drawn == mx.compare(machine, picture(), NAMES, target=1, draws=5, scale=2.0).drawn[:2]


def test_the_batch_does_not_matter() -> None:
    machine = captioner()
    whole = mx.compare(machine, picture(), NAMES, scale=2.0, target=1, draws=5)
    for size in (1, 3, 32):
        again = mx.compare(machine, picture(), NAMES, scale=2.0, target=1, draws=5, batch_size=size)
        assert [text for _, text in figures(again)] == [text for _, text in figures(whole)]
        assert [p for p, _ in figures(again)] == pytest.approx([p for p, _ in figures(whole)], rel=1e-4)


def test_it_agrees_with_an_ablation() -> None:
    machine = captioner()
    done = mx.ablate(machine, picture(), counts=[5], arms=["top"], target=1)
    top = [entry.neuron for entry in done.attribution.ranked(5)]
    made = mx.compare(machine, picture(), top, target=1, draws=0)
    (row,) = done.rows
    assert made.plain.probability == pytest.approx(done.probability, rel=1e-4)
    assert made.edited.probability == pytest.approx(row.probability, rel=1e-4)
    assert made.edited.caption.text == row.caption
    assert made.change.mean == pytest.approx(row.relative_change, rel=1e-3)
    assert made.random == made.drawn == ()
    assert made.random_change.count == 0
    assert math.isnan(made.random_change.mean)


def test_patches_only() -> None:
    machine = captioner()
    made = mx.compare(machine, picture(), MANY, target=1, positions="visual", draws=0, scale=4)
    with mx.edit(machine, MANY, 4, "visual"):
        wanted = machine.caption(picture())
    (p,) = target_probabilities(
        machine, machine.prepare([picture()]), made.target, [MANY], scale=4, positions="visual"
    )
    assert made.edited.caption.text == wanted.text
    assert made.edited.probability == pytest.approx(p, rel=1e-4)


def test_changes_and_their_interval() -> None:
    made = mx.compare(captioner(), picture(), "L1.u4", target=1, scale=5, draws=6)
    p0 = made.plain.probability
    changes = [one.probability / p0 - 1 for one in made.random]
    assert made.change.mean == pytest.approx(made.edited.probability / p0 - 1)
    assert made.random_change.mean == pytest.approx(np.mean(changes))
    assert min(changes) <= made.random_change.low <= made.random_change.high <= max(changes)
    assert made.random_change.count == 6
    assert {unit.layer for (unit,) in made.drawn} == {1}


def test_a_caption_that_is_there_is_explained() -> None:
    machine = captioner()
    caption = machine.caption(picture())
    word = caption.words[1]
    made = mx.compare(machine, picture(), NAMES, caption=caption, target=word.word, draws=1)
    assert made.caption is caption
    assert made.target.token == word.token
    inputs = machine.prepare([picture()])
    ready = mx.compare(machine, inputs, NAMES, target=word.token, draws=1, image_id="a photo.jpg")
    assert figures(ready) == figures(made)


def test_what_a_notebook_shows() -> None:
    made = mx.compare(captioner(), picture(), NAMES, target=1, draws=3, scale=2)
    rows = made.to_table().to_pylist()
    assert [row["arm"] for row in rows] == ["plain", "edited", "random", "random", "random"]
    assert [row["probability"] for row in rows] == [p for p, _ in figures(made)]
    assert [row["neurons"] for row in rows[:2]] == [[], NAMES]
    assert rows[0]["relative_change"] == 0
    html = made._repr_html_()
    assert html is not None
    for told in ("3 neurons \u00d72", f"{made.edited.probability:.4g}", made.target.word, "of 3 draws"):
        assert told in html
    assert "L" in made.to_frame().iloc[1]["neurons"][0]
    bars = made.plot().axes[0].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([p for p, _ in figures(made)])
    assert repr(made).startswith("Comparison(3 neurons \u00d72: p(")
    alone = mx.compare(captioner(), picture(), NAMES[:1], target=1, draws=0)
    assert "L0.u3 off" in str(alone._repr_html_())
    assert "random" not in repr(alone)


def test_somebody_can_stop_between_batches() -> None:
    calls: list[int] = []

    def between() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    machine = captioner()
    with pytest.raises(KeyboardInterrupt):
        mx.compare(machine, picture(), NAMES, target=1, draws=8, batch_size=2, between=between)
    assert len(calls) == 3
    assert machine.caption(picture()) == captioner().caption(picture())  # nothing stayed switched off


@pytest.mark.parametrize(
    ("neurons", "wrong", "error", "said"),
    [
        ([], {}, SettingError, "neurons"),
        (["L9.u0"], {}, NeuronNameError, "layer"),
        (["L0.u40"], {}, NeuronNameError, "unit"),
        (NAMES, {"draws": -1}, SettingError, "draws"),
        (NAMES, {"batch_size": 0}, SettingError, "batch_size"),
        (NAMES, {"scale": float("inf")}, SettingError, "scale"),
        (NAMES, {"positions": "text"}, SettingError, "positions"),
        (NAMES, {"counts": 3}, SettingError, r"compare\(\)"),
        (NAMES, {"target": 99}, TargetError, "index"),
        (NAMES, {"target": "zebra"}, TargetError, "zebra"),
    ],
)
def test_what_cannot_be_compared(
    neurons: list[str], wrong: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        mx.compare(captioner(), open_image(images()[0]), neurons, **{"target": 1, **wrong})


@pytest.mark.parametrize(
    ("draws", "said"),
    [
        (0, ""),
        (1, "random: as many units of the same layers; "),
        (3, "random: as many units of the same layers a draw; interval: 95% over 3 draws; "),
    ],
)
def test_the_note_speaks_of_the_draws_that_there_are(draws: int, said: str) -> None:
    html = str(mx.compare(captioner(), picture(), NAMES[:1], target=1, draws=draws)._repr_html_())
    assert f"{said}image some/folder/a photo.jpg" in html
    assert ("random" in html, "interval" in html) == (draws > 0, draws > 1)
