"""The judge of captions against pictures: a small CLIP that learns which caption belongs to which scene."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from molyneux.ground.errors import SettingError
from molyneux.miniature.captions import LEAD
from molyneux.miniature.dataset import DEVELOPMENT, captions_of
from molyneux.miniature.features import scene_pixels
from molyneux.miniature.judges.checks import clip_checks
from molyneux.miniature.judges.schooling import JUDGE_SEEDS, Course, Schooling, refuse_other_seeds, teach
from molyneux.miniature.judges.words import build_clip_tokenizer

if TYPE_CHECKING:
    from transformers import CLIPModel, CLIPProcessor, PreTrainedModel

__all__ = ["ClipRecipe", "build_clip", "build_clip_processor", "contrastive_loss", "near_views", "train_clip"]

_MOST = math.log(100.0)  # of the logarithm of the scale, as in CLIP


@dataclass(frozen=True, kw_only=True)
class ClipRecipe(Schooling):
    """How the judge of captions against pictures is made; everything that decides its weights."""

    steps: int = 1800
    batch: int = 96
    peak: float = 1.2e-3
    warmup: int = 150
    decay: float = 0.05
    seed: int = 71
    every: int = 150
    scenes: int = 16_000
    """Different scenes, each with five captions."""
    first_seed: int = JUDGE_SEEDS.start
    """Of the scenes."""
    side: int = 64
    """Pixels of a picture's side."""
    patch: int = 8
    """Pixels of a patch's side."""
    width: int = 128
    """Of both streams and of the space in which they meet."""
    vision_layers: int = 4
    """Blocks that look."""
    text_layers: int = 2
    """Blocks that read."""
    heads: int = 4
    """Attention heads a block."""
    positions: int = 32
    """Longest text in tokens; captions after "a picture of" have at most about 25."""
    unknown: float = 0.05
    """Share of words read as unknown in training."""
    check: int = 256
    """Development scenes looked at with each checkpoint."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_other_seeds(self.first_seed, self.scenes)
        if self.side % self.patch or self.width % self.heads or self.batch > self.scenes:
            raise SettingError(
                "CLIP recipe",
                value=(self.side, self.patch, self.width, self.heads, self.batch, self.scenes),
                expected="a patch that divides the side, heads that divide the width, a batch of at most scenes",
            )


def build_clip_processor(recipe: ClipRecipe) -> CLIPProcessor:
    """What makes CLIP's inputs of pictures and texts; needs PIL and no torchvision."""
    from transformers import CLIPProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    side, half = recipe.side, [0.5] * 3
    images = CLIPImageProcessorPil(
        size={"shortest_edge": side},
        crop_size={"height": side, "width": side},
        resample=2,  # bilinear, as the cached pictures are resized
        image_mean=half,
        image_std=half,
    )
    tokenizer = build_clip_tokenizer(longest=recipe.positions)
    return CLIPProcessor(images, tokenizer)  # type: ignore[no-untyped-call]


