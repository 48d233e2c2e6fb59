"""What results of this floor show in a notebook."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from molyneux.ground.heat import blend, fitted
from molyneux.ground.html import RANDOM, TOP, Html, bar, card, chips, marked, picture, table, tag, wide
from molyneux.ground.neuron import NeuronId
from molyneux.ground.notebook import Told
from molyneux.ground.printable import shown_token
from molyneux.ground.wording import changed_words, commonest, percent, scale_said
from molyneux.models.caption import Caption

__all__ = ["ArmTold", "ablation_told", "attribution_told", "decodings_told", "field_told"]

_LISTED = 12
_CHIPS = 5  # tokens of a neuron in a list of neurons
_SIDE = 420  # pixels of a picture's longer side

Ranked = Sequence[tuple[NeuronId, float, int]]
"""Neuron, score and patch, best first."""
Decoded = tuple[NeuronId, tuple[str, ...], tuple[float, ...], bool]
"""Neuron, tokens, their logits, and whether it is interpretable."""
Says = Callable[[Sequence[NeuronId]], Mapping[NeuronId, Decoded]]
"""What neurons say; nothing of those that cannot be asked."""
ArmTold = tuple[str, int, float, float, float, tuple[str, ...]]
"""Arm, count, mean relative change of p, the ends of its interval, and the captions of its draws."""


def caption_line(caption: Caption, token: int) -> Html:
    """The caption, the word that holds a token marked."""
    ends = caption.ends or tuple(word.token for word in caption.words)
    said = [(word.word, word.token <= token <= end) for word, end in zip(caption.words, ends, strict=True)]
    return tag(
        "div", marked(said) if said else "(an empty caption)", style="font-size:1.3em;margin:4px 0 8px"
    )


def attribution_told(
    caption: Caption,
    word: str,
    token: int,
    *,
    ranked: Ranked,
    score: str,
    says: Says = lambda _: {},
) -> Told:
    """The neurons behind a word: a table of the first, what they say, and how they are spread over layers."""
    most = max((abs(value) for _, value, _ in ranked), default=1.0) or 1.0
    title = f"Neurons behind \u201c{word}\u201d"

    def html() -> Html:
        listed = ranked[:_LISTED]
        said = says([neuron for neuron, *_ in listed])
        rows = [
            (place + 1, str(neuron), *_said(said.get(neuron)), bar(value / most, TOP), value, patch)
            for place, (neuron, value, patch) in enumerate(listed)
        ]
        head = ("", "neuron", "says" if said else "", "", "", "score", "patch")
        layers = Counter(neuron.layer for neuron, *_ in ranked)
        spread = ", ".join(f"L{layer} {count}" for layer, count in sorted(layers.items()))
        words = sum(sense for *_, sense in said.values())
        sense = f"\u2713 most of its ten tokens are words ({words} of these {len(said)}); " if said else ""
        return card(
            title,
            caption_line(caption, token),
            table(head, rows),
            tag("div", f"The first {len(ranked)} by layer: {spread}", style="font-size:.9em"),
            note=f"{sense}{score}; p of the token {caption.probabilities[token]:.3g}; image {caption.image}",
        )

    def rows() -> list[Mapping[str, object]]:
        names = ("rank", "neuron", "layer", "unit", "patch", "score")
        return [
            dict(zip(names, (n + 1, str(one), one.layer, one.unit, patch, value), strict=True))
            for n, (one, value, patch) in enumerate(ranked)
        ]

    def plot() -> object:
        from molyneux.ground.plots import bars

        said = says([one for one, *_ in ranked[:20]])
        names = [f"{one} {_first(said.get(one))}".strip() for one, *_ in ranked[:20]]
        return bars(
            names, [value for _, value, _ in ranked[:20]], title=f"{title}: {caption.text}", x="score"
        )

    return Told(html, rows, plot)


def _said(one: Decoded | None) -> tuple[Html, str]:
    """A neuron's first tokens, and a sign where it is interpretable."""
    if one is None:
        return Html(), ""
    _, tokens, _, sense = one
    return chips(tokens, _CHIPS), "\u2713" if sense else ""


def _first(one: Decoded | None) -> str:
    return "" if one is None else shown_token(one[1][0], space=False)


