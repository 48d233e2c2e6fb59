"""From visual positions to pixels of the original image: the one geometry that overlays and masks use."""

from __future__ import annotations

from molyneux.models.geometry.families import FAMILIES, grid_of
from molyneux.models.geometry.grid import Box, PatchGrid
from molyneux.models.geometry.spans import TimeSpans, spans_of
from molyneux.models.geometry.views import PatchMap, View

__all__ = ["FAMILIES", "Box", "PatchGrid", "PatchMap", "TimeSpans", "View", "grid_of", "spans_of"]
