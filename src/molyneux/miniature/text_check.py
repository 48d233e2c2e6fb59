"""Whether the text model learns: loss on unseen documents, and nouns inferred from companions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from molyneux.miniature.captions import LEAD
from molyneux.miniature.corpus import CorpusRecipe, document
from molyneux.miniature.passages import GRID, Mixture, draw_scene, passage
from molyneux.miniature.scene import CATEGORIES
from molyneux.miniature.tokenizer import first_pieces

if TYPE_CHECKING:
    from transformers import GPTJForCausalLM, PreTrainedTokenizerFast

__all__ = ["companion_control", "companion_prompts", "held_out_loss", "text_loss"]

UNSEEN_CORPUS = 1_000_000_007  # a seed of the corpus that no recipe trains on


def text_loss(model: GPTJForCausalLM, ids: Int[Tensor, "document position"]) -> Float[Tensor, ""]:
    """Mean cross-entropy of the next token in nats, padding left out.

    Documents are padded on the right, where attention of earlier positions does not reach; so no mask is
    needed, and positions count from the first word as they do for a picture's patches.
    """
    logits = model(input_ids=ids[:, :-1]).logits
    targets = ids[:, 1:].flatten()
    return functional.cross_entropy(
        logits.float().flatten(0, 1), targets, ignore_index=int(model.config.pad_token_id or 0)
    )


@torch.no_grad()
def held_out_loss(
    model: GPTJForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    corpus: CorpusRecipe,
    *,
    count: int = 128,
) -> float:
    """Loss on ``count`` documents of a seed that is never trained on, in nats a token."""
    texts = [document(UNSEEN_CORPUS, index, corpus) + tokenizer.eos_token for index in range(count)]
    ids = tokenizer(texts, return_tensors="pt", padding=True, padding_side="right")["input_ids"]
    return float(text_loss(model, ids.to(model.device)))


@torch.no_grad()
def companion_control(
    model: GPTJForCausalLM, tokenizer: PreTrainedTokenizerFast, *, count: int = 128
) -> dict[str, float]:
    """Nouns inferred from 64 companion words, the noun itself not among them.

    Returns:
        "noun_accuracy": share of passages after which, at "a picture of this", the likeliest of the 16
        categories is the passage's (chance 1/16); "noun_probability": its mean probability among all tokens.
    """
    texts, nouns = companion_prompts(count)
    batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="right").to(model.device)
    ids = batch["input_ids"]
    last = batch["attention_mask"].sum(1) - 1  # pieces make passages of unequal lengths
    hidden = model.transformer(input_ids=ids).last_hidden_state[torch.arange(len(ids)), last]
    probabilities = model.lm_head(hidden).float().softmax(-1)
    names = first_pieces(tokenizer, CATEGORIES)
    right = torch.tensor([list(CATEGORIES).index(noun) for noun in nouns], device=ids.device)
    among = probabilities[:, names]
    return {
        "noun_accuracy": float((among.argmax(-1) == right).float().mean()),
        "noun_probability": float(among.gather(1, right[:, None]).mean()),
    }


def companion_prompts(count: int) -> tuple[list[str], list[str]]:
    """Passages of 64 words without their noun, each followed by "a picture of this", and their nouns."""
    texts, nouns = [], []
    for index in range(count):
        rng = np.random.default_rng([UNSEEN_CORPUS, 1, index])
        scene = draw_scene(rng)
        words = passage(scene, Mixture(length=GRID * GRID, main=0.35, noun=0.0), rng)
        texts.append(f"{' '.join(words)} {LEAD} this")
        nouns.append(scene.things[0].category)
    return texts, nouns
