"""What ``doctor --paper`` prints of scores: a BERTScore model against those of the paper's Table S.3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from molyneux.cli.screens import plain_table
from molyneux.ground.printable import inert

if TYPE_CHECKING:
    from molyneux.metrics.printed import PrintedMatch

__all__ = ["match_scores", "scores_json", "scores_screen"]

_LISTED = 5  # layers on the screen, the judge's own besides; JSON has all
_GOOD = "#2f9e77"
_ROUNDED = 0.005  # printed with two decimals, so the paper's own model is never further off


def match_scores(bert: str | None) -> tuple[int, list[PrintedMatch]]:
    """The layer that a judge judges by, and how near each of its layers comes to the printed scores.

    Args:
        bert: a folder, a hub id in the cache, or "miniature"; None: the default, or the miniature's own.
    """
    from molyneux.data.paper import caption_pairs
    from molyneux.metrics.bert import BertJudge
    from molyneux.metrics.printed import match_layers

    judge = BertJudge.load(bert)
    pairs = [(one.original, one.ablated, one.bertscore_f1) for one in caption_pairs()]
    return judge.layer, match_layers(judge, pairs)


def scores_screen(own: int, found: Sequence[PrintedMatch]) -> RenderableType:
    """The judge, its best layers, and the verdict."""
    card = found[0].judge
    head = Text("Table S.3 of the paper", style="bold")
    head.append(
        f"  BERTScore of {found[0].count} caption pairs   judge: {inert(card.name)}, ", style="not bold dim"
    )
    head.append(f"weights {card.weights}", style="not bold dim")
    made = plain_table()
    for name in ("layer", "r", "mean difference", "offset", "as printed", ""):
        made.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for place, one in enumerate(found):
        layer = layer_of(one)
        if place >= _LISTED and layer != own:
            continue
        marks = [word for word, on in (("nearest", place == 0), ("the judge's own", layer == own)) if on]
        made.add_row(
            str(layer),
            f"{one.pearson:.3f}",
            f"{one.error:.3f}",
            f"{one.offset:+.3f}",
            f"{one.exact} of {one.count}",
            Text(", ".join(marks), style=_GOOD if place == 0 else "dim"),
        )
    return Group(head, Text(), made, Text(), _verdict(found[0]), Text())


def layer_of(one: PrintedMatch) -> int:
    return int(one.judge.options.removeprefix("layer "))


def _verdict(best: PrintedMatch) -> Text:
    if best.error <= _ROUNDED:
        said = f"\u2713 these are the paper's scores: layer {layer_of(best)}"
        return Text(said, style=f"bold {_GOOD}")
    return Text.assemble(
        ("not the paper's BERTScore model", "bold"),
        (f"   off by {best.error:.3f} on average at best; its own would be within {_ROUNDED}", "dim"),
    )


def scores_json(own: int, found: Sequence[PrintedMatch]) -> dict[str, Any]:
    """Every layer, nearest first."""
    card = found[0].judge
    return {
        "judge": card.name,
        "weights": card.weights,
        "note": card.note,
        "layer": own,
        "pairs": found[0].count,
        "is_papers": found[0].error <= _ROUNDED,
        "layers": [
            {
                "layer": layer_of(one),
                "pearson": one.pearson,
                "mean_difference": one.error,
                "offset": one.offset,
                "as_printed": one.exact,
            }
            for one in found
        ],
    }
