"""The miniature's figures as a Markdown table: the one that its card and the README carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["markdown"]


def _percent(figure: Mapping[str, Any]) -> str:
    if not figure["n"]:
        return "none to look at"
    return f"{figure['mean']:.1%} [{figure['low']:.1%}, {figure['high']:.1%}]"


def _plain(figure: Mapping[str, Any]) -> str:
    return f"{figure['mean']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _change(figure: Mapping[str, Any]) -> str:
    return f"{_percent(figure)}, median {figure['median']:.1%}"


def _at_most(p_value: float) -> str:
    """The permutation test cannot tell less than one in its number of draws."""
    return "<= 0.0001" if p_value <= 1e-4 else f"= {p_value:.2g}"


def markdown(result: Mapping[str, Any]) -> str:
    """Rows of (question, found, control), each with its 95% interval over images.

    Args:
        result: what ``molyneux.experiments.miniature.evaluate`` returned.
    """
    layers = ", ".join(f"{share:.0%}" for share in result["layers"])
    rows = [
        ("The caption's first noun names the main object", _percent(result["noun_accuracy"]), ""),
        (
            f"The same before a background that is unusual for it ({result['noun_unusual']['n']} images)",
            _percent(result["noun_unusual"]),
            "",
        ),
        (
            "Top neuron (summed score): 3 or more of its 10 tokens are words of the object's topic",
            _percent(result["topic_top1"]),
            f"images shuffled {_percent(result['topic_shuffled'])}; "
            f"random unit of its layer {_percent(result['topic_random'])}",
        ),
        (
            "Change of p(noun) with the top 5% of units off at visual positions",
            _change(result["ablation_top"]),
            f"random units of the same layers {_change(result['ablation_random'])}",
        ),
        (
            "IoU of the top 20 units' receptive fields with the object's mask",
            _plain(result["iou_top"]),
            f"random units {_plain(result['iou_random'])}; paired p {_at_most(result['iou_p'])}",
        ),
        (
            f"Summed post-activation scores against true single-unit ablation ({result['exact_units']} units)",
            f"Pearson r = {result['exact_pearson']:.3f}",
            "",
        ),
        ("Top 100 units by layer, from layer 0", layers, ""),
        (
            "Projected patches: nearest tokens on the object's topic",
            _percent(result["prompt_topic"]),
            f"random vectors of matched scale {_percent(result['prompt_topic_random'])}",
        ),
    ]
    lines = ["| question | found | control |", "|---|---|---|"]
    lines += [f"| {question} | {found} | {control} |" for question, found, control in rows]
    images, spoken = result["images"], result["images_with_noun"]
    return "\n".join(
        [*lines, "", f"{spoken} of {images} images (a caption with a noun); {result['miniature']}."]
    )
