"""One image as its page shows it: every word's neurons, their maps, and the captions without them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from PIL import Image
from torch import Tensor

from molyneux.data.gate import Picture
from molyneux.data.masks import CocoObject
from molyneux.data.nouns import words as spoken
from molyneux.data.sources import Source
from molyneux.experiments.bench import Bench
from molyneux.experiments.captions import Captioned, Said, Scored
from molyneux.experiments.looks_alone import alone
from molyneux.experiments.looks_rows import (
    RANKINGS,
    Grid,
    Looked,
    LookedAlone,
    LookedEdit,
    LookedObject,
    LookedWord,
    LooksSettings,
    Ranked,
)
from molyneux.ground.neuron import NeuronId
from molyneux.ground.seeds import generator_of
from molyneux.models.caption import Caption, read_caption
from molyneux.models.captioner import Captioner
from molyneux.models.geometry import PatchGrid
from molyneux.neurons.arms import random_like
from molyneux.neurons.attribute import Attribution, AttributionSettings, attribute_batch
from molyneux.neurons.decode import decode
from molyneux.neurons.edited import recaption
from molyneux.neurons.fields import patch_activations
from molyneux.neurons.target import Target, choose_target

__all__ = ["encoded", "look_at", "place_of", "view_of"]

_SHOWN = 768  # longest side of a picture
_EXACT = 128  # pictures up to this side lose nothing
_AT_ONCE = 8  # words attributed in one pass


def look_at(
    bench: Bench,
    settings: LooksSettings,
    source: Source,
    picture: Picture,
    row: Captioned,
    *,
    words: Bool[np.ndarray, "layer unit"],
) -> Looked:
    """The row of one image.

    Args:
        row: its caption, from the captions stage.
        words: which units are interpretable.
    """
    captioner = bench.captioner
    caption = read_caption(row.token_ids, row.probabilities, captioner.tokenizer, image=picture.name)
    inputs = captioner.prepare([picture])
    explained = _attributed(captioner, picture, caption, settings)
    found = {by: {target: one.by(by) for target, one in explained.items()} for by in RANKINGS}
    made = {
        (by, target.token): _strip(bench, settings, source.id, inputs, one, words=words)
        for by, some in found.items()
        for target, one in some.items()
    }
    firsts = _alone(bench, settings, source.id, inputs, found)
    listed = list(
        dict.fromkeys(
            entry.neuron for some in found.values() for one in some.values() for entry in one.neurons
        )
    )
    values = patch_activations(captioner, inputs, listed)[0] if listed else torch.zeros(0, 0)
    grid, boxes = place_of(captioner.grid(picture, inputs))
    return Looked(
        width=picture.image.width,
        height=picture.image.height,
        picture=encoded(picture.image, _SHOWN),
        view=view_of(captioner, inputs),
        grid=grid,
        boxes=boxes,
        patches=int(captioner.visual(inputs["input_ids"], inputs["attention_mask"])[0].sum()),
        caption=caption.text,
        tokens=caption.tokens,
        token_ids=caption.token_ids,
        probabilities=caption.probabilities,
        words=tuple(_word(caption, index, found, made, firsts=firsts) for index in range(len(caption.words))),
        said=tuple(
            Said(one.neuron, one.tokens, one.logits, one.interpretable) for one in decode(captioner, listed)
        ),
        maps=values.numpy().astype("<f4").tobytes(),
        references=source.captions,
        label=source.label,
        objects=_objects(source.objects or (), picture),
    )


def _attributed(
    captioner: Captioner, picture: Picture, caption: Caption, settings: LooksSettings
) -> dict[Target, Attribution]:
    """The attribution of every word wanted; a pass for several words at once, as rows of a batch."""
    noun = caption.noun
    wanted = [word.token for word in caption.words] if settings.words == "all" else []
    if settings.words == "noun" and noun is not None:
        wanted = [noun.token]
    targets = [choose_target(caption, token) for token in dict.fromkeys(wanted)]
    options = AttributionSettings(top=settings.neurons)
    found: list[Attribution] = []
    step = captioner.fitting(_AT_ONCE)
    for start in range(0, len(targets), step):
        some = targets[start : start + step]
        found += attribute_batch(
            captioner, [picture] * len(some), captions=[caption] * len(some), targets=some, settings=options
        )
    return dict(zip(targets, found, strict=True))


def _word(
    caption: Caption,
    index: int,
    found: Mapping[str, Mapping[Target, Attribution]],
    made: Mapping[tuple[str, int], tuple[float, list[LookedEdit]]],
    *,
    firsts: Mapping[tuple[NeuronId, int], LookedAlone],
) -> LookedWord:
    word, place = caption.words[index], spoken(caption.text)[index]
    ours = {
        by: one for by, some in found.items() for target, one in some.items() if target.token == word.token
    }
    return LookedWord(
        text=word.word,
        start=place.start,
        end=place.end,
        first=word.token,
        last=caption.ends[index] if caption.ends else word.token,
        noun=caption.noun is not None and word == caption.noun,
        logit=next((one.logit for one in ours.values()), None),
        p=next((made[by, word.token][0] for by in ours), None),
        rankings=tuple(
            Ranked(
                by,
                tuple(Scored(entry.neuron, entry.score, entry.patch) for entry in one.neurons),
                tuple(made[by, word.token][1]),
                firsts[one.neurons[0].neuron, word.token] if one.neurons else None,
            )
            for by, one in ours.items()
        ),
    )


def _alone(
    bench: Bench,
    settings: LooksSettings,
    item: str,
    inputs: dict[str, Tensor],
    found: Mapping[str, Mapping[Target, Attribution]],
) -> dict[tuple[NeuronId, int], LookedAlone]:
    """What each word's first neuron does alone, beside random ones, by neuron and token."""
    firsts = [
        (one.neurons[0].neuron, target.token)
        for some in found.values()
        for target, one in some.items()
        if one.neurons
    ]
    if not firsts:
        return {}
    caption = next(one.caption for some in found.values() for one in some.values())
    tried = alone(
        bench,
        item,
        inputs,
        caption.token_ids,
        neurons=list(dict.fromkeys(neuron for neuron, _ in firsts)),
        scales=(0.0,),
        band=settings.band,
        rows=settings.edits,
    )
    return {
        (neuron, token): LookedAlone(
            neuron,
            tried.base[token],
            tried.own(neuron, token)[0],
            tuple(p for (p,) in tried.random(neuron.layer, token)),
        )
        for neuron, token in firsts
    }


