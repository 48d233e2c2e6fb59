"""The columns of the stages of ``looks``, checked before anything of a run reaches a page.

A run may have been made by anybody: a text that stands where a number belongs would end up within code and markup
that take it for a number. The row types themselves lie above (``molyneux.experiments.looks_rows`` needs torch);
a test holds both equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pyarrow as pa

from molyneux.ground.run_errors import RunError

__all__ = ["COLUMNS", "LATER", "check_columns", "check_settings", "kind_of"]

_HEAD = {"id": "text", "outcome": "text", "reason": "text", "detail": "text"}
_NEURON = {"layer": "int", "unit": "int"}
_GRID = {"rows": "int", "columns": "int", "width": "int", "height": "int", "box": ["float"]}
_TOKEN = {"text": "text", "logit": "float", "p": "float"}
_EDIT = {"arm": "text", "count": "int", "draw": "int", "units": "int", "p": "float", "caption": "text"}
_RANKED = {
    "by": "text",
    "neurons": [{"neuron": _NEURON, "score": "float", "patch": "int"}],
    "edits": [_EDIT],
    "alone": {"neuron": _NEURON, "base": "float", "p": "float", "random": ["float"]},
}
_WORD = {
    "text": "text",
    **dict.fromkeys(("start", "end", "first", "last"), "int"),
    **{"noun": "bool", "logit": "float", "p": "float", "rankings": [_RANKED]},
}

COLUMNS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "looks": _HEAD
        | {"width": "int", "height": "int", "picture": "bytes", "view": "bytes", "grid": _GRID}
        | {"boxes": [["float"]], "patches": "int", "caption": "text", "tokens": ["text"]}
        | {"token_ids": ["int"], "probabilities": ["float"], "words": [_WORD]}
        | {"said": [{"neuron": _NEURON, "tokens": ["text"], "logits": ["float"], "interpretable": "bool"}]}
        | {"maps": "bytes", "references": ["text"], "label": "text"}
        | {"objects": [{"category": "text", "crowd": "bool", "runs": ["int"]}]},
        "looks-firing": _HEAD | {"activations": ["float"], "patches": ["int"]},
        "looks-maps": _HEAD
        | {"width": "int", "height": "int", "picture": "bytes", "caption": "text", "grid": _GRID}
        | {"patches": "int", "neurons": [_NEURON], "maps": "bytes"},
        "looks-neurons": _HEAD
        | {"boosted": [_TOKEN], "suppressed": [_TOKEN], "interpretable": "bool", "norm": "float"}
        | {"norm_rank": "int", "nearest": [{"neuron": _NEURON, "cosine": "float", "tokens": ["text"]}]}
        | {
            "effects": [
                {"image": "text", "word": "int", "text": "text", "p": "float", "scales": ["float"]}
                | {"own": ["float"], "random": [["float"]]}
            ]
        },
    }
)
"""Stage -> column -> text, int, float, bool or bytes; a list holds its values' kind, a mapping its fields'."""

LATER = frozenset({"alone"})
"""Fields that runs of earlier versions lack."""

_SETTINGS: Mapping[str, object] = MappingProxyType(
    {"given": "int", "fired": "int", "counts": ["int"], "neurons": ["text"]}
)
_LISTED = "looks"
"""The stage whose ``neurons`` is a number, of those listed a word; that of the others their names."""
_SIMPLE: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_string, "text"),
    (pa.types.is_integer, "int"),
    (pa.types.is_floating, "float"),
    (pa.types.is_boolean, "bool"),
    (pa.types.is_binary, "bytes"),
)


def kind_of(column: pa.DataType) -> object:
    """The kind of a column, whatever its width; what rows cannot hold by its name."""
    if pa.types.is_list(column):
        return [kind_of(column.value_type)]
    if pa.types.is_struct(column):
        return {field.name: kind_of(field.type) for field in column}
    return next((name for test, name in _SIMPLE if test(column)), str(column))


def check_columns(stage: str, found: pa.Schema) -> None:
    """Whether a stage's table holds what pages take from it; columns that are not ours are not looked at.

    Raises:
        RunError: a column is of another kind, or lacks a field.
    """
    for name, wanted in COLUMNS.get(stage, {}).items():
        place = found.get_field_index(name)
        if place < 0:
            raise RunError(f"stage {stage}", value=found.names, expected=f"a column {name}", fix=_FIX)
        kind = kind_of(found.field(place).type)
        if not _fits(kind, wanted):
            expected = f"{wanted} in the column {name}"
            raise RunError(f"stage {stage}", value=kind, expected=expected, fix=_FIX)


def check_settings(stage: str, settings: Mapping[str, object]) -> None:
    """Whether those settings of a stage that pages use are numbers and names.

    Raises:
        RunError: one is something else.
    """
    for name, usual in _SETTINGS.items():
        wanted = "int" if (stage, name) == (_LISTED, "neurons") else usual
        if name in settings and not _is(settings[name], wanted):
            raise RunError(f"stage {stage}: {name}", value=settings[name], expected=str(wanted), fix=_FIX)


def _is(value: object, wanted: object) -> bool:
    if isinstance(wanted, list):
        return isinstance(value, list) and all(_is(one, wanted[0]) for one in value)
    if wanted == "text":
        return isinstance(value, str)
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_FIX = "It was not written by this version of molyneux: compute the run again."


def _fits(found: object, wanted: object) -> bool:
    if isinstance(wanted, Mapping):
        if not isinstance(found, Mapping):
            return False
        return all(
            _fits(found[name], one) if name in found else name in LATER for name, one in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and _fits(found[0], wanted[0])
    return found == wanted
