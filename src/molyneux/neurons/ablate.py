"""What the caption loses when neurons are switched off, beside the same number of random ones."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from molyneux.data.gate import ImageSource, open_image
from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.notebook import Shown, Told
from molyneux.ground.wording import scale_said
from molyneux.metrics.stats import Interval, mean_interval
from molyneux.models.captioner import Captioner
from molyneux.models.prompts import Inputs, copies
from molyneux.neurons.arms import ARMS, choose_arm
from molyneux.neurons.attribute import Attribution, AttributionSettings, attribute_batch, check_names
from molyneux.neurons.edit import edit_rows
from molyneux.neurons.passes import last_logits
from molyneux.neurons.target import Target, choose_target
from molyneux.neurons.told import ablation_told

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Ablation", "AblationRow", "AblationSettings", "ablate", "edited_logits", "target_probabilities"]


@dataclass(frozen=True)
class AblationRow:
    """One edit: an arm, how many units it switched off, and what was left."""

    arm: str
    count: int
    draw: int
    """Number of the random draw; 0 for the other arms."""
    units: int
    """Units really switched off: fewer than ``count`` where the arm has no more."""
    probability: float
    """p(c), the caption's tokens before c held fixed."""
    relative_change: float
    """(p - p0) / p0, with p0 the probability without any edit."""
    caption: str
    """Generated anew under the edit, greedily."""


@dataclass(frozen=True)
class AblationSettings:
    """How neurons are chosen and switched off."""

    counts: tuple[int, ...] = (0, 50, 100)
    """Units switched off, an arbitrary list."""
    arms: tuple[str, ...] = ARMS
    """"top" units by score, the "interpretable" among them, "random" units of the same layers."""
    scale: float | int = 0.0
    """What their activations are multiplied by."""
    positions: str = "all"
    """"all", or "visual" for image patches only."""
    draws: int = 8
    """Random draws, for an interval beside every random figure."""
    seed: int = 0
    """Of the random draws, together with the image's name."""
    batch_size: int = 32
    """Edits that run as rows of one batch."""

    def __post_init__(self) -> None:
        for arm in self.arms:
            if arm not in ARMS:
                raise SettingError("arm", value=arm, expected=f"one of {', '.join(ARMS)}")
        if not self.counts or any(count < 0 for count in self.counts):
            raise SettingError(
                "counts", value=self.counts, expected="one or more numbers of units, each 0 or more"
            )
        for name in ("draws", "batch_size"):
            if getattr(self, name) < 1:
                raise SettingError(name, value=getattr(self, name), expected="at least 1")


@dataclass(frozen=True, repr=False)
class Ablation(Shown):
    """The rows of one image's ablation and the attribution that chose the units."""

    attribution: Attribution
    settings: AblationSettings
    probability: float
    """p(c) without any edit."""
    rows: list[AblationRow]

    def of(self, arm: str, count: int) -> list[AblationRow]:
        """The rows of an arm at a count: one, or one a random draw."""
        return [row for row in self.rows if row.arm == arm and row.count == count]

    def change(self, arm: str, count: int) -> Interval:
        """Mean relative change of p(c) with its 95% interval over draws (NaN bounds for the other arms)."""
        values = [row.relative_change for row in self.of(arm, count)]
        return mean_interval(values, seed=self.settings.seed)

    def to_table(self) -> pa.Table:
        """A pyarrow Table, a row an edit."""
        import pyarrow as pa

        names = [column.name for column in fields(AblationRow)]
        return pa.table({name: [getattr(row, name) for row in self.rows] for name in names})

    def _told(self) -> Told:
        arms = []
        for arm in self.settings.arms:
            for count in self.settings.counts:
                change, captions = self.change(arm, count), tuple(row.caption for row in self.of(arm, count))
                arms.append((arm, count, change.mean, change.low, change.high, captions))
        found = self.attribution
        word, token = found.target.word, found.target.token
        scale = float(self.settings.scale)
        told = ablation_told(found.caption, word, token, p=self.probability, arms=arms, scale=scale)
        return replace(told, rows=lambda: self.to_table().to_pylist())

    def __repr__(self) -> str:
        most = max(self.settings.counts)
        said = ", ".join(f"{arm} {self.change(arm, most).mean:+.0%}" for arm in self.settings.arms)
        edit = f"{most} units {scale_said(self.settings.scale)}"
        return f"Ablation(p({self.attribution.target.word}) = {self.probability:.3f}; {edit}: {said})"


@torch.no_grad()
def edited_logits(
    captioner: Captioner,
    inputs: dict[str, Tensor],
    target: Target,
    edits: Sequence[Sequence[NeuronId]],
    *,
    scale: float | int = 0.0,
    positions: str = "all",
) -> Float[Tensor, "edit token"]:
    """Logits at the step that generates the target under each edit: one batch, a row an edit.

    The caption's tokens before the target are held fixed.
    """
    batch = copies(captioner.extend(inputs, [target.prefix]), len(edits))
    with edit_rows(captioner, edits, scale, positions):
        return last_logits(captioner, batch)