def _strip(
    bench: Bench,
    settings: LooksSettings,
    item: str,
    inputs: dict[str, Tensor],
    found: Attribution,
    *,
    words: Bool[np.ndarray, "layer unit"],
) -> tuple[float, list[LookedEdit]]:
    """p of a word without any edit, and what is left of it and of the caption under each edit."""
    units = bench.captioner.layout.units
    order = torch.sort(found.scores.reshape(-1), descending=True, stable=True).indices.numpy()
    arms = {"top": order, "interpretable": order[words.reshape(-1)[order]]}
    ranked = {
        arm: [NeuronId(*divmod(int(number), units)) for number in numbers[: max(settings.counts)]]
        for arm, numbers in arms.items()
    }
    plan: list[tuple[str, int, int, list[NeuronId]]] = [("", 0, 0, [])]
    for count in settings.counts:
        plan += [(arm, count, 0, ranked[arm][:count]) for arm in arms]
        for draw in range(settings.draws):
            rng = generator_of(bench.seed, item, purpose=f"looks {found.target.token} {count} {draw}")
            plan.append(("random", count, draw, random_like(ranked["top"][:count], units, rng)))
    made: list[LookedEdit] = []
    step = bench.captioner.fitting(settings.edits)
    for start in range(0, len(plan), step):
        made += _edited(bench.captioner, inputs, found, plan[start : start + step])
    return made[0].p, made[1:]


def _edited(
    captioner: Captioner,
    inputs: dict[str, Tensor],
    found: Attribution,
    some: Sequence[tuple[str, int, int, list[NeuronId]]],
) -> list[LookedEdit]:
    off = [neurons for *_, neurons in some]
    longest = max(24, len(found.caption.token_ids) + 8)
    redone = recaption(captioner, inputs, target=found.target, edits=off, max_new_tokens=longest)
    return [
        LookedEdit(arm, count, draw, len(neurons), new.probability, new.caption.text)
        for (arm, count, draw, neurons), new in zip(some, redone, strict=True)
    ]


def place_of(grid: PatchGrid | None) -> tuple[Grid | None, tuple[tuple[float, ...], ...]]:
    """A grid for a row, or the boxes of patches that lie on no single one."""
    if grid is None:
        return None, ()
    if type(grid) is PatchGrid:
        return Grid(grid.rows, grid.columns, grid.width, grid.height, tuple(map(float, grid.box))), ()
    return None, tuple(tuple(grid.patch_box(patch) or ()) for patch in range(grid.patches))


def view_of(captioner: Captioner, inputs: dict[str, Tensor]) -> bytes | None:
    """The pixels that the encoder got, the normalisation undone; None where they are no single picture."""
    pixels = inputs.get("pixel_values")
    processor: Any = getattr(captioner.processor, "image_processor", None)
    mean, std = (getattr(processor, name, None) for name in ("image_mean", "image_std"))
    if pixels is None or pixels.ndim != 4 or pixels.shape[:2] != (1, 3) or mean is None or std is None:
        return None
    shape = (3, 1, 1)
    plain = pixels[0].detach().float().cpu() * torch.tensor(std).reshape(shape) + torch.tensor(mean).reshape(
        shape
    )
    array: UInt8[np.ndarray, "height width 3"] = (
        (plain * 255).round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
    )
    return encoded(Image.fromarray(array), _SHOWN)


def encoded(image: Image.Image, side: int) -> bytes:
    """A picture no larger than ``side``, as PNG where that is small, else as JPEG."""
    small = image.convert("RGB")
    small.thumbnail((side, side))
    out = io.BytesIO()
    if max(small.size) <= _EXACT:
        small.save(out, "PNG", optimize=True)
    else:
        small.save(out, "JPEG", quality=90, optimize=True)
    return out.getvalue()


def _objects(objects: Sequence[CocoObject], picture: Picture) -> tuple[LookedObject, ...]:
    """Masks that fit the picture; others are left out, as in ``segmentation``."""
    return tuple(
        LookedObject(one.category, one.crowd, tuple(_runs(one.mask())))
        for one in objects
        if one.size == picture.image.size[::-1]
    )


def _runs(mask: Bool[np.ndarray, "height width"]) -> list[int]:
    """Run lengths, columns first, zeros first."""
    flat = mask.flatten(order="F").astype(np.int8)
    ends = np.flatnonzero(np.diff(flat)) + 1
    bounds = [0, *ends.tolist(), len(flat)]
    runs = [after - before for before, after in pairwise(bounds)]
    return [0, *runs] if len(flat) and flat[0] else runs
