"""A whole LiMBeR, model and processor, out of the folders or hub ids of its two models."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import AutoImageProcessor, AutoTokenizer

from molyneux.ground.errors import ModelError
from molyneux.models.checkpoint import SAFE, reading
from molyneux.models.limber import parts
from molyneux.models.limber.modeling import LimberForConditionalGeneration
from molyneux.models.limber.processing import LimberProcessor
from molyneux.models.presence import TEXT, VISION
from molyneux.models.source import Source, find_source

__all__ = ["agree", "assemble", "image_processor", "tokenizer_of"]


def assemble(
    vision: str | Path,
    text: str | Path,
    *,
    projection: Tensor | Mapping[str, Tensor] | str | Path | None = None,
    prefix: str = "A picture of",
    image_token: str = "<image>",
    revision: str = "main",
) -> tuple[LimberForConditionalGeneration, LimberProcessor]:
    """Model and processor, agreeing about image tokens and the real vocabulary, ready to run or to save.

    Args:
        vision: folder or hub id of the encoder and its image processor.
        text: folder or hub id of the language model and its tokenizer.
        projection: as in ``LimberForConditionalGeneration.from_parts``.
        prefix: the words after the image.
        image_token: stands for an image in texts.
        revision: of hub ids that name none themselves (``OWNER/NAME@REVISION``).

    Raises:
        ModelError: the encoder has no fixed number of patches, or the parts do not fit.
    """
    state = parts.projection_of(projection, vision, text, revision)
    images = image_processor(find_source(vision, revision))
    tokenizer = tokenizer_of(find_source(text, revision))
    processor = LimberProcessor(images, tokenizer, prefix=prefix, image_token=image_token)
    model = LimberForConditionalGeneration.from_parts(
        vision,
        text,
        projection=state,
        revision=revision,
        image_token_id=processor.image_token_id,
        real_vocab_size=processor.real_vocab_size,
    )
    return agree(model, processor)


def agree(
    model: LimberForConditionalGeneration, processor: LimberProcessor
) -> tuple[LimberForConditionalGeneration, LimberProcessor]:
    """Let the two know of each other: vectors an image, and the tokens that end and pad.

    Raises:
        ModelError: the encoder has no fixed number of patches.
    """
    patches = model.config.num_image_tokens
    if patches is None:
        raise ModelError(
            "image encoder",
            value=type(model.vision_tower).__name__,
            expected="patch_size and image_size in its configuration",
            fix="Build LimberProcessor with num_image_tokens and use from_parts.",
        )
    processor.num_image_tokens = patches
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    return model, processor


def image_processor(source: Source) -> Any:
    """The image processor of a folder or hub id, with the PIL backend."""
    with reading(source, VISION):
        return AutoImageProcessor.from_pretrained(
            source.where, revision=source.revision, backend="pil", **SAFE
        )


def tokenizer_of(source: Source) -> Any:
    """The tokenizer of a folder or hub id."""
    with reading(source, TEXT):
        return AutoTokenizer.from_pretrained(source.where, revision=source.revision, **SAFE)
