"""Processors with a video part, without their video part: images need no torchvision then."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

from typing import Any

__all__ = ["without_video"]


def without_video(kind: type[Any]) -> type[Any]:
    """A processor class that takes ``video_processor=None`` and is the given one in everything else.

    transformers refuses to build a Qwen-VL, SmolVLM, InternVL or LLaVA-OneVision processor without its video
    part, and the video part without torchvision, although images touch neither.
    """

    def check(self: Any, name: str, part: Any) -> Any:
        if name == "video_processor" and part is None:
            return None
        return kind.check_argument_for_proper_class(self, name, part)

    return type(
        kind.__name__, (kind,), {"check_argument_for_proper_class": check, "__module__": kind.__module__}
    )
