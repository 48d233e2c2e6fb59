"""LiMBeR captioners of chosen sizes with random weights: what a benchmark runs on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from torch import Tensor
from transformers import AutoModel, AutoModelForCausalLM, BeitConfig, GPTJConfig, PreTrainedTokenizerFast

from molyneux.data.gate import Picture, open_image
from molyneux.models.caption import Caption
from molyneux.models.captioner import Captioner
from molyneux.models.limber import LimberForConditionalGeneration, LimberProcessor
from molyneux.neurons.passes import with_prefix
from molyneux.neurons.target import Target, choose_target

__all__ = ["QUICK", "SIZES", "TOKENS", "Case", "Size", "joined"]

PATCH = 16
TOKENS = 10
"""Tokens that a caption has here; its third is the target, as "dog" in "a dog"-like captions."""


@dataclass(frozen=True)
class Size:
    """Shape of a GPT-J: units are 4 x width, heads are 64 wide, the image is a square of patches."""

    layers: int
    width: int
    patches: int
    vocabulary: int = 8192

    def __str__(self) -> str:
        return f"{self.layers} layers x {self.width}, {self.patches} patches, {self.vocabulary} tokens"

    @property
    def side(self) -> int:
        """Of the image, in pixels."""
        return PATCH * round(self.patches**0.5)


SIZES = (Size(4, 512, 64), Size(8, 1024, 64), Size(12, 1536, 196))
QUICK = (Size(2, 64, 16, 64), Size(3, 128, 16, 64))


def _tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    known = ["<pad>", "<eos>", "a", "picture", "of"]
    words = known + [f"w{n}" for n in range(vocabulary - len(known))]
    tokens = Tokenizer(WordLevel({word: n for n, word in enumerate(words)}, unk_token="<eos>"))
    tokens.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token="<eos>", pad_token="<pad>")


def _encoder(side: int) -> BeitConfig:
    """One narrow layer, so that the language model is what takes the time."""
    narrow = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 32}
    return BeitConfig(**narrow, image_size=side, patch_size=PATCH, use_mean_pooling=True)


def build(size: Size) -> Captioner:
    """A frozen captioner with the size's random weights, which writes exactly TOKENS tokens."""
    torch.manual_seed(0)
    text = GPTJConfig(
        vocab_size=size.vocabulary,
        n_embd=size.width,
        n_layer=size.layers,
        n_head=size.width // 64,
        rotary_dim=32,
        n_positions=256,
        bos_token_id=1,
        eos_token_id=1,
        pad_token_id=0,
    )
    return joined(size, AutoModel.from_config(_encoder(size.side)), AutoModelForCausalLM.from_config(text))


def joined(size: Size, eyes: Any, writer: Any) -> Captioner:
    """Encoder and language model as one frozen captioner that never ends a caption early.

    Args:
        size: of which the patches and the vocabulary count here; ``writer`` may have padding rows beyond it.
    """
    from transformers.models.beit.image_processing_pil_beit import BeitImageProcessorPil

    model = LimberForConditionalGeneration.from_parts(
        eyes, writer, image_token_id=size.vocabulary, real_vocab_size=size.vocabulary
    )
    model.requires_grad_(False)
    model.generation_config.eos_token_id = 1
    model.generation_config.pad_token_id = 0
    model.generation_config.suppress_tokens = [0, 1]  # never end early: every contender writes as much
    pixels = {"height": size.side, "width": size.side}
    grey = [0.5] * 3
    images = BeitImageProcessorPil(size=pixels, image_mean=grey, image_std=grey, do_center_crop=False)
    tokens = _tokenizer(size.vocabulary)
    processor = LimberProcessor(images, tokens, prefix="a picture of", num_image_tokens=size.patches)
    return Captioner(model, processor, name=str(size))


class Case:
    """One captioner, one image, its caption and the target token in it: the work that contenders do.

    Args:
        size: of the captioner, which is built here.
        captioner: to be used instead of a built one.
        picture: to be used instead of noise.
    """

    def __init__(
        self, size: Size, *, captioner: Captioner | None = None, picture: Picture | None = None
    ) -> None:
        noise = np.random.default_rng(0).integers(0, 255, (size.side, size.side, 3), dtype=np.uint8)
        self.size = size
        self.captioner = build(size) if captioner is None else captioner
        self.picture = open_image(Image.fromarray(noise)) if picture is None else picture

    @cached_property
    def caption(self) -> Caption:
        return self.captioner.generate([self.picture], max_new_tokens=TOKENS).captions[0]

    @cached_property
    def target(self) -> Target:
        return choose_target(self.caption, 2)

    @property
    def language(self) -> Any:
        """The text model, as transformers made it."""
        return self.captioner.model.language_model

    def inputs(self) -> dict[str, Tensor]:
        """From the image to tensors, the caption's tokens before the target appended."""
        return with_prefix(self.captioner.prepare([self.picture]), [self.target.prefix])

    def embeddings(self) -> Tensor:
        """[1, position, width]: what the text model reads, patches first; made anew from the image."""
        inputs = self.inputs()
        with torch.no_grad():
            embedded: Tensor = self.captioner.model.embed(inputs["input_ids"], inputs["pixel_values"])
        return embedded
