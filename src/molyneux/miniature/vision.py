"""The miniature's eye: a small BEiT that learns to see from pictures alone, without a word or a label."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from transformers import BeitConfig, BeitModel

from molyneux.ground.errors import SettingError
from molyneux.miniature.probe import probe
from molyneux.miniature.pupil import Pupil, block_masks
from molyneux.miniature.sight import fit_books
from molyneux.miniature.training import (
    Pace,
    capped_cosine,
    checkpoint_of,
    claim,
    export_whole,
    fast_bfloat16,
    record,
    save_checkpoint,
)
from molyneux.miniature.views import prerender, random_views

__all__ = ["VisionRecipe", "encoder_config", "export_encoder", "probe", "train_vision"]

#: Training scenes have this seed and above; held-out ones lie below 100,000, development ones between.
TRAINING_SEEDS = 1_000_000


@dataclass(frozen=True)
class VisionRecipe:
    """How the encoder is made; the same recipe gives the same weights on the same machine."""

    steps: int = 14_000
    """Updates of the weights."""
    batch: int = 32
    """Pictures an update."""
    seed: int = 0
    """Of the first weights, the codebooks, the order of the pictures, their views and masks."""
    scenes: int = 50_000
    """Different scenes, rendered once before training."""
    scene_side: int = 72
    """Pixels of a rendered scene, from which views of 64 are cropped and zoomed."""
    side: int = 64
    """Pixels of what the encoder sees."""
    patch: int = 8
    """Pixels of a patch."""
    width: int = 128
    """Units of a patch vector."""
    layers: int = 5
    """Transformer blocks."""
    heads: int = 4
    """Attention heads a block."""
    edge_codes: int = 512
    """Centres of each of the two codebooks of edges."""
    colour_codes: int = 128
    """Centres of the codebook of colours."""
    hidden: int = 26
    """Patches of each picture that the mask token hides."""
    seen_weight: float = 0.5
    """Of the loss on patches in sight, beside 1 for hidden ones."""
    bag_weight: float = 1.0
    """Of the loss on the picture's bag of codes."""
    rate: float = 1.2e-3
    """Highest learning rate."""
    warmup: int = 400
    """Steps until it is reached; then half a cosine down to nothing."""
    decay: float = 0.05
    """AdamW's weight decay on matrices."""
    save_every: int = 400
    """Steps between checkpoints; each also exports the encoder."""

    def __post_init__(self) -> None:
        if self.side % self.patch or self.patch != 8:
            raise SettingError("patch", value=self.patch, expected="8, and a side that 8 divides")
        if not 0 < self.hidden < (self.side // self.patch) ** 2:
            raise SettingError("hidden", value=self.hidden, expected="some patches hidden and some in sight")
        if self.scene_side < self.side:
            raise SettingError("scene_side", value=self.scene_side, expected=f"at least side = {self.side}")
        if self.width % self.heads:
            raise SettingError("width", value=self.width, expected=f"a multiple of heads = {self.heads}")


def encoder_config(recipe: VisionRecipe) -> BeitConfig:
    """The encoder's configuration; mean pooling makes features leave without a final norm, as BEiT's do."""
    return BeitConfig(
        vocab_size=2 * recipe.edge_codes + recipe.colour_codes,
        hidden_size=recipe.width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        intermediate_size=4 * recipe.width,
        image_size=recipe.side,
        patch_size=recipe.patch,
        use_mask_token=True,
        use_absolute_position_embeddings=True,
        use_mean_pooling=True,
        layer_scale_init_value=0.1,
        drop_path_rate=0.0,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )


def export_encoder(pupil: Pupil, folder: Path) -> Path:
    """Write the encoder so that ``AutoModel`` and ``AutoImageProcessor`` open it."""
    encoder = BeitModel(pupil.seer.config)
    encoder.load_state_dict(pupil.seer.beit.state_dict(), strict=False)
    encoder.save_pretrained(folder)
    side = pupil.seer.config.image_size
    processor = {
        "image_processor_type": "BeitImageProcessor",
        "do_resize": True,
        "size": {"height": side, "width": side},
        "resample": 2,
        "do_center_crop": False,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "do_reduce_labels": False,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")
    return folder


class _Lesson:
    """Everything that changes while training: weights, optimiser, chances, and how far it has come."""

    def __init__(self, recipe: VisionRecipe, images: UInt8[np.ndarray, "image s s 3"], device: str) -> None:
        self.recipe, self.images, self.device = recipe, images, device
        self.generator = torch.Generator().manual_seed(recipe.seed)
        sample = torch.from_numpy(np.array(images[: min(len(images), 1500)]))
        views = random_views(sample, side=recipe.side, generator=self.generator)
        sizes = {"edges16": recipe.edge_codes, "edges32": recipe.edge_codes, "colour": recipe.colour_codes}
        books = fit_books(views, sizes=sizes, generator=self.generator)
        with torch.random.fork_rng():
            torch.manual_seed(recipe.seed)
            self.pupil = Pupil(encoder_config(recipe), books).to(device)
        self.optimiser = _optimiser(self.pupil, recipe)
        self.step = 0

    def load(self, kept: Mapping[str, Any]) -> None:
        self.pupil.load_state_dict(kept["pupil"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.generator.set_state(kept["generator"].cpu())
        self.step = kept["step"]

    def save(self, out: Path) -> None:
        state = {"pupil": self.pupil.state_dict(), "optimiser": self.optimiser.state_dict()}
        save_checkpoint(out, state | {"generator": self.generator.get_state(), "step": self.step})

    def batch(self) -> Float[Tensor, "image 3 side side"]:
        chosen = torch.randint(len(self.images), (self.recipe.batch,), generator=self.generator)
        pictures = torch.from_numpy(self.images[chosen.sort().values.numpy()])
        return random_views(pictures, side=self.recipe.side, generator=self.generator)

    def advance(self) -> dict[str, float]:
        """One update; the losses before it."""
        recipe = self.recipe
        view = self.batch().to(self.device)
        grid = recipe.side // recipe.patch
        hidden = block_masks(recipe.batch, grid=grid, hidden=recipe.hidden, generator=self.generator)
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate * capped_cosine(self.step, recipe.steps, warmup=recipe.warmup)
        kind = torch.device(self.device).type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=fast_bfloat16(kind)):
            losses = self.pupil(view, hidden.to(self.device))
        total = losses["hidden"] + recipe.seen_weight * losses["seen"] + recipe.bag_weight * losses["bag"]
        self.optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.pupil.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        return {name: round(loss.item(), 4) for name, loss in losses.items()}


def _optimiser(pupil: Pupil, recipe: VisionRecipe) -> torch.optim.AdamW:
    matrices = [p for p in pupil.parameters() if p.ndim > 1]
    vectors = [p for p in pupil.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": recipe.decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98))


def train_vision(out: Path, recipe: VisionRecipe, *, device: str = "cpu") -> Path:
    """Train an encoder, or go on where an interrupted training of the same recipe stopped.

    Args:
        out: gets ``scenes.npy``, ``checkpoint.pt``, ``recipe.json``, ``log.jsonl``, the partial encoder
            in ``latest/`` with every checkpoint, and the finished one in ``encoder/``.
        recipe: what to do.
        device: where; a CPU is enough.

    Returns:
        ``out / "encoder"``.

    Raises:
        SettingError: ``out`` holds a training of another recipe.
    """
    out.mkdir(parents=True, exist_ok=True)
    claim(out, asdict(recipe))
    images = prerender(
        out / "scenes.npy", count=recipe.scenes, side=recipe.scene_side, first_seed=TRAINING_SEEDS
    )
    lesson = _Lesson(recipe, images, device)
    if kept := checkpoint_of(out, device=device):
        lesson.load(kept)
    pace = Pace("vision", recipe.steps, lesson.step)
    while lesson.step < recipe.steps:
        losses = lesson.advance()
        if lesson.step % 50 == 0 or lesson.step == recipe.steps:
            record(out, {"step": lesson.step, **losses})
            pace.tell(lesson.step, losses["hidden"])
        if lesson.step % recipe.save_every == 0:
            lesson.save(out)
            export_whole(out, lambda folder: export_encoder(lesson.pupil, folder))
    lesson.save(out)
    return export_encoder(lesson.pupil, out / "encoder")
