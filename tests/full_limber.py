"""A LiMBeR of the published architecture, cut to a few narrow layers: the real classes, 224 pixels, 196 patches."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import BeitConfig, BeitModel, GPTJConfig, GPTJForCausalLM, PreTrainedTokenizerFast

from molyneux.models.limber import LimberForConditionalGeneration, LimberProcessor

SIDE, PATCH, PATCHES = 224, 16, 196
ROWS = 72  # of the embedding, more than there are words, as GPT-J's
LAYERS, UNITS = 3, 256
WORDS = [
    "<pad>",
    "<eos>",
    *("a", "picture", "of", "the", "on", "with", "near", "two", "red", "blue", "running", "large"),
    *("dog", "cat", "horse", "bird", "boat", "train", "clock", "pizza"),
    *("tree", "grass", "street", "kitchen", "table", "person", "bus", "ball"),
    *("q", "zz", "7", ",", ".", "xk", "vv", "##", "1a", "@"),
]


def _processor() -> LimberProcessor:
    from transformers.models.beit.image_processing_pil_beit import BeitImageProcessorPil

    words = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<eos>"))
    words.pre_tokenizer = Whitespace()
    tokens = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>", pad_token="<pad>")
    size = {"height": SIDE, "width": SIDE}
    images = BeitImageProcessorPil(size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3, do_center_crop=False)
    return LimberProcessor(images, tokens, prefix="a picture of", num_image_tokens=PATCHES)


def _model() -> LimberForConditionalGeneration:
    torch.manual_seed(5)
    eyes = BeitConfig(
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=96,
        image_size=SIDE,
        patch_size=PATCH,
        use_mean_pooling=True,
        use_relative_position_bias=True,
    )
    text = GPTJConfig(
        vocab_size=ROWS,
        n_embd=64,
        n_layer=LAYERS,
        n_head=4,
        n_inner=UNITS,
        rotary_dim=8,
        n_positions=256,
        bos_token_id=1,
        eos_token_id=1,
    )
    made = LimberForConditionalGeneration.from_parts(
        BeitModel(eyes), GPTJForCausalLM(text), image_token_id=len(WORDS), real_vocab_size=len(WORDS)
    )
    with torch.no_grad():
        for weight in made.parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.2)
            elif weight.ndim == 1:
                weight.add_(torch.randn_like(weight) * 0.05)
    made.generation_config.eos_token_id = 1
    made.generation_config.pad_token_id = 0
    made.generation_config.suppress_tokens = [0, 1]  # random models end at once: this one writes on
    return made.eval()


def write(folder: Path) -> Path:
    _model().save_pretrained(folder)
    _processor().save_pretrained(folder)
    return folder
