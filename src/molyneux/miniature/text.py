"""The miniature's tongue: a small GPT-J trained on text alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Int
from torch import Tensor

from molyneux.ground.errors import SettingError
from molyneux.miniature.corpus import CorpusRecipe, documents
from molyneux.miniature.text_check import companion_control, held_out_loss, text_loss
from molyneux.miniature.tokenizer import build_piece_tokenizer, build_tokenizer
from molyneux.miniature.training import (
    Pace,
    checkpoint_of,
    claim,
    clean_slate,
    export_whole,
    fast_bfloat16,
    record,
    save_checkpoint,
    warm_cosine,
)

if TYPE_CHECKING:
    from transformers import GPTJForCausalLM, PreTrainedTokenizerFast

__all__ = ["TextRecipe", "batch_of", "build_text_model", "tokenizer_of", "train_text"]

_ROUND = 16  # batches sorted by length together, so that a batch holds documents of about one length


@dataclass(frozen=True)
class TextRecipe:
    """How the text model is made; everything that decides its weights."""

    corpus: CorpusRecipe = field(default_factory=CorpusRecipe)
    """What it reads."""
    pieces: int = 0
    """Size of a vocabulary of pieces of words; 0 gives every word a token of its own."""
    activation: str = "relu"
    """Of the MLP's units. GPT-J's own, "gelu_new", lets a unit act by a negative activation, which speaks of
    what a picture does not show."""
    layers: int = 8
    """Blocks."""
    width: int = 160
    """Of the residual stream."""
    spread: int = 8
    """MLP units of a layer for each dimension of the residual stream."""
    heads: int = 5
    """Attention heads a layer."""
    rotary: int = 16
    """Dimensions of each head that carry the position."""
    positions: int = 128
    """Longest sequence; documents have at most about 100 tokens."""
    steps: int = 3000
    """Optimiser steps."""
    batch: int = 32
    """Documents a step."""
    peak: float = 2e-3
    """Learning rate after warm-up; it falls to a tenth along a cosine."""
    warmup: int = 100
    """Steps of linear warm-up."""
    decay: float = 0.05
    """Weight decay of matrices."""
    word_rate: float = 0.0
    """Learning rate of the input embeddings as a share of ``peak``. At 0 they stay at their first random
    values: what a word is about is then not in its vector, and MLP units have to look it up."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    seed: int = 0
    """Of the weights and of the corpus."""
    every: int = 250
    """Steps between checkpoints, exports and rows of the log."""
    bfloat16: bool = True
    """Multiply in bfloat16 where the machine does so quickly; else all is float32."""

    def __post_init__(self) -> None:
        if self.width % self.heads or self.rotary > self.width // self.heads:
            raise SettingError(
                "text recipe",
                value=(self.width, self.heads, self.rotary),
                expected="heads that divide the width, each at least as wide as its rotary part",
            )
        if min(self.layers, self.spread, self.steps, self.batch, self.every) < 1:
            raise SettingError(
                "text recipe", value=self, expected="layers, spread, steps, batch and every of at least 1"
            )


def tokenizer_of(recipe: TextRecipe) -> PreTrainedTokenizerFast:
    """The recipe's tokenizer: of words, or of pieces learnt from the first 4,000 documents."""
    if not recipe.pieces:
        return build_tokenizer(recipe.corpus)
    return build_piece_tokenizer(documents(recipe.seed, recipe.corpus, stop=4000), recipe.pieces)


