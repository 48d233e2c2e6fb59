"""An atlas on the terminal and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from molyneux.cli.blocks import bar
from molyneux.cli.screens import BAR, MINIATURE, plain_table, tokens_text
from molyneux.cli.tables import verdict
from molyneux.experiments.atlas_read import Atlas, Entry, Token
from molyneux.experiments.atlas_search import Search
from molyneux.ground.printable import inert
from molyneux.ground.rows import Skipped

__all__ = [
    "entries_screen",
    "entry_json",
    "overview_json",
    "overview_screen",
    "search_json",
    "search_screen",
]

_LOWER = "#4aa3df"
_WIDE = 12


def overview_screen(atlas: Atlas, out: Path) -> RenderableType:
    """What was decoded, and a bar a layer: the share of interpretable neurons."""
    counts = atlas.summary["by_layer"]
    given, used = (sum(one[name] for one in counts) for name in ("neurons", "used"))
    words = sum(one["interpretable"] for one in counts)
    facts = Text(f"{given:,} neurons, {atlas.summary['tokens']:,} tokens, {_options(atlas)}", style="dim")
    total = Text.assemble((f"{words:,}", "bold"), f" of {used:,} are interpretable ({_share(words, used)})")
    total.append(f"; of ten random tokens it would be {atlas.summary['by_chance']:.0%}", style="dim")
    skipped = [
        Text(f"{count:,} without a decoding: {inert(reason)}", style="yellow")
        for reason, count in atlas.summary["skipped"].items()
    ]
    made = plain_table()
    made.add_column("layer", justify="right")
    made.add_column("interpretable", justify="right")
    made.add_column("", justify="right", style="bold")
    made.add_column("")
    for one in counts:
        share = one["interpretable"] / one["used"] if one["used"] else 0.0
        told = f"{one['interpretable']:,} of {one['used']:,}"
        percent = _share(one["interpretable"], one["used"])
        made.add_row(f"L{one['layer']}", told, percent, Text(bar(share, 30), style=BAR))
    return Group(
        _title(atlas),
        facts,
        "",
        total,
        *skipped,
        "",
        made,
        "",
        Text(f"atlas: {inert(str(out))}", style="dim"),
    )


def search_screen(atlas: Atlas, found: Search, *, suppressed: bool) -> RenderableType:
    """The tokens that match and the neurons that list them, strongest first."""
    if not found.tokens:
        lines = [Text.assemble("no token of this vocabulary is ", (inert(found.word), "bold"))]
        if found.near:
            lines.append(Text.assemble("close to it: ", ("  ".join(map(inert, found.near)), "bold")))
        lines.append(Text("--prefix takes tokens that begin with it.", style="dim"))
        return Group(_title(atlas), "", *lines)
    does = "lower" if suppressed else "raise"
    tokens = tokens_text([text for _, text in found.tokens])
    tokens.truncate(90, overflow="ellipsis")
    count = Text.assemble(
        (f"{found.total:,}", "bold"),
        f" neurons {does} it among their {atlas.settings.k} most, {found.interpretable:,} of them interpretable",
    )
    more = found.total - len(found.hits)
    rest = [Text(f"and {more:,} more: --top lists them", style="dim")] if more > 0 else []
    head = Text.assemble((inert(found.word), "bold"), ("   tokens: ", "dim"), tokens)
    table: list[RenderableType] = [] if not found.hits else ["", _hits(found, suppressed=suppressed)]
    return Group(_title(atlas), "", head, count, *table, *rest)


def _hits(found: Search, *, suppressed: bool) -> Table:
    made = plain_table(expand=True)
    made.add_column("#", justify="right", style="dim", no_wrap=True)
    made.add_column("neuron", no_wrap=True, style="bold")
    made.add_column("logit", justify="right", no_wrap=True)
    made.add_column("", no_wrap=True, min_width=8)
    made.add_column("token", no_wrap=True)
    made.add_column("rank", justify="right", no_wrap=True)
    made.add_column("words", no_wrap=True, justify="center")
    made.add_column(f"tokens that it {'lowers' if suppressed else 'raises'} most", ratio=1, no_wrap=True)
    best = max(abs(hit.token.logit) for hit in found.hits)
    for number, hit in enumerate(found.hits, start=1):
        side = hit.entry.suppressed if suppressed else hit.entry.boosted
        made.add_row(
            str(number),
            str(hit.entry.neuron),
            f"{hit.token.logit:.3f}",
            Text(bar(abs(hit.token.logit) / best if best else 0.0, 8), style=_LOWER if suppressed else BAR),
            tokens_text([hit.token.text]),
            str(hit.rank),
            verdict(hit.entry.interpretable),
            tokens_text([one.text for one in side]),
        )
    return made


def entries_screen(atlas: Atlas, found: Mapping[str, Entry | Skipped]) -> RenderableType:
    """Each neuron's two lists beside each other."""
    parts: list[RenderableType] = [_title(atlas)]
    for name, one in found.items():
        if isinstance(one, Skipped):
            parts += ["", Text.assemble((inert(name), "bold"), (f"  {inert(one.detail)}", "yellow"))]
            continue
        said = "at least 7 of its top 10 tokens are English words" if one.interpretable else ""
        told = f" interpretable: {said}" if said else " not interpretable"
        head = Text.assemble("", (str(one.neuron), "bold"), "  ", verdict(one.interpretable), (told, "dim"))
        parts += ["", head, _sides(one)]
    return Group(*parts)


