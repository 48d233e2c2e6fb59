"""Text decoders under LLaVA: any causal language model of transformers as its text part."""

from __future__ import annotations

from typing import Any

import torch
import transformers as hf

from families import spread
from families.common import PATCH, SIDE, VISION, clip_images
from families.words import chat, tokenizer
from machines import TEXT
from molyneux.models.captioner import Captioner

PATCHES = (SIDE // PATCH) ** 2


def llava_over(text: str, *, dtype: torch.dtype = torch.float32) -> Captioner:
    """A LLaVA whose words come from the named decoder of ``machines.TEXT``, in this vocabulary."""
    words = tokenizer(named={"image_token": "<image>"})
    config: Any = TEXT[text]()
    config.vocab_size = len(words)
    torch.manual_seed(0)
    model = hf.LlavaForConditionalGeneration(
        hf.LlavaConfig(
            vision_config=hf.CLIPVisionConfig(**VISION),
            text_config=config,
            image_token_index=words.convert_tokens_to_ids("<image>"),
            image_seq_length=PATCHES,
        )
    )
    processor = hf.LlavaProcessor(
        clip_images(),
        words,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat("<image>"),
    )
    return Captioner(spread(model).to(dtype), processor, name=f"tiny llava over {text}")