def build_clip(recipe: ClipRecipe, processor: CLIPProcessor) -> CLIPModel:
    """A CLIP with fresh weights, drawn from ``recipe.seed``."""
    from transformers import CLIPConfig, CLIPModel

    tokenizer: Any = processor.tokenizer
    stream = {
        "hidden_size": recipe.width,
        "intermediate_size": 4 * recipe.width,
        "num_attention_heads": recipe.heads,
        "projection_dim": recipe.width,
    }
    text = {
        "vocab_size": len(tokenizer),
        "num_hidden_layers": recipe.text_layers,
        "max_position_embeddings": recipe.positions,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    vision = {
        "num_hidden_layers": recipe.vision_layers,
        "image_size": recipe.side,
        "patch_size": recipe.patch,
    }
    config = CLIPConfig(text_config=stream | text, vision_config=stream | vision, projection_dim=recipe.width)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return CLIPModel(config)


def near_views(
    images: UInt8[Tensor, "image side side 3"], *, generator: torch.Generator
) -> Float[Tensor, "image 3 side side"]:
    """Each picture a little moved, zoomed, mirrored and lit, in -1 .. 1; its colours keep their names."""
    n = len(images)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(n, *shape, generator=generator) * (high - low) + low

    scale = draw(0.8, 1.05)
    mirror = torch.where(draw(0.0, 1.0) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = scale * mirror, scale, draw(-0.12, 0.12, 2)
    pixels = images.permute(0, 3, 1, 2).float() / 127.5 - 1
    grid = functional.affine_grid(theta, list(pixels.shape), align_corners=False)
    view = functional.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
    return (view * draw(0.85, 1.15, 1, 1, 1) + draw(-0.08, 0.08, 1, 1, 1)).clamp(-1, 1)


def contrastive_loss(
    logits: Float[Tensor, "image text"], same: Bool[Tensor, "image text"]
) -> Float[Tensor, ""]:
    """CLIP's symmetric cross-entropy, with several right answers where captions of a batch are identical.

    The target of a row, and of a column, is uniform over the pairs of ``same``. Captions that differ and
    still fit another picture of the batch count as wrong, as in CLIP (Radford et al. 2021).
    """
    right = same.float()
    rows = (right / right.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1)
    columns = (right / right.sum(0, keepdim=True) * logits.log_softmax(0)).sum(0)
    return -(rows.mean() + columns.mean()) / 2


class _Pairs:
    """The scenes with their captions, and the batch of any step."""

    def __init__(self, recipe: ClipRecipe, pixels: Path, processor: CLIPProcessor) -> None:
        self.recipe = recipe
        self.tokenizer: Any = processor.tokenizer
        seeds = range(recipe.first_seed, recipe.first_seed + recipe.scenes)
        scene_pixels(pixels, seeds, recipe.side)
        chunks = sorted(pixels.glob("[0-9]*.npy"), key=lambda path: int(path.stem.split("-")[0]))
        self.images = torch.cat([torch.from_numpy(np.load(chunk)) for chunk in chunks])
        self.captions = [captions_of(seed) for seed in seeds]

    def batch(self, step: int) -> tuple[Tensor, dict[str, Tensor], Bool[Tensor, "image text"]]:
        """Views, the inputs of one caption each, and which captions are identical."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, step])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        chosen = rng.choice(len(self.images), recipe.batch, replace=False).tolist()
        captions = [self.captions[index][int(rng.integers(5))] for index in chosen]
        texts = [f"{LEAD} {text}" if rng.random() < 0.5 else text for text in captions]
        inputs = self.tokenizer(texts, padding=True, return_tensors="pt")
        ids = self._forget(inputs["input_ids"], generator)
        same = torch.tensor([[one == other for other in captions] for one in captions])
        views = near_views(self.images[chosen], generator=generator)
        return views, {"input_ids": ids, "attention_mask": inputs["attention_mask"]}, same

    def _forget(self, ids: Int[Tensor, "text token"], generator: torch.Generator) -> Tensor:
        special = torch.isin(ids, torch.tensor(self.tokenizer.all_special_ids))
        forgotten = torch.rand(ids.shape, generator=generator) < self.recipe.unknown
        return ids.masked_fill(forgotten & ~special, self.tokenizer.unk_token_id)


def train_clip(out: Path, recipe: ClipRecipe, *, device: str = "cpu", stop: int | None = None) -> Path:
    """Train the judge of captions against pictures, or go on; see ``schooling.teach``.

    ``out/pixels`` holds the rendered scenes; ``out/latest`` is what ``CLIPModel`` and ``CLIPProcessor`` open.

    Raises:
        SettingError: ``out`` holds a training of another recipe.
    """

    def prepare() -> Course:
        processor = build_clip_processor(recipe)
        model = build_clip(recipe, processor)
        pairs = _Pairs(recipe, out / "pixels", processor)

        def loss(step: int) -> Tensor:
            views, text, same = pairs.batch(step)
            inputs = {name: value.to(device) for name, value in text.items()}
            found = model(pixel_values=views.to(device), **inputs)
            scale = model.logit_scale.clamp(max=_MOST).exp()
            logits = scale * found.image_embeds.float() @ found.text_embeds.float().T
            return contrastive_loss(logits, same.to(device))

        def check() -> dict[str, float]:
            found = clip_checks(model, processor, DEVELOPMENT[: recipe.check])
            return {name: share["share"] for name, share in found.items()}

        def export(finished: PreTrainedModel, folder: Path) -> None:
            finished.save_pretrained(folder)
            processor.save_pretrained(folder)

        return Course("clip", model, loss, check, export)

    return teach(out, recipe, prepare, device=device, stop=stop)