def _sides(one: Entry) -> Table:
    made = plain_table()
    made.add_column("", justify="right", style="dim")
    for title in ("raises", "lowers"):
        made.add_column(title, no_wrap=True)
        made.add_column("logit", justify="right", no_wrap=True)
        made.add_column("", no_wrap=True, min_width=_WIDE + 2)
    best = max((abs(token.logit) for token in (*one.boosted, *one.suppressed)), default=0.0)
    for number, pair in enumerate(zip(one.boosted, one.suppressed, strict=True), start=1):
        cells: list[RenderableType] = []
        for token, sign, style in zip(pair, (1, -1), (BAR, _LOWER), strict=True):
            share = max(sign * token.logit, 0.0) / best if best else 0.0
            cells += [tokens_text([token.text]), f"{token.logit:.3f}", Text(bar(share, _WIDE), style=style)]
        made.add_row(str(number), *cells)
    return made


def _title(atlas: Atlas) -> Text:
    line = Text(f"model: {inert(atlas.model)}", style="dim")
    if atlas.summary["miniature"]:
        line.append(f" ({MINIATURE})", style="not dim yellow")
    return line


def _options(atlas: Atlas) -> str:
    settings = atlas.settings
    words = [f"{settings.k} tokens a side"]
    words += ["through the last norm"] if settings.final_norm else []
    words += ["with the unembedding's bias"] if settings.bias else []
    return ", ".join(words)


def _share(count: int, of: int) -> str:
    return f"{count / of:.0%}" if of else "none"


def overview_json(atlas: Atlas) -> dict[str, Any]:
    """What ``build`` and ``show`` without a neuron print with ``--json``."""
    settings = atlas.settings
    return {
        "model": atlas.model,
        "miniature": atlas.summary["miniature"],
        "layers": atlas.layers,
        "units": atlas.units,
        "tokens": atlas.summary["tokens"],
        "k": settings.k,
        "final_norm": settings.final_norm,
        "bias": settings.bias,
        "skipped": atlas.summary["skipped"],
        "by_chance": atlas.summary["by_chance"],
        "by_layer": atlas.summary["by_layer"],
    }


def search_json(atlas: Atlas, found: Search) -> dict[str, Any]:
    """What ``search --json`` prints."""
    return {
        "model": atlas.model,
        "word": found.word,
        "tokens": [{"token_id": number, "token": text} for number, text in found.tokens],
        "near": found.near,
        "total": found.total,
        "interpretable": found.interpretable,
        "neurons": [
            {
                "neuron": str(hit.entry.neuron),
                "layer": hit.entry.neuron.layer,
                "unit": hit.entry.neuron.unit,
                "token": hit.token.text,
                "token_id": hit.token.id,
                "logit": hit.token.logit,
                "rank": hit.rank,
                "interpretable": hit.entry.interpretable,
                "tokens": [token.text for token in hit.entry.boosted],
            }
            for hit in found.hits
        ],
    }


def entry_json(name: str, one: Entry | Skipped) -> dict[str, Any]:
    """What ``show --json`` prints of a neuron."""
    if isinstance(one, Skipped):
        return {"neuron": name, "skipped": one.reason, "error": one.detail}
    return {
        "neuron": str(one.neuron),
        "layer": one.neuron.layer,
        "unit": one.neuron.unit,
        "interpretable": one.interpretable,
        "boosted": _list_json(one.boosted, one.log_total),
        "suppressed": _list_json(one.suppressed, one.log_total),
    }


def _list_json(tokens: Sequence[Token], log_total: float) -> dict[str, Any]:
    return {
        "tokens": [token.text for token in tokens],
        "token_ids": [token.id for token in tokens],
        "logits": [token.logit for token in tokens],
        "probabilities": [math.exp(token.logit - log_total) for token in tokens],
    }
