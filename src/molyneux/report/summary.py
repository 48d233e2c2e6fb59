"""The first page: what was run, in words, and the main figures beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence

from molyneux.report.numerals import NONE, between, count, fixed, share
from molyneux.report.record import Record, TableRecord, number
from molyneux.report.verdict import NOT, SUPPORTED, UNTESTED, Verdict, paper_count
from molyneux.report.view import Cell, View, estimate, papers, text

__all__ = ["abstract", "main_view"]

_DRAWN = Cell("only drawn", kind="paper")
_Rows = list[tuple[Cell, ...]]


def abstract(record: Record, found: Sequence[Verdict]) -> list[str]:
    """Paragraphs: what was run on what, what came out, and how many of the paper's claims."""
    images = record.run.manifest.identity.data.get("count", "?")
    what = (
        "This report repeats the experiments of “Multimodal Neurons in Pretrained Text-Only Transformers” "
        "(Schwettmann, Chowdhury, Klein, Bau and Torralba, 2023) with the model "
        f"{record.settings.get('model', '?')} on {images} images."
    )
    if record.miniature:
        what += (
            " The model is a miniature, not the paper's: its figures cannot be held against the paper's "
            "one by one, "
            "but the paper's claims can be tested on it."
        )
    tally = {kind: sum(one.outcome == kind for one in found) for kind in (SUPPORTED, NOT, UNTESTED)}
    said = (
        f"Of {len(found)} claims of the paper the run supports {tally[SUPPORTED]} and does not support "
        f"{tally[NOT]}; "
        f"{tally[UNTESTED]} cannot be tested with it. The rules of the verdicts are part of the program, "
        "not of the run."
    )
    return [one for one in (what, _findings(record), said) if one]


def _findings(record: Record) -> str:
    """The main results as sentences, of those experiments that are there."""
    tables, said = record.tables, list[str]()
    place = paper_count(tables)
    if place:
        table, at = place
        top, random = table.row(arm="top", count=at), table.row(arm="random", count=at)
        said.append(
            f"With the {count(at)} units switched off that score highest for the caption's noun "
            f"({share(number(top, 'share'))} of all), its probability changes by "
            f"{share(number(top, 'change_mean'), plus=True)} "
            f"on average; with as many random units of the same layers, by "
            f"{share(number(random, 'change_mean'), plus=True)}."
        )
    pooled = tables["segmentation"].row(category="all images") if "segmentation" in tables else None
    if pooled:
        said.append(
            f"Where top neurons fire overlaps the annotated object with an IoU of "
            f"{fixed(number(pooled, 'top_mean'), 3)}, "
            f"random neurons {fixed(number(pooled, 'random_mean'), 3)}."
        )
    table1 = tables.get("agreement")
    neurons = table1.row(arm="multimodal neurons") if table1 else None
    if table1 and neurons and number(neurons, "clip_mean") is not None:
        random = table1.row(arm="random")
        said.append(
            f"What the best neuron of an image says has a CLIPScore of "
            f"{fixed(number(neurons, 'clip_mean'), 1)} with it, "
            f"with another image {fixed(number(random, 'clip_mean'), 1)}."
        )
    return " ".join(said)


def main_view(record: Record) -> View:
    """Measure, this run, its random arm, the paper."""
    tables = record.tables
    rows = [
        *_interpretable(tables.get("agreement-interpretable")),
        *_agreement(tables.get("agreement")),
        *_prompts(tables.get("prompts")),
        *_looking(tables.get("segmentation"), tables.get("selectivity-classes")),
        *_ablation(record),
        *_layers(tables.get("layers-band")),
    ]
    names = [
        ("", "text"),
        ("this run", "number"),
        ("random arm", "number"),
        ("paper", "paper"),
        ("images", "number"),
    ]
    return View.plain([Cell(name, kind=kind) for name, kind in names], rows)


def _n(value: float | int | None) -> Cell:
    return Cell(NONE if value is None else count(int(value)), kind="number")


