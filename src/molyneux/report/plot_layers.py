"""Section S.6: in which layers the top neurons are, beside random ones."""

from __future__ import annotations

from matplotlib.figure import Figure

from molyneux.report.drawing import Drawing
from molyneux.report.record import TableRecord, number
from molyneux.report.theme import Style, dress, frame, label_line

__all__ = ["layers_drawing"]

_TITLE = "Top neurons by layer"


def layers_drawing(table: TableRecord, band: TableRecord | None) -> Drawing:
    """Bars of the share of top neurons in each layer; the paper's layers shaded by their depth."""
    shares = [(row["layer"], number(row, "mean") or 0.0) for row in table.rows]
    most = max(shares, key=lambda pair: pair[1])
    alt = (
        f"Bar chart: the share of the top neurons in each of {len(shares)} layers. "
        f"Layer {most[0]} holds most, {most[1]:.0%}."
    )
    return Drawing("layers", alt, lambda style: _draw(style, table, band), title=_TITLE)


def _draw(style: Style, table: TableRecord, band: TableRecord | None) -> Figure:
    theme = style.theme
    sheet, top = frame(style, _TITLE, 2.75)
    y = label_line(
        sheet,
        style,
        [("s", theme.top, "top neurons of an image"), ("_", theme.random, "as many random units")],
        x=0.02,
        y=top + 0.12,
    )
    axes = sheet.axes(0.5, y + 0.12, style.width - 0.6, top + 2.3 - y - 0.05)
    dress(axes, style)
    layers = [int(row["layer"]) for row in table.rows]
    means = [number(row, "mean") or 0.0 for row in table.rows]
    bounds = [
        [number(row, f"{p}{side}") or 0.0 for row in table.rows]
        for p in ("", "random_")
        for side in ("low", "high")
    ]
    axes.bar(layers, means, color=theme.top, width=0.66, zorder=2)
    axes.vlines(layers, bounds[0], bounds[1], color=theme.ink, linewidth=1.1, zorder=3)
    for layer, row in zip(layers, table.rows, strict=True):
        mean = number(row, "random_mean")
        if mean is not None:
            axes.hlines(mean, layer - 0.42, layer + 0.42, color=theme.random, linewidth=2.2, zorder=4)
    axes.vlines(layers, bounds[2], bounds[3], color=theme.random, linewidth=1.1, zorder=4)
    _band(style, axes, band, len(layers))
    highest = max([*bounds[1], *bounds[3], 0.02])
    axes.set_ylim(0, highest * 1.16)
    axes.set_xlim(-0.6, len(layers) - 0.4)
    step = 1 if len(layers) <= 16 else 2 if not style.narrow else 4
    axes.set_xticks(layers[::step])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("layer", fontsize=8, color=theme.grey, labelpad=3)
    return sheet.figure


def _band(style: Style, axes, band: TableRecord | None, layers: int) -> None:  # type: ignore[no-untyped-def]
    row = band.rows[0] if band and band.rows else None
    low, high = number(row, "from_depth"), number(row, "to_depth")
    if low is None or high is None:
        return
    axes.axvspan(low * layers - 0.5, high * layers - 0.5, color=style.theme.pale, zorder=0)
    axes.text(
        (low + high) / 2 * layers - 0.5,
        0.985,
        "as deep as the paper's most" if not style.narrow else "paper",
        transform=axes.get_xaxis_transform(),
        ha="center",
        va="top",
        fontsize=7.5,
        color=style.theme.grey,
    )
