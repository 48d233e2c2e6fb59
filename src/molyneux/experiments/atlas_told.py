"""What an atlas, a neuron in it and a search of it show in a notebook. Loads no torch and no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from molyneux.ground.html import INTERPRETABLE, TOP, Html, bar, card, chip, chips, table, tag
from molyneux.ground.notebook import Told
from molyneux.ground.printable import shown_token

if TYPE_CHECKING:
    from molyneux.experiments.atlas_read import Atlas, Entry, Token
    from molyneux.experiments.atlas_search import Hit, Search

__all__ = ["atlas_told", "entry_told", "search_told"]

_LISTED = 20  # neurons of a search, and tokens a side of a neuron; the frame has them all
_CHIPS = 6  # tokens of a neuron in a list of neurons
_TOKENS = 12  # that match a search
_SENSE = "\u2713 interpretable: at least 7 of its top 10 tokens are English words"


def atlas_told(atlas: Atlas) -> Told:
    """How many neurons were decoded, and how many are interpretable, by layer."""
    about, settings = atlas.summary, atlas.settings
    counts: Sequence[Mapping[str, int]] = about["by_layer"]
    neurons, used, words = (sum(one[name] for one in counts) for name in ("neurons", "used", "interpretable"))

    def html() -> Html:
        rows = [
            (f"L{one['layer']}", bar(_share(one), INTERPRETABLE, width=180), f"{_share(one):.0%}", _of(one))
            for one in counts
        ]
        by_chance = f"; of ten random tokens it would be {about['by_chance']:.0%}"
        total = f"{words:,} of {used:,} neurons are interpretable ({words / max(1, used):.0%}){by_chance}"
        options = [f"{settings.k} tokens kept on either side of each neuron"]
        options += ["through the last norm"] if settings.final_norm else []
        options += ["with the unembedding's bias"] if settings.bias else []
        options += [f"{count:,} without a decoding: {why}" for why, count in about["skipped"].items()]
        return card(
            f"Atlas of {atlas.model}: what {neurons:,} neurons say",
            tag("div", total),
            table(("layer", "interpretable", "", ""), rows),
            note=f"{about['tokens']:,} tokens; {'; '.join(options)}{_miniature(atlas)}",
        )

    def plot() -> object:
        from molyneux.ground.plots import bars

        names = [f"L{one['layer']}" for one in counts]
        title = f"{atlas.model}: interpretable neurons by layer"
        return bars(names, [_share(one) for one in counts], title=title, x="share of the layer's neurons")

    return Told(html, lambda: [dict(one) for one in counts], plot)


def entry_told(entry: Entry) -> Told:
    """The tokens that a neuron raises and those that it lowers most."""
    both = [*entry.boosted, *entry.suppressed]

    def html() -> Html:
        most = max((abs(token.logit) for token in both), default=1.0) or 1.0
        empty = (Html(), Html(), "")
        sides = [
            [(chip(one.text), bar(sign * one.logit / most, colour), one.logit) for one in side]
            for side, sign, colour in ((entry.boosted, 1, TOP), (entry.suppressed, -1, INTERPRETABLE))
        ]
        high, low = sides
        pairs = enumerate(zip_longest(high[:_LISTED], low[:_LISTED], fillvalue=empty), start=1)
        rows = [(number, *one, *other) for number, (one, other) in pairs]
        return card(
            f"What {entry.neuron} says",
            table(("", "raises", "", "logit", "lowers", "", "logit"), rows),
            note=_SENSE
            if entry.interpretable
            else "not interpretable: too few of its top 10 tokens are words",
        )

    def rows() -> list[Mapping[str, object]]:
        sides = (("boosted", entry.boosted), ("suppressed", entry.suppressed))
        return [
            {"neuron": str(entry.neuron), "side": side, "rank": rank}
            | {"token": token.text, "token_id": token.id, "logit": token.logit}
            for side, tokens in sides
            for rank, token in enumerate(tokens, start=1)
        ]

    def plot() -> object:
        from molyneux.ground.plots import bars

        listed = [*entry.boosted[:10], *reversed(entry.suppressed[:10])]
        return bars(
            [shown_token(token.text, space=False) for token in listed],
            [token.logit for token in listed],
            title=f"{entry.neuron}: what it raises and lowers most",
            x="logit",
            strong=[n < len(entry.boosted[:10]) for n in range(len(listed))],
        )

    return Told(html, rows, plot)


def search_told(found: Search) -> Told:
    """The neurons that have a word among their tokens."""
    does = "lower" if found.suppressed else "raise"
    title = f"Neurons that {does} \u201c{found.word}\u201d"

    def html() -> Html:
        if not found.tokens:
            near = Html(" ".join(map(chip, found.near)))
            close = [tag("div", "Close to it: ", near)] if found.near else []
            return card(title, tag("div", "No token of this vocabulary is that word."), *close)
        most = max((abs(hit.token.logit) for hit in found.hits), default=1.0) or 1.0
        colour = INTERPRETABLE if found.suppressed else TOP
        rows = [
            (
                str(hit.entry.neuron),
                chips(_side(found, hit), _CHIPS, lit=hit.rank - 1),
                "\u2713" if hit.entry.interpretable else "",
                bar(abs(hit.token.logit) / most, colour),
                hit.token.logit,
                hit.rank,
            )
            for hit in found.hits[:_LISTED]
        ]
        more = f" and {len(found.tokens) - _TOKENS} more" if len(found.tokens) > _TOKENS else ""
        shown = f"{len(rows)} of {found.total:,} are shown; " if len(rows) < found.total else ""
        return card(
            title,
            tag("div", "tokens: ", Html(" ".join(chip(text) for _, text in found.tokens[:_TOKENS])), more),
            table(("neuron", f"tokens that it {does}s most", "", "", "logit", "its rank"), rows),
            note=f"{shown}{found.interpretable:,} of {found.total:,} are interpretable (\u2713)",
        )

    def rows() -> list[Mapping[str, object]]:
        return [
            {"neuron": str(hit.entry.neuron), "layer": hit.entry.neuron.layer, "unit": hit.entry.neuron.unit}
            | {"token": hit.token.text, "token_id": hit.token.id, "logit": hit.token.logit, "rank": hit.rank}
            | {"interpretable": hit.entry.interpretable, "tokens": _side(found, hit)}
            for hit in found.hits
        ]

    def plot() -> object:
        from molyneux.ground.plots import bars

        listed = found.hits[:_LISTED]
        return bars(
            [f"{hit.entry.neuron} {shown_token(hit.token.text, space=False)}" for hit in listed],
            [hit.token.logit for hit in listed],
            title=f"{title} (in colour: interpretable)",
            x="logit",
            strong=[hit.entry.interpretable for hit in listed],
        )

    return Told(html, rows, plot)


def _side(found: Search, hit: Hit) -> list[str]:
    """The list of a neuron that was searched."""
    listed: tuple[Token, ...] = hit.entry.suppressed if found.suppressed else hit.entry.boosted
    return [one.text for one in listed]


def _share(one: Mapping[str, int]) -> float:
    return one["interpretable"] / one["used"] if one["used"] else 0.0


def _of(one: Mapping[str, int]) -> str:
    return f"{one['interpretable']:,} of {one['used']:,}"


def _miniature(atlas: Atlas) -> str:
    return "; the miniature, not the paper's model" if atlas.summary["miniature"] else ""