def build_text_model(recipe: TextRecipe, tokenizer: PreTrainedTokenizerFast) -> GPTJForCausalLM:
    """A GPT-J with fresh weights, drawn from ``recipe.seed``; input and output embeddings are not tied."""
    from transformers import GPTJConfig, GPTJForCausalLM

    config = GPTJConfig(
        vocab_size=len(tokenizer),
        n_positions=recipe.positions,
        n_embd=recipe.width,
        n_inner=recipe.spread * recipe.width,
        n_layer=recipe.layers,
        n_head=recipe.heads,
        rotary_dim=recipe.rotary,
        activation_function=recipe.activation,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return GPTJForCausalLM(config)


def batch_of(
    recipe: TextRecipe, step: int, tokenizer: PreTrainedTokenizerFast
) -> Int[Tensor, "document position"]:
    """The token ids of a step's documents, each ended by ``<eos>`` and padded on the right.

    A function of (recipe, step) alone, so resuming needs no state of the data. Documents of 16 steps are
    sorted by length and the resulting batches shuffled, which leaves little padding.
    """
    group, place = divmod(step, _ROUND)
    rows = _sorted_rows(recipe, group, tokenizer)
    order = torch.randperm(_ROUND, generator=torch.Generator().manual_seed(recipe.seed + group)).tolist()
    start = order[place] * recipe.batch
    return _pad(rows[start : start + recipe.batch], tokenizer)


@lru_cache(maxsize=1)
def _sorted_rows(recipe: TextRecipe, group: int, tokenizer: PreTrainedTokenizerFast) -> list[list[int]]:
    size = _ROUND * recipe.batch
    texts = list(documents(recipe.seed, recipe.corpus, start=group * size, stop=(group + 1) * size))
    return sorted(tokenizer(texts)["input_ids"], key=len)


def _pad(rows: list[list[int]], tokenizer: PreTrainedTokenizerFast) -> Int[Tensor, "document position"]:
    longest = max(len(row) for row in rows) + 1
    eos, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    return torch.tensor([[*row, eos] + [pad] * (longest - len(row) - 1) for row in rows])


def train_text(out: Path, recipe: TextRecipe, *, device: str = "cpu", stop: int | None = None) -> Path:
    """Train the text model, or go on where an earlier call was stopped, and return its folder.

    ``out/latest`` is a Hugging Face folder (config, safetensors, tokenizer) of the newest checkpoint, and of
    the finished model in the end; ``out/log.jsonl`` is the log, ``out/checkpoint.pt`` what resuming needs.

    Args:
        out: folder to write; made where it is not there.
        recipe: what to train. An ``out`` that was begun with another recipe is refused.
        device: a torch device.
        stop: stop after this many steps with a checkpoint, as an interruption would; None trains to the end.

    Raises:
        SettingError: ``out`` holds a training of another recipe.
    """
    out.mkdir(parents=True, exist_ok=True)
    claim(out, asdict(recipe))
    tokenizer = tokenizer_of(recipe)
    model = build_text_model(recipe, tokenizer)
    torch.nn.Module.to(model, torch.device(device))  # transformers' own .to() has no usable type
    optimiser = _optimiser(model, recipe)
    step = _resume(out, model, optimiser)
    last = min(recipe.steps, stop or recipe.steps)
    pace, losses = Pace("text", recipe.steps, step), list[Tensor]()
    while step < last:
        rate = warm_cosine(step, recipe.steps, warmup=recipe.warmup, floor=0.1)
        for group in optimiser.param_groups:
            group["lr"] = group.get("share", 1.0) * recipe.peak * rate
        ids = batch_of(recipe, step, tokenizer).to(device)
        losses.append(_step(model, optimiser, ids, recipe))
        step += 1
        if step % 25 == 0 or step == last:
            pace.tell(step, losses[-25:])
        if step % recipe.every == 0 or step == last:
            row: dict[str, int | float] = {
                "step": step,
                "train_loss": float(torch.stack(losses).mean()),
            } | _checks(model, tokenizer, recipe)
            _save(out, model, optimiser, tokenizer, row)
            losses = []
    return out / "latest"


def _step(
    model: GPTJForCausalLM,
    optimiser: torch.optim.Optimizer,
    ids: Int[Tensor, "document position"],
    recipe: TextRecipe,
) -> Tensor:
    model.train()
    short = recipe.bfloat16 and fast_bfloat16(ids.device)
    with torch.autocast(ids.device.type, torch.bfloat16, enabled=short):
        loss = text_loss(model, ids)
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return loss.detach()


def _optimiser(model: GPTJForCausalLM, recipe: TextRecipe) -> torch.optim.AdamW:
    words = model.get_input_embeddings().weight
    others = [p for p in model.parameters() if p is not words]
    matrices = [p for p in others if p.ndim > 1]
    vectors = [p for p in others if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.decay},
        {"params": vectors, "weight_decay": 0.0},
        {
            "params": [words],
            "weight_decay": recipe.decay if recipe.word_rate else 0.0,
            "share": recipe.word_rate,
        },
    ]
    return torch.optim.AdamW(groups, lr=recipe.peak, betas=(0.9, 0.98))


def _checks(
    model: GPTJForCausalLM, tokenizer: PreTrainedTokenizerFast, recipe: TextRecipe
) -> dict[str, float]:
    model.train(False)
    return {"held_out_loss": held_out_loss(model, tokenizer, recipe.corpus)} | companion_control(
        model, tokenizer
    )


def _resume(out: Path, model: GPTJForCausalLM, optimiser: torch.optim.Optimizer) -> int:
    state = checkpoint_of(out)
    if state is None:
        clean_slate(out)
        return 0
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _save(
    out: Path,
    model: GPTJForCausalLM,
    optimiser: torch.optim.Optimizer,
    tokenizer: PreTrainedTokenizerFast,
    row: dict[str, int | float],
) -> None:
    """Log, export and checkpoint; each is complete or not there, whenever the process is ended."""

    def write(folder: Path) -> None:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    record(out, row)
    export_whole(out, write)
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": row["step"]}
    save_checkpoint(out, state)
