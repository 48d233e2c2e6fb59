"""Runs of ``looks`` made by hand: known numbers, hostile texts, any size; no model computes them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from molyneux.experiments.captions import Said, Scored
from molyneux.experiments.gallery import Firing
from molyneux.experiments.looks_neuron import Effect, Near, NeuronItem, NeuronLook, TokenAt
from molyneux.experiments.looks_rows import (
    RANKINGS,
    Grid,
    Looked,
    LookedAlone,
    LookedEdit,
    LookedObject,
    LookedWord,
    Mapped,
    Ranked,
)
from molyneux.experiments.looks_where import choose_images
from molyneux.ground.manifest import Identity
from molyneux.ground.neuron import NeuronId
from molyneux.ground.run import Run, open_run, writing
from molyneux.ground.tables import write_table

WIDTH, HEIGHT, ROWS, COLUMNS = 120, 90, 3, 4
BOX = (20.0, 0.0, 100.0, 90.0)
"""A crop: 20 pixels on the left and on the right were not seen. Patches are 20 x 30 pixels."""
LAYERS, UNITS, FIRED = 6, 50, 4
HOSTILE = (
    "</script><script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "\u202egpj.exe\u202c",
    "line\u2028separator\u2029",
    "\x1b[31mred\x1b[0m",
    "__proto__",
    '";window.pwned=1;//',
    "two\nlines",
    "=cmd|' /C calc'!A0",
)
NEURONS = tuple(NeuronId(n % LAYERS, 7 * n % UNITS) for n in range(8))


@dataclass(frozen=True)
class Item:
    id: str


def picture(number: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """A PNG: a gradient with a square whose place tells images apart."""
    x, y = np.meshgrid(np.linspace(0, 255, size[0]), np.linspace(0, 255, size[1]))
    pixels = np.stack([x, y, np.full_like(x, 40 * number % 256)], axis=-1).astype(np.uint8)
    left = 10 + 11 * (number % 5)
    pixels[20:40, left : left + 20] = 255
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def maps(number: int, neurons: int = len(NEURONS)) -> np.ndarray:
    """[neuron, patch]: neuron n peaks at patch (n + number) modulo patches."""
    patches = ROWS * COLUMNS
    values = np.random.default_rng(number).uniform(0.0, 0.4, (neurons, patches)).astype("<f4")
    for n in range(neurons):
        values[n, (n + number) % patches] = 2.0 + n
    return values


def mask() -> np.ndarray:
    """An object: a rectangle of the image."""
    made = np.zeros((HEIGHT, WIDTH), dtype=bool)
    made[25:70, 30:75] = True
    return made


def runs_of(made: np.ndarray) -> tuple[int, ...]:
    flat = made.flatten(order="F")
    runs, now, length = [], False, 0
    for value in flat.tolist():
        if value != now:
            runs.append(length)
            now, length = value, 0
        length += 1
    return (*runs, length)


def grid() -> Grid:
    return Grid(ROWS, COLUMNS, WIDTH, HEIGHT, BOX)


def _edits(text: str) -> tuple[LookedEdit, ...]:
    made = []
    for count in (5, 50):
        made += [
            LookedEdit(arm, count, 0, count, 0.8 - count / 125, f"a cat on {text}")
            for arm in ("top", "interpretable")
        ]
        made += [
            LookedEdit("random", count, draw, count, 0.79 + draw / 100, f"a dog on {text}")
            for draw in range(3)
        ]
    return tuple(made)


def _alone(neuron: NeuronId) -> LookedAlone:
    return LookedAlone(neuron, 0.8, 0.5, (0.78, 0.79, 0.8, 0.81))


def boxes() -> tuple[tuple[float, ...], ...]:
    """The same patches as boxes of several views: the last has no place."""
    wide, high = 20.0, 30.0
    places = [(20 + wide * (n % COLUMNS), high * (n // COLUMNS)) for n in range(ROWS * COLUMNS - 1)]
    return (*((x, y, x + wide, y + high) for x, y in places), ())


def silent(number: int) -> Looked:
    """An image whose caption is empty."""
    return replace(
        looked(number, "x"),
        caption="",
        tokens=(),
        token_ids=(),
        probabilities=(),
        words=(),
        said=(),
        maps=b"",
    )


def looked(number: int, said: str, *, words: str = "all") -> Looked:
    """An image captioned "a dog on <said>", the noun in three tokens."""
    caption = f"a dog on {said}"
    values = maps(number)
    rankings = {}
    for place, by in enumerate(RANKINGS):
        order = [*range(place, len(NEURONS)), *range(place)]
        neurons = tuple(
            Scored(NEURONS[n], 1.0 / (rank + 1 + place), int(values[n].argmax()))
            for rank, n in enumerate(order)
        )
        rankings[by] = Ranked(by, neurons, _edits(said), _alone(neurons[0].neuron))
    explained = tuple(rankings.values())
    none: tuple[Ranked, ...] = ()
    all_words = explained if words == "all" else none
    reverse = tuple(Ranked(r.by, r.neurons[::-1], r.edits, None) for r in all_words)
    return Looked(
        width=WIDTH,
        height=HEIGHT,
        picture=picture(number),
        view=picture(number, (16, 12)),
        grid=grid(),
        boxes=(),
        patches=ROWS * COLUMNS,
        caption=caption,
        tokens=(" a", " d", "o", "g", " on", f" {said}"),
        token_ids=(1, 2, 3, 4, 5, 6),
        probabilities=(0.9, 0.8, 0.99, 0.97, 0.5, 0.25),
        words=(
            LookedWord(
                "a", 0, 1, 0, 0, False, 1.5 if all_words else None, 0.9 if all_words else None, reverse
            ),
            LookedWord("dog", 2, 5, 1, 3, True, 3.5, 0.8, explained),
            LookedWord("on", 6, 8, 4, 4, False, None, None, none),
            LookedWord(
                said,
                9,
                9 + len(said),
                5,
                5,
                False,
                0.5 if all_words else None,
                0.25 if all_words else None,
                all_words,
            ),
        ),
        said=tuple(
            Said(neuron, (f" {said}", " dog", "<pad>", "\n", " wolf"), (2.0, 1.5, 1.0, 0.5, 0.25), n % 2 == 0)
            for n, neuron in enumerate(NEURONS)
        ),
        maps=values.tobytes(),
        references=(f"people say {said}",),
        label=None,
        objects=(LookedObject(said, False, runs_of(mask())), LookedObject("crowd", True, (WIDTH * HEIGHT,))),
    )


def mapped(number: int, neurons: tuple[NeuronId, ...], said: str) -> Mapped:
    values = maps(number)[[NEURONS.index(neuron) for neuron in neurons]]
    return Mapped(
        WIDTH, HEIGHT, picture(number), f"a dog on {said}", grid(), ROWS * COLUMNS, neurons, values.tobytes()
    )


def look(neuron: NeuronId, said: str, image: str) -> NeuronLook:
    tokens = tuple(
        TokenAt(text, 2.0 - n, 0.1) for n, text in enumerate((f" {said}", " dog", "<pad>", " \n", ""))
    )
    others = tuple(Near(NEURONS[n], 0.5 - n / 10, (said, "dog")) for n in range(2))
    effect = Effect(
        image,
        1,
        "dog",
        0.8,
        (0.0, 1.0, 2.0, 5.0),
        (0.5, 0.8, 0.85, 0.9),
        tuple((0.78 + n / 100, 0.8, 0.8, 0.81) for n in range(4)),
    )
    return NeuronLook(tokens, tokens[::-1], True, 1.25, 3, others, (effect,))


def run_of_looks(
    folder: Path,
    images: int = 3,
    *,
    words: str = "all",
    neurons: tuple[NeuronId, ...] = NEURONS,
    change: Callable[[int, Looked], Looked] = lambda number, row: row,
) -> Run:
    """A finished run with hostile texts in captions, tokens, ids and categories."""
    ids = sorted(f"{n:05d} {HOSTILE[n % len(HOSTILE)]}.png" for n in range(images))
    said = {item: HOSTILE[n % len(HOSTILE)] for n, item in enumerate(ids)}
    settings = {"model": "miniature", "miniature": True, "prompt": None, "layers": LAYERS, "units": UNITS}
    identity = Identity(settings=settings, weights={"model": "ab" * 32}, data={"images": "cd" * 32}, seed=5)
    told = {"given": images, "miniature": True, "counts": [5, 50], "fired": FIRED, "words": words}
    with writing(folder, identity, command=["molyneux", "reproduce", "looks"]) as run:
        items = [Item(one) for one in ids]
        place = {item: n for n, item in enumerate(ids)}
        stage = run.stage("looks", items, row=Looked, settings=told, part_size=100)
        _fill(stage, lambda item: change(place[item.id], looked(place[item.id], said[item.id], words=words)))
        fired = {
            item: Firing(
                tuple(maps(place[item]).max(1).tolist()[: len(neurons)]),
                tuple(maps(place[item]).argmax(1).tolist()[: len(neurons)]),
            )
            for item in ids
        }
        told |= {"neurons": [str(neuron) for neuron in neurons]}
        _fill(
            run.stage("looks-firing", items, row=Firing, settings=told, part_size=100),
            lambda item: fired[item.id],
        )
        wanted = choose_images(fired, neurons, FIRED, seed=5)
        some = [item for item in items if item.id in wanted]
        _fill(
            run.stage("looks-maps", some, row=Mapped, settings=told, part_size=100),
            lambda item: mapped(place[item.id], tuple(wanted[item.id]), said[item.id]),
        )
        _fill(
            run.stage(
                "looks-neurons", [NeuronItem(str(n), n) for n in neurons], row=NeuronLook, settings=told
            ),
            lambda item: look(item.neuron, HOSTILE[0], ids[0]),
        )
        rows = [
            {"word": text, "value": n / 3, "neuron": str(NEURONS[0]), "none": None}
            for n, text in enumerate(HOSTILE)
        ]
        write_table(
            run.tables,
            "words",
            rows,
            title=HOSTILE[0],
            paper="Table 0",
            given=images,
            used=images - 1,
            skipped={"no-noun": 1},
            notes=[HOSTILE[1]],
            judges=[],
        )
    return open_run(folder)


def _fill(stage, make) -> None:  # type: ignore[no-untyped-def]
    from molyneux.ground.work import each, work

    work(stage, each(make))
