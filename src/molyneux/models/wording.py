"""What is said to a processor beside an image, and how: a table of families, and one call for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from molyneux.ground.errors import AssetError, ModelError

__all__ = ["REQUEST", "ask", "wording"]

#: What instruction models are asked, in the user's turn of their chat template.
REQUEST = "Describe the image in one sentence."

#: ``model_type`` -> the words that a captioning model was trained with, where it has no chat template.
_TRAINED = {"blip-2": "a photo of", "fuyu": "Generate a coco-style caption.\n", "paligemma": "caption en"}
_OTHER = "A picture of"

#: Processors that put the image in front of the words by themselves, and take a flat list of images.
_SELF_PLACED = ("blip-2", "fuyu", "limber")


def _placeholder(processor: Any) -> str:
    """The token that stands for an image in the words: Gemma 3's own name for it, or the processor's."""
    return str(getattr(processor, "image_token", "<image>"))


def wording(processor: Any, family: str, prompt: str | None = None) -> str | None:
    """The words for one image; None where the processor has its own (LiMBeR: "A picture of").

    Args:
        family: ``model_type`` of the model's configuration.
        prompt: asked in the chat template where there is one; a prompt that holds the image's placeholder is
            taken as it is; None is the family's default.
    """
    if family == "limber":
        return prompt
    place = _placeholder(processor)
    if prompt is not None and place in prompt:
        return prompt
    if getattr(processor, "chat_template", None):
        turn = [{"type": "image"}, {"type": "text", "text": REQUEST if prompt is None else prompt}]
        said: str = processor.apply_chat_template(
            [{"role": "user", "content": turn}], add_generation_prompt=True, tokenize=False
        )
        return said
    words = _TRAINED.get(family, _OTHER) if prompt is None else prompt
    return words if family in _SELF_PLACED else place + words


def ask(processor: Any, family: str, images: Sequence[Any], prompt: str | None = None) -> dict[str, Any]:
    """The processor's tensors for images with one prompt, a row an image, padded on the left.

    Raises:
        ModelError: the processor is not one for images.
        AssetError: it needs a library that is not installed, such as torchvision.
    """
    text = wording(processor, family, prompt)
    if getattr(processor, "image_processor", None) is None:
        raise ModelError(
            "processor",
            value=type(processor).__name__,
            expected="one with an image_processor",
            fix="Make the model's inputs yourself and give them in place of the image, as a dict of tensors.",
        )
    flat = family in _SELF_PLACED
    options: dict[str, Any] = {"return_tensors": "pt"}
    if text is not None and family != "fuyu":  # Fuyu's pads by itself
        options |= {"padding": True, "padding_side": "left"}
    try:
        return dict(
            processor(
                images=list(images) if flat else [[image] for image in images],
                text=None if text is None else [text] * len(images),
                **options,
            )
        )
    except ImportError as error:
        library = "torchvision" if "torchvision" in str(error).lower() else str(error).strip().splitlines()[0]
        raise AssetError(
            f"{type(processor).__name__}",
            value=library,
            expected="this library installed: the processor needs it, even for images",
            fix="Install it, or give the model's inputs as a dict of tensors in place of the image.",
        ) from error
