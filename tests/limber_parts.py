"""A tiny BEiT, a tiny GPT-J and a projection in files, with the keys and habits of the published ones."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    AddedToken,
    BeitConfig,
    BeitModel,
    GPTJConfig,
    GPTJForCausalLM,
    PreTrainedTokenizerFast,
)

import machines

ROWS = 40  # of the embedding: GPT-J's has 50,400 for 50,257 tokens
EYES, WIDTH = 24, 32


def write_vision(folder: Path) -> Path:
    """A BEiT as published: mean pooling in its configuration, so no final norm; a plain stretch to its side."""
    torch.manual_seed(1)
    config = BeitConfig(
        hidden_size=EYES,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=machines.SIDE,
        patch_size=machines.PATCH,
        use_mean_pooling=True,
        use_relative_position_bias=True,
    )
    model = BeitModel(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    model.save_pretrained(folder)
    machines.processor().image_processor.save_pretrained(folder)
    return folder


def write_text(folder: Path, dtype: torch.dtype = torch.float16) -> Path:
    """A GPT-J in float16, as the revision float16 is, with empty tokens behind the real ones."""
    torch.manual_seed(2)
    ends = {"vocab_size": ROWS, "bos_token_id": 1, "eos_token_id": 1}
    config = GPTJConfig(n_embd=WIDTH, n_layer=3, n_head=2, n_inner=40, rotary_dim=8, n_positions=96, **ends)
    model = GPTJForCausalLM(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.3) if weight.ndim > 1 else weight.add_(torch.randn_like(weight) * 0.1)
        model.lm_head.bias[len(machines.WORDS) :] += 100.0  # would be written, if empty tokens could be
        model.lm_head.bias[:2] -= 100.0
    model.to(dtype).save_pretrained(folder)
    words = Tokenizer(WordLevel({word: n for n, word in enumerate(machines.WORDS)}, unk_token="<eos>"))
    words.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>", bos_token="<eos>")
    empty = range(ROWS - len(machines.WORDS))
    tokenizer.add_tokens([AddedToken(f"<|extratoken_{n + 1}|>", normalized=False) for n in empty])
    tokenizer.save_pretrained(folder)
    return folder


def projection() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return {"weight": torch.randn(WIDTH, EYES) * 0.3, "bias": torch.randn(WIDTH) * 0.1}


def write_projection(path: Path) -> Path:
    torch.save(projection(), path)
    return path


def write_parts(folder: Path) -> dict[str, str]:
    """Keyword arguments of ``load``."""
    folder.mkdir(exist_ok=True)
    return {
        "projection": str(write_projection(folder / "proj.ckpt")),
        "vision": str(write_vision(folder / "beit")),
        "text": str(write_text(folder / "gptj")),
    }
