"""Settings of experiments: what cannot be is refused, and the paper's model gets the paper's numbers."""

from __future__ import annotations

import pytest

from molyneux.experiments import ablation, agreement, gallery, layers, prompts, segmentation, selectivity
from molyneux.experiments.captions import CaptionsSettings
from molyneux.experiments.suite import Suite, suite_for
from molyneux.ground.errors import SettingError


def test_settings_refuse_what_cannot_be() -> None:
    bad = (
        lambda: ablation.AblationSettings(counts=(50, 100)),
        lambda: ablation.AblationSettings(counts=(0,)),
        lambda: ablation.AblationSettings(arms=("top",)),
        lambda: ablation.AblationSettings(positions="some"),
        lambda: agreement.AgreementSettings(pick="any"),
        lambda: prompts.PromptsSettings(nearest=0),
        lambda: segmentation.SegmentationSettings(percentile=100),
        lambda: selectivity.SelectivitySettings(neurons=0),
        lambda: layers.LayersSettings(top=0),
        lambda: gallery.GallerySettings(images=0),
        lambda: CaptionsSettings(site="mid"),
        lambda: Suite(captions=CaptionsSettings(ranked=10)),
        lambda: suite_for(2, 10, counts=(0, 21)),
    )
    for make in bad:
        with pytest.raises(SettingError):
            make()


def test_counts_of_the_papers_model_are_the_papers() -> None:
    assert ablation.counts_for(28, 16_384) == ablation.PAPER_COUNTS
    small = ablation.counts_for(8, 1280)
    assert round(6400 * 8 * 1280 / (28 * 16_384)) in small
