"""Tables S.1, S.2 and S.3: pairs of images, patches read as tokens, captions after ablation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from molyneux.ground.printable import shown_token
from molyneux.ground.seeds import generator_of
from molyneux.ground.wording import changed_words
from molyneux.report.numerals import count, fixed
from molyneux.report.record import TableRecord
from molyneux.report.view import Cell, Group, View, text

__all__ = ["captions_view", "pairs_view", "patches_view"]

_IMAGES = 3
_PAIRS = 10
_PATCHES = 12


def pairs_view(table: TableRecord) -> View:
    """Table S.1: the best (neuron, patch) pairs of the first images."""
    groups = []
    for image in list(dict.fromkeys(str(row["image"]) for row in table.rows))[:_IMAGES]:
        mine = [row for row in table.rows if row["image"] == image]
        rows = tuple(
            (
                text(row["neuron"], strong=bool(row["interpretable"])),
                Cell(str(row["patch"]), kind="number"),
                text(
                    ", ".join(shown_token(str(token), space=False) for token in row["tokens"]),
                    strong=bool(row["interpretable"]),
                ),
                Cell(fixed(float(row["score"]), 4), kind="number"),
            )
            for row in mine[:_PAIRS]
        )
        groups.append(Group(rows, f"“{mine[0]['caption']}”", f"noun: {mine[0]['word']}", image))
    head = (
        Cell("neuron"),
        Cell("patch", kind="number"),
        Cell("decoding, top 5 tokens"),
        Cell("score", kind="number"),
    )
    return View(head, tuple(groups))


def patches_view(
    rows: Mapping[str, Mapping[str, Any]], pictured: Collection[str], *, seed: int
) -> View | None:
    """Table S.2: patches of one image read as tokens, beside random vectors; the mean over all its patches below.

    The image is the first one that there is a picture of, else the first; patches are drawn at random.
    """
    described = [image for image, row in rows.items() if row["bert_prompts"]] or list(rows)
    if not described:
        return None
    image = next((one for one in described if one in pictured), described[0])
    row = rows[image]
    kind = "bert" if row["bert_prompts"] else "clip"
    real, chance = row[f"{kind}_prompts"], row[f"{kind}_random"]
    digits = 2 if kind == "bert" else 1
    picked = generator_of(seed, image, purpose="report patches").permutation(len(real))[:_PATCHES]
    lines = [
        (
            Cell(str(patch), kind="number"),
            text(row["prompt_texts"][patch]),
            Cell(fixed(real[patch], digits), kind="number"),
            text(row["random_texts"][patch]),
            Cell(fixed(chance[patch], digits), kind="number"),
        )
        for patch in picked.tolist()
    ]
    both = [fixed(float(np.mean(some)), digits) for some in (real, chance)]
    lines.append(
        (
            Cell(f"mean of {len(real)}", kind="number", strong=True),
            text(""),
            Cell(both[0], kind="number", strong=True),
            text(""),
            Cell(both[1], kind="number", strong=True),
        )
    )
    name = "BERTScore" if kind == "bert" else "CLIPScore"
    head = (
        Cell("patch", kind="number"),
        Cell("image prompt, nearest tokens"),
        Cell(name, kind="number"),
        Cell("random vector, nearest tokens"),
        Cell(name, kind="number"),
    )
    return View(head, (Group(tuple(lines), f"“{row['caption']}”", "the model's caption", image),))


def captions_view(table: TableRecord, pictured: Sequence[str]) -> View | None:
    """Table S.3: captions of some images without more and more units; words that are new are marked."""
    images = list(dict.fromkeys(str(row["image"]) for row in table.rows))
    images = ([image for image in pictured if image in set(images)] or images)[:_IMAGES]
    arms = [arm for arm in ("top", "interpretable", "random") if any(row["arm"] == arm for row in table.rows)]
    groups = []
    for image in images:
        mine = [
            row
            for row in table.rows
            if row["image"] == image and not row["draw"] and row["caption"] is not None
        ]
        if mine:
            groups.append(_captions(image, mine, arms))
    if not groups:
        return None
    head = [Cell("off", kind="number")]
    for arm in arms:
        head += [
            Cell(f"without {arm} units" if arm != "top" else "without top units"),
            Cell("BSc.", kind="number"),
        ]
    return View(tuple(head), tuple(groups))


def _captions(image: str, rows: Sequence[Mapping[str, Any]], arms: Sequence[str]) -> Group:
    lines = []
    for number in sorted({int(row["count"]) for row in rows}):
        line = [Cell(count(number), kind="number")]
        for arm in arms:
            row = next((one for one in rows if one["arm"] == arm and one["count"] == number), None)
            if row is None:
                line += [text(""), text("")]
                continue
            pieces = tuple(changed_words(str(row["original"]), str(row["caption"]))) or (("(empty)", True),)
            line += [
                Cell(str(row["caption"]), pieces=pieces),
                Cell(fixed(row["bertscore"], 2), kind="number"),
            ]
        lines.append(tuple(line))
    return Group(tuple(lines), f"“{rows[0]['original']}”", f"word: {rows[0]['word']}", image)
