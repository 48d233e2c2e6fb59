"""HTML that stands alone: escaped text, styles inside the elements, readable on light and on dark pages.

Notebooks are shown in many places; some drop scripts, some style sheets. What is left is text, tables and
pictures, with colours that show on any ground: text takes the page's own.
"""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Iterable, Sequence

from molyneux.ground.printable import inert, shown_token

__all__ = [
    "INTERPRETABLE",
    "RANDOM",
    "TOP",
    "Html",
    "bar",
    "card",
    "chip",
    "chips",
    "marked",
    "picture",
    "table",
    "tag",
    "wide",
]

TOP, INTERPRETABLE, RANDOM = "#d9641a", "#3d8fd1", "#8a9096"
_LINE = "1px solid rgba(128,128,128,.35)"
_SOFT = "opacity:.72"
_LINE_OF = 24  # characters
_LIT = "rgba(246,198,103,.5)"


class Html(str):
    """Text that is HTML already: it is not escaped again."""

    __slots__ = ()


def _one(child: object) -> str:
    return child if isinstance(child, Html) else html.escape(inert(str(child)))


def tag(name: str, *children: object, style: str = "", **attributes: object) -> Html:
    """An element; children that are no Html are text: made inert and escaped, as attributes are."""
    told = {"style": style or None, **attributes}
    said = "".join(f' {key}="{_one(str(value))}"' for key, value in told.items() if value is not None)
    if name in ("img", "br"):
        return Html(f"<{name}{said}>")
    return Html(f"<{name}{said}>{''.join(_one(child) for child in children)}</{name}>")


def card(title: str, *children: object, note: str = "") -> Html:
    """A result: its kind and title, what it shows, and a line below."""
    head = tag("div", title, style="font-weight:650;font-size:1.05em;margin-bottom:6px")
    foot = tag("div", note, style=f"{_SOFT};font-size:.85em;margin-top:8px") if note else Html()
    style = f"border:{_LINE};border-radius:10px;padding:12px 16px;max-width:900px;"
    style += "font-family:sans-serif;line-height:1.5"
    return tag("div", head, *children, foot, style=style)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """A table; numbers stand on the right, and one that is too wide for its page is scrolled."""
    cell = f"padding:3px 12px 3px 0;border-bottom:{_LINE};vertical-align:middle;background:none"
    rows = [list(row) for row in rows]
    sides = ["right" if rows and _is_number(rows[0][place]) else "left" for place in range(len(head))]
    top = [
        tag("th", name, style=f"{cell};text-align:{side};{_SOFT};font-weight:600", scope="col")
        for name, side in zip(head, sides, strict=True)
    ]
    body = []
    for row in rows:
        shown = [f"{value:#.4g}" if isinstance(value, float) else value for value in row]
        cells = [
            tag(
                "td",
                value,
                style=f"{cell};text-align:{side}{';white-space:nowrap' if _is_short(value) else ''}",
            )
            for value, side in zip(shown, sides, strict=True)
        ]
        body.append(tag("tr", *cells, style="background:none"))
    style = "border-collapse:collapse;font-size:.92em;font-variant-numeric:tabular-nums"
    whole = tag("table", tag("thead", tag("tr", *top)), tag("tbody", *body), style=style)
    return tag("div", whole, style="overflow-x:auto;margin:6px 0")


def _is_short(value: object) -> bool:
    """Text that stays on one line."""
    return not isinstance(value, Html) and len(str(value)) <= _LINE_OF


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def chip(token: str, *, lit: bool = False) -> Html:
    """A token, its white space visible; the one that is meant, on yellow."""
    style = f"background:{_LIT if lit else 'rgba(128,128,128,.16)'};border-radius:5px;padding:0 6px;"
    style += "white-space:pre;unicode-bidi:isolate"
    return tag("span", shown_token(token, space=False), style=style)


def chips(tokens: Sequence[str], count: int, *, lit: int | None = None) -> Html:
    """The first ``count`` tokens of a list; also the one at ``lit``, on yellow, which may stand further down."""
    shown = [chip(token, lit=place == lit) for place, token in enumerate(tokens[:count])]
    if lit is not None and lit >= count:
        shown += [Html("\u2026"), chip(tokens[lit], lit=True)]
    return wide(Html(" ".join(shown)))


def wide(*children: object) -> Html:
    """What a narrow page shall not squeeze to a word a line."""
    return tag("div", *children, style="min-width:16em")


def bar(share: float, colour: str, *, width: int = 90) -> Html:
    """A bar of a share from 0 to 1."""
    filled = 100 * min(1.0, max(0.0, share if share == share else 0.0))
    inner = tag(
        "span", style=f"display:block;height:8px;border-radius:4px;width:{filled:.1f}%;background:{colour}"
    )
    outer = (
        f"display:inline-block;width:{width}px;height:8px;border-radius:4px;background:rgba(128,128,128,.2)"
    )
    return tag("span", inner, style=outer)


def marked(words: Iterable[tuple[str, bool]]) -> Html:
    """Words, those with a mark on yellow."""
    style = f"background:{_LIT};color:inherit;border-radius:4px;padding:0 3px"
    return Html(" ".join(tag("mark", word, style=style) if on else _one(word) for word, on in words))


def picture(content: bytes, kind: str, *, alt: str, width: int) -> Html:
    """A picture within the page."""
    data = b64encode(content).decode("ascii")
    style = "max-width:100%;height:auto;border-radius:8px"
    return tag("img", src=f"data:image/{kind};base64,{data}", alt=alt, width=width, style=style)
