"""Tiny LiMBeRs of several encoders and language models, and their processors."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    BeitConfig,
    CLIPVisionConfig,
    Dinov2Config,
    Dinov2WithRegistersConfig,
    GPT2Config,
    GPTJConfig,
    LlamaConfig,
    OPTConfig,
    PreTrainedTokenizerFast,
    ViTConfig,
)

from molyneux.models.limber import LimberForConditionalGeneration, LimberProcessor

__all__ = [
    "COMMON",
    "ENDS",
    "GRID",
    "IMAGE_TOKEN",
    "PAIRS",
    "PATCH",
    "PATCHES",
    "ROWS",
    "SIDE",
    "TEXT",
    "TEXTS",
    "VISION",
    "WORDS",
    "image_processor",
    "images",
    "language_model",
    "limber",
    "processor",
    "tokenizer",
]


WORDS = ["<eos>", "a", "picture", "of", *(f"w{n}" for n in range(28))]  # 32 real tokens
ROWS = 40  # of the embedding: 8 of padding
IMAGE_TOKEN = len(WORDS)
SIDE, PATCH = 16, 4
PATCHES = (SIDE // PATCH) ** 2

COMMON = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
GRID = {"image_size": SIDE, "patch_size": PATCH}
VISION = {
    "beit": lambda: BeitConfig(**COMMON, **GRID, use_mean_pooling=True),
    "vit": lambda: ViTConfig(**COMMON, **GRID),
    "dinov2": lambda: Dinov2Config(**{**COMMON, **GRID}),
    "registers": lambda: Dinov2WithRegistersConfig(**{**COMMON, **GRID}, num_register_tokens=3),
    "clip": lambda: CLIPVisionConfig(**COMMON, **GRID),
}
ENDS = {"vocab_size": ROWS, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
TEXT = {
    "gptj": lambda: GPTJConfig(n_embd=32, n_layer=2, n_head=2, rotary_dim=8, n_positions=64, **ENDS),
    "gpt2": lambda: GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=64, **ENDS),
    "opt": lambda: OPTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, ffn_dim=48, word_embed_proj_dim=20, **ENDS
    ),
    "llama": lambda: LlamaConfig(
        **{**COMMON, "hidden_size": 32}, num_key_value_heads=1, max_position_embeddings=64, **ENDS
    ),
}
PAIRS = list(product(VISION, TEXT))


def language_model(kind: str) -> torch.nn.Module:
    model = AutoModelForCausalLM.from_config(TEXT[kind]())
    with torch.no_grad():  # far from ties, and different enough that greedy texts are not one word
        for weight in model.parameters():
            weight.normal_(std=0.3) if weight.ndim > 1 else None
    return model.eval()


def limber(vision: str = "beit", text: str = "gptj", **given: object) -> LimberForConditionalGeneration:
    torch.manual_seed(0)
    eyes = AutoModel.from_config(VISION[vision]()).eval()
    given = {"image_token_id": IMAGE_TOKEN, "real_vocab_size": len(WORDS)} | given
    model = LimberForConditionalGeneration.from_parts(eyes, language_model(text), **given)
    torch.nn.init.normal_(model.projection.weight, std=0.5)
    torch.nn.init.normal_(model.projection.bias, std=0.5)
    model.generation_config.pad_token_id = 0
    model.generation_config.eos_token_id = None  # fixed lengths: nothing in a random model stops early
    return model


def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<eos>"))
    words.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>")


def image_processor() -> object:
    from transformers.models.beit.image_processing_pil_beit import BeitImageProcessorPil

    half = [0.5] * 3
    return BeitImageProcessorPil(size={"height": SIDE, "width": SIDE}, image_mean=half, image_std=half)


def processor() -> LimberProcessor:
    return LimberProcessor(image_processor(), tokenizer(), prefix="a picture of", num_image_tokens=PATCHES)


def images(count: int) -> list[Image.Image]:
    pixels = np.random.default_rng(1).integers(0, 255, (count, 20, 30, 3), dtype=np.uint8)
    return [Image.fromarray(image) for image in pixels]


TEXTS = ["a picture of", "w3", "of w9 w1 w4 w5"]
