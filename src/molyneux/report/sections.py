"""The sections of the page, each from what the run holds of its experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from molyneux.report import listings, views
from molyneux.report.examples import neurons_drawing
from molyneux.report.plot_scores import scores_drawing
from molyneux.report.raster import Shot, pictures_of
from molyneux.report.record import Record
from molyneux.report.section import Figured, Section, Tabled, absent, paper_note, reasoned, stand_on
from molyneux.report.sections_inside import ablation, layers, segmentation, selectivity

__all__ = ["sections_of"]

_INTERVALS = "Brackets: 95% bootstrap intervals over images."


def sections_of(record: Record) -> list[Section]:
    """All sections in the order of the paper; those of experiments that are not there say so."""
    pictures = pictures_of(record)
    shown = record.stage("gallery")
    rows = dict(shown.rows) if shown else {}
    made = [
        _agreement(record),
        _gallery(record, pictures, rows),
        _prompts(record, pictures),
        segmentation(record, {image: shot for image, shot in pictures.items() if image in rows}),
        selectivity(record),
        ablation(record, list(rows)),
        layers(record),
    ]
    return [reasoned(one, record.left_out) for one in made]


def _agreement(record: Record) -> Section:
    blocks: list[Figured | Tabled] = []
    table, second = record.tables.get("agreement"), record.tables.get("agreement-interpretable")
    if table:
        caption = (
            "What the top neuron of an image says, as text, against the image (CLIPScore) and against "
            "human captions "
            f"(BERTScore F1). Random: each decoding with another image. {_INTERVALS}"
        )
        blocks.append(
            Tabled("Table 1", views.agreement_view(table), caption, table.name, note=paper_note(table))
        )
    if second:
        caption = (
            "How many images have an interpretable top neuron, beside all units of the model (Section 2.2). "
            "Brackets: Wilson intervals."
        )
        blocks.append(
            Tabled(
                "Table 1b", views.interpretable_view(second), caption, second.name, note=paper_note(second)
            )
        )
    lead = (
        "Each image's neuron with the highest score for the caption's first noun is decoded into its ten "
        "most probable "
        "tokens. If neurons turn what is seen into words, these tokens fit the image better than another "
        "image's."
    )
    missing = () if table else absent("agreement", "Table 1")
    return Section(
        "agreement",
        "Do neurons translate images into related text?",
        lead,
        "agreement",
        tuple(blocks),
        stand_on(record, ["agreement", "agreement-interpretable"]),
        missing,
    )


def _gallery(record: Record, pictures: Mapping[str, Shot], rows: Mapping[str, Any]) -> Section:
    table = record.tables.get("gallery")
    blocks: list[Figured | Tabled] = []
    missing = () if table else absent("gallery", "Figure 2, Table S.1")
    if table:
        drawing = neurons_drawing(pictures, rows, table)
        if drawing:
            caption = (
                "Images at random with their four best neurons: name, score, the five tokens that each "
                "raises most. "
                "Colour: its activation, dark to bright; white line: the strongest 5%; blue square: the "
                "patch of the score."
            )
            blocks.append(Figured("Figure 2", drawing, caption, table.name))
        else:
            missing = ("Figure 2: the run holds no small copies of its images (made by an earlier version).",)
        caption = (
            "The ten best (neuron, patch) pairs of three images; bold: interpretable neurons. "
            "The file holds twenty pairs of every image of the gallery."
        )
        blocks.append(Tabled("Table S.1", listings.pairs_view(table), caption, table.name))
    lead = (
        "Images drawn at random, not chosen: their captions, the neurons behind the first noun, and what "
        "these say."
    )
    stand = stand_on(record, ["gallery"])
    return Section(
        "gallery", "Which neurons put the word there?", lead, "gallery", tuple(blocks), stand, missing
    )


def _prompts(record: Record, pictures: Mapping[str, Shot]) -> Section:
    table, tests = record.tables.get("prompts"), record.tables.get("prompts-tests")
    found = record.stage("prompts")
    blocks: list[Figured | Tabled] = []
    if table:
        caption = (
            "Projected patches read as their five nearest tokens, random vectors read alike, the model's "
            "captions, and five "
            f"nouns of the human captions. {_INTERVALS}"
        )
        blocks.append(
            Tabled("Table 2", views.prompts_view(table), caption, table.name, note=paper_note(table))
        )
    if tests:
        caption = "Two-sample tests of the per-image means (Section 3.1)."
        blocks.append(
            Tabled("Table 2b", views.tests_view(tests), caption, tests.name, note=paper_note(tests))
        )
    drawing = scores_drawing(list(found.rows.values()), tests) if found else None
    if drawing:
        caption = (
            "How the scores of an image's patches are distributed over images. Upright line: the largest "
            "gap between "
            "projected patches and random vectors, which the test judges."
        )
        blocks.append(Figured("Figure 3", drawing, caption, "prompts-tests" if tests else ""))
    view = (
        listings.patches_view(found.rows, pictures, seed=record.run.manifest.identity.seed) if found else None
    )
    if view:
        caption = (
            "Twelve patches of one image at random, read as their nearest tokens, beside random vectors of "
            "matched scale."
        )
        blocks.append(Tabled("Table S.2", view, caption, "prompts-patches"))
    lead = (
        "The projection puts each image patch into the decoder's input space. If it already translated, "
        "the tokens nearest "
        "to a patch would fit the image better than those nearest to a random vector."
    )
    return Section(
        "prompts",
        "Does the projection already translate?",
        lead,
        "prompts",
        tuple(blocks),
        stand_on(record, ["prompts", "prompts-tests"]),
        () if table else absent("prompts", "Table 2, Figure 3, Table S.2"),
    )
