"""How a model sees or hears: which token stands for an image or a sound, and where the decoder reads it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from molyneux.ground.errors import ModelError

__all__ = ["hidden_tokens", "placeholder", "reads_across", "teller", "writer"]

#: Names of the id in configurations; transformers maps older names (``image_token_index``) to these.
_IMAGE_OR_SOUND = ("image_token_id", "audio_token_id")
_PLACEHOLDERS = (*_IMAGE_OR_SOUND, "video_token_id")


def placeholder(model: Any) -> int:
    """Id of the token that stands for one patch of an image, or one span of a sound, in ``input_ids``.

    Raises:
        ModelError: the model is a text model, or reads images in another way than in its prompt.
    """
    for name in _IMAGE_OR_SOUND:
        found = getattr(model.config, name, None)
        if found is not None:
            return int(found)
    if _sees(model):
        raise ModelError(
            "model",
            value=type(model).__name__,
            expected="a vision-language model with an image placeholder in its prompt (config.image_token_id): this "
            "kind sees images, but has no placeholder that says where they stand in its decoder's sequence",
            fix="Take a model of a family in docs/models.md, such as LLaVA, Qwen-VL or LiMBeR.",
        )
    raise ModelError(
        "model",
        value=type(model).__name__,
        expected="a vision-language model, whose config names an image_token_id",
        fix="A text-only model has no visual input; join it to an encoder with "
        "molyneux.models.limber.assemble(vision, text), which gives a model and its processor.",
    )


def _sees(model: Any) -> bool:
    """Whether it takes images at all: it has a vision part, or pixels are its main input."""
    has_eyes = getattr(model.config, "vision_config", None) is not None
    return has_eyes or getattr(model, "main_input_name", "input_ids") in ("pixel_values", "flattened_patches")


def reads_across(config: Any) -> bool:
    """Whether the decoder reads images by cross-attention (Mllama): none stands in its own sequence."""
    return bool(getattr(config.get_text_config(), "cross_attention_layers", None))


#: Models whose ``generate`` passes by their own ``forward`` and drives the text model with embeddings.
_PASSED_BY = ("blip-2",)


def teller(model: Any) -> nn.Module:
    """The module whose first argument, or ``input_ids``, are the ids of whatever pass is running.

    It is the model itself, or its token embedding where ``generate`` does not run the model's ``forward``.
    """
    found: nn.Module = model.get_input_embeddings() if model.config.model_type in _PASSED_BY else model
    return found


def writer(model: Any) -> Any:
    """The model whose ``generate`` writes, and whose ``generation_config`` says where captions end."""
    return model.language_model if model.config.model_type in _PASSED_BY else model


def hidden_tokens(model: Any, size: int) -> Tensor:
    """Ids below ``size`` that no text may hold: placeholders, where they lie among real tokens."""
    ids = {getattr(model.config, name, None) for name in _PLACEHOLDERS}
    return torch.tensor(sorted(i for i in ids if i is not None and i < size), dtype=torch.long)
