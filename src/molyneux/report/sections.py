"""The sections of the page, each from what the run holds of its experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from molyneux.report import listings, views
from molyneux.report.examples import fields_drawing, firing_drawing, neurons_drawing
from molyneux.report.plot_ablation import captions_drawing, probability_drawing
from molyneux.report.plot_layers import layers_drawing
from molyneux.report.plot_matrix import matrix_drawing
from molyneux.report.plot_overlaps import overlaps_drawing
from molyneux.report.plot_scores import scores_drawing
from molyneux.report.raster import Shot, shots
from molyneux.report.record import Record
from molyneux.report.section import Figured, Section, Tabled, paper_note, stand_on

__all__ = ["pictures_of", "sections_of"]

_INTERVALS = "Brackets: 95% bootstrap intervals over images."
_GREY = "Grey: the paper's printed figures."


def pictures_of(record: Record) -> dict[str, Shot]:
    """The small copies of images that the run holds."""
    found = record.stage("pictures")
    return shots(found.rows) if found else {}


def sections_of(record: Record) -> list[Section]:
    """All sections in the order of the paper; those of experiments that are not there say so."""
    pictures = pictures_of(record)
    shown = record.stage("gallery")
    rows = dict(shown.rows) if shown else {}
    return [
        _agreement(record),
        _gallery(record, pictures, rows),
        _prompts(record, pictures),
        _segmentation(record, {image: shot for image, shot in pictures.items() if image in rows}),
        _selectivity(record),
        _ablation(record, list(rows)),
        _layers(record),
    ]


def _absent(experiment: str, what: str) -> tuple[str, ...]:
    return (f"{what}: this run does not hold the experiment “{experiment}”.",)


def _agreement(record: Record) -> Section:
    blocks: list[Figured | Tabled] = []
    table, second = record.tables.get("agreement"), record.tables.get("agreement-interpretable")
    if table:
        caption = (
            "What the top neuron of an image says, as text, against the image (CLIPScore) and against human captions "
            f"(BERTScore F1). Random: each decoding with another image. {_INTERVALS} {_GREY}"
        )
        blocks.append(Tabled("Table 1", views.agreement_view(table), caption, table.name, note=paper_note(table)))
    if second:
        caption = "How many images have an interpretable top neuron, beside all units of the model (Section 2.2). Brackets: Wilson intervals."
        blocks.append(Tabled("Table 1b", views.interpretable_view(second), caption, second.name, note=paper_note(second)))
    lead = (
        "Each image's neuron with the highest score for the caption's first noun is decoded into its ten most probable "
        "tokens. If neurons turn what is seen into words, these tokens fit the image better than another image's."
    )
    missing = () if table else _absent("agreement", "Table 1")
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
    missing = () if table else _absent("gallery", "Figure 2, Table S.1")
    if table:
        drawing = neurons_drawing(pictures, rows, table)
        if drawing:
            caption = (
                "Images at random with their four best neurons: name, score, the five tokens that each raises most. "
                "Colour: its activation, dark to bright; white line: the strongest 5%; blue square: the patch of the score."
            )
            blocks.append(Figured("Figure 2", drawing, caption, table.name))
        else:
            missing = ("Figure 2: the run holds no small copies of its images (made by an earlier version).",)
        caption = (
            "The ten best (neuron, patch) pairs of three images; bold: interpretable neurons. "
            "The file holds twenty pairs of every image of the gallery."
        )
        blocks.append(Tabled("Table S.1", listings.pairs_view(table), caption, table.name))
    lead = "Images drawn at random, not chosen: their captions, the neurons behind the first noun, and what these say."
    stand = stand_on(record, ["gallery"])
    return Section("gallery", "Which neurons put the word there?", lead, "gallery", tuple(blocks), stand, missing)


def _prompts(record: Record, pictures: Mapping[str, Shot]) -> Section:
    table, tests = record.tables.get("prompts"), record.tables.get("prompts-tests")
    found = record.stage("prompts")
    blocks: list[Figured | Tabled] = []
    if table:
        caption = (
            "Projected patches read as their five nearest tokens, random vectors read alike, the model's captions, and five "
            f"nouns of the human captions. {_INTERVALS} {_GREY}"
        )
        blocks.append(Tabled("Table 2", views.prompts_view(table), caption, table.name, note=paper_note(table)))
    if tests:
        caption = "Two-sample tests of the per-image means (Section 3.1)."
        blocks.append(Tabled("Table 2b", views.tests_view(tests), caption, tests.name, note=paper_note(tests)))
    drawing = scores_drawing(list(found.rows.values()), tests) if found else None
    if drawing:
        caption = (
            "How the scores of an image's patches are distributed over images. Upright line: the largest gap between "
            "projected patches and random vectors, which the test judges."
        )
        blocks.append(Figured("Figure 3", drawing, caption, "prompts-tests" if tests else ""))
    view = listings.patches_view(found.rows, pictures, seed=record.run.manifest.identity.seed) if found else None
    if view:
        caption = "Twelve patches of one image at random, read as their nearest tokens, beside random vectors of matched scale."
        blocks.append(Tabled("Table S.2", view, caption, ""))
    lead = (
        "The projection puts each image patch into the decoder's input space. If it already translated, the tokens nearest "
        "to a patch would fit the image better than those nearest to a random vector."
    )
    return Section(
        "prompts",
        "Does the projection already translate?",
        lead,
        "prompts",
        tuple(blocks),
        stand_on(record, ["prompts", "prompts-tests"]),
        () if table else _absent("prompts", "Table 2, Figure 3, Table S.2"),
    )


def _segmentation(record: Record, pictures: Mapping[str, Shot]) -> Section:
    table, firing = record.tables.get("segmentation"), record.tables.get("firing")
    found = record.stage("segmentation")
    blocks: list[Figured | Tabled] = []
    drawing = firing_drawing(pictures_of(record), firing) if firing else None
    if drawing and firing:
        caption = (
            "Neurons that were best for an image of the gallery, each with the images of the whole run that fire it most. "
            "Colour: activation, dark to bright; white line: the strongest 5%."
        )
        blocks.append(Figured("Figure 4", drawing, caption, firing.name))
    if table and table.rows:
        caption = (
            "Mean IoU of top neurons' receptive fields (pixels above the image's 95th percentile) with the one object of a "
            "category, beside random neurons of the same layers. The paper's figure is drawn, without numbers. "
            "Stars: corrected p below .05, .01, .001."
        )
        blocks.append(Figured("Figure 5", overlaps_drawing(table), caption, table.name))
        blocks.append(Tabled("Numbers of Figure 5", views.overlaps_view(table), "", table.name, folded=True))
    told = found.settings if found and isinstance(found.settings, dict) else {}
    percentile = told.get("percentile", 95)
    drawing = fields_drawing(pictures, found.rows, float(percentile)) if found else None
    if drawing:
        caption = (
            "Masks of single top neurons, images at random: bright where a neuron's activation is above the 95th percentile "
            "(yellow line), blue line: the annotated object; below, their IoU."
        )
        blocks.append(Figured("Figure S.1", drawing, caption, ""))
    missing = () if table else _absent("segmentation", "Figure 5, Figure S.1")
    missing += () if firing else _absent("gallery", "Figure 4")
    lead = (
        "A neuron's activations at the image's patches, enlarged to the image, are its receptive field. If neurons detect what "
        "they say, their fields cover the object."
    )
    stand = stand_on(record, ["segmentation"])
    title = "Do neurons fire on the object?"
    return Section("segmentation", title, lead, "segmentation", tuple(blocks), stand, missing)


def _selectivity(record: Record) -> Section:
    table, classes = record.tables.get("selectivity"), record.tables.get("selectivity-classes")
    blocks: list[Figured | Tabled] = []
    drawing = matrix_drawing(table) if table else None
    if drawing and table:
        caption = (
            "Mean activation over all patches of the 20 interpretable neurons that are in most top lists of a class's "
            "training images, on other images of each class; beside random neurons of the same layers. "
            "The paper's figure is drawn, without numbers."
        )
        blocks.append(Figured("Figure S.2", drawing, caption, table.name))
    if classes and classes.rows:
        view = views.selectivity_view(classes)
        blocks.append(Tabled("Numbers of Figure S.2", view, "", classes.name, folded=True))
    lead = (
        "Neurons are chosen on one half of a class's images and looked at with the other. Neurons that merely fire on "
        "everything would fire as much on other classes."
    )
    return Section(
        "selectivity",
        "Are neurons selective?",
        lead,
        "selectivity",
        tuple(blocks),
        stand_on(record, ["selectivity", "selectivity-classes"]),
        () if table else _absent("selectivity", "Figure S.2"),
    )


def _ablation(record: Record, pictured: list[str]) -> Section:
    table, captions = record.tables.get("ablation"), record.tables.get("ablated-captions")
    blocks: list[Figured | Tabled] = []
    if table and table.rows:
        caption = (
            "Relative change of the probability of the caption's first noun, the words before it held fixed, with more and "
            "more units set to zero. Bands and dotted lines: 95% bootstrap intervals over images."
        )
        blocks.append(Figured("Figure 6", probability_drawing(table), caption, table.name))
        drawing = captions_drawing(table)
        if drawing:
            caption = "The caption written anew without these units, against the original one: mean BERTScore F1. Bands as in Figure 6."
            blocks.append(Figured("Figure S.3", drawing, caption, table.name))
        view = views.ablation_view(table)
        note = paper_note(table)
        blocks.append(Tabled("Numbers of Figures 6 and S.3", view, "", table.name, folded=True, note=note))
    view_s3 = listings.captions_view(captions, pictured) if captions else None
    if view_s3 and captions:
        caption = (
            "Captions of three images at random after ablation, with their BERTScore against the original; new words are "
            "underlined. The file holds all images."
        )
        blocks.append(Tabled("Table S.3", view_s3, caption, captions.name))
    lead = (
        "Units are switched off in the order of their scores, all of them or only interpretable ones, and as many at random "
        "in the same layers. If the scores find causes, the word and the caption go with the first and stay with the last."
    )
    return Section(
        "ablation",
        "Do neurons cause the caption?",
        lead,
        "ablation",
        tuple(blocks),
        stand_on(record, ["ablation", "ablated-captions"]),
        () if table else _absent("ablation", "Figure 6, Figure S.3, Table S.3"),
    )


def _layers(record: Record) -> Section:
    table, band = record.tables.get("layers"), record.tables.get("layers-band")
    blocks: list[Figured | Tabled] = []
    if table and table.rows:
        caption = (
            "The share of each image's top neurons that lies in each layer, mean over images; as many units drawn from the "
            "whole model beside it. Shaded: as deep in the model as the paper's layers 5 to 10 of 28."
        )
        blocks.append(Figured("Layer histogram (S.6)", layers_drawing(table, band), caption, table.name))
        blocks.append(Tabled("Numbers of the histogram", views.layers_view(table), "", table.name, folded=True))
    return Section(
        "layers",
        "Where in the model are they?",
        "The layers of the neurons with the highest scores of every image.",
        "layers",
        tuple(blocks),
        stand_on(record, ["layers", "layers-band"]),
        () if table else _absent("layers", "Layer histogram"),
    )
