"""The miniature's only seam: one linear layer from an encoder's patches to a text model's input."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from molyneux.ground.errors import SettingError
from molyneux.miniature.accuracy import noun_choice
from molyneux.miniature.dataset import DEVELOPMENT, TRAINING
from molyneux.miniature.features import caption_ids, patch_features, weights_hash
from molyneux.miniature.training import (
    Pace,
    checkpoint_of,
    claim,
    clean_slate,
    export_whole,
    fast_bfloat16,
    record,
    save_checkpoint,
    warm_cosine,
)
from molyneux.miniature.whiten import Whitening, fit_whitening, fold
from molyneux.models.limber import LimberForConditionalGeneration, LimberProcessor, assemble

__all__ = ["ProjectionRecipe", "caption_loss", "norm_penalty", "train_projection"]


@dataclass(frozen=True)
class ProjectionRecipe:
    """How the projection is made; everything that decides its weights."""

    scenes: int = 12_000
    """Training scenes, each with five captions."""
    first_seed: int = 2_000_000
    """Of the scenes; from 1,000,000 on, and best where the encoder was not trained."""
    steps: int = 400
    """Batches."""
    batch: int = 64
    """Scenes a batch, one caption each."""
    peak: float = 3e-3
    """Learning rate after the warm-up, on whitened patch vectors."""
    warmup: int = 40
    """Steps of linear warm-up; a cosine to zero follows."""
    clip: float = 1.0
    """Largest norm of a gradient."""
    norm_weight: float = 0.3
    """Weight of the penalty on prompt norms that leave the token embeddings' mean norm."""
    ridge: float = 1e-2
    """Of the whitening; see ``fit_whitening``."""
    check: int = 256
    """Development scenes looked at with each checkpoint."""
    every: int = 100
    """Steps between checkpoints."""
    prefix: str = "A picture of"
    """The words after the image."""
    seed: int = 0
    """Of first weights and batches."""

    def __post_init__(self) -> None:
        if self.first_seed not in TRAINING:
            raise SettingError(
                "first_seed", value=self.first_seed, expected=f"a training seed, {TRAINING.start} or more"
            )

    @property
    def seeds(self) -> range:
        """Of the training scenes."""
        return range(self.first_seed, self.first_seed + self.scenes)

    @property
    def check_seeds(self) -> range:
        """Of the development scenes."""
        return DEVELOPMENT[: self.check]


@dataclass
class _Training:
    """An open training: what it reads, what it changes, where it writes."""

    out: Path
    recipe: ProjectionRecipe
    model: LimberForConditionalGeneration
    processor: LimberProcessor
    features: Float[Tensor, "image patch dim"]
    captions: Int[Tensor, "image caption token"]
    prefix: Int[Tensor, " prefix"]
    check_features: Float[Tensor, "check patch dim"]
    whitening: Whitening
    norm: float
    layer: nn.Linear
    optimiser: torch.optim.AdamW


def caption_loss(
    language_model: Any,
    prompts: Float[Tensor, "batch patch dim"],
    *,
    prefix: Int[Tensor, " prefix"],
    captions: Int[Tensor, "batch token"],
    pad: int,
) -> Float[Tensor, ""]:
    """Mean cross-entropy, in nats, of the captions' tokens after [prompt] + prefix; ``pad`` does not count.

    Captions are padded on the right, where attention of earlier positions does not reach: no mask is needed.
    """
    words = torch.cat([prefix.expand(len(captions), -1), captions[:, :-1]], dim=1)
    tokens = language_model.get_input_embeddings()(words)
    inputs = torch.cat([prompts.to(tokens.dtype), tokens], dim=1)
    logits = language_model(inputs_embeds=inputs, logits_to_keep=captions.shape[1]).logits
    loss: Tensor = functional.cross_entropy(
        logits.float().flatten(0, 1), captions.flatten(), ignore_index=pad
    )
    return loss


def norm_penalty(prompts: Float[Tensor, "batch patch dim"], norm: float) -> Float[Tensor, ""]:
    """Mean of (length / norm - 1)^2 over prompt vectors.

    Without it they grow to many times the token embeddings' length, and later layers hardly move them.
    """
    lengths: Tensor = prompts.float().norm(dim=-1)
    return (lengths / norm - 1).square().mean()


def train_projection(
    out: Path,
    *,
    vision: Path,
    text: Path,
    recipe: ProjectionRecipe,
    device: str = "cpu",
    stop: int | None = None,
) -> Path:
    """Train the projection, or go on where an earlier call was stopped, and return the captioner's folder.

    Encoder and text model stay as they are; patch vectors are computed once and kept in ``out``.
    ``out/latest`` is a LiMBeR folder (float16 safetensors, processor, tokenizer) of the newest checkpoint,
    and of the finished model in the end; ``out/log.jsonl`` is the log, ``out/checkpoint.pt`` what
    resuming needs.

    Args:
        out: folder to write; made where it is not there.
        vision: folder of the encoder and its image processor.
        text: folder of the language model and its tokenizer.
        recipe: what to train. An ``out`` begun with another recipe, encoder or text model is refused.
        device: a torch device.
        stop: stop after this many steps with a checkpoint, as an interruption would; None trains to the end.

    Raises:
        SettingError: ``out`` holds a training of another recipe, encoder or text model.
    """
    out.mkdir(parents=True, exist_ok=True)
    claim(out, asdict(recipe) | {"vision": weights_hash(vision), "text": weights_hash(text)})
    run = _open(out, vision, text, recipe=recipe, device=device)
    step, last = _resume(run), min(recipe.steps, stop or recipe.steps)
    pace, losses = Pace("projection", recipe.steps, step), list[Tensor]()
    while step < last:
        losses.append(_step(run, step))
        step += 1
        if step % 20 == 0:
            pace.tell(step, losses[-20:])
        if step % recipe.every == 0 or step == last:
            _save(run, step, losses)
            losses = []
    return out / "latest"


