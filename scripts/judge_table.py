"""Print the model card's table of the judges, and how far counting common words comes on BERT's question.

    python scripts/judge_table.py [--scenes 512]

The scenes are the last ones of the development seeds; neither judge was trained on them.
"""

from __future__ import annotations

import argparse
from collections import Counter

from molyneux.ground.assets import asset
from molyneux.miniature.dataset import DEVELOPMENT, captions_of, scene_of
from molyneux.miniature.judges.checks import judge_checks

QUESTIONS = (
    ("CLIP", "clip", "other_category", "prefers the scene's caption to one of another category", "50%"),
    ("CLIP", "clip", "same_category", "prefers it to one of another scene of the same category", "50%"),
    ("CLIP", "clip", "zero_shot", "names the category (16) without training on it", "6%"),
    ("BERT", "bert", "layer_4", "scores a second caption above one of another category (last layer)", "50%"),
)


def common_words(seeds: range) -> tuple[float, float]:
    """Shares of scenes in which a second caption has more words in common than another category's, and as many."""
    names = [scene_of(seed).things[0].category for seed in seeds]
    won = tied = 0
    for place, seed in enumerate(seeds):
        others = (other for other in range(place + 1, place + len(seeds)))
        other = next(k % len(seeds) for k in others if names[k % len(seeds)] != names[place])
        first, second = captions_of(seed)[:2]
        theirs = captions_of(seeds[other])[0]
        gain = _overlap(second, first) - _overlap(theirs, first)
        won, tied = won + (gain > 0), tied + (gain == 0)
    return won / len(seeds), tied / len(seeds)


def _overlap(one: str, other: str) -> float:
    """F1 of the words of two captions, each as often as it stands there."""
    mine, yours = Counter(one.split()), Counter(other.split())
    return 2 * sum((mine & yours).values()) / (sum(mine.values()) + sum(yours.values()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=512)
    seeds = DEVELOPMENT[-parser.parse_args().scenes :]
    folder = asset("miniature/judges")
    found = judge_checks(folder / "clip", folder / "bert", seeds)
    print("| judge | question | share | chance |\n|---|---|---|---|")
    for name, kind, key, question, chance in QUESTIONS:
        figure = found[kind][key]
        share = f"{figure['share']:.1%} [{figure['low']:.1%}, {figure['high']:.1%}]"
        print(f"| {name} | {question} | {share} | {chance} |")
    won, tied = common_words(seeds)
    print(f"\nCounting common words answers the last question in {won:.1%} ({tied:.1%} tied).")


if __name__ == "__main__":
    main()
