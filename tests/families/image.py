"""Tiny vision-language models of every family: real architectures, random weights, the real image processors."""

from __future__ import annotations

from typing import Any

import transformers as hf

from families.common import ENDS, FIRST, MEAN, PATCH, SIDE, TEXT, VISION, clip_images, pil
from families.qwen import qwen2_5_vl, qwen2_vl, qwen3_vl
from families.tiled import idefics3, internvl, mistral3, smolvlm
from families.words import chat, spaced_tokenizer, tokenizer
from molyneux.models.processors import repaired, without_video


def llava() -> tuple[Any, Any]:
    words = tokenizer(named={"image_token": "<image>"})
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**VISION),
        text_config=hf.LlamaConfig(vocab_size=len(words), **TEXT),
        image_token_index=FIRST,
        image_seq_length=(SIDE // PATCH) ** 2,
    )
    made = hf.LlavaProcessor(
        clip_images(),
        words,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat("<image>"),
    )
    return hf.LlavaForConditionalGeneration(config), made


_PINS = [[32, 64], [64, 32], [64, 64], [96, 32], [32, 96]]


def llava_next() -> tuple[Any, Any]:
    words = tokenizer(named={"image_token": "<image>"})
    config = hf.LlavaNextConfig(
        vision_config=hf.CLIPVisionConfig(**VISION),
        text_config=hf.MistralConfig(vocab_size=len(words), **TEXT),
        image_token_index=FIRST,
        image_grid_pinpoints=_PINS,
        image_seq_length=(SIDE // PATCH) ** 2,
    )
    images = pil("llava_next", "LlavaNextImageProcessorPil")(
        size={"shortest_edge": SIDE},
        crop_size={"height": SIDE, "width": SIDE},
        image_grid_pinpoints=_PINS,
        **MEAN,
    )
    made = hf.LlavaNextProcessor(
        images,
        words,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat("<image>"),
    )
    return hf.LlavaNextForConditionalGeneration(config), made


def llava_onevision() -> tuple[Any, Any]:
    words = tokenizer(named={"image_token": "<image>", "video_token": "<video>"})
    config = hf.LlavaOnevisionConfig(
        vision_config=hf.SiglipVisionConfig(**VISION, vision_use_head=False),
        text_config=hf.Qwen2Config(vocab_size=len(words), **TEXT),
        image_token_index=FIRST,
        video_token_index=FIRST + 1,
        image_grid_pinpoints=_PINS,
    )
    images = pil("llava_onevision", "LlavaOnevisionImageProcessorPil")(
        size={"height": SIDE, "width": SIDE}, image_grid_pinpoints=_PINS, **MEAN
    )
    made = without_video(hf.LlavaOnevisionProcessor)(
        images,
        words,
        None,
        num_image_tokens=(SIDE // PATCH) ** 2,
        vision_feature_select_strategy="full",
        chat_template=chat("<image>"),
    )
    return hf.LlavaOnevisionForConditionalGeneration(config), made


def paligemma() -> tuple[Any, Any]:
    words = tokenizer(named={"image_token": "<image>"})
    config = hf.PaliGemmaConfig(
        vision_config=hf.SiglipVisionConfig(**VISION, vision_use_head=False),
        text_config=hf.GemmaConfig(vocab_size=len(words), head_dim=16, **TEXT),
        image_token_index=FIRST,
        projection_dim=32,
        hidden_size=32,
    )
    images = pil("siglip", "SiglipImageProcessorPil")(
        size={"height": SIDE, "width": SIDE}, image_seq_length=(SIDE // PATCH) ** 2, **MEAN
    )
    images.image_seq_length = (SIDE // PATCH) ** 2
    return hf.PaliGemmaForConditionalGeneration(config), hf.PaliGemmaProcessor(images, words)


_LAYERS = ["sliding_attention", "full_attention", "sliding_attention"]


def gemma3() -> tuple[Any, Any]:
    words = tokenizer(
        named={
            "image_token": "<image_soft_token>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        }
    )
    config = hf.Gemma3Config(
        vision_config=hf.SiglipVisionConfig(**VISION, vision_use_head=False),
        text_config=hf.Gemma3TextConfig(
            vocab_size=len(words),
            head_dim=16,
            sliding_window=8,
            final_logit_softcapping=1.0,
            layer_types=_LAYERS,
            **TEXT,
        ),
        image_token_index=FIRST,
        boi_token_index=FIRST + 1,
        eoi_token_index=FIRST + 2,
        mm_tokens_per_image=4,
    )
    images = pil("gemma3", "Gemma3ImageProcessorPil")(
        size={"height": SIDE, "width": SIDE}, do_pan_and_scan=False, **MEAN
    )
    made = hf.Gemma3Processor(images, words, chat_template=chat("<start_of_image>"), image_seq_length=4)
    return hf.Gemma3ForConditionalGeneration(config), made


def mllama() -> tuple[Any, Any]:
    words = tokenizer(named={"image_token": "<|image|>", "python_token": "<|python_tag|>"})
    ratios = [[1, 1], [1, 2], [2, 1], [2, 2], [1, 3], [3, 1], [1, 4], [4, 1]]
    config = hf.MllamaConfig(
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 24,
            "num_hidden_layers": 2,
            "num_global_layers": 1,
            "attention_heads": 2,
            "image_size": SIDE,
            "patch_size": PATCH,
            "max_num_tiles": 4,
            "vision_output_dim": 32,
            "intermediate_layers_indices": [0],
            "supported_aspect_ratios": ratios,
        },
        text_config={
            "vocab_size": len(words) - 2,
            "cross_attention_layers": [1],
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
            **TEXT,
        },
        image_token_index=FIRST,
    )
    images = pil("mllama", "MllamaImageProcessorPil")(
        size={"height": SIDE, "width": SIDE}, max_image_tiles=4, **MEAN
    )
    made = hf.MllamaProcessor(images, words, chat_template=chat("<|image|>"))
    return hf.MllamaForConditionalGeneration(config), made


def blip2() -> tuple[Any, Any]:
    words = tokenizer(["<image>"])
    query = {**VISION, "encoder_hidden_size": 16, "vocab_size": 10}
    text = hf.OPTConfig(
        vocab_size=len(words),
        hidden_size=32,
        ffn_dim=40,
        num_hidden_layers=3,
        num_attention_heads=2,
        word_embed_proj_dim=32,
        max_position_embeddings=256,
        **ENDS,
    )
    config = hf.Blip2Config(
        vision_config=VISION,
        qformer_config=query,
        text_config=text,
        num_query_tokens=4,
        image_token_index=FIRST,
    )
    images = pil("blip", "BlipImageProcessorPil")(size={"height": SIDE, "width": SIDE}, **MEAN)
    return hf.Blip2ForConditionalGeneration(config), hf.Blip2Processor(images, words, num_query_tokens=4)


def fuyu() -> tuple[Any, Any]:
    words = spaced_tokenizer(["|SPEAKER|", "|NEWLINE|", "<0x04>"])
    config = hf.FuyuConfig(
        vocab_size=len(words),
        patch_size=PATCH,
        image_size=64,
        num_channels=3,
        image_token_id=FIRST,
        text_config={"model_type": "persimmon", "vocab_size": len(words), **TEXT},
        **TEXT,
    )
    images = pil("fuyu", "FuyuImageProcessorPil")(
        size={"height": 64, "width": 64}, patch_size={"height": PATCH, "width": PATCH}, **MEAN
    )
    return hf.FuyuForCausalLM(config), repaired(hf.FuyuProcessor(images, words))


IMAGE = {
    build.__name__: build
    for build in (
        llava,
        llava_next,
        llava_onevision,
        qwen2_vl,
        qwen2_5_vl,
        qwen3_vl,
        paligemma,
        gemma3,
        idefics3,
        smolvlm,
        internvl,
        mistral3,
        mllama,
        blip2,
        fuyu,
    )
}