def target_probabilities(
    captioner: Captioner,
    inputs: dict[str, Tensor],
    target: Target,
    edits: Sequence[Sequence[NeuronId]],
    *,
    scale: float | int = 0.0,
    positions: str = "all",
) -> list[float]:
    """p(c) of one image under each edit, the caption's prefix held fixed: one batch, a row an edit."""
    chances = edited_logits(captioner, inputs, target, edits, scale=scale, positions=positions).softmax(-1)
    return [float(chance) for chance in chances[:, target.token_id]]


def _plan(
    captioner: Captioner, found: Attribution, settings: AblationSettings
) -> list[tuple[str, int, int, list[NeuronId]]]:
    """(arm, count, draw, neurons) of every edit. Draws depend on the seed and the image, not on the order."""
    name = zlib.crc32(found.caption.image.encode("utf8", "surrogatepass"))
    edits = []
    for arm in settings.arms:
        for count in settings.counts:
            for draw in range(settings.draws if arm == "random" else 1):
                rng = np.random.default_rng([settings.seed, name, count, draw])
                edits.append((arm, count, draw, choose_arm(captioner, found, arm, count, rng=rng)))
    return edits


def ablate(
    captioner: Captioner,
    source: ImageSource | Inputs,
    *,
    counts: Sequence[int] = (0, 50, 100),
    arms: Sequence[str] = ARMS,
    target: str | int | None = None,
    attribution: Attribution | None = None,
    **settings: float | int | str,
) -> Ablation:
    """Switch off the top units of one image, and as many random ones; see p(c) and the new caption.

    Args:
        source: path, bytes, PIL image or Picture; or the model's ready inputs for one image, a dict of tensors.
        counts: units switched off.
        arms: of "top", "interpretable", "random".
        target: None is the first noun; a word of the caption; or a token index.
        attribution: of this image, where it is there already, and its target with it; else made here (site
            "pre", reduce "max").
        **settings: further fields of AblationSettings (scale, positions, draws, seed, batch_size).

    Raises:
        NoNounError, TargetError, ImageError, SettingError: as in attribute().

    Source: Sec. 3.3, Fig. 6.
    """
    check_names(settings, AblationSettings, "ablate()")
    chosen = AblationSettings(counts=tuple(counts), arms=tuple(arms), **settings)  # type: ignore[arg-type]
    if attribution is not None and target is not None:
        _check_target(attribution, target)
    inputs = captioner.prepare(source if isinstance(source, Mapping) else [open_image(source)])
    if attribution is None:
        attribution = _attributed(captioner, source, inputs, target)
    _check_counts(captioner, chosen)
    (base,) = target_probabilities(captioner, inputs, attribution.target, [[]])
    rows: list[AblationRow] = []
    plan = _plan(captioner, attribution, chosen)
    step = captioner.fitting(chosen.batch_size)
    for start in range(0, len(plan), step):
        part = plan[start : start + step]
        rows += _run(captioner, inputs, attribution.target, part, settings=chosen, base=base)
    return Ablation(attribution, chosen, base, rows)


def _attributed(
    captioner: Captioner, source: ImageSource | Inputs, inputs: dict[str, Tensor], target: str | int | None
) -> Attribution:
    settings = AttributionSettings()
    if isinstance(source, Mapping):
        return attribute_batch(captioner, inputs, settings=settings, wanted=target)[0]
    return attribute_batch(captioner, [open_image(source)], settings=settings, wanted=target)[0]


def _check_target(attribution: Attribution, target: str | int) -> None:
    if choose_target(attribution.caption, target).token != attribution.target.token:
        raise SettingError(
            "target",
            value=target,
            expected=f"{attribution.target.word!r}, which the attribution given explains",
            fix="Leave one of the two out.",
        )


def _check_counts(captioner: Captioner, settings: AblationSettings) -> None:
    total = captioner.layout.layers * captioner.layout.units
    if max(settings.counts) > total:
        raise SettingError(
            "counts", value=max(settings.counts), expected=f"at most {total}, the units of this model"
        )


def _run(
    captioner: Captioner,
    inputs: dict[str, Tensor],
    target: Target,
    part: Sequence[tuple[str, int, int, list[NeuronId]]],
    *,
    settings: AblationSettings,
    base: float,
) -> list[AblationRow]:
    edits = [neurons for _, _, _, neurons in part]
    chances = target_probabilities(
        captioner, inputs, target, edits, scale=settings.scale, positions=settings.positions
    )
    with edit_rows(captioner, edits, settings.scale, settings.positions):
        captions = captioner.generate(inputs, rows=len(edits)).captions
    return [
        AblationRow(arm, count, draw, len(neurons), p, (p - base) / base if base else 0.0, caption.text)
        for (arm, count, draw, neurons), p, caption in zip(part, chances, captions, strict=True)
    ]