def decodings_told(some: Sequence[Decoded]) -> Told:
    """What neurons say."""

    def html() -> Html:
        rows = [
            (str(neuron), chips(tokens, len(tokens)), "\u2713 words" if sense else "")
            for neuron, tokens, _, sense in some
        ]
        return card(
            str(some[0][0]) + " says" if len(some) == 1 else f"What {len(some)} neurons say",
            table(("neuron", "tokens that it raises most", "interpretable"), rows),
        )

    def rows() -> list[Mapping[str, object]]:
        return [
            {"neuron": str(neuron), "layer": neuron.layer, "unit": neuron.unit, "rank": rank + 1}
            | {"token": token, "logit": logit, "interpretable": sense}
            for neuron, tokens, logits, sense in some
            for rank, (token, logit) in enumerate(zip(tokens, logits, strict=True))
        ]

    def plot() -> object:
        from molyneux.ground.plots import bars

        listed = [
            (f"{neuron} {shown_token(token, space=False)}", logit)
            for neuron, tokens, logits, _ in some[:6]
            for token, logit in list(zip(tokens, logits, strict=True))[: 10 if len(some) == 1 else 4]
        ]
        title = ", ".join(str(one) for one, *_ in some[:6])
        return bars([name for name, _ in listed], [value for _, value in listed], title=title, x="logit")

    return Told(html, rows, plot)


def ablation_told(
    caption: Caption, word: str, token: int, *, p: float, arms: Sequence[ArmTold], scale: float = 0.0
) -> Told:
    """What is left of a word and of the caption without some neurons, or with them turned up."""
    units = f"units {scale_said(scale)}"

    def html() -> Html:
        rows = []
        for arm, count, mean, low, high, captions in arms:
            text, times = commonest(captions)
            colour = RANDOM if arm == "random" else TOP
            said = f"{percent(mean)}" + ("" if np.isnan(low) else f" [{percent(low)}, {percent(high)}]")
            draws = f" ({times} of {len(captions)} draws)" if len(captions) > 1 else ""
            new = wide(marked(changed_words(caption.text, text)), tag("span", draws, style="opacity:.72"))
            rows.append((arm, count, bar(1 + mean, colour), said, new))
        return card(
            f"\u201c{word}\u201d "
            + (f"with some neurons {scale_said(scale)}" if scale else "without some neurons"),
            caption_line(caption, token),
            table(
                ("arm", units, "what is left", f"change of p({word})", "the caption, written anew"),
                rows,
            ),
            note=f"p({word}) = {p:.4g} with all neurons as they are; intervals: 95% over draws; "
            f"image {caption.image}",
        )

    def rows() -> list[Mapping[str, object]]:
        return [
            {"arm": arm, "count": count, "change": mean, "low": low, "high": high}
            | {"caption": commonest(captions)[0], "draws": len(captions)}
            for arm, count, mean, low, high, captions in arms
        ]

    def plot() -> object:
        from molyneux.ground.plots import Curve, curves

        some = []
        for name in dict.fromkeys(arm for arm, *_ in arms):
            points = [one[1:5] for one in arms if one[0] == name]
            x, mean, low, high = zip(*points, strict=True)
            some.append(Curve(name, x, mean, low, high))
        return curves(some, title=caption.text, x=units, y=f"relative change of p({word})")

    return Told(html, rows, plot)


def field_told(
    heat: Float[np.ndarray, "height width"],
    image: UInt8[np.ndarray, "rows columns 3"] | None,
    *,
    neuron: str,
) -> Told:
    """Where a neuron fires."""
    title = f"Where {neuron} fires" if neuron else "Where it fires"

    def html() -> Html:
        pixels = blend(
            np.full((*heat.shape, 3), 128, np.uint8) if image is None else image,
            heat if image is None else fitted(heat, image.shape[:2]),
        )
        small = Image.fromarray(pixels)
        small.thumbnail((_SIDE, _SIDE))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=88)
        seen = heat[np.isfinite(heat)]
        low, high = (float(seen.min()), float(seen.max())) if seen.size else (float("nan"),) * 2
        row, column = np.unravel_index(np.nanargmax(heat), heat.shape) if seen.size else (0, 0)
        alt = f"{title}: strongest at x {column}, y {row}"
        return card(
            title,
            picture(out.getvalue(), "jpeg", alt=alt, width=small.width),
            note=f"dark {low:.3g} to bright {high:.3g}, strongest at x {column}, y {row}, of {heat.shape[1]} "
            f"\u00d7 {heat.shape[0]} pixels",
        )

    def plot() -> object:
        from molyneux.ground.plots import field

        return field(heat, image, title=title)

    return Told(html, lambda: [{str(x): float(value) for x, value in enumerate(row)} for row in heat], plot)
