"""Whether a captioner names the main object: of scenes never trained on, and of those in unusual places."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from molyneux.miniature.dataset import scene_of
from molyneux.miniature.scene import CATEGORIES, PRIOR, Scene
from molyneux.miniature.tokenizer import first_pieces
from molyneux.miniature.world import render

if TYPE_CHECKING:
    from molyneux.models.limber import LimberForConditionalGeneration, LimberProcessor

__all__ = ["captions_for", "is_unusual", "named_category", "noun_accuracy", "noun_choice"]

BATCH = 64


def named_category(caption: str) -> str | None:
    """The first word of a caption that is a category's name; None where there is none."""
    return next((word for word in caption.lower().split() if word in CATEGORIES), None)


@torch.no_grad()
def captions_for(
    model: LimberForConditionalGeneration, processor: LimberProcessor, seeds: Sequence[int]
) -> list[str]:
    """Greedy captions of the scenes of seeds, drawn at 256 pixels, without the prompt's words."""
    found: list[str] = []
    for start in range(0, len(seeds), BATCH):
        images = [render(scene_of(seed)).image for seed in seeds[start : start + BATCH]]
        batch = processor(images=images, return_tensors="pt").to(model.device)
        written = model.generate(**batch, do_sample=False, max_new_tokens=24)
        found += processor.batch_decode(written[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return found


def noun_accuracy(
    model: LimberForConditionalGeneration, processor: LimberProcessor, seeds: Sequence[int]
) -> dict[str, float]:
    """Share of greedy captions whose first category name is the main object's (chance 1/16).

    Returns:
        "noun_accuracy": of all scenes; "unusual": of the scenes whose background is not among the main
        object's usual ones, where a captioner that reads the background alone fails; "scenes" and
        "unusual_scenes": their numbers.
    """
    scenes = [scene_of(seed) for seed in seeds]
    captions = captions_for(model, processor, seeds)
    right = [
        named_category(text) == scene.things[0].category for text, scene in zip(captions, scenes, strict=True)
    ]
    odd = [hit for hit, scene in zip(right, scenes, strict=True) if is_unusual(scene)]
    return {
        "noun_accuracy": sum(right) / len(right),
        "unusual": sum(odd) / len(odd) if odd else float("nan"),
        "scenes": len(right),
        "unusual_scenes": len(odd),
    }


def is_unusual(scene: Scene) -> bool:
    """Whether the background is none of the main object's usual ones, so that it misleads who reads it alone."""
    return scene.background not in PRIOR[scene.things[0].category]


@torch.no_grad()
def noun_choice(
    model: LimberForConditionalGeneration,
    processor: LimberProcessor,
    features: Float[Tensor, "image patch dim"],
    seeds: Sequence[int],
) -> float:
    """Share of scenes whose main object is the likeliest category after the prefix and "this".

    Takes the encoder's patch vectors, so it costs one short forward pass: a cheap check while training.
    """
    tokenizer = processor.tokenizer
    words = tokenizer(f"{processor.prefix} this", add_special_tokens=False, return_tensors="pt")["input_ids"]
    tail = model.get_input_embeddings()(words.to(model.device))
    names = first_pieces(tokenizer, CATEGORIES)
    right = 0
    for start in range(0, len(seeds), BATCH):
        chunk = features[start : start + BATCH].to(model.device, model.projection.weight.dtype)
        inputs = torch.cat([model.projection(chunk), tail.expand(len(chunk), -1, -1)], dim=1)
        chosen = model.language_model(inputs_embeds=inputs, logits_to_keep=1).logits[:, -1, names].argmax(-1)
        main = [scene_of(seed).things[0].category for seed in seeds[start : start + BATCH]]
        right += sum(list(CATEGORIES)[int(c)] == name for c, name in zip(chosen, main, strict=True))
    return right / len(seeds)
