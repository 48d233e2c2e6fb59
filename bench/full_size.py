"""LiMBeR at the paper's size with random weights: a GPT-J of full width behind a full BEiT-large."""

from __future__ import annotations

from typing import Any

import torch
from random_limber import Case, Size, joined
from transformers import AutoModel, AutoModelForCausalLM, BeitConfig, GPTJConfig

__all__ = ["PAPER", "ROWS", "SMALL", "full_case", "made_in_place"]

PAPER = Size(layers=28, width=4096, patches=196, vocabulary=50_257)
"""GPT-J 6B; units are 4 x width = 16,384."""
SMALL = Size(layers=2, width=128, patches=196, vocabulary=64)
"""For a trial run: GPT-J's shape in small."""
ROWS = 50_400
"""Of GPT-J's embedding and unembedding: those beyond the vocabulary are padding."""


def _encoder(small: bool) -> BeitConfig:
    """BEiT-large as LiMBeR had it (a norm of patches would be ``use_mean_pooling=False``), or one narrow layer."""
    shape = {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    }
    narrow = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 64}
    return BeitConfig(**(narrow if small else shape), use_relative_position_bias=True, use_mean_pooling=True)


def _writer(size: Size, rows: int) -> GPTJConfig:
    return GPTJConfig(
        vocab_size=rows,
        n_embd=size.width,
        n_layer=size.layers,
        n_head=max(size.width // 256, 1),
        rotary_dim=64,
        bos_token_id=1,
        eos_token_id=1,
        pad_token_id=0,
    )


@torch.no_grad()
def made_in_place(kind: Any, config: Any, *, dtype: torch.dtype, device: torch.device) -> Any:
    """A model with fresh weights that never takes more memory than they do.

    It is built without storage; then each module in turn gets its own and draws it as transformers would
    (normal weights, norms of 1, biases of 0, tables of positions), in the dtype and on the device it stays in.

    Args:
        kind: ``AutoModel`` or a relative.
    """
    with torch.device("meta"):
        model = kind.from_config(config, dtype=dtype)
    for module in model.modules():
        module.to_empty(device=device, recurse=False)
        model._init_weights(module)
    return model.eval()


def full_case(size: Size, *, dtype: torch.dtype, device: torch.device) -> Case:
    """The captioner, noise for an image, and the third token of its caption for a target."""
    torch.manual_seed(0)
    small = size == SMALL
    eyes = made_in_place(AutoModel, _encoder(small), dtype=dtype, device=device)
    rows = size.vocabulary if small else ROWS
    writer = made_in_place(AutoModelForCausalLM, _writer(size, rows), dtype=dtype, device=device)
    return Case(size, captioner=joined(size, eyes, writer))
