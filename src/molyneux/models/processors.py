"""Processors with a video part, without their video part: images need no torchvision then."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from transformers import ProcessorMixin

__all__ = ["repaired", "without_video"]


def without_video(kind: type[Any]) -> type[Any]:
    """A processor class that takes ``video_processor=None`` and is the given one in everything else.

    transformers refuses to build a Qwen-VL, SmolVLM, InternVL or LLaVA-OneVision processor without its video
    part, and the video part without torchvision, although images touch neither.
    """

    def check(self: Any, name: str, part: Any) -> Any:
        if name == "video_processor" and part is None:
            return None
        return kind.check_argument_for_proper_class(self, name, part)

    parts = {
        "check_argument_for_proper_class": check,
        "apply_chat_template": ProcessorMixin.apply_chat_template,  # SmolVLM's asks the video part for its speed
        "__module__": kind.__module__,
    }
    return type(kind.__name__, (kind,), parts)


def _patches_of_tensor(patchify: Any, image: Any, patch_size: Any = None) -> Any:
    made = patchify(np.asarray(image), patch_size)
    return torch.from_numpy(made)


def repaired(processor: Any) -> Any:
    """The processor itself; Fuyu's PIL image part, in transformers 5.23, can cut its own tensors then.

    Fuyu's processor always makes tensors and hands them to ``patchify_image``, whose PIL version only knows
    arrays ("transpose() takes 2 positional arguments but 5 were given").
    """
    if type(processor).__name__ == "FuyuProcessor":
        images = processor.image_processor
        if not isinstance(images.patchify_image, partial):
            images.patchify_image = partial(_patches_of_tensor, images.patchify_image)
    return processor
