"""What the paper printed: neurons with their decodings (Table S.1), captions with their scores (Table S.3)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from molyneux.ground.assets import asset
from molyneux.ground.neuron import NeuronId

__all__ = ["CaptionPair", "PrintedRow", "TableS1", "caption_pairs", "table_s1"]


@dataclass(frozen=True)
class PrintedRow:
    """A row of Table S.1: one (neuron, patch) pair among the 20 best of an image."""

    image: int
    """Number of the image in the table, from 0; the table does not name it."""
    rank: int
    neuron: NeuronId
    patch: int
    score: float


@dataclass(frozen=True)
class TableS1:
    """Table S.1: GPT-J 6B in LiMBeR-BEIT, 7 images, the 5 best tokens of each neuron."""

    source: str
    layers: int
    """Of the paper's model, as ``units`` a layer."""
    units: int
    decodings: MappingProxyType[NeuronId, tuple[str, ...]]
    """Neuron -> its 5 tokens, best first, in the byte-level spelling with a space for a leading space."""
    skipped: MappingProxyType[NeuronId, str]
    """Neurons whose list the extraction of the paper's text broke -> why."""
    restored: MappingProxyType[str, str]
    """What the extracted text prints -> the one token that it stands for, where these differ."""
    rows: tuple[PrintedRow, ...]
    """All 140 rows, those of skipped neurons too."""


@dataclass(frozen=True)
class CaptionPair:
    """A caption, the caption after an ablation, and the BERTScore F1 that the paper prints."""

    original: str
    ablated: str
    bertscore_f1: float


def _read(name: str) -> Any:
    return json.loads(asset(f"paper/{name}").read_text(encoding="utf-8"))


@cache
def table_s1() -> TableS1:
    """Table S.1, as ``scripts/make_paper_table.py`` cleaned it."""
    told = _read("table_s1.json")
    decodings = {NeuronId.parse(name): tuple(tokens) for name, tokens in told["decodings"].items()}
    skipped = {NeuronId.parse(name): why for name, why in told["skipped"].items()}
    rows = tuple(
        PrintedRow(r["image"], r["rank"], NeuronId(r["layer"], r["unit"]), r["patch"], r["score"])
        for r in told["rows"]
    )
    return TableS1(
        source=told["source"],
        layers=told["layers"],
        units=told["units"],
        decodings=MappingProxyType(decodings),
        skipped=MappingProxyType(skipped),
        restored=MappingProxyType(told["restored"]),
        rows=rows,
    )


@cache
def caption_pairs() -> tuple[CaptionPair, ...]:
    """Table S.3 without the captions that fill two lines there: each pair once."""
    return tuple(CaptionPair(**pair) for pair in _read("table_s3.json")["pairs"])
