"""What is said to a processor beside an image, and how: a table of families, and one call for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from molyneux.ground.errors import AssetError, ModelError, SettingError

__all__ = ["REQUEST", "ask", "check_prompt", "wording"]

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

    Raises:
        SettingError: the prompt holds more than one placeholder, or one where the processor puts its own.
        ModelError: the chat template leaves the image out.
    """
    check_prompt(processor, family, prompt)
    if family == "limber":
        return prompt
    place = _placeholder(processor)
    if prompt is not None and place in prompt:
        return prompt
    if getattr(processor, "chat_template", None):
        turn = [{"type": "image"}, {"type": "text", "text": REQUEST if prompt is None else prompt}]
        said = _templated(processor, turn)
        if place not in said and family not in _SELF_PLACED:
            raise ModelError(
                "chat template",
                value=said,
                expected=f"the image's placeholder {place!r} in what it writes for a turn with an image",
                fix=f"Give a prompt that holds it, load(..., prompt={place + ' ' + REQUEST!r}); or another template.",
            )
        return said
    words = _TRAINED.get(family, _OTHER) if prompt is None else prompt
    return words if family in _SELF_PLACED else place + words


def _templated(processor: Any, turn: list[dict[str, str]]) -> str:
    """The user's turn as the chat template writes it. Templates are data: they run in transformers' sandbox."""
    try:
        said: str = processor.apply_chat_template(
            [{"role": "user", "content": turn}], add_generation_prompt=True, tokenize=False
        )
    except Exception as error:  # whatever a template stumbles over
        raise ModelError(
            "chat template",
            value=type(processor).__name__,
            expected="one that writes a turn with an image and words",
            fix=f"Give a prompt that holds the placeholder {_placeholder(processor)!r}, or another template. "
            f"It says: {type(error).__name__}: {error}",
        ) from error
    return said


def check_prompt(processor: Any, family: str, prompt: str | None) -> None:
    """Refuse a prompt with another number of placeholders than the one image needs.

    Raises:
        SettingError: see above.
    """
    place = _placeholder(processor)
    count = 0 if prompt is None else prompt.count(place)
    if count > (0 if family in _SELF_PLACED else 1):
        alone = "no placeholder: this processor puts the image in front of the words by itself"
        raise SettingError(
            "prompt",
            value=prompt,
            expected=alone if family in _SELF_PLACED else f"{place!r} once, for the one image, or not at all",
            fix="For several images in a prompt give the model's inputs, as a dict of tensors.",
        )


def ask(processor: Any, family: str, images: Sequence[Any], prompt: str | None = None) -> dict[str, Any]:
    """The processor's tensors for images with one prompt, a row an image, padded on the left.

    Raises:
        ModelError: the processor is not one for images, or cannot make inputs of these.
        AssetError: it needs a library that is not installed, such as torchvision.
    """
    if getattr(processor, "image_processor", None) is None:
        raise _blind(processor)
    text = wording(processor, family, prompt)
    flat = family in _SELF_PLACED
    options: dict[str, Any] = {"return_tensors": "pt"}
    if text is not None and _pads(processor, len(images)) and family != "fuyu":  # Fuyu's pads by itself
        options |= {"padding": True, "padding_side": "left"}
    made = _called(
        processor,
        images=list(images) if flat else [[image] for image in images],
        text=None if text is None else [text] * len(images),
        **options,
    )
    patches = made.get("image_patches")
    if (
        patches is not None and patches.ndim == 1
    ):  # Fuyu: one patch in all loses its axis in transformers 5.23
        made["image_patches"] = patches[None]
    return made


def _blind(processor: Any) -> ModelError:
    hears = getattr(processor, "feature_extractor", None) is not None
    return ModelError(
        "processor",
        value=type(processor).__name__,
        expected="one with an image_processor" + (": this model hears, and sees nothing" if hears else ""),
        fix="In Python, give a dict of tensors in place of the image: captioner.caption(processor(audio=[sound], "
        "text=[words], return_tensors='pt'))."
        if hears
        else "Make the model's inputs yourself and give them in place of the image, as a dict of tensors.",
    )


def _pads(processor: Any, rows: int) -> bool:
    """Whether prompts are to be padded to one length. A single one needs no token to pad with."""
    words = getattr(processor, "tokenizer", None)
    if words is None or getattr(words, "pad_token", None) is not None:
        return True
    if rows > 1:
        raise ModelError(
            "tokenizer",
            value=type(words).__name__,
            expected="a pad_token, with which the prompts of a batch get one length; it has none",
            fix="Set captioner.tokenizer.pad_token = captioner.tokenizer.eos_token, or take batches of one.",
        )
    return False


def _called(processor: Any, **given: Any) -> dict[str, Any]:
    """What the processor makes; whatever it raises becomes one clear error."""
    try:
        return dict(processor(**given))
    except ImportError as error:
        library = "torchvision" if "torchvision" in str(error).lower() else str(error).strip().splitlines()[0]
        raise AssetError(
            f"{type(processor).__name__}",
            value=library,
            expected="this library installed: the processor needs it, even for images",
            fix="Install it, or give the model's inputs as a dict of tensors in place of the image.",
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # of any kind: processors rely on what they are given
        said = (str(error).strip() or "nothing").splitlines()[0]
        raise ModelError(
            "processor",
            value=type(processor).__name__,
            expected=f"to make inputs of {len(given['images'])} image(s) and the words {given['text']!r:.80}",
            fix="Give the processor that was saved with the model, and a prompt with its placeholder once or not "
            f"at all. It says: {type(error).__name__}: {said}",
        ) from error
