"""A vision-language model and its processor from one folder or hub id, with the class that it names."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

from typing import Any

import torch
from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

from molyneux.ground.errors import AssetError, ModelError
from molyneux.models.checkpoint import SAFE, check_weights, reading
from molyneux.models.presence import ALL, check_json
from molyneux.models.processors import without_video
from molyneux.models.source import Source

__all__ = ["open_processor", "open_weights"]


def open_processor(source: Source, config: Any) -> Any:
    """The processor beside the weights, with PIL images; without its video part where torchvision is not there.

    Raises:
        ModelError: there is none for images (or audio).
        AssetError: it needs a library that is missing.
    """
    options = {"revision": source.revision, **SAFE}
    try:
        with reading(source, ALL):
            found = AutoProcessor.from_pretrained(source.where, backend="pil", **options)
    except (AssetError, ModelError):  # no torchvision, or a broken one, or no file for the video part
        found = _images_only(source, config, options)
        if found is None:
            raise
    # Where a part is missing transformers falls back to a tokenizer or an image processor alone.
    parts = [getattr(found, name, None) for name in ("image_processor", "feature_extractor")]
    if all(part is None for part in parts) or getattr(found, "tokenizer", None) is None:
        raise ModelError(
            "processor of model",
            value=f"{source}, a {type(found).__name__}",
            expected="an image processor and a tokenizer: preprocessor_config.json, tokenizer.json",
            fix="Save the model's processor into the folder: AutoProcessor.from_pretrained(ID)."
            "save_pretrained(FOLDER).",
        )
    return found


def _images_only(source: Source, config: Any, options: dict[str, Any]) -> Any:
    """The processor of a family with video, made of its other parts; None where that cannot be done."""
    with reading(source, ALL):  # looking the class up imports it, and Pixtral's needs torchvision for that
        kind: Any = PROCESSOR_MAPPING.get(type(config), None)
        if kind is None or "video_processor" not in kind.get_attributes():
            return None
        said, _ = kind.get_processor_dict(source.where, **options)
        images = AutoImageProcessor.from_pretrained(source.where, backend="pil", **options)
        words = AutoTokenizer.from_pretrained(source.where, **options)
        settings = {
            key: value
            for key, value in said.items()
            if key not in ("processor_class", "auto_map", *kind.get_attributes())
        }
        settings.setdefault("chat_template", getattr(words, "chat_template", None))
        parts = {"image_processor": images, "tokenizer": words, "video_processor": None}
        return without_video(kind)(**parts, **settings)


def open_weights(kind: Any, source: Source, dtype: torch.dtype | str, device_map: Any = None) -> Any:
    """The model, with every weight that it needs and none that it has no place for.

    Args:
        device_map: as transformers takes it; None reads to the CPU.

    Raises:
        ModelError: the checkpoint cannot be read, or weights are missing or too many.
    """
    place = {} if device_map is None else {"device_map": device_map}
    with reading(source, ALL):
        model, loaded = kind.from_pretrained(
            source.where, dtype=dtype, revision=source.revision, output_loading_info=True, **SAFE, **place
        )
    check_weights(model, loaded, source)
    # transformers passes over one that it cannot read, and captions would end elsewhere.
    check_json(source, ("generation_config.json",))
    return model