def _both(mine: Cell, random: Cell | str) -> Cell:
    """The paper's figure and, in parentheses, that of its random arm."""
    said = random if isinstance(random, str) else random.text
    return Cell(f"{mine.text} ({said})" if mine.text else "", kind="paper", note=mine.note)


def _interpretable(table: TableRecord | None) -> _Rows:
    best = table.row(what="best neurons of images") if table else None
    if table is None or best is None:
        return []
    everywhere = table.row(what="all units of the model")
    low, high = number(best, "low"), number(best, "high")
    mine = Cell(share(number(best, "share")), between(low, high, 0, percent=True), "number")
    other = Cell(share(number(everywhere, "share")), "all units" if everywhere else "", "number")
    name = text("Best neurons that are interpretable")
    return [(name, mine, other, papers(best, "", 0, percent=True), _n(number(best, "of")))]


def _agreement(table: TableRecord | None) -> _Rows:
    neurons = table.row(arm="multimodal neurons") if table else None
    if neurons is None or table is None:
        return []
    random, rows = table.row(arm="random"), _Rows()
    for stem, name, digits, printed in (("bert_", "BERTScore F1", 3, 4), ("clip_", "CLIPScore", 2, 2)):
        said = _both(papers(neurons, stem, printed), papers(random, stem, printed))
        ours = estimate(neurons, stem, digits), estimate(random, stem, digits)
        rows.append((text(f"{name} of what neurons say"), *ours, said, _n(number(neurons, f"{stem}n"))))
    return rows


def _prompts(table: TableRecord | None) -> _Rows:
    real = table.row(arm="prompts") if table else None
    if real is None or table is None:
        return []
    random = table.row(arm="random vectors")
    said = _both(papers(real, "clip_", 2), papers(random, "clip_", 2))
    ours = estimate(real, "clip_", 2), estimate(random, "clip_", 2)
    return [(text("CLIPScore of projected patches"), *ours, said, _n(number(real, "clip_n")))]


def _looking(table: TableRecord | None, classes: TableRecord | None) -> _Rows:
    rows = _Rows()
    pooled = table.row(category="all images") if table else None
    if pooled:
        ours = estimate(pooled, "top_", 3), estimate(pooled, "random_", 3)
        rows.append(
            (text("IoU of receptive fields with the object"), *ours, _DRAWN, _n(number(pooled, "top_n")))
        )
    if classes and classes.rows:
        best = [
            sum(row.get(f"{stem}own_is_largest") is True for row in classes.rows) for stem in ("", "random_")
        ]
        cells = [Cell(f"{one} of {len(classes.rows)}", kind="number") for one in best]
        rows.append(
            (text("Classes whose own images fire their neurons most"), *cells, _DRAWN, _n(classes.used))
        )
    return rows


def _ablation(record: Record) -> _Rows:
    found = paper_count(record.tables)
    if found is None:
        return []
    table, at = found
    top, random = table.row(arm="top", count=at), table.row(arm="random", count=at)
    name = text(f"Change of p(c) without {count(at)} units ({share(number(top, 'share'))})")
    ours = estimate(top, "change_", 1, percent=True), estimate(random, "change_", 1, percent=True)
    rows: _Rows = [
        (name, *ours, _both(papers(top, "", 0, percent=True), "about 0"), _n(number(top, "change_n")))
    ]
    if number(top, "bertscore_mean") is not None:
        ours = estimate(top, "bertscore_", 3), estimate(random, "bertscore_", 3)
        name = text("BERTScore of the caption that is left")
        rows.append((name, *ours, _DRAWN, _n(number(top, "bertscore_n"))))
    return rows


def _layers(table: TableRecord | None) -> _Rows:
    row = table.rows[0] if table and table.rows else None
    if row is None:
        return []
    ours = estimate(row, "", 1, percent=True), estimate(row, "random_", 1, percent=True)
    said = Cell("most", kind="paper", note=papers(row, "", 0).note)
    return [
        (text("Top neurons as deep as the paper's layers 5 to 10 of 28"), *ours, said, _n(number(row, "n")))
    ]
