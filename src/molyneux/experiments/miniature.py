"""What the miniature shows on held-out images: every figure that its card and the README print."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from molyneux.data.coco import CocoImage, read_coco
from molyneux.data.gate import open_image
from molyneux.experiments.evidence import (
    EvaluationSettings,
    Evidence,
    effects_of_single_units,
    gather,
    nearest_words,
    on_topic,
    prompt_of,
)
from molyneux.ground.assets import asset
from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.metrics.stats import mean_interval, paired_test
from molyneux.miniature.accuracy import is_unusual
from molyneux.miniature.dataset import DEVELOPMENT, HELD_OUT, scene_of, write_coco
from molyneux.models.captioner import Captioner
from molyneux.models.load import load
from molyneux.neurons.attribute import AttributionSettings, attribute_batch

__all__ = ["EvaluationSettings", "evaluate", "evaluate_images"]

_SETTINGS = EvaluationSettings()


def evaluate(
    *,
    device: str | None = None,
    seed: int | None = None,
    count: int = 400,
    captioner: Captioner | None = None,
    settings: EvaluationSettings = _SETTINGS,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Measure the miniature on its shipped held-out images, or on a set rendered anew.

    Args:
        seed: None takes the shipped images; a number renders ``count`` scenes from that seed on: held-out ones
            below 100,000, development ones (to choose between models) below 200,000, never training ones.
        captioner: None loads the shipped miniature.
        progress: called with images done and images in all.

    Returns:
        a figure a key: {"mean", "low", "high", "n"} with 95% bootstrap intervals over images, or a number.
    """
    captioner = captioner or load("miniature", device=device)
    if seed is None:
        return evaluate_images(captioner, read_coco(asset("miniature")), settings=settings, progress=progress)
    seeds = range(seed, seed + count)
    if not any(seeds.start in known and seeds[-1] in known for known in (HELD_OUT, DEVELOPMENT)):
        raise SettingError(
            "seed",
            value=seed,
            expected=f"{count} seeds within 0..{HELD_OUT.stop - 1} (held out) or up to {DEVELOPMENT.stop - 1}",
            fix="Take a smaller seed or count.",
        )
    with tempfile.TemporaryDirectory() as folder:
        images = read_coco(write_coco(Path(folder), seeds))
        return evaluate_images(captioner, images, settings=settings, progress=progress)


