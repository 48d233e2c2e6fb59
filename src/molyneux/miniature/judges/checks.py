"""How well the judges judge, on scenes of given seeds: shares of right answers with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from molyneux.ground.errors import SettingError
from molyneux.ground.shares import share
from molyneux.miniature.captions import LEAD
from molyneux.miniature.dataset import captions_of, scene_of
from molyneux.miniature.features import RENDERED
from molyneux.miniature.scene import CATEGORIES
from molyneux.miniature.world import render

if TYPE_CHECKING:
    from transformers import BertModel, CLIPModel, CLIPProcessor

__all__ = ["Share", "bert_checks", "clip_checks", "judge_checks"]

#: ``share`` of right answers, ``low`` and ``high`` of its 95 % interval, and their ``count``.
Share = dict[str, float]

_BATCH = 64


def judge_checks(clip_folder: Path, bert_folder: Path, seeds: Sequence[int]) -> dict[str, dict[str, Share]]:
    """Both judges on the scenes of ``seeds``: ``{"clip": clip_checks, "bert": bert_checks}``.

    Args:
        clip_folder: of a ``CLIPModel`` and its ``CLIPProcessor``.
        bert_folder: of a ``BertModel`` and its tokenizer.
        seeds: of scenes that neither was trained on, of at least two categories.

    Raises:
        SettingError: all scenes show one category, so that nothing can be told apart.
    """
    from transformers import AutoModel, AutoTokenizer, CLIPModel, CLIPProcessor

    clip = CLIPModel.from_pretrained(clip_folder, dtype=torch.float32)
    processor = CLIPProcessor.from_pretrained(clip_folder, backend="pil")
    bert = AutoModel.from_pretrained(bert_folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(bert_folder)
    return {"clip": clip_checks(clip, processor, seeds), "bert": bert_checks(bert, tokenizer, seeds)}


@torch.no_grad()
def clip_checks(model: CLIPModel, processor: CLIPProcessor, seeds: Sequence[int]) -> dict[str, Share]:
    """How often CLIP finds right, one trial a scene and question.

    ``other_category``: the scene's first caption fits its picture better than that of a scene with another
    main category (chance .5); ``same_category``: than that of another scene with the same one (chance .5);
    ``zero_shot``: "a picture of this CATEGORY" fits best with the main category, of 16 (chance .06).
    """
    names = [scene_of(seed).things[0].category for seed in seeds]
    images = _picture_vectors(model, processor, seeds)
    own = _text_vectors(model, processor, [f"{LEAD} {captions_of(seed)[0]}" for seed in seeds])
    kinds = _text_vectors(model, processor, [f"{LEAD} this {name}" for name in CATEGORIES])
    fit = images @ own.T
    best = (images @ kinds.T).argmax(1).tolist()
    categories = tuple(CATEGORIES)

    def beaten(partners: list[int | None]) -> list[bool]:
        return [bool(fit[k, k] > fit[k, other]) for k, other in enumerate(partners) if other is not None]

    return {
        "other_category": _share(beaten(_partners(names, same=False))),
        "same_category": _share(beaten(_partners(names, same=True))),
        "zero_shot": _share([categories[k] == name for k, name in zip(best, names, strict=True)]),
    }


@torch.no_grad()
def bert_checks(model: BertModel, tokenizer: Any, seeds: Sequence[int]) -> dict[str, Share]:
    """How often BERT's words find right, one trial a scene, for each layer from the embeddings on.

    ``layer_K``: the scene's second caption matches its first better, by greedy matching of tokens, than the
    first caption of a scene with another main category does (chance .5).
    """
    names = [scene_of(seed).things[0].category for seed in seeds]
    first = [captions_of(seed)[0] for seed in seeds]
    second = [captions_of(seed)[1] for seed in seeds]
    ours, again = (_token_vectors(model, tokenizer, texts) for texts in (first, second))
    partners = _partners(names, same=False)
    found = {}
    for layer in range(len(ours[0])):
        right = [
            _matching(again[k][layer], ours[k][layer]) > _matching(ours[other][layer], ours[k][layer])
            for k, other in enumerate(partners)
            if other is not None
        ]
        found[f"layer_{layer}"] = _share(right)
    return found


def _partners(names: Sequence[str], *, same: bool) -> list[int | None]:
    """For every scene the next one round the circle of the same category, or of another; None: there is none."""
    n = len(names)
    found = [
        next((j % n for j in range(k + 1, k + n) if (names[j % n] == names[k]) is same), None)
        for k in range(n)
    ]
    if not same and None in found:
        raise SettingError(
            "scenes", value=n, expected="scenes of at least two main categories", fix="Take more seeds."
        )
    return found


def _share(right: list[bool]) -> Share:
    """The share of right answers with its interval; NaN where there were no questions."""
    if not right:
        return {"share": math.nan, "low": math.nan, "high": math.nan, "count": 0}
    found = share(sum(right), len(right))
    return {"share": found.count / found.of, "low": found.low, "high": found.high, "count": found.of}


def _picture_vectors(
    model: CLIPModel, processor: CLIPProcessor, seeds: Sequence[int]
) -> Float[Tensor, "image dim"]:
    found = []
    for start in range(0, len(seeds), _BATCH):
        pictures = [render(scene_of(seed), side=RENDERED).image for seed in seeds[start : start + _BATCH]]
        pixels = processor(images=pictures, return_tensors="pt")["pixel_values"].to(model.device)
        found.append(model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output))
    return functional.normalize(torch.cat(found).float(), dim=-1).cpu()


def _text_vectors(
    model: CLIPModel, processor: CLIPProcessor, texts: Sequence[str]
) -> Float[Tensor, "text dim"]:
    inputs = processor(text=list(texts), padding=True, truncation=True, return_tensors="pt").to(model.device)
    found = model.text_projection(model.text_model(**inputs).pooler_output)
    return functional.normalize(found.float(), dim=-1).cpu()


def _token_vectors(
    model: nn.Module, tokenizer: Any, texts: Sequence[str]
) -> list[Float[Tensor, "layer token dim"]]:
    """Unit vectors of every text's words, without the tokens at its ends."""
    inputs = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt").to(model.device)
    states = torch.stack(model(**inputs, output_hidden_states=True).hidden_states)
    vectors = functional.normalize(states.float(), dim=-1).cpu()
    lengths = inputs["attention_mask"].sum(1).tolist()
    return [vectors[:, row, 1 : length - 1] for row, length in enumerate(lengths)]


def _matching(candidate: Float[Tensor, "token dim"], reference: Float[Tensor, "word dim"]) -> float:
    """F1 of greedy matching by cosine (Zhang et al., "BERTScore", 2020), without weights of words."""
    cosines = candidate @ reference.T
    precision, recall = float(cosines.max(1).values.mean()), float(cosines.max(0).values.mean())
    return 2 * precision * recall / (precision + recall)
