"""Tiny Qwen-VL models."""

from __future__ import annotations

from typing import Any

import transformers as hf

from families.common import FIRST, MEAN, TEXT, pil
from families.words import chat, tokenizer
from molyneux.models.processors import without_video


def _qwen_words() -> Any:
    return tokenizer(
        named={
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
            "vision_bos_token": "<|vision_start|>",
            "vision_eos_token": "<|vision_end|>",
        }
    )


QWEN_IDS = {
    "image_token_id": FIRST,
    "video_token_id": FIRST + 1,
    "vision_start_token_id": FIRST + 2,
    "vision_end_token_id": FIRST + 3,
}


def _qwen(model: Any, config: Any, kind: Any, *, patch: int = 4) -> tuple[Any, Any]:
    images = pil("qwen2_vl", "Qwen2VLImageProcessorPil")(
        patch_size=patch, merge_size=2, temporal_patch_size=2, min_pixels=256, max_pixels=4096, **MEAN
    )
    place = chat("<|vision_start|> <|image_pad|> <|vision_end|>")
    return model(config), without_video(kind)(images, _qwen_words(), None, chat_template=place)


def qwen2_vl() -> tuple[Any, Any]:
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4}
    config = hf.Qwen2VLConfig(
        text_config={"vocab_size": FIRST + 4, "rope_parameters": rope, **TEXT},
        vision_config={
            "depth": 2,
            "embed_dim": 16,
            "hidden_size": 32,
            "num_heads": 2,
            "mlp_ratio": 2,
            "patch_size": 4,
        },
        **QWEN_IDS,
    )
    return _qwen(hf.Qwen2VLForConditionalGeneration, config, hf.Qwen2VLProcessor)


def qwen2_5_vl() -> tuple[Any, Any]:
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4}
    config = hf.Qwen2_5_VLConfig(
        text_config={"vocab_size": FIRST + 4, "rope_parameters": rope, **TEXT},
        vision_config={
            "depth": 2,
            "hidden_size": 16,
            "intermediate_size": 24,
            "out_hidden_size": 32,
            "num_heads": 2,
            "patch_size": 4,
            "window_size": 16,
            "fullatt_block_indexes": [1],
        },
        **QWEN_IDS,
    )
    return _qwen(hf.Qwen2_5_VLForConditionalGeneration, config, hf.Qwen2_5_VLProcessor)


def qwen3_vl() -> tuple[Any, Any]:
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4}
    config = hf.Qwen3VLConfig(
        text_config={"vocab_size": FIRST + 4, "rope_parameters": rope, "head_dim": 16, **TEXT},
        vision_config={
            "depth": 2,
            "hidden_size": 16,
            "intermediate_size": 24,
            "out_hidden_size": 32,
            "num_heads": 2,
            "patch_size": 4,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        **QWEN_IDS,
    )
    return _qwen(hf.Qwen3VLForConditionalGeneration, config, hf.Qwen3VLProcessor)
