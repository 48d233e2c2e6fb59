"""Every table of a run as it is shown, and the order in which the paper has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from molyneux.ground.run_errors import DamagedError
from molyneux.report import lists, views
from molyneux.report.record import UNREADABLE, TableRecord
from molyneux.report.view import Cell, View

__all__ = ["PAPER", "UNREADABLE", "Cell", "TableRecord", "View", "in_order", "shown"]

PAPER: Mapping[str, str] = MappingProxyType(
    {
        "agreement": "agreement",
        "agreement-interpretable": "agreement",
        "prompts": "prompts",
        "prompts-tests": "prompts",
        "segmentation": "segmentation",
        "ablation": "ablation",
        "layers": "layers",
        "layers-band": "layers",
        "gallery": "gallery",
        "firing": "gallery",
        "ablated-captions": "ablation",
        "selectivity-classes": "selectivity",
        "selectivity": "selectivity",
    }
)
"""Tables that answer the paper's, main text before supplement -> the experiment that writes each."""

_VIEWS: Mapping[str, Callable[[TableRecord], View]] = MappingProxyType(
    {
        "agreement": views.agreement_view,
        "agreement-interpretable": views.interpretable_view,
        "prompts": views.prompts_view,
        "prompts-tests": views.tests_view,
        "segmentation": views.overlaps_view,
        "ablation": views.ablation_view,
        "layers": views.layers_view,
        "layers-band": lists.band_list,
        "gallery": lists.pairs_list,
        "firing": lists.firing_list,
        "ablated-captions": lists.captions_list,
        "selectivity-classes": views.selectivity_view,
        "selectivity": lists.matrix_list,
        "looks": lists.looks_list,
    }
)


def shown(table: TableRecord) -> View:
    """A table in words and rounded numbers, as the report has it; one with other columns by its columns' names.

    Raises:
        DamagedError: it holds what no table has.
    """
    view = _VIEWS.get(table.name)
    if view is not None:
        with suppress(*UNREADABLE):  # of another version, or made by hand
            return view(table)
    try:
        return lists.any_list(table)
    except UNREADABLE as error:
        path = Path("tables") / f"{table.name}.json"
        raise DamagedError(path, f"it cannot be shown: {type(error).__name__}: {error}") from error


def in_order(names: Sequence[str]) -> list[str]:
    """Tables in the order of the paper, then the others by name."""
    return [name for name in PAPER if name in names] + sorted(set(names) - PAPER.keys())
