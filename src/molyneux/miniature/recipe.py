"""The whole story of the miniature: eyes, tongue, the seam between them, whether it sees, and its judges."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

from molyneux.ground.errors import SettingError
from molyneux.miniature.accuracy import noun_accuracy
from molyneux.miniature.dataset import DEVELOPMENT
from molyneux.miniature.features import weights_hash
from molyneux.miniature.judges.build import JudgesRecipe, build_judges
from molyneux.miniature.projection import ProjectionRecipe, train_projection
from molyneux.miniature.text import TextRecipe, train_text
from molyneux.miniature.training import LOG, RECIPE
from molyneux.miniature.vision import VisionRecipe, train_vision
from molyneux.models.limber import LimberForConditionalGeneration, LimberProcessor

__all__ = ["MAKING", "MiniatureRecipe", "build", "join"]

#: Name of the file beside the weights that says how they were made and how well they do.
MAKING = "making.json"
LIMIT = 25_000_000  # bytes that the package may ship


@dataclass(frozen=True)
class MiniatureRecipe:
    """How the shipped miniature is made."""

    vision: VisionRecipe = field(default_factory=VisionRecipe)
    """Of the encoder, which never sees a word."""
    text: TextRecipe = field(default_factory=TextRecipe)
    """Of the language model, which never sees a picture."""
    projection: ProjectionRecipe = field(default_factory=ProjectionRecipe)
    """Of the linear layer between them."""
    judges: JudgesRecipe = field(default_factory=JudgesRecipe)
    """Of the two models that score captions and took no part in making them."""
    development: int = 512
    """Development scenes that the finished captioner is tried on."""


def build(out: Path, *, recipe: MiniatureRecipe | None = None, device: str = "cpu") -> Path:
    """Make the miniature: train encoder, text model, projection and judges, and return the model's folder.

    Each stage keeps checkpoints (``out/vision``, ``out/text``, ``out/projection``, ``out/clip``,
    ``out/bert``), goes on where it was interrupted, and is passed over where it is done. About an hour and a
    half on two CPU cores.

    Args:
        out: folder to work in; the captioner comes to lie in ``out/model``, the judges in ``out/judges``.
        recipe: None takes the one that the shipped weights were made with.
        device: a torch device.

    Raises:
        SettingError: ``out`` holds stages of another recipe.
    """
    recipe = recipe or MiniatureRecipe()
    vision = train_vision(out / "vision", recipe.vision, device=device)
    text = train_text(out / "text", recipe.text, device=device)
    model = join(out, vision=vision, text=text, recipe=recipe, device=device)
    build_judges(out, recipe=recipe.judges, device=device)
    return model


def join(out: Path, *, vision: Path, text: Path, recipe: MiniatureRecipe, device: str = "cpu") -> Path:
    """The last stages of ``build``, for two models that are there: projection, folder, trial.

    Raises:
        SettingError: ``out`` holds a projection of another recipe or of other models, or the folder is larger
            than the package may ship.
    """
    latest = train_projection(
        out / "projection", vision=vision, text=text, recipe=recipe.projection, device=device
    )
    making = {"vision": _story(vision), "text": _story(text), "projection": _story(latest)}
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    trial = _trial(latest, recipe, device)
    return _publish(latest, out / "model", making | {"development": trial, "versions": versions})


def _story(latest: Path) -> dict[str, Any]:
    """A stage's recipe, the last row of its log and its weights, from the files beside its newest model."""
    story: dict[str, Any] = {"weights": weights_hash(latest)}
    recipe, log = latest.parent / RECIPE, latest.parent / LOG
    if recipe.exists():
        story["recipe"] = json.loads(recipe.read_text())
    if log.exists() and (rows := log.read_text().splitlines()):
        story["last"] = json.loads(rows[-1])
    return story


def _trial(folder: Path, recipe: MiniatureRecipe, device: str) -> dict[str, float]:
    """How often the saved captioner names the main object of scenes that no stage has looked at."""
    model = LimberForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    nn.Module.to(model, torch.device(device))
    processor = LimberProcessor.from_pretrained(folder)
    first = DEVELOPMENT.stop - recipe.development  # the last ones: the stages check themselves on the first
    scores = noun_accuracy(model, processor, range(first, DEVELOPMENT.stop))
    print(
        f"names the main object of {scores['scenes']} development scenes in {scores['noun_accuracy']:.3f}, "
        f"of the {scores['unusual_scenes']} before unusual backgrounds in {scores['unusual']:.3f}",
        file=sys.stderr,
        flush=True,
    )
    return scores


def _publish(latest: Path, model: Path, making: dict[str, Any]) -> Path:
    """Copy the captioner to where it is used from, with the story of its making; whole or not there."""
    fresh = model.with_name(model.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(latest, fresh)
    (fresh / MAKING).write_text(json.dumps(making, indent=1) + "\n", encoding="utf-8")
    files = [path for path in fresh.rglob("*") if path.is_file()]
    for path in files:
        path.chmod(0o644)  # safetensors writes for the owner alone, as an installed package would keep
    size = sum(path.stat().st_size for path in files)
    if size > LIMIT:
        raise SettingError(
            "model folder",
            value=f"{size / 1e6:.1f} MB",
            expected=f"at most {LIMIT / 1e6:.0f} MB, which the package may ship",
            fix="Make the encoder or the text model smaller.",
        )
    shutil.rmtree(model, ignore_errors=True)
    fresh.rename(model)
    return model
