"""What ``neurons``, ``ablate`` and ``demo`` compute for an image, and how it goes out as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molyneux.ground.errors import SettingError

if TYPE_CHECKING:
    from molyneux.data.gate import Picture
    from molyneux.ground.neuron import NeuronId
    from molyneux.ground.story import Story
    from molyneux.metrics.stats import Interval
    from molyneux.models.captioner import Captioner
    from molyneux.neurons.ablate import Ablation, AblationSettings
    from molyneux.neurons.attribute import Attribution
    from molyneux.neurons.compare import Comparison, ComparisonSettings
    from molyneux.neurons.decode import Decoding

__all__ = ["Study", "ablation_json", "comparison_json", "figure_paths", "neurons_json", "study"]


@dataclass(frozen=True)
class Study:
    """One image's caption, its neurons and what they say."""

    picture: Picture
    found: Attribution
    decodings: list[Decoding]


def study(
    captioner: Captioner, picture: Picture, *, target: str | int | None = None, **settings: Any
) -> Study:
    """Caption, attribute and decode one image.

    Raises:
        TargetError, NonFiniteError: the image gives no neurons.
    """
    from molyneux.neurons.attribute import attribute
    from molyneux.neurons.decode import decode

    found = attribute(captioner, picture, target=target, **settings)
    return Study(picture, found, decode(captioner, [entry.neuron for entry in found.neurons]))


def neurons_json(made: Study, *, named_target: bool) -> dict[str, Any]:
    """The object that ``neurons --json`` prints for an image."""
    caption, target = made.found.caption, made.found.target
    head: dict[str, Any] = {
        "image": caption.image,
        "caption": caption.text,
        "noun": None if caption.noun is None else caption.noun.word,
    }
    if named_target:
        head["target"] = target_json(made.found)
    rows = [
        {
            "neuron": str(entry.neuron),
            "layer": entry.neuron.layer,
            "unit": entry.neuron.unit,
            "patch": entry.patch,
            "score": entry.score,
            "tokens": decoding.tokens,
            "interpretable": decoding.interpretable,
        }
        for entry, decoding in zip(made.found.neurons, made.decodings, strict=True)
    ]
    assert target.token >= 0
    return head | {"neurons": rows}


def target_json(found: Attribution | Comparison) -> dict[str, Any]:
    """The word that was explained."""
    target = found.target
    return {
        "word": target.word,
        "token": target.token,
        "probability": found.caption.probabilities[target.token],
    }


def ablation_json(made: Ablation) -> dict[str, Any]:
    """The object that ``ablate --json`` prints: a row an arm and count."""
    settings = made.settings
    rows = []
    for arm in settings.arms:
        for count in settings.counts:
            edits = made.of(arm, count)
            units, told = max(edit.units for edit in edits), [(one.probability, one.caption) for one in edits]
            rows.append(_arm_json(arm, count, units, made.change(arm, count), told))
    head = _edit_json(made.attribution, made.probability, settings)
    return head | {"rows": rows}


def comparison_json(made: Comparison) -> dict[str, Any]:
    """The object that ``ablate --neuron --json`` prints: as above, its arms "named" and "random"."""
    count = len(made.neurons)
    arms = [("named", made.change, [made.edited]), ("random", made.random_change, made.random)]
    rows = [
        _arm_json(arm, count, count, change, [(one.probability, one.caption.text) for one in some])
        for arm, change, some in arms
    ]
    neurons = [str(neuron) for neuron in made.neurons]
    return _edit_json(made, made.plain.probability, made.settings) | {"neurons": neurons, "rows": rows}


def _edit_json(
    found: Attribution | Comparison, probability: float, settings: AblationSettings | ComparisonSettings
) -> dict[str, Any]:
    caption = found.caption
    return {
        "image": caption.image,
        "caption": caption.text,
        "noun": None if caption.noun is None else caption.noun.word,
        "target": target_json(found),
        "probability": probability,
        "scale": settings.scale,
        "positions": settings.positions,
        "seed": settings.seed,
    }


def _arm_json(
    arm: str, count: int, units: int, change: Interval, edits: Sequence[tuple[float, str]]
) -> dict[str, Any]:
    return {
        "arm": arm,
        "count": count,
        "units": units,
        "draws": len(edits),
        "probability": sum(p for p, _ in edits) / len(edits),
        "relative_change": change.mean,
        "low": change.low,
        "high": change.high,
        "captions": [text for _, text in edits],
    }


def figure_paths(save: Path | None, images: Sequence[str]) -> dict[int, Path]:
    """Where each image's figure goes, by its place in the list; of several images, FIG is a folder.

    Raises:
        SettingError: no figure can be written there, or it would overwrite one of the images.
    """
    from molyneux.report.figure import SUFFIXES

    if save is None:
        return {}
    if len(images) == 1 and save.suffix and not save.is_dir():
        paths = {0: save}
    else:
        names = [f"{Path(image).stem[:80]}-neurons" for image in images]
        places = [name if names.count(name) == 1 else f"{name}-{n}" for n, name in enumerate(names)]
        paths = {n: save / f"{place}.png" for n, place in enumerate(places)}
    originals = {Path(image).resolve() for image in images}
    for path in paths.values():
        if path.suffix.lower() not in SUFFIXES:
            raise SettingError(
                "figure", value=str(path), expected=f"a name that ends in {', '.join(SUFFIXES)}"
            )
        if path.resolve() in originals:
            raise SettingError(
                "figure", value=str(path), expected="a file that is none of the images", fix="Name another."
            )
    return paths


def story_of(
    captioner: Captioner,
    made: Study,
    *,
    views: int | Sequence[NeuronId],
    ablation: Ablation | Comparison | None = None,
) -> Story:
    """The Story of a study."""
    from molyneux.neurons.story import tell

    return tell(captioner, made.picture, made.found, views=views, ablation=ablation, decodings=made.decodings)
