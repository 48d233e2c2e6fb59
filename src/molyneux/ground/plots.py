"""Small figures of plain values, which show themselves in a notebook whatever its settings."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure

from molyneux.ground.heat import CMAP, RANGE, blend, fitted
from molyneux.ground.html import INTERPRETABLE, RANDOM, TOP
from molyneux.ground.printable import inert

__all__ = ["Curve", "Plot", "bars", "curves", "field"]

_COLOURS = {"top": (TOP, "o"), "interpretable": (INTERPRETABLE, "s"), "random": (RANDOM, "D")}


class Plot(Figure):
    """A Figure that is no global state: nothing has to be closed."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=110)
        return file.getvalue()


@dataclass(frozen=True)
class Curve:
    """One arm by count."""

    arm: str
    x: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def _sheet(width: float, height: float) -> tuple[Plot, Any]:
    figure = Plot(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _text(text: str) -> str:
    """Text as it is: no dollar begins a formula."""
    return inert(text).replace("$", r"\$")


def bars(
    labels: Sequence[str],
    values: Sequence[float],
    *,
    title: str,
    x: str,
    strong: Sequence[bool] | None = None,
) -> Plot:
    """Horizontal bars, the first on top; those that are ``strong`` (all if left out) in colour."""
    figure, axes = _sheet(7.0, 0.9 + 0.28 * max(1, len(labels)))
    lit = strong if strong is not None else [True] * len(labels)
    axes.barh(range(len(labels)), values, color=[TOP if one else RANDOM for one in lit], height=0.7)
    axes.set_yticks(range(len(labels)), [_text(one) for one in labels])
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.set_xlabel(x)
    axes.set_title(_text(title), loc="left", fontsize=11)
    return figure


def curves(some: Sequence[Curve], *, title: str, x: str, y: str) -> Plot:
    """A line an arm, its interval as a band."""
    figure, axes = _sheet(7.0, 3.6)
    axes.axhline(0, color=RANDOM, linewidth=0.8, linestyle=":")
    for one in some:
        colour, marker = _COLOURS.get(one.arm, (RANDOM, "o"))
        axes.plot(one.x, one.mean, color=colour, marker=marker, label=one.arm)
        axes.fill_between(one.x, one.low, one.high, color=colour, alpha=0.2, linewidth=0)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend(frameon=False)
    axes.set_title(_text(title), loc="left", fontsize=11)
    return figure


def field(
    heat: Float[np.ndarray, "height width"],
    image: UInt8[np.ndarray, "rows columns 3"] | None,
    *,
    title: str,
) -> Plot:
    """A map on the image's pixels, over the image where there is one, with its scale."""
    height, width = heat.shape
    figure, axes = _sheet(6.0, 0.8 + 4.6 * min(2.0, height / width))
    seen = heat[np.isfinite(heat)]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    shown = heat if image is None else blend(image, fitted(heat, image.shape[:2]))
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    ramp = ListedColormap(colormaps[CMAP](np.linspace(*RANGE, 256)))
    axes.imshow(shown, extent=(0, width, height, 0), cmap=ramp, vmin=low, vmax=high)
    axes.set_axis_off()
    axes.set_title(_text(title), loc="left", fontsize=11)
    scale = ScalarMappable(Normalize(low, high), ramp)
    figure.colorbar(scale, ax=axes, shrink=0.7, label="activation")
    return figure
