"""The LiMBeR models as published: which two models each joins, and how its images are prepared.

Source: Merullo et al. 2022, "Linearly Mapping from Image to Text Space", and its repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from molyneux.ground.errors import SettingError

__all__ = ["PRESETS", "Preset", "preset"]


@dataclass(frozen=True)
class Preset:
    """One published pair."""

    name: str
    vision: str
    """Hub id of the encoder; those under ``timm/`` are built by timm."""
    about: str
    text: str = "EleutherAI/gpt-j-6B@float16"
    """Hub id and revision of the language model."""
    prefix: str = "A picture of"
    pretrained: bool = True
    """False: the encoder's weights are random."""
    pooled: bool = False
    """The encoder's pooled vector is the one visual token."""
    vision_config: Mapping[str, Any] = field(default_factory=dict)
    """Of a timm encoder, whose own configuration does not say: width of its vectors, input side, patch."""
    images: Mapping[str, Any] = field(default_factory=dict)
    """Of a timm encoder: arguments of CLIP's image processor; any other brings its own."""

    @property
    def needs_timm(self) -> bool:
        """Whether the encoder is timm's."""
        return self.vision.startswith("timm/")


#: CLIP's own preprocessing at 384 pixels: bicubic shorter side, centre crop, CLIP's mean and deviation.
_CLIP_IMAGES = {"size": {"shortest_edge": 384}, "crop_size": {"height": 384, "width": 384}}
#: NF-ResNet50 was given 384-pixel crops with values 0 to 1, no mean or deviation taken off. The original crops and
#: mirrors at random, also when it captions; here the middle square is taken, so that a caption can be repeated.
_NFRN_IMAGES = {**_CLIP_IMAGES, "resample": 2, "do_normalize": False}
_CLIP_RN = {"hidden_size": 3072, "image_size": 384, "patch_size": 32}
_NFRN = {"hidden_size": 2048}

PRESETS: dict[str, Preset] = {
    one.name: one
    for one in (
        Preset(
            "limber-beit",
            "microsoft/beit-large-patch16-224-pt22k",
            about="the paper's: BEiT-large, self-supervised; 196 patches",
        ),
        Preset(
            "limber-beit-ft",
            "microsoft/beit-large-patch16-224-pt22k-ft22k",
            about="BEiT-large, fine-tuned on ImageNet-22k labels; 196 patches",
        ),
        Preset(
            "limber-clip",
            "timm/resnet50x16_clip.openai",
            about="CLIP RN50x16 without its attention pool; 144 patches; needs timm",
            vision_config=_CLIP_RN,
            images=_CLIP_IMAGES,
        ),
        Preset(
            "limber-nfresnet",
            "timm/nf_resnet50.ra2_in1k",
            about="NF-ResNet50, pooled to one vector: no geometry; needs timm",
            pooled=True,
            vision_config=_NFRN,
            images=_NFRN_IMAGES,
        ),
        Preset(
            "limber-random",
            "timm/nf_resnet50.ra2_in1k",
            about="NF-ResNet50 with random weights, pooled to one vector; needs timm, or vision= with the weights "
            "that the projection was trained on",
            pretrained=False,
            pooled=True,
            vision_config=_NFRN,
            images=_NFRN_IMAGES,
        ),
    )
}


def preset(name: str) -> Preset:
    """The preset of a name.

    Raises:
        SettingError: there is none of that name.
    """
    if name not in PRESETS:
        raise SettingError("preset", value=name, expected=f"one of {', '.join(PRESETS)}")
    return PRESETS[name]
