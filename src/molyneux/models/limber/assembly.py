"""A whole LiMBeR, model and processor, out of the folders of its two models."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor
from transformers import AutoImageProcessor, AutoTokenizer

from molyneux.ground.errors import ModelError
from molyneux.models.limber.modeling import LimberForConditionalGeneration
from molyneux.models.limber.processing import LimberProcessor

__all__ = ["assemble"]


def assemble(
    vision: str | Path,
    text: str | Path,
    *,
    projection: Tensor | Mapping[str, Tensor] | None = None,
    prefix: str = "A picture of",
    image_token: str = "<image>",
) -> tuple[LimberForConditionalGeneration, LimberProcessor]:
    """Model and processor, agreeing about image tokens and the real vocabulary, ready to run or to save.

    Args:
        vision: folder or hub name of the encoder and its image processor.
        text: folder or hub name of the language model and its tokenizer.
        projection: as in ``LimberForConditionalGeneration.from_parts``.
        prefix: the words after the image.
        image_token: stands for an image in texts.

    Raises:
        ModelError: the encoder has no fixed number of patches, or the parts do not fit.
    """
    tokenizer = AutoTokenizer.from_pretrained(str(text), trust_remote_code=False)
    images = AutoImageProcessor.from_pretrained(str(vision), backend="pil", trust_remote_code=False)
    processor = LimberProcessor(images, tokenizer, prefix=prefix, image_token=image_token)
    model = LimberForConditionalGeneration.from_parts(
        vision,
        text,
        projection=projection,
        image_token_id=processor.image_token_id,
        real_vocab_size=processor.real_vocab_size,
    )
    patches = model.config.num_image_tokens
    if patches is None:
        raise ModelError(
            "image encoder",
            value=str(vision),
            expected="patch_size and image_size in its configuration",
            fix="Build LimberProcessor with num_image_tokens and use from_parts.",
        )
    processor.num_image_tokens = patches
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model, processor
