"""Tiny models of every family that molyneux names, as captioners and with batches of inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import machines
from families.audio import AUDIO, FRAMES, MELS
from families.common import FIRST
from families.image import IMAGE
from families.words import BOS, EOS, PAD, WORDS
from molyneux.models.captioner import Captioner
from molyneux.models.senses import writer
from molyneux.models.wording import wording

ALL = {**IMAGE, **AUDIO}
#: Every text decoder, under LiMBeR: names that ``captioner`` and ``inputs`` know besides those of ``ALL``.
LIMBER = tuple(f"limber_{text}" for text in sorted(machines.TEXT))
SIZES = ((48, 40), (90, 30), (40, 64), (33, 33))
#: Random models like to repeat one word; these seeds give captions of several.
SEEDS = {
    "blip2": 11,
    "gemma3": 4,
    "llava_next": 2,
    "llava_onevision": 1,
    "mistral3": 1,
    "mllama": 1,
    "paligemma": 10,
    "qwen2_5_vl": 1,
    "qwen2_audio": 1,
    "qwen3_vl": 2,
}
ENDINGS = ("describe the picture", "a", "describe the red dog on the", "a cat and the")
LIMBER_ENDINGS = ("a picture of", "a", "a picture of the red dog on the", "the cat on the")


def spread(model: Any, seed: int = 0) -> Any:
    """Random weights wide enough that captions are no single word and every layer matters."""
    torch.manual_seed(seed)
    kind = model.config.model_type
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:  # Gemma multiplies its embeddings by the root of their width
                weight.normal_(std=0.05 if "gemma" in kind and "embed_tokens" in name else 0.25)
            elif name.endswith("gate"):  # Mllama's cross-attention is closed when it begins
                weight.fill_(0.7)
            else:
                weight.add_(torch.randn_like(weight) * 0.05)
    made = writer(model).generation_config
    made.bos_token_id, made.eos_token_id, made.pad_token_id = BOS, EOS, PAD
    rows = model.get_output_embeddings().weight.shape[0]
    made.suppress_tokens = [
        PAD,
        BOS,
        EOS,
        *range(len(WORDS), rows),
    ]  # random models end at once: these write on
    return model.eval()


def captioner(family: str, *, dtype: torch.dtype = torch.float32, seed: int | None = None) -> Captioner:
    if family in LIMBER:
        return machines.captioner(family.removeprefix("limber_"), dtype=dtype, seed=seed or 0)
    seed = SEEDS.get(family, 0) if seed is None else seed
    torch.manual_seed(seed)
    model, processor = ALL[family]()
    return Captioner(spread(model, seed).to(dtype), processor, name=f"tiny {family}")


def images(count: int = 1) -> list[Image.Image]:
    """Noise, each of another shape."""
    rng = np.random.default_rng(1)
    return [
        Image.fromarray(rng.integers(0, 255, (high, wide, 3), dtype=np.uint8)) for wide, high in SIZES[:count]
    ]


def inputs(machine: Captioner, count: int = 1, *, only: int | None = None) -> dict[str, Tensor]:
    """Ready inputs of ``count`` unequal prompts, made by the family's own processor where it runs here.

    Args:
        only: the prompt that is row ``only`` of a larger batch, alone.
    """
    family = machine.model.config.model_type
    rows = range(count) if only is None else [only]
    if family == "voxtral":
        return machine.prepare(_spoken(machine, rows))
    if family == "qwen2_audio":
        sounds = [np.random.default_rng(n).normal(size=900 - 200 * n) for n in rows]
        texts = [f"user : <|AUDIO|> {ENDINGS[n]}" for n in rows]
        made = machine.processor(
            audio=sounds, text=texts, return_tensors="pt", padding=True, sampling_rate=1024
        )
        return machine.prepare(made)
    pictures = [images(4)[n] for n in rows]
    if family == "limber":
        texts = [LIMBER_ENDINGS[n] for n in rows]
        return machine.prepare(machine.processor(images=pictures, text=texts, return_tensors="pt"))
    texts = [wording(machine.processor, family, ENDINGS[n]) for n in rows]
    nested = family not in ("blip-2", "fuyu")
    options = {} if family == "fuyu" else {"padding": True, "padding_side": "left"}
    pictures = [[image] for image in pictures] if nested else pictures
    return machine.prepare(machine.processor(images=pictures, text=texts, return_tensors="pt", **options))


def _spoken(machine: Captioner, rows: Sequence[int]) -> dict[str, Tensor]:
    prompts = [[BOS, *[FIRST] * 8, *machine.tokenizer(ENDINGS[n])["input_ids"]] for n in rows]
    longest = max(map(len, prompts))
    ids = torch.tensor([[PAD] * (longest - len(prompt)) + prompt for prompt in prompts])
    sounds = torch.randn(4, MELS, FRAMES, generator=torch.Generator().manual_seed(0))
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "input_features": sounds[list(rows)]}
