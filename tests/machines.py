"""Tiny machines for tests: real architectures with random weights, built from their configurations."""

from __future__ import annotations

from typing import Any

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
    BloomConfig,
    FalconConfig,
    GemmaConfig,
    GPT2Config,
    GPTJConfig,
    GPTNeoConfig,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    PhiConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from molyneux.models.captioner import Captioner
from molyneux.models.limber import LimberForConditionalGeneration, LimberProcessor

NOUNS = ["dog", "cat", "horse", "bird", "boat", "train", "clock", "pizza", "tree", "grass"]
WORDS = ["<pad>", "<eos>", "a", "picture", "of", "the", "on", "red", "blue", "running", *NOUNS]
SIDE, PATCH = 32, 8
PATCHES = (SIDE // PATCH) ** 2
ENDS = {"vocab_size": 24, "bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
GATED = {"intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 2}

TEXT: dict[str, Any] = {
    "gptj": lambda: GPTJConfig(
        n_embd=32, n_layer=3, n_head=2, n_inner=40, rotary_dim=8, n_positions=96, **ENDS
    ),
    "gpt2": lambda: GPT2Config(n_embd=32, n_layer=3, n_head=2, n_inner=40, n_positions=96, **ENDS),
    "llama": lambda: LlamaConfig(hidden_size=32, max_position_embeddings=96, **GATED, **ENDS),
    "opt": lambda: OPTConfig(
        hidden_size=32, ffn_dim=40, num_hidden_layers=3, num_attention_heads=2, word_embed_proj_dim=32, **ENDS
    ),
    "bloom": lambda: BloomConfig(hidden_size=32, n_layer=3, n_head=2, **ENDS),
    "gemma": lambda: GemmaConfig(
        hidden_size=32, head_dim=16, num_key_value_heads=1, max_position_embeddings=96, **GATED, **ENDS
    ),
    "gptneo": lambda: GPTNeoConfig(
        hidden_size=32,
        num_layers=3,
        num_heads=2,
        intermediate_size=40,
        attention_types=[[["global", "local", "global"], 1]],
        window_size=8,
        max_position_embeddings=96,
        **ENDS,
    ),
    "mistral": lambda: MistralConfig(
        hidden_size=32, num_key_value_heads=1, max_position_embeddings=96, sliding_window=8, **GATED, **ENDS
    ),
    "neox": lambda: GPTNeoXConfig(hidden_size=32, max_position_embeddings=96, **GATED, **ENDS),
    "phi": lambda: PhiConfig(hidden_size=32, max_position_embeddings=96, **GATED, **ENDS),
    "falcon": lambda: FalconConfig(hidden_size=32, num_hidden_layers=3, num_attention_heads=2, **ENDS),
    "qwen": lambda: Qwen2Config(
        hidden_size=32, num_key_value_heads=1, max_position_embeddings=96, **GATED, **ENDS
    ),
}


def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<eos>"))
    words.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>", pad_token="<pad>")


def processor(prefix: str = "a picture of") -> LimberProcessor:
    from transformers.models.beit.image_processing_pil_beit import BeitImageProcessorPil

    size = {"height": SIDE, "width": SIDE}
    images = BeitImageProcessorPil(size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3, do_center_crop=False)
    return LimberProcessor(images, tokenizer(), prefix=prefix, num_image_tokens=PATCHES)


def model(
    text: str = "gptj", *, seed: int = 0, dtype: torch.dtype = torch.float32
) -> LimberForConditionalGeneration:
    """A LiMBeR with random weights, spread widely enough that its captions are no single word."""
    torch.manual_seed(seed)
    vision = BeitConfig(
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=SIDE,
        patch_size=PATCH,
        use_mean_pooling=True,
    )
    language = AutoModelForCausalLM.from_config(TEXT[text]())
    made = LimberForConditionalGeneration.from_parts(
        AutoModel.from_config(vision), language, image_token_id=len(WORDS), real_vocab_size=len(WORDS)
    )
    with torch.no_grad():
        for weight in made.parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.25)
            elif weight.ndim == 1:
                weight.add_(torch.randn_like(weight) * 0.05)
    made.generation_config.eos_token_id = 1
    made.generation_config.pad_token_id = 0
    made.generation_config.suppress_tokens = [0, 1]  # random models end at once: these write on
    return made.to(dtype).eval()


def captioner(text: str = "gptj", *, seed: int = 0, dtype: torch.dtype = torch.float32) -> Captioner:
    return Captioner(model(text, seed=seed, dtype=dtype), processor(), name=f"tiny {text}")


def images(count: int = 1, *, width: int = 48, height: int = 40, seed: int = 1) -> list[Image.Image]:
    rng = np.random.default_rng(seed)
    return [Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)) for _ in range(count)]
