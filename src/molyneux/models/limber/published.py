"""LiMBeR as published: a preset's two models, joined by the projection that was trained for them."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from logging import getLogger
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModel

from molyneux.ground.errors import AssetError
from molyneux.models.checkpoint import read_config
from molyneux.models.limber import parts
from molyneux.models.limber.assembly import agree, image_processor, tokenizer_of
from molyneux.models.limber.configuration import LimberConfig
from molyneux.models.limber.modeling import LimberForConditionalGeneration
from molyneux.models.limber.processing import LimberProcessor
from molyneux.models.presence import TEXT, VISION, check_files
from molyneux.models.presets import Preset
from molyneux.models.projection_file import check_fits, read_projection
from molyneux.models.source import Source, find_source

__all__ = ["Published", "build_published", "find_published"]

_LOG = getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """A preset whose parts are found and whose projection is read and fits them; no model is loaded yet."""

    preset: Preset
    vision: Source
    text: Source
    vision_config: Any
    text_config: Any
    projection: dict[str, Tensor]

    @property
    def redirected(self) -> bool:
        """Whether another encoder stands in the place of the preset's."""
        return self.vision != find_source(self.preset.vision)

    def config(self) -> LimberConfig:
        """The joint configuration, before any weight is read."""
        return LimberConfig(
            vision_config=self.vision_config.to_dict(),
            text_config=self.text_config.to_dict(),
            vision_pooled=self.preset.pooled,
        )


def find_published(
    preset: Preset, projection: str | Path, vision: str | Path | None = None, text: str | Path | None = None
) -> Published:
    """Read the projection and both configurations; refuse what does not fit before anything large loads.

    Args:
        projection: path of the published ``proj.ckpt``, or of a safetensors file with the same two tensors.
        vision: folder or hub id in the place of the preset's encoder.
        text: the same for its language model.

    Raises:
        ModelError: the projection is wrong, or files are not there.
        AssetError: the encoder needs timm, which is not installed.
    """
    state = read_projection(projection)
    eyes = find_source(vision if vision is not None else preset.vision)
    writer = find_source(text if text is not None else preset.text)
    timm = preset.needs_timm and vision is None
    if timm:
        _require_timm(preset.name)
        check_fits(state, int(state["weight"].shape[0]), preset.vision_config["hidden_size"])
    else:
        check_files(eyes, VISION)
    check_files(writer, TEXT)
    seen, written = _vision_config(preset, eyes, timm), read_config(writer)
    check_fits(state, parts.text_width(written), parts.vision_width(seen))
    return Published(preset, eyes, writer, seen, written, state)


def _require_timm(name: str) -> None:
    try:
        import_module("timm")
    except (
        Exception
    ) as error:  # timm imports torchvision, which raises anything when it is built for another torch
        missing = isinstance(error, ImportError)
        raise AssetError(
            "timm",
            value="not installed" if missing else f"broken: {str(error).splitlines()[0]}",
            expected=f"the library that builds the encoder of {name}",
            fix="pip install 'molyneux[timm]', with a torchvision built for your torch; or give vision=, a folder "
            "with an encoder of the same width.",
        ) from error


def _vision_config(preset: Preset, source: Source, timm: bool) -> Any:
    config = read_config(source)
    config = getattr(config, "vision_config", None) or config
    if timm:  # whose configuration does not say how wide and how many its vectors are
        for name, value in preset.vision_config.items():
            setattr(config, name, value)
    return config


def build_published(
    found: Published,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
    prefix: str | None = None,
) -> tuple[LimberForConditionalGeneration, LimberProcessor]:
    """Load the parts and join them as LiMBeR did.

    The language model's weights are rounded through bfloat16, the features get no further norm, the vocabulary ends
    with the tokenizer's own tokens (GPT-J's has 143 empty ones behind them), and everything is in eval mode.

    Args:
        dtype: of the whole model; None leaves the language model in bfloat16 and the rest in float32.
        device: where the weights are read to; None is the CPU.
        prefix: in the place of "A picture of".
    """
    preset = found.preset
    place: dict[str, Any] = {} if device is None or device.type == "cpu" else {"device_map": {"": device}}
    eyes = _eyes(found, place)
    writer = parts.text_model(found.text.where, found.text.revision, dtype=torch.bfloat16, **place)
    tokenizer = tokenizer_of(found.text)
    own = tokenizer.vocab_size  # without added tokens
    processor = LimberProcessor(_images(found), tokenizer, prefix=preset.prefix if prefix is None else prefix)
    model = LimberForConditionalGeneration.from_parts(
        eyes,
        writer,
        projection={name: value.float() for name, value in found.projection.items()},
        image_token_id=processor.image_token_id,
        real_vocab_size=own,
        vision_pooled=preset.pooled,
    )
    if dtype is not None:
        model.to(dtype)  # type: ignore[arg-type]  # a weight at a time: no second copy
    return agree(model, processor)


def _eyes(found: Published, place: dict[str, Any]) -> Any:
    if found.preset.pretrained or found.redirected:
        return parts.vision_model(
            found.vision.where,
            found.vision.revision,
            config=found.vision_config,
            dtype=torch.float32,
            **place,
        )
    _LOG.warning(
        "%s: the random encoder's weights were not published; these are drawn anew (seed 0)",
        found.preset.name,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = AutoModel.from_config(found.vision_config).eval()
    return made.to(place["device_map"][""]) if place else made


def _images(found: Published) -> Any:
    if not found.preset.images or found.redirected:
        return image_processor(found.vision)
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    return CLIPImageProcessorPil(**found.preset.images)
