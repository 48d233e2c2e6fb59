"""Processors with a video part, without their video part: images need no torchvision then."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import ProcessorMixin

__all__ = ["repaired", "without_video"]

_VIDEO = "video_processor"


def without_video(kind: type[Any]) -> type[Any]:
    """A processor class that has no video part (it takes None there) and is the given one in everything else.

    transformers refuses to build a Qwen-VL, SmolVLM, InternVL or LLaVA-OneVision processor without its video
    part, and the video part without torchvision, although images touch neither.
    """

    def parts(_kind: type[Any]) -> list[str]:
        return [name for name in kind.get_attributes() if name != _VIDEO]

    settings = {
        "get_attributes": classmethod(parts),
        "apply_chat_template": ProcessorMixin.apply_chat_template,  # SmolVLM's asks the video part for its speed
        "__module__": kind.__module__,
    }
    return type(kind.__name__, (kind,), settings)


def repaired(processor: Any) -> Any:
    """The processor itself; Fuyu's PIL image part, in transformers 5.23, can cut its own tensors then.

    Fuyu's processor always makes tensors and hands them to ``patchify_image``, whose PIL version only knows
    arrays ("transpose() takes 2 positional arguments but 5 were given").
    """
    images: Any = getattr(processor, "image_processor", None)
    kind: Any = type(images)
    if kind.__name__ == "FuyuImageProcessorPil" and not getattr(kind, "cuts_tensors", False):

        def patchify_image(self: Any, image: Any, patch_size: Any = None) -> Any:
            return torch.from_numpy(kind.patchify_image(self, np.asarray(image), patch_size))

        settings = {"patchify_image": patchify_image, "cuts_tensors": True, "__module__": kind.__module__}
        images.__class__ = type(kind.__name__, (kind,), settings)
    return processor
