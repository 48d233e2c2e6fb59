"""Tiny judges with random weights, as folders that transformers opens: what the tests of scores are run on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import BertConfig, BertModel, BertTokenizer, RobertaConfig, RobertaModel, RobertaTokenizer

from molyneux.miniature.judges.clip import ClipRecipe, build_clip, build_clip_processor

WORDS = [
    "a",
    "the",
    "dog",
    "cat",
    "lion",
    "zebra",
    "horse",
    "with",
    "and",
    "on",
    "in",
    "of",
    "wave",
    "man",
    "surfing",
    "jungle",
    "red",
    "blue",
    ".",
    ",",
]
CLIP = ClipRecipe(side=32, patch=8, width=32, vision_layers=2, text_layers=2, heads=2, positions=12)


def pictures(count: int = 5) -> list[Image.Image]:
    """Noise of several sizes, so that each has another embedding."""
    rng = np.random.default_rng(0)
    sizes = [(32, 32), (40, 50), (64, 33), (90, 40), (35, 35)]
    return [Image.fromarray(rng.integers(0, 256, (*sizes[n % 5], 3), dtype=np.uint8)) for n in range(count)]


def _spread(model: torch.nn.Module, seed: int) -> None:
    """Weights so wide that layers differ and cosines are not all near 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim > 1:
                value.normal_(0, 0.3, generator=generator)
            elif "bias" in name:
                value.normal_(0, 0.1, generator=generator)


def clip_folder(folder: Path) -> Path:
    """A CLIP of one token a word; texts of at most 12 tokens."""
    processor = build_clip_processor(CLIP)
    model = build_clip(CLIP, processor)
    _spread(model, 1)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def bert_folder(folder: Path) -> Path:
    """A BERT of three blocks and one token a word; texts of at most 12 tokens."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    tokenizer = BertTokenizer(vocab={token: n for n, token in enumerate(tokens)}, model_max_length=12)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=12,
    )
    model = BertModel(config)
    _spread(model, 2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def roberta_folder(folder: Path) -> Path:
    """A RoBERTa that knows "dog" and " dog" as different tokens; its tokenizer does not say how long texts may be."""
    from tokenizers.pre_tokenizers import ByteLevel

    vocab = {token: n for n, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])}
    for letter in sorted(ByteLevel.alphabet()):
        vocab[letter] = len(vocab)
    merges = [("d", "o"), ("do", "g"), ("\u0120", "dog"), ("c", "a"), ("ca", "t"), ("\u0120", "cat")]
    for first, second in merges:
        vocab[first + second] = len(vocab)
    config = RobertaConfig(
        vocab_size=len(vocab),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=14,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    model = RobertaModel(config)
    _spread(model, 3)
    model.save_pretrained(folder)
    RobertaTokenizer(vocab=vocab, merges=merges).save_pretrained(folder)
    return folder
