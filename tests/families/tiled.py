"""Tiny models that see an image in tiles, or at a size of its own: Idefics3, SmolVLM, InternVL, Mistral 3."""

from __future__ import annotations

from typing import Any

import transformers as hf
from transformers.models.smolvlm import processing_smolvlm as smolvlm_text

from families.common import FIRST, MEAN, PATCH, SIDE, TEXT, VISION, pil
from families.words import PAD, chat, tokenizer
from molyneux.models.processors import without_video

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
    images = pil("idefics3", "Idefics3ImageProcessorPil")(
        size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE}, **MEAN
    )
    return _idefics(hf.Idefics3ForConditionalGeneration, hf.Idefics3Config, images, hf.Idefics3Processor)


def smolvlm() -> tuple[Any, Any]:
    images = pil("smolvlm", "SmolVLMImageProcessorPil")(
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
    images = pil("got_ocr2", "GotOcr2ImageProcessorPil")(
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
    images = pil("pixtral", "PixtralImageProcessorPil")(
        size={"longest_edge": 64}, patch_size={"height": PATCH, "width": PATCH}, **MEAN
    )
    made = PixtralWords(images, words, chat_template=chat("[IMG]"))
    return hf.Mistral3ForConditionalGeneration(config), made
