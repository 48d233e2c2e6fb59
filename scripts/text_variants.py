"""Train a text model another way, join it to a vision encoder that is there, and measure it on development scenes.

    python scripts/text_variants.py relu OUT --vision BUILD/vision/encoder

prints one row of docs/log.md's table of variants. No held-out scene is looked at.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from molyneux.experiments.miniature import evaluate
from molyneux.miniature.corpus import CorpusRecipe
from molyneux.miniature.projection import ProjectionRecipe
from molyneux.miniature.recipe import MiniatureRecipe, join
from molyneux.miniature.text import TextRecipe, train_text
from molyneux.models.load import load

DEVELOPMENT_SEED, IMAGES = 150_000, 160

_HALF = CorpusRecipe(passages=0.5, colours=0.08, plain=False)
_MOSTLY = CorpusRecipe(passages=0.85, colours=0.0, plain=False)
_PLAIN = replace(_MOSTLY, plain=True)
_DEEP = TextRecipe(layers=12, spread=4, activation="gelu_new", word_rate=1.0, corpus=_MOSTLY, steps=1500)
_RELU = replace(_DEEP, activation="relu")
_FIXED = replace(_RELU, word_rate=0.0)
_WIDE = TextRecipe(steps=1500)

#: From the first recipe to the one that ships, each with what it changes.
VARIANTS: dict[str, TextRecipe] = {
    "first": replace(_DEEP, corpus=_HALF, steps=3000),
    "passages": _DEEP,
    "relu": _RELU,
    "crossed": replace(_RELU, corpus=replace(_MOSTLY, crossed=0.5)),
    "pieces": replace(_DEEP, pieces=420, positions=288),
    "fixed-gelu": replace(_DEEP, word_rate=0.0),
    "fixed": _FIXED,
    "plain": replace(_FIXED, corpus=_PLAIN),
    "free": replace(_FIXED, corpus=replace(_PLAIN, usual=0.3)),
    "loose": replace(_FIXED, corpus=replace(_PLAIN, passages=0.97)),
    "wider": replace(_WIDE, layers=6, spread=12),
    "slow": replace(_WIDE, word_rate=0.01),
    "wide": _WIDE,
    "shipped": TextRecipe(),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("variant", choices=sorted(VARIANTS))
    parser.add_argument("out", type=Path)
    parser.add_argument("--vision", type=Path, required=True, help="folder of a trained encoder")
    parser.add_argument("--seam-steps", type=int, default=150, help="of the projection")
    wanted = parser.parse_args()
    text = train_text(wanted.out / "text", VARIANTS[wanted.variant])
    recipe = MiniatureRecipe(
        text=VARIANTS[wanted.variant], projection=ProjectionRecipe(steps=wanted.seam_steps), development=160
    )
    model = join(wanted.out, vision=wanted.vision, text=text, recipe=recipe)
    found = evaluate(seed=DEVELOPMENT_SEED, count=IMAGES, captioner=load(str(model)))
    (wanted.out / "development.json").write_text(json.dumps(found, indent=1) + "\n")
    keys = ("noun_accuracy", "topic_top1", "ablation_top", "ablation_random", "iou_top", "prompt_topic")
    row = [f"{found[key]['mean']:.3f}" for key in keys]
    print(f"| {wanted.variant} | {' | '.join(row)} | {found['layers'][0]:.2f} |")


if __name__ == "__main__":
    main()
