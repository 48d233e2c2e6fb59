"""Sizes and settings that the tiny models share, and their image processors with the PIL backend."""

from __future__ import annotations

import importlib
from typing import Any

from families.words import BOS, EOS, PAD, WORDS

SIDE, PATCH = 32, 8
MEAN = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
ENDS = {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD}
TEXT = {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 2048,
    **ENDS,
}
VISION = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": PATCH,
}
FIRST = len(WORDS)  # id of a family's first placeholder


def pil(module: str, kind: str) -> Any:
    return getattr(
        importlib.import_module(f"transformers.models.{module}.image_processing_pil_{module}"), kind
    )


def clip_images(**settings: Any) -> Any:
    square = {"height": SIDE, "width": SIDE}
    return pil("clip", "CLIPImageProcessorPil")(
        **{"size": {"shortest_edge": SIDE}, "crop_size": square, **MEAN, **settings}
    )
