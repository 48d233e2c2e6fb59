"""Small copies of the images that a report shows, with where they lie, what fires on them, and their objects."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from PIL import Image

from molyneux.data.gate import Picture
from molyneux.data.sources import Source
from molyneux.experiments.bench import Bench, in_batches, opened
from molyneux.experiments.segmentation import single_objects
from molyneux.ground.errors import AssetError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.rows import Float16, Int32, Skipped
from molyneux.ground.stage import Stage
from molyneux.models.geometry import PatchGrid
from molyneux.neurons.fields import patch_activations

__all__ = ["Field", "Object", "Pictured", "Place", "picture_stage", "place_of"]

_LONGEST = 360  # pixels of the longer side: enough for a tile of a figure at twice its size
_QUALITY = 88


@dataclass(frozen=True)
class Place:
    """A grid of patches over the upright original, as ``PatchGrid``."""

    rows: Int32
    columns: Int32
    width: Int32
    height: Int32
    box: tuple[float, ...]
    """left, top, right, bottom of what the model saw."""


@dataclass(frozen=True)
class Field:
    """A neuron's activation at every patch."""

    neuron: NeuronId
    values: tuple[Float16, ...]


@dataclass(frozen=True)
class Object:
    """An annotated object, the only one of its category."""

    category: str
    mask: bytes
    """PNG of the size of the small copy, white where the object is."""


@dataclass(frozen=True)
class Pictured:
    """An image as a report shows it."""

    width: Int32
    """Of the upright original."""
    height: Int32
    thumbnail: bytes
    """JPEG, not larger than the original."""
    place: Place | None
    """None where patches lie on no single grid."""
    fields: tuple[Field, ...]
    """Of the neurons that it is one of the strongest images of."""
    objects: tuple[Object, ...]


def place_of(grid: object) -> Place | None:
    """The grid as a row keeps it; None where it is no single one."""
    if type(grid) is not PatchGrid:
        return None
    return Place(grid.rows, grid.columns, grid.width, grid.height, tuple(map(float, grid.box)))


def picture_stage(
    bench: Bench, wanted: Mapping[str, Sequence[NeuronId]], settings: dict[str, object]
) -> Stage[Source, Pictured]:
    """Work the stage ``pictures`` off.

    Args:
        wanted: image -> neurons whose fields are to be kept with it; perhaps none.
    """
    items = [source for source in bench.sources if source.id in wanted]
    told = settings | {"wanted": {source.id: list(map(str, wanted[source.id])) for source in items}}
    stage = bench.stage("pictures", items, Pictured, told)

    def make_rows(some: Sequence[Source]) -> list[Pictured | Skipped]:
        ready = [
            picture if isinstance(picture, Skipped) else (source, picture)
            for source, picture in zip(some, opened(some), strict=True)
        ]
        return in_batches(
            ready, lambda batch: [_row(bench, wanted[pair[0].id], *pair) for pair in batch], size=1
        )

    return bench.work(stage, make_rows)


def _row(bench: Bench, neurons: Sequence[NeuronId], source: Source, picture: Picture) -> Pictured:
    inputs = bench.captioner.prepare([picture])
    fields: tuple[Field, ...] = ()
    if neurons:
        values = patch_activations(bench.captioner, inputs, neurons)[0]
        fields = tuple(Field(one, tuple(row.tolist())) for one, row in zip(neurons, values, strict=True))
    small = picture.image.copy()
    small.thumbnail((_LONGEST, _LONGEST))
    written = io.BytesIO()
    small.save(written, "JPEG", quality=_QUALITY, subsampling=0)
    return Pictured(
        *picture.image.size,
        thumbnail=written.getvalue(),
        place=place_of(bench.captioner.grid(picture, inputs)),
        fields=fields,
        objects=_objects(source, picture, small.size),
    )


def _objects(source: Source, picture: Picture, size: tuple[int, int]) -> tuple[Object, ...]:
    found = []
    for name, one in sorted(single_objects(source).items()):
        if one.size == picture.image.size[::-1]:
            try:
                found.append(Object(name, _png(one.mask(), size)))
            except AssetError:  # polygons without pycocotools: a picture less, no reason to fail
                break
    return tuple(found)


def _png(mask: Bool[np.ndarray, "height width"], size: tuple[int, int]) -> bytes:
    grey = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    written = io.BytesIO()
    grey.point(lambda value: 255 if value >= 128 else 0).convert("1").save(written, "PNG")
    return written.getvalue()