def _open(out: Path, vision: Path, text: Path, *, recipe: ProjectionRecipe, device: str) -> _Training:
    """Load both models, make or read the features, and draw first weights."""
    model, processor = assemble(vision, text, prefix=recipe.prefix)
    nn.Module.to(model.requires_grad_(False), torch.device(device))
    folder, pixels = out / f"features-{weights_hash(vision)}", out / "scenes"
    features = patch_features(folder, recipe.seeds, model, processor, pixels=pixels)
    check = patch_features(folder, recipe.check_seeds, model, processor, pixels=pixels)
    prefix = processor.tokenizer(recipe.prefix, add_special_tokens=False, return_tensors="pt")["input_ids"][0]
    table: Any = model.get_input_embeddings()
    norm = float(table.weight.float().norm(dim=-1).mean())
    layer = _fresh_layer(features.shape[-1], model.projection.out_features, norm, recipe.seed)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=recipe.peak, betas=(0.9, 0.95), weight_decay=0.0)
    return _Training(
        out=out,
        recipe=recipe,
        model=model,
        processor=processor,
        features=features,
        captions=caption_ids(processor, recipe.seeds),
        prefix=prefix.to(device),
        check_features=check,
        whitening=fit_whitening(features[:2000], ridge=recipe.ridge),
        norm=norm,
        layer=layer.to(device),
        optimiser=optimiser,
    )


def _fresh_layer(width: int, dim: int, norm: float, seed: int) -> nn.Linear:
    """Random weights that turn whitened vectors into prompts of about the token embeddings' norm."""
    layer = nn.Linear(width, dim)
    generator = torch.Generator().manual_seed(seed)
    nn.init.normal_(layer.weight, std=norm / math.sqrt(width * dim), generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def _step(run: _Training, step: int) -> Float[Tensor, ""]:
    """One batch; returns the caption loss."""
    recipe, device = run.recipe, run.layer.weight.device
    for group in run.optimiser.param_groups:
        group["lr"] = recipe.peak * warm_cosine(step, recipe.steps, warmup=recipe.warmup)
    rows, which = _draw(step, recipe, run.captions.shape[1])
    captions = run.captions[rows, which]
    longest = int((captions != run.processor.tokenizer.pad_token_id).sum(dim=1).max())
    whitened = (run.features[rows].to(device).float() - run.whitening.mean) @ run.whitening.matrix
    prompts = run.layer(whitened)
    with torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device)):
        loss = caption_loss(
            run.model.language_model,
            prompts,
            prefix=run.prefix,
            captions=captions[:, :longest].to(device),
            pad=run.processor.tokenizer.pad_token_id,
        )
    torch.autograd.backward(loss + recipe.norm_weight * norm_penalty(prompts, run.norm))
    torch.nn.utils.clip_grad_norm_(run.layer.parameters(), recipe.clip)
    run.optimiser.step()
    run.optimiser.zero_grad(set_to_none=True)
    return loss.detach()


def _draw(
    step: int, recipe: ProjectionRecipe, count: int
) -> tuple[Int[Tensor, " batch"], Int[Tensor, " batch"]]:
    """Scenes of a step's batch and a caption of each: shuffled epochs, a function of the step alone."""
    epoch, place = divmod(step, max(1, recipe.scenes // recipe.batch))
    order = torch.randperm(recipe.scenes, generator=torch.Generator().manual_seed(recipe.seed + 7919 * epoch))
    rows = order[place * recipe.batch : (place + 1) * recipe.batch]
    chance = torch.Generator().manual_seed(recipe.seed + 104_729 * (step + 1))
    return rows, torch.randint(count, (len(rows),), generator=chance)


def _resume(run: _Training) -> int:
    state = checkpoint_of(run.out)
    if state is None:
        clean_slate(run.out)
        return 0
    run.layer.load_state_dict(state["layer"])
    run.optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


@torch.no_grad()
def _save(run: _Training, step: int, losses: list[Tensor]) -> None:
    """Check, log, export and checkpoint; each is complete or not there, whenever the process is ended."""
    weight, bias = fold(run.layer.weight, run.layer.bias, run.whitening)
    run.model.projection.weight.copy_(weight)
    run.model.projection.bias.copy_(bias)
    lengths = run.model.projection(run.check_features.to(weight.device).float()).norm(dim=-1)
    row: dict[str, int | float] = {
        "step": step,
        "train_loss": float(torch.stack(losses).mean()),
        "noun_choice": noun_choice(run.model, run.processor, run.check_features, run.recipe.check_seeds),
        "prompt_norm": float(lengths.mean()) / run.norm,
    }
    record(run.out, row)
    export_whole(run.out, lambda folder: _export(run, folder))
    state = {"layer": run.layer.state_dict(), "optimiser": run.optimiser.state_dict(), "step": step}
    save_checkpoint(run.out, state)


def _export(run: _Training, folder: Path) -> None:
    """The whole captioner in float16, which halves what the package has to ship."""
    half = {name: value.half() for name, value in run.model.state_dict().items() if value.is_floating_point()}
    run.model.save_pretrained(folder, state_dict=run.model.state_dict() | half)
    run.processor.save_pretrained(folder)