def evaluate_images(
    captioner: Captioner,
    images: Sequence[CocoImage],
    *,
    settings: EvaluationSettings = _SETTINGS,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Measure a captioner on images of the miniature's world, whose ids are their seeds; see ``evaluate``."""
    records: list[Evidence] = []
    size = captioner.fitting(settings.batch_size)
    for start in range(0, len(images), size):
        part = images[start : start + size]
        records += _records(captioner, part, settings)
        if progress is not None:
            progress(min(start + size, len(images)), len(images))
    summary = _summary(records, images, settings)
    exact, units = _exactness(captioner, images[: settings.exact_images], settings)
    real, random = _prompts(captioner, images[: settings.prompt_images], settings)
    return summary | {
        "images": len(images),
        "images_with_noun": len(records),
        "exact_pearson": exact,
        "exact_units": units,
        "prompt_topic": _interval(real, settings),
        "prompt_topic_random": _interval(random, settings),
        "miniature": "a miniature, not the paper's model",
    }


def _rng(settings: EvaluationSettings, image: CocoImage, purpose: int) -> np.random.Generator:
    return np.random.default_rng([settings.seed, image.id, purpose])


def _records(
    captioner: Captioner, images: Sequence[CocoImage], settings: EvaluationSettings
) -> Iterator[Evidence]:
    """The evidence of every image of a batch whose caption has a noun."""
    pictures = [open_image(image.path) for image in images]
    captions = captioner.caption(list(pictures), batch_size=settings.batch_size)
    spoken = [n for n, caption in enumerate(captions) if caption.noun is not None]
    if not spoken:
        return
    found = attribute_batch(
        captioner,
        [pictures[n] for n in spoken],
        settings=AttributionSettings(reduce="sum"),
        captions=[captions[n] for n in spoken],
    )
    for n, attribution in zip(spoken, found, strict=True):
        yield gather(
            captioner,
            pictures[n],
            images[n],
            attribution,
            settings=settings,
            rng=_rng(settings, images[n], 0),
        )


def _interval(values: Sequence[float], settings: EvaluationSettings) -> dict[str, float | int | None]:
    if not values:  # no scene before an unusual background, say
        return {"mean": None, "low": None, "high": None, "n": 0}
    found = mean_interval(list(values), seed=settings.seed)
    return {"mean": found.mean, "low": found.low, "high": found.high, "n": found.count}


def _summary(
    records: Sequence[Evidence], images: Sequence[CocoImage], settings: EvaluationSettings
) -> dict[str, Any]:
    if not records:
        raise SettingError("images", value=len(images), expected="at least one whose caption has a noun")
    said = [float(on_topic(r.top_tokens, r.category) >= settings.words) for r in records]
    chance = [float(on_topic(r.random_tokens, r.category) >= settings.words) for r in records]
    top, random = ([r.ablation[arm] for r in records] for arm in (0, 1))
    seen, unseen = ([r.iou[arm] for r in records] for arm in (0, 1))
    layers = np.array([r.layers for r in records], dtype=float)
    named = {r.image for r in records if r.right}  # a caption without a noun does not name the object
    right = [float(image.id in named) for image in images]
    odd = [hit for hit, image in zip(right, images, strict=True) if is_unusual(scene_of(image.id))]
    return {
        "noun_accuracy": _interval(right, settings),
        "noun_unusual": _interval(odd, settings),
        "topic_top1": _interval(said, settings),
        "topic_shuffled": _interval(_shuffled(records, settings), settings),
        "topic_random": _interval(chance, settings),
        "ablation_top": _interval(top, settings) | {"median": float(np.median(top))},
        "ablation_random": _interval(random, settings) | {"median": float(np.median(random))},
        "iou_top": _interval(seen, settings),
        "iou_random": _interval(unseen, settings),
        "iou_p": paired_test(seen, unseen, seed=settings.seed).p_value,
        "layers": (layers.sum(0) / layers.sum()).tolist(),
    }


def _shuffled(records: Sequence[Evidence], settings: EvaluationSettings) -> list[float]:
    """For each neuron the share of randomly paired images whose topic it speaks of.

    A pairing is a permutation of all images, so a neuron meets its own image's category as often as that is there:
    about 1 in 16.
    """
    rng = np.random.default_rng(settings.seed)
    hits = np.zeros(len(records))
    for _ in range(settings.shuffles):
        for n, other in enumerate(rng.permutation(len(records))):
            hits[n] += on_topic(records[n].top_tokens, records[other].category) >= settings.words
    return [float(share) for share in hits / settings.shuffles]


def _exactness(
    captioner: Captioner, images: Sequence[CocoImage], settings: EvaluationSettings
) -> tuple[float, int]:
    """Pearson's r between summed post scores and the logit's true change, over units of several images."""
    scored: list[float] = []
    true: list[float] = []
    options = AttributionSettings(site="post", reduce="sum", top=settings.exact_units // 2)
    for image in images:
        picture = open_image(image.path)
        caption = captioner.caption(picture)
        if caption.noun is None:
            continue
        (found,) = attribute_batch(captioner, [picture], settings=options, captions=[caption])
        units = [entry.neuron for entry in found.neurons]
        rng = _rng(settings, image, 1)
        layout = captioner.layout
        for _ in range(settings.exact_units - len(units)):  # the last layer's patches reach no later token
            units.append(NeuronId(int(rng.integers(layout.layers - 1)), int(rng.integers(layout.units))))
        true += effects_of_single_units(captioner, picture, found, units).tolist()
        scored += [float(found.scores[unit]) for unit in units]
    if len(scored) < 2:
        return float("nan"), len(scored)
    return float(np.corrcoef(scored, true)[0, 1]), len(scored)


def _prompts(
    captioner: Captioner, images: Sequence[CocoImage], settings: EvaluationSettings
) -> tuple[list[float], list[float]]:
    """The share of on-topic tokens among those nearest to projected patches, and to random vectors.

    Random vectors have the mean and standard deviation of all images' real ones in every dimension: an image's
    own mean would carry its topic into the control.
    """
    prompts = torch.stack([prompt_of(captioner, open_image(image.path)) for image in images])
    mean, spread = prompts.mean((0, 1)), prompts.std((0, 1))
    shares: tuple[list[float], list[float]] = ([], [])
    for image, real in zip(images, prompts, strict=True):
        noise = _rng(settings, image, 2).standard_normal(tuple(real.shape))
        random = mean + spread * torch.from_numpy(noise).to(real)
        for share, vectors in zip(shares, (real, random), strict=True):
            words = nearest_words(captioner, vectors, settings.nearest)
            share.append(on_topic(words, image.objects[0].category) / len(words))
    return shares
