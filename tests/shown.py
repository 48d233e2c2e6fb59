"""What several test files ask of HTML and figures in notebooks."""

from __future__ import annotations

import html.parser
import io
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["Reader", "alone", "drawn"]

_ELEMENTS = {"div", "span", "table", "thead", "tbody", "tr", "th", "td", "mark", "img"}


class Reader(html.parser.HTMLParser):
    """Elements, text, tokens in their chips; balance of tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.chips: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "unicode-bidi" in str(self.tags[-1][1].get("style")) and self.open[-1:] == ["span"]:
            self.chips.append(data)
        self.text += data


def alone(text: str | None) -> Reader:
    """Checked: nothing acts, nothing is fetched, all text is inert, and it is small."""
    assert text is not None
    assert len(text.encode()) < 1_000_000
    read = Reader(text)
    for name, attributes in read.tags:
        assert name in _ELEMENTS, name
        assert not {key for key in attributes if key.startswith("on")}
        assert str(attributes.get("src", "data:")).startswith("data:")
        assert "url(" not in str(attributes.get("style"))
        assert name != "img" or attributes.get("alt")
    assert not set("\x1b\u202e\u2028\u2029") & set(text)
    return read


def drawn(figure: Any) -> None:
    """Checked: a figure shows itself as a PNG that is not blank."""
    picture = Image.open(io.BytesIO(figure._repr_png_()))
    assert picture.format == "PNG"
    assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 5
