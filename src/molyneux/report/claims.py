"""What the paper claims, each with the rule that judges it, in the paper's order."""

from __future__ import annotations

from collections.abc import Callable

from molyneux.report.claims_ablation import captions, effect, size, unaffected
from molyneux.report.claims_decoding import competitive, depth, interpretable, nouns, same, translate
from molyneux.report.claims_looking import fields, selective
from molyneux.report.verdict import Tables, Verdict

__all__ = ["verdicts"]

_JUDGES: tuple[Callable[[Tables], Verdict], ...] = (
    interpretable,
    translate,
    competitive,
    depth,
    same("clip", "CLIPScore"),
    same("bert", "BERTScore"),
    nouns,
    fields,
    selective,
    effect,
    size,
    unaffected,
    captions("top", "the top neurons"),
    captions("interpretable", "the top interpretable neurons"),
)


def verdicts(tables: Tables) -> list[Verdict]:
    """A verdict for each claim, by rules, from the tables that the run stored."""
    return [judge(tables) for judge in _JUDGES]
