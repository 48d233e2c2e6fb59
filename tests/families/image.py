"""Tiny vision-language models of every family: real architectures, random weights, the real image processors."""

from __future__ import annotations

from typing import Any

import transformers as hf
from transformers.models.smolvlm import processing_smolvlm as smolvlm_text

from families.words import BOS, EOS, PAD, WORDS, chat, spaced_tokenizer, tokenizer
from molyneux.models.processors import repaired, without_video

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


def _pil(module: str, kind: str) -> Any:
    import importlib

    return getattr(
        importlib.import_module(f"transformers.models.{module}.image_processing_pil_{module}"), kind
    )


def _clip_images(**settings: Any) -> Any:
    square = {"height": SIDE, "width": SIDE}
    return _pil("clip", "CLIPImageProcessorPil")(
        **{"size": {"shortest_edge": SIDE}, "crop_size": square, **MEAN, **settings}
    )


def llava() -> tuple[Any, Any]:
    words = tokenizer(named={"image_token": "<image>"})
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**VISION),
        text_config=hf.LlamaConfig(vocab_size=len(words), **TEXT),
        image_token_index=FIRST,
        image_seq_length=(SIDE // PATCH) ** 2,
    )
    made = hf.LlavaProcessor(
        _clip_images(),
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
    images = _pil("llava_next", "LlavaNextImageProcessorPil")(
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
    images = _pil("llava_onevision", "LlavaOnevisionImageProcessorPil")(
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
    images = _pil("qwen2_vl", "Qwen2VLImageProcessorPil")(
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


def paligemma() -> tuple[Any, Any]:
    words = tokenizer(named={"image_token": "<image>"})
    config = hf.PaliGemmaConfig(
        vision_config=hf.SiglipVisionConfig(**VISION, vision_use_head=False),
        text_config=hf.GemmaConfig(vocab_size=len(words), head_dim=16, **TEXT),
        image_token_index=FIRST,
        projection_dim=32,
        hidden_size=32,
    )
    images = _pil("siglip", "SiglipImageProcessorPil")(
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
    images = _pil("gemma3", "Gemma3ImageProcessorPil")(
        size={"height": SIDE, "width": SIDE}, do_pan_and_scan=False, **MEAN
    )
    made = hf.Gemma3Processor(images, words, chat_template=chat("<start_of_image>"), image_seq_length=4)
    return hf.Gemma3ForConditionalGeneration(config), made


_TILES = [f"<row_{r + 1}_col_{c + 1}>" for r in range(6) for c in range(6)]


def _idefics_words() -> Any:
    named = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    return tokenizer(_TILES, named=named)


def _idefics(model: Any, config: Any, images: Any, kind: Any, *rest: None) -> tuple[Any, Any]:
    words = _idefics_words()
    made = kind(images, words, *rest, image_seq_len=4, chat_template=chat("<image>"))
    settings = config(
        vision_config={**VISION, "patch_size": PATCH},
        text_config={"model_type": "llama", "vocab_size": len(words), **TEXT},
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=PAD,
    )
    return model(settings), made


def idefics3() -> tuple[Any, Any]:
    images = _pil("idefics3", "Idefics3ImageProcessorPil")(
        size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE}, **MEAN
    )
    return _idefics(hf.Idefics3ForConditionalGeneration, hf.Idefics3Config, images, hf.Idefics3Processor)


def smolvlm() -> tuple[Any, Any]:
    images = _pil("smolvlm", "SmolVLMImageProcessorPil")(
        size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE}, **MEAN
    )
    smolvlm_text.num2words = smolvlm_text.num2words or str  # an extra package that only videos' prompts need
    kind = without_video(hf.SmolVLMProcessor)
    return _idefics(hf.SmolVLMForConditionalGeneration, hf.SmolVLMConfig, images, kind, None)


def internvl() -> tuple[Any, Any]:
    words = tokenizer(
        named={
            "context_image_token": "<IMG_CONTEXT>",
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "video_token": "<video>",
        }
    )
    config = hf.InternVLConfig(
        vision_config={**VISION, "image_size": [SIDE, SIDE], "patch_size": [PATCH, PATCH]},
        text_config={"model_type": "qwen2", "vocab_size": len(words), **TEXT},
        image_token_id=FIRST,
        image_seq_length=4,
    )
    images = _pil("got_ocr2", "GotOcr2ImageProcessorPil")(
        size={"height": SIDE, "width": SIDE}, crop_to_patches=True, min_patches=1, max_patches=4, **MEAN
    )
    made = without_video(hf.InternVLProcessor)(
        images, words, None, image_seq_length=4, chat_template=chat("<IMG_CONTEXT>")
    )
    return hf.InternVLForConditionalGeneration(config), made


class PixtralWords(hf.ProcessorMixin):
    """What ``PixtralProcessor`` writes; the real one needs torchvision even to be imported."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template)
        self.image_token, self.cell = "[IMG]", 2 * PATCH
        self.image_token_id = tokenizer.convert_tokens_to_ids("[IMG]")

    def _process_images(self, images: Any, **settings: Any) -> Any:
        return super()._process_images(images, **{**settings, "patch_size": self.cell})

    def replace_image_token(self, image_inputs: Any, image_idx: int, **_: Any) -> str:
        height, width = (int(side) // self.cell for side in image_inputs["image_sizes"][image_idx])
        row = ["[IMG]"] * width
        return " ".join(" ".join([*row, "[IMG_BREAK]"]) for _ in range(height - 1)) + " ".join(
            ["", *row, "[IMG_END]"]
        )


def mistral3() -> tuple[Any, Any]:
    words = tokenizer(
        named={"image_token": "[IMG]", "image_break_token": "[IMG_BREAK]", "image_end_token": "[IMG_END]"}
    )
    vision = {**VISION, "model_type": "pixtral", "image_size": 64, "head_dim": 8}
    config = hf.Mistral3Config(
        vision_config=vision,
        text_config={"model_type": "mistral", "vocab_size": len(words), "head_dim": 16, **TEXT},
        image_token_index=FIRST,
        spatial_merge_size=2,
    )
    images = _pil("pixtral", "PixtralImageProcessorPil")(
        size={"longest_edge": 64}, patch_size={"height": PATCH, "width": PATCH}, **MEAN
    )
    made = PixtralWords(images, words, chat_template=chat("[IMG]"))
    return hf.Mistral3ForConditionalGeneration(config), made


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
    images = _pil("mllama", "MllamaImageProcessorPil")(
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
    images = _pil("blip", "BlipImageProcessorPil")(size={"height": SIDE, "width": SIDE}, **MEAN)
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
    images = _pil("fuyu", "FuyuImageProcessorPil")(
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
