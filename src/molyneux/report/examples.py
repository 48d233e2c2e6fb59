"""Figures 2, 4 and S.1: images with what fires on them, neurons with their images, fields on objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from molyneux.ground.neuron import NeuronId
from molyneux.ground.printable import inert, shown_token
from molyneux.report.drawing import Drawing
from molyneux.report.raster import Shot, neuron_of
from molyneux.report.record import TableRecord
from molyneux.report.tiles import Line, Tile, TileRow, draw_rows, paint_field, paint_mask, paint_photo

__all__ = ["fields_drawing", "firing_drawing", "neurons_drawing", "words"]

_ROWS = 4


def words(tokens: Sequence[str]) -> str:
    """Tokens as people read them, with commas."""
    return ", ".join(shown_token(str(token), space=False) for token in tokens)


def neurons_drawing(
    pictures: Mapping[str, Shot], shown: Mapping[str, Any], table: TableRecord
) -> Drawing | None:
    """Figure 2: images with their best neurons, where these fire and what they say."""
    rows: list[TileRow] = []
    for image, row in shown.items():
        if image in pictures and len(rows) < _ROWS:
            rows.append(
                _image_row(pictures[image], row, [one for one in table.rows if one["image"] == image])
            )
    if not rows:
        return None
    alt = f"{len(rows)} images, each with its best neurons: where they fire, and their tokens."
    title = "Top neurons of images"
    return Drawing(
        "neurons",
        alt,
        lambda style: draw_rows(style, title, rows, across=(5, 2)),
        raster=True,
        title=title,
    )


def _image_row(shot: Shot, row: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]]) -> TileRow:
    pixels = shot.pixels()
    size = pixels.shape[:2]
    lead = Tile(
        paint_photo(pixels),
        size,
        (Line(str(row["word"]), bold=True), Line(f"“{row['caption']}”", grey=True, lines=3)),
    )
    tiles = [lead]
    fields = {neuron_of(one): values for one, values in zip(row["neurons"], row["fields"], strict=True)}
    for neuron, values in list(fields.items())[:4]:
        pair = next((one for one in pairs if one["neuron"] == str(neuron)), None)
        if pair is None:
            continue
        heat = shot.heat(values, size)
        box = _patch(shot, int(pair["patch"]), size)
        mark = "" if pair["interpretable"] else " (not interpretable)"
        tiles.append(
            Tile(
                paint_field(pixels, heat, box),
                size,
                (
                    Line(f"{neuron}", bold=True, mono=True),
                    Line(f"score {float(pair['score']):.4f}{mark}", grey=True),
                    Line(words(pair["tokens"]), lines=3),
                ),
            )
        )
    return TileRow(tuple(tiles))


def _patch(shot: Shot, patch: int, size: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """left, top, right, bottom of a patch on the small copy."""
    place = shot.place
    if place is None or patch >= place["rows"] * place["columns"]:
        return None
    left, top, right, bottom = place["box"]
    row, column = divmod(patch, place["columns"])
    wide, high = (right - left) / place["columns"], (bottom - top) / place["rows"]
    x, y = left + column * wide, top + row * high
    across, down = size[1] / place["width"], size[0] / place["height"]
    return x * across, y * down, (x + wide) * across, (y + high) * down


def firing_drawing(pictures: Mapping[str, Shot], table: TableRecord) -> Drawing | None:
    """Figure 4: neurons with the images that fire them most."""
    rows: list[TileRow] = []
    for name in dict.fromkeys(str(row["neuron"]) for row in table.rows):
        mine = [row for row in table.rows if row["neuron"] == name and row["image"] in pictures]
        if mine and len(rows) < _ROWS:
            tiles = tuple(_fired(pictures[str(row["image"])], NeuronId.parse(name), row) for row in mine[:6])
            rows.append(TileRow(tiles, (Line(f"{name}   {words(mine[0]['tokens'])}", bold=True),)))
    if not rows:
        return None
    alt = f"{len(rows)} neurons, each with the images of the run on which its activation is largest."
    title = "Images that fire a neuron most"
    return Drawing(
        "firing",
        alt,
        lambda style: draw_rows(style, title, rows, across=(6, 3)),
        raster=True,
        title=title,
    )


def _fired(shot: Shot, neuron: NeuronId, row: Mapping[str, Any]) -> Tile:
    pixels = shot.pixels()
    size = pixels.shape[:2]
    values = shot.fields.get(neuron)
    heat = None if values is None else shot.heat(values, size)
    said = row["caption"] or ""
    return Tile(
        paint_field(pixels, heat),
        size,
        (Line(f"activation {float(row['activation']):.2f}", grey=True), Line(str(said), lines=2)),
    )


def fields_drawing(
    pictures: Mapping[str, Shot], overlaps: Mapping[str, Any], percentile: float
) -> Drawing | None:
    """Figure S.1: masks of single neurons on images of the gallery, with their IoU with the object."""
    rows: list[TileRow] = []
    for image, shot in pictures.items():
        row = overlaps.get(image)
        if row is not None and row["overlaps"] and shot.place is not None and len(rows) < _ROWS:
            rows.append(_overlap_row(shot, row, percentile))
    if not rows:
        return None
    alt = (
        f"{len(rows)} images with an annotated object, each with the masks of its best neurons and their IoU."
    )
    title = "Masks of single neurons"
    return Drawing(
        "fields",
        alt,
        lambda style: draw_rows(style, title, rows, across=(5, 2)),
        raster=True,
        title=title,
    )


def _overlap_row(shot: Shot, row: Mapping[str, Any], percentile: float) -> TileRow:
    pixels = shot.pixels()
    size = pixels.shape[:2]
    first = row["overlaps"][0]
    category = str(first["category"])
    outline = shot.mask(category) if category in shot.objects else None
    tiles = [Tile(paint_mask(pixels, None, outline, percentile), size, (Line(f"object: {inert(category)}"),))]
    for told, values, iou in zip(row["neurons"], row["fields"], first["top"], strict=False):
        heat = shot.heat(values, size)
        tiles.append(
            Tile(
                paint_mask(pixels, heat, outline, percentile),
                size,
                (Line(str(neuron_of(told)), bold=True, mono=True), Line(f"IoU {float(iou):.2f}")),
            )
        )
    return TileRow(tuple(tiles))
