"""The first page: what was run, and the main figures beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence

from molyneux.report.claims import NOT, SUPPORTED, UNTESTED, Verdict
from molyneux.report.numerals import between, count, fixed, share
from molyneux.report.record import Record, TableRecord, number
from molyneux.report.view import Cell, View, estimate, papers, text

__all__ = ["abstract", "main_view"]

DRAWN = Cell("only drawn", kind="paper")


def abstract(record: Record, found: Sequence[Verdict]) -> list[str]:
    """Sentences: what was run, on what, and how many of the paper's claims came out."""
    identity = record.run.manifest.identity
    images = identity.data.get("count", "?")
    what = (
        f"This report repeats the experiments of “Multimodal Neurons in Pretrained Text-Only Transformers” "
        f"(Schwettmann, Chowdhury, Klein, Bau and Torralba, 2023) with the model {record.settings.get('model', '?')} "
        f"on {images} images."
    )
    if record.miniature:
        what += " The model is a miniature, not the paper's: its figures cannot be compared with the paper's one by one, its claims can be tested."
    tally = {kind: sum(one.outcome == kind for one in found) for kind in (SUPPORTED, NOT, UNTESTED)}
    said = (
        f"Of {len(found)} claims of the paper the run supports {tally[SUPPORTED]} and does not support {tally[NOT]}; "
        f"{tally[UNTESTED]} cannot be tested with it. The rule of each verdict was fixed beforehand."
    )
    return [what, said]


def main_view(record: Record) -> View:
    """Measure, this run, its random arm, the paper."""
    tables = record.tables
    rows: list[tuple[Cell, ...]] = []
    rows += _agreement(tables.get("agreement"), tables.get("agreement-interpretable"))
    rows += _prompts(tables.get("prompts"))
    rows += _looking(tables.get("segmentation"), tables.get("selectivity-classes"))
    rows += _ablation(tables.get("ablation"))
    rows += _layers(tables.get("layers-band"))
    head = (Cell(""), Cell("this run", kind="number"), Cell("random arm", kind="number"), Cell("paper", kind="paper"), Cell("images", kind="number"))
    return View.plain(head, rows)


def _n(value: float | None) -> Cell:
    return Cell("–" if value is None else count(int(value)), kind="number")


def _agreement(table: TableRecord | None, second: TableRecord | None) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    best = second.row(what="best neurons of images") if second else None
    if best and second:
        everywhere = second.row(what="all units of the model")
        mine = Cell(share(number(best, "share")), between(number(best, "low"), number(best, "high"), 0, percent=True), "number")
        other = Cell(share(number(everywhere, "share")), "all units" if everywhere else "", "number")
        rows.append((text("Best neurons that are interpretable"), mine, other, papers(best, "", 0, percent=True), _n(number(best, "of"))))
    neurons = table.row(arm="multimodal neurons") if table else None
    if neurons and table:
        random = table.row(arm="random")
        for stem, name, digits in (("bert_", "BERTScore F1", 3), ("clip_", "CLIPScore", 2)):
            both = papers(neurons, stem, 4 if stem == "bert_" else 2)
            also = papers(random, stem, 4 if stem == "bert_" else 2)
            said = Cell(f"{both.text} ({also.text})", kind="paper", note=both.note)
            rows.append(
                (
                    text(f"{name} of what neurons say"),
                    estimate(neurons, stem, digits),
                    estimate(random, stem, digits),
                    said,
                    _n(number(neurons, f"{stem}n")),
                )
            )
    return rows


def _prompts(table: TableRecord | None) -> list[tuple[Cell, ...]]:
    real = table.row(arm="prompts") if table else None
    if real is None or table is None:
        return []
    random = table.row(arm="random vectors")
    both, also = papers(real, "clip_", 2), papers(random, "clip_", 2)
    return [
        (
            text("CLIPScore of projected patches"),
            estimate(real, "clip_", 2),
            estimate(random, "clip_", 2),
            Cell(f"{both.text} ({also.text})", kind="paper", note=both.note),
            _n(number(real, "clip_n")),
        )
    ]


def _looking(table: TableRecord | None, classes: TableRecord | None) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    pooled = table.row(category="all images") if table else None
    if pooled:
        name = text("IoU of receptive fields with the object")
        rows.append((name, estimate(pooled, "top_", 3), estimate(pooled, "random_", 3), DRAWN, _n(number(pooled, "top_n"))))
    if classes and classes.rows:
        best = [sum(row.get(f"{stem}own_is_largest") is True for row in classes.rows) for stem in ("", "random_")]
        of = len(classes.rows)
        cells = [Cell(f"{one} of {of}", kind="number") for one in best]
        rows.append((text("Classes whose own images fire their neurons most"), *cells, DRAWN, _n(classes.used)))
    return rows


def _ablation(table: TableRecord | None) -> list[tuple[Cell, ...]]:
    counts = [int(row["count"]) for row in table.rows if row.get("count")] if table else []
    if table is None or not counts:
        return []
    said = [int(row["count"]) for row in table.rows if number(row, "paper") is not None]
    at = said[0] if said else max(counts)
    top, random = table.row(arm="top", count=at), table.row(arm="random", count=at)
    part = share(number(top, "share"))
    both = papers(top, "", 0, percent=True)
    cell = Cell(f"{both.text} (about 0)", kind="paper", note=both.note) if both.text else Cell("", kind="paper")
    rows = [
        (
            text(f"Change of p(c) without {count(at)} units ({part})"),
            estimate(top, "change_", 1, percent=True),
            estimate(random, "change_", 1, percent=True),
            cell,
            _n(number(top, "change_n")),
        )
    ]
    if number(top, "bertscore_mean") is not None:
        name = text("BERTScore of the caption that is left")
        rows.append((name, estimate(top, "bertscore_", 3), estimate(random, "bertscore_", 3), DRAWN, _n(number(top, "bertscore_n"))))
    return rows


def _layers(table: TableRecord | None) -> list[tuple[Cell, ...]]:
    row = table.rows[0] if table and table.rows else None
    if row is None:
        return []
    said = papers(row, "", 0)
    return [
        (
            text("Top neurons as deep as the paper's layers 5 to 10 of 28"),
            estimate(row, "", 1, percent=True),
            estimate(row, "random_", 1, percent=True),
            Cell("most", kind="paper", note=said.note),
            _n(number(row, "n")),
        )
    ]
