"""The sections on what neurons fire on, what they cause, and where they are."""

from __future__ import annotations

from collections.abc import Mapping

from molyneux.report import listings, views
from molyneux.report.examples import fields_drawing, firing_drawing
from molyneux.report.plot_ablation import captions_drawing, probability_drawing
from molyneux.report.plot_layers import layers_drawing
from molyneux.report.plot_matrix import matrix_drawing
from molyneux.report.plot_overlaps import overlaps_drawing
from molyneux.report.raster import Shot, pictures_of
from molyneux.report.record import Record
from molyneux.report.section import Figured, Section, Tabled, absent, paper_note, stand_on

__all__ = ["ablation", "layers", "segmentation", "selectivity"]


def segmentation(record: Record, pictures: Mapping[str, Shot]) -> Section:
    table, firing = record.tables.get("segmentation"), record.tables.get("firing")
    found = record.stage("segmentation")
    blocks: list[Figured | Tabled] = []
    drawing = firing_drawing(pictures_of(record), firing) if firing else None
    if drawing and firing:
        caption = (
            "Neurons that were best for an image of the gallery, each with the images of the whole run "
            "that fire it most. "
            "Colour: activation, dark to bright; white line: the strongest 5%."
        )
        blocks.append(Figured("Figure 4", drawing, caption, firing.name))
    if table and table.rows:
        caption = (
            "Mean IoU of top neurons' receptive fields (pixels above the image's 95th percentile) with the "
            "one object of a "
            "category, beside random neurons of the same layers. The paper's figure is drawn, without "
            "numbers. "
            "Stars: corrected p below .05, .01, .001."
        )
        blocks.append(Figured("Figure 5", overlaps_drawing(table), caption, table.name))
        blocks.append(Tabled("Numbers of Figure 5", views.overlaps_view(table), "", table.name, folded=True))
    told = found.settings if found and isinstance(found.settings, dict) else {}
    percentile = told.get("percentile", 95)
    drawing = fields_drawing(pictures, found.rows, float(percentile)) if found else None
    if drawing:
        caption = (
            "Masks of single top neurons, images at random: bright where a neuron's activation is above "
            "the 95th percentile "
            "(yellow line), blue line: the annotated object; below, their IoU."
        )
        blocks.append(Figured("Figure S.1", drawing, caption, "segmentation" if table else ""))
    missing = () if table else absent("segmentation", "Figure 5, Figure S.1")
    missing += () if firing else absent("gallery", "Figure 4")
    lead = (
        "A neuron's activations at the image's patches, enlarged to the image, are its receptive field. If "
        "neurons detect what "
        "they say, their fields cover the object."
    )
    stand = stand_on(record, ["segmentation"])
    title = "Do neurons fire on the object?"
    return Section("segmentation", title, lead, "segmentation", tuple(blocks), stand, missing)


def selectivity(record: Record) -> Section:
    table, classes = record.tables.get("selectivity"), record.tables.get("selectivity-classes")
    blocks: list[Figured | Tabled] = []
    drawing = matrix_drawing(table) if table else None
    if drawing and table:
        caption = (
            "Mean activation over all patches of the 20 interpretable neurons that are in most top lists "
            "of a class's "
            "training images, on other images of each class; beside random neurons of the same layers. "
            "The paper's figure is drawn, without numbers."
        )
        blocks.append(Figured("Figure S.2", drawing, caption, table.name))
    if classes and classes.rows:
        view = views.selectivity_view(classes)
        blocks.append(Tabled("Numbers of Figure S.2", view, "", classes.name, folded=True))
    lead = (
        "Neurons are chosen on one half of a class's images and looked at with the other. Neurons that "
        "merely fire on "
        "everything would fire as much on other classes."
    )
    return Section(
        "selectivity",
        "Are neurons selective?",
        lead,
        "selectivity",
        tuple(blocks),
        stand_on(record, ["selectivity", "selectivity-classes"]),
        () if table else absent("selectivity", "Figure S.2"),
    )


def ablation(record: Record, pictured: list[str]) -> Section:
    table, captions = record.tables.get("ablation"), record.tables.get("ablated-captions")
    blocks: list[Figured | Tabled] = []
    if table and table.rows:
        caption = (
            "Relative change of the probability of the caption's first noun, the words before it held "
            "fixed, with more and "
            "more units set to zero. Bands and dotted lines: 95% bootstrap intervals over images."
        )
        blocks.append(Figured("Figure 6", probability_drawing(table), caption, table.name))
        drawing = captions_drawing(table)
        if drawing:
            caption = (
                "The caption written anew without these units, against the original one: mean BERTScore F1. "
                "Bands as in Figure 6."
            )
            blocks.append(Figured("Figure S.3", drawing, caption, table.name))
        view = views.ablation_view(table)
        note = paper_note(table)
        blocks.append(Tabled("Numbers of Figures 6 and S.3", view, "", table.name, folded=True, note=note))
    view_s3 = listings.captions_view(captions, pictured) if captions else None
    if view_s3 and captions:
        caption = (
            "Captions of three images at random after ablation, with their BERTScore against the original; "
            "new words are "
            "underlined. "
        )
        blocks.append(Tabled("Table S.3", view_s3, caption, captions.name))
    lead = (
        "Units are switched off in the order of their scores, all of them or only interpretable ones, and "
        "as many at random "
        "in the same layers. If the scores find causes, the word and the caption go with the first and "
        "stay with the last."
    )
    return Section(
        "ablation",
        "Do neurons cause the caption?",
        lead,
        "ablation",
        tuple(blocks),
        stand_on(record, ["ablation", "ablated-captions"]),
        () if table else absent("ablation", "Figure 6, Figure S.3, Table S.3"),
    )


def layers(record: Record) -> Section:
    table, band = record.tables.get("layers"), record.tables.get("layers-band")
    blocks: list[Figured | Tabled] = []
    if table and table.rows:
        caption = (
            "The share of each image's top neurons that lies in each layer, mean over images; as many "
            "units drawn from the "
            "whole model beside it. Shaded: as deep in the model as the paper's layers 5 to 10 of 28."
        )
        blocks.append(Figured("Layer histogram (S.6)", layers_drawing(table, band), caption, table.name))
        blocks.append(
            Tabled("Numbers of the histogram", views.layers_view(table), "", table.name, folded=True)
        )
    return Section(
        "layers",
        "Where in the model are they?",
        "The layers of the neurons with the highest scores of every image.",
        "layers",
        tuple(blocks),
        stand_on(record, ["layers", "layers-band"]),
        () if table else absent("layers", "Layer histogram"),
    )
