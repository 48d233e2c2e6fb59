"""The judge of captions against captions: a small BERT that learns to fill in masked words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from molyneux.ground.errors import SettingError
from molyneux.miniature.captions import LEAD, describe
from molyneux.miniature.dataset import DEVELOPMENT, scene_of
from molyneux.miniature.judges.checks import bert_checks
from molyneux.miniature.judges.schooling import JUDGE_SEEDS, Course, Schooling, refuse_other_seeds, teach
from molyneux.miniature.judges.words import build_bert_tokenizer
from molyneux.miniature.sentences import sentence
from molyneux.miniature.topics import TOPICS

if TYPE_CHECKING:
    from transformers import BertForMaskedLM, BertTokenizer, PreTrainedModel

__all__ = ["BertRecipe", "build_bert", "hide", "masked_loss", "text_of", "train_bert"]

_IGNORED = -100  # the label of a place whose word is not asked for


@dataclass(frozen=True, kw_only=True)
class BertRecipe(Schooling):
    """How the judge of captions against captions is made; everything that decides its weights."""

    steps: int = 2000
    batch: int = 64
    peak: float = 2e-3
    warmup: int = 100
    decay: float = 0.05
    seed: int = 72
    every: int = 200
    first_seed: int = JUDGE_SEEDS.start + 2**31
    """Of the scenes that captions describe; each is met once."""
    layers: int = 4
    """Blocks."""
    width: int = 128
    """Of the residual stream."""
    heads: int = 4
    """Attention heads a block."""
    positions: int = 64
    """Longest text in tokens."""
    spread: float = 0.1
    """Standard deviation of fresh word embeddings, five times that of places and of all other weights: were they
    alike, any two words at one place would start with a cosine of 2/3, and training hardly parts them."""
    captions: float = 0.5
    """Share of the texts that are captions; the others are two sentences on a topic."""
    hidden: float = 0.2
    """Share of the words that are asked for."""
    check: int = 256
    """Development scenes looked at with each checkpoint."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_other_seeds(self.first_seed, self.steps * self.batch)
        if self.width % self.heads or not 0 < self.hidden < 1:
            raise SettingError(
                "BERT recipe",
                value=(self.width, self.heads, self.hidden),
                expected="heads that divide the width, and a share between 0 and 1 of hidden words",
            )


def build_bert(recipe: BertRecipe, tokenizer: BertTokenizer) -> BertForMaskedLM:
    """A BERT with fresh weights, drawn from ``recipe.seed``."""
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        intermediate_size=4 * recipe.width,
        max_position_embeddings=recipe.positions,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = BertForMaskedLM(config)
        nn.init.normal_(model.bert.embeddings.word_embeddings.weight, std=recipe.spread)
        return model


def text_of(recipe: BertRecipe, index: int) -> str:
    """The text of a number: a caption, with or without "a picture of", or two sentences on one topic."""
    rng = np.random.default_rng([recipe.seed, index])
    if rng.random() < recipe.captions:
        caption = describe(scene_of(recipe.first_seed + index), rng)[0]
        return f"{LEAD} {caption}" if rng.random() < 0.5 else caption
    names = tuple(TOPICS)
    topic = TOPICS[names[int(rng.integers(len(names)))]]
    return f"{sentence(topic, rng)} {sentence(topic, rng)}"


def hide(
    ids: Int[Tensor, "text token"], recipe: BertRecipe, tokenizer: BertTokenizer, step: int
) -> tuple[Int[Tensor, "text token"], Int[Tensor, "text token"]]:
    """What the model reads, and what it is to answer: -100 where it is not asked.

    Of the words asked for, 80 % are masked, 10 % are any word, 10 % stay (Devlin et al. 2019).
    """
    generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)

    def draw() -> Float[Tensor, "text token"]:
        return torch.rand(ids.shape, generator=generator)

    special = torch.isin(ids, torch.tensor(tokenizer.all_special_ids))
    asked = (draw() < recipe.hidden) & ~special
    how, words = draw(), torch.randint(len(tokenizer), ids.shape, generator=generator)
    read = torch.where(asked & (how < 0.1), words, ids)
    read = read.masked_fill(asked & (how >= 0.2), int(tokenizer.mask_token_id))
    return read, ids.masked_fill(~asked, _IGNORED)


def masked_loss(
    logits: Float[Tensor, "text token word"], labels: Int[Tensor, "text token"]
) -> Float[Tensor, ""]:
    """Mean cross-entropy over the words asked for, in nats; 0 where none is."""
    asked = labels != _IGNORED
    total = functional.cross_entropy(logits[asked].float(), labels[asked], reduction="sum")
    return total / asked.sum().clamp(min=1)


def train_bert(out: Path, recipe: BertRecipe, *, device: str = "cpu", stop: int | None = None) -> Path:
    """Train the judge of captions against captions, or go on; see ``schooling.teach``.

    ``out/latest`` is what ``AutoModel`` (a ``BertModel``) and ``AutoTokenizer`` open. Its pooler, which
    masked words do not train, is zero.

    Raises:
        SettingError: ``out`` holds a training of another recipe.
    """

    def prepare() -> Course:
        tokenizer = build_bert_tokenizer(longest=recipe.positions)
        model = build_bert(recipe, tokenizer)

        def loss(step: int) -> Tensor:
            texts = [text_of(recipe, step * recipe.batch + place) for place in range(recipe.batch)]
            inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
            read, labels = hide(inputs["input_ids"], recipe, tokenizer, step)
            found = model(input_ids=read.to(device), attention_mask=inputs["attention_mask"].to(device))
            return masked_loss(found.logits, labels.to(device))

        def check() -> dict[str, float]:
            found = bert_checks(model.bert, tokenizer, DEVELOPMENT[: recipe.check])
            return {name: share["share"] for name, share in found.items()}

        def export(finished: PreTrainedModel, folder: Path) -> None:
            _export(finished, folder)
            tokenizer.save_pretrained(folder)

        return Course("bert", model, loss, check, export)

    return teach(out, recipe, prepare, device=device, stop=stop)


def _export(finished: PreTrainedModel, folder: Path) -> None:
    """Write the body without the head, and with the pooler that ``BertModel`` looks for, so that none is drawn."""
    from transformers import BertConfig, BertModel

    config = finished.config
    assert isinstance(config, BertConfig)
    whole = BertModel(config)
    if whole.pooler is not None:
        for parameter in whole.pooler.parameters():
            nn.init.zeros_(parameter)
    whole.load_state_dict(finished.base_model.state_dict(), strict=False)
    nn.Module.half(whole)
    whole.save_pretrained(folder)
