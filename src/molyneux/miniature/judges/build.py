"""Both judges from nothing, each in the folder that ships, with the story of its making."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers

from molyneux.ground.assets import asset
from molyneux.ground.errors import SettingError
from molyneux.miniature.dataset import DEVELOPMENT
from molyneux.miniature.features import weights_hash
from molyneux.miniature.judges.bert import BertRecipe, train_bert
from molyneux.miniature.judges.checks import judge_checks
from molyneux.miniature.judges.clip import ClipRecipe, train_clip
from molyneux.miniature.training import LOG, RECIPE

if TYPE_CHECKING:
    from transformers import BertModel, BertTokenizer, CLIPModel, CLIPProcessor

__all__ = ["LIMIT", "MAKING", "JudgesRecipe", "build_judges", "load_judges"]

#: Name of the file beside the weights that says how they were made and how well they do.
MAKING = "making.json"
#: Bytes that both judges may take in the package.
LIMIT = 8_000_000


@dataclass(frozen=True)
class JudgesRecipe:
    """How the shipped judges are made."""

    clip: ClipRecipe = field(default_factory=ClipRecipe)
    """Of the judge of captions against pictures."""
    bert: BertRecipe = field(default_factory=BertRecipe)
    """Of the judge of captions against captions."""
    development: int = 512
    """Development scenes that the finished judges are tried on: the last ones, as training looks at the first."""


def build_judges(out: Path, *, recipe: JudgesRecipe | None = None, device: str = "cpu") -> tuple[Path, Path]:
    """Train both judges, try them on development scenes, and return the folders of CLIP and of BERT.

    Each keeps checkpoints, under ``out/clip`` and ``out/bert``, goes on where it was interrupted, and is
    passed over where it is done. What ships comes to lie in ``out/judges/clip`` and ``out/judges/bert``.

    Args:
        out: folder to work in.
        recipe: None takes the one that the shipped judges were made with.
        device: a torch device.

    Raises:
        SettingError: ``out`` holds judges of another recipe, or the folders are larger than may ship.
    """
    recipe = recipe or JudgesRecipe()
    latest = {
        "clip": train_clip(out / "clip", recipe.clip, device=device),
        "bert": train_bert(out / "bert", recipe.bert, device=device),
    }
    seeds = DEVELOPMENT[-recipe.development :]
    found = judge_checks(latest["clip"], latest["bert"], seeds)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    fresh = out / "judges.new"
    shutil.rmtree(fresh, ignore_errors=True)
    for name, folder in latest.items():
        shutil.copytree(folder, fresh / name)
        story = _story(folder) | {
            "scenes": [seeds[0], seeds[-1]],
            "checks": found[name],
            "versions": versions,
        }
        (fresh / name / MAKING).write_text(json.dumps(story, indent=1) + "\n", encoding="utf-8")
    _publish(fresh, out / "judges")
    return out / "judges" / "clip", out / "judges" / "bert"


def load_judges() -> tuple[CLIPModel, CLIPProcessor, BertModel, BertTokenizer]:
    """The shipped judges, in float32 on the CPU, ready to judge.

    Texts for CLIP are best put after "a picture of", as half of its training's were.

    Raises:
        AssetError: they are not there, so the installation is incomplete.
    """
    from transformers import BertModel, BertTokenizer, CLIPModel, CLIPProcessor

    folder = asset("miniature/judges")
    clip = CLIPModel.from_pretrained(folder / "clip", dtype=torch.float32)
    processor = CLIPProcessor.from_pretrained(folder / "clip", backend="pil")
    bert = BertModel.from_pretrained(folder / "bert", dtype=torch.float32)
    tokenizer = BertTokenizer.from_pretrained(folder / "bert")
    return clip, processor, bert, tokenizer


def _story(latest: Path) -> dict[str, Any]:
    """A judge's weights, recipe and the last row of its log."""
    training = latest.parent
    return {
        "weights": weights_hash(latest),
        "recipe": json.loads((training / RECIPE).read_text()),
        "last": json.loads((training / LOG).read_text().splitlines()[-1]),
    }


def _publish(fresh: Path, judges: Path) -> None:
    """Put the folder where it is used from; whole or not there."""
    files = [path for path in fresh.rglob("*") if path.is_file()]
    for path in files:
        path.chmod(0o644)  # safetensors writes for the owner alone, as an installed package would keep
    size = sum(path.stat().st_size for path in files)
    if size > LIMIT:
        raise SettingError(
            "judges' folder",
            value=f"{size / 1e6:.1f} MB",
            expected=f"at most {LIMIT / 1e6:.0f} MB, which the package may ship",
            fix="Make the judges smaller.",
        )
    shutil.rmtree(judges, ignore_errors=True)
    fresh.rename(judges)
