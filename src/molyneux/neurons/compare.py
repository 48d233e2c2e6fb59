"""One edit of chosen neurons beside the same edit of random ones: p(c), and the caption written anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from molyneux.data.gate import ImageSource, open_image
from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.notebook import Shown, Told
from molyneux.ground.printable import inert
from molyneux.ground.seeds import generator_of
from molyneux.ground.wording import scale_said
from molyneux.metrics.stats import Interval, mean_interval
from molyneux.models.caption import Caption
from molyneux.models.captioner import Captioner
from molyneux.models.prompts import Inputs
from molyneux.neurons.arms import random_like
from molyneux.neurons.attribute import check_names
from molyneux.neurons.edited import Redone, recaption
from molyneux.neurons.target import Target, choose_target
from molyneux.neurons.told_compare import comparison_told

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Comparison", "ComparisonSettings", "compare"]


@dataclass(frozen=True)
class ComparisonSettings:
    """How neurons are edited, and beside how many random ones."""

    scale: float | int = 0.0
    """What their activations are multiplied by: 0 is off, 1 changes nothing."""
    draws: int = 8
    """Times that as many random units of the same layers are edited instead; 0 for none."""
    seed: int = 0
    """Of the draws, together with ``image_id`` and the token."""
    positions: str = "all"
    """"all", or "visual" for image patches only."""
    image_id: str | None = None
    """The image's id, on which the draws depend, as a run names it; None takes the file's name, no folders."""
    batch_size: int = 9
    """Edits that run as rows of one batch: few, so that somebody who waits can stop between batches."""

    def __post_init__(self) -> None:
        for name, least in (("draws", 0), ("batch_size", 1)):
            if getattr(self, name) < least:
                raise SettingError(name, value=getattr(self, name), expected=f"at least {least}")


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """An image without an edit, under it, and under the same edit of random neurons."""

    caption: Caption
    """Whose tokens before the target are held fixed."""
    target: Target
    neurons: tuple[NeuronId, ...]
    """Those that were edited."""
    settings: ComparisonSettings
    plain: Redone
    """Without any edit: .probability of the target's token, .caption written anew."""
    edited: Redone
    random: tuple[Redone, ...]
    """One a draw."""
    drawn: tuple[tuple[NeuronId, ...], ...]
    """The random units of each draw."""

    @property
    def scale(self) -> float:
        """What the activations were multiplied by."""
        return float(self.settings.scale)

    @property
    def change(self) -> Interval:
        """(p - p0) / p0 under the edit, with p0 the probability without it; one value, so its bounds are NaN."""
        return self._change([self.edited])

    @property
    def random_change(self) -> Interval:
        """The mean of the same over the random draws, with its 95% interval; NaN where there are none."""
        return self._change(self.random)

    def _change(self, some: Sequence[Redone]) -> Interval:
        if not some:
            nan = float("nan")
            return Interval(nan, nan, nan, 0)
        return mean_interval([self._relative(one) for one in some], seed=self.settings.seed)

    def _relative(self, one: Redone) -> float:
        base = self.plain.probability
        return (one.probability - base) / base if base else 0.0

    def _rows(self) -> list[dict[str, object]]:
        arms = [("plain", 0, (), self.plain), ("edited", 0, self.neurons, self.edited)]
        arms += [
            ("random", draw, units, one)
            for draw, (units, one) in enumerate(zip(self.drawn, self.random, strict=True))
        ]
        return [
            {"arm": arm, "draw": draw, "units": len(units), "neurons": [str(one) for one in units]}
            | {"probability": one.probability, "relative_change": self._relative(one)}
            | {"caption": one.caption.text}
            for arm, draw, units, one in arms
        ]

    def to_table(self) -> pa.Table:
        """A pyarrow Table: a row without the edit, one under it, and one a random draw."""
        import pyarrow as pa

        return pa.Table.from_pylist(self._rows())

    def _told(self) -> Told:
        return comparison_told(
            self.caption,
            self.target.word,
            self.target.token,
            title=self._title(),
            rows=self._rows,
            random=self.random_change,
        )

    def _title(self) -> str:
        many = len(self.neurons)
        return f"{self.neurons[0] if many == 1 else f'{many} neurons'} {scale_said(self.scale)}"

    def __repr__(self) -> str:
        chances = [one.probability for one in self.random]
        band = f"; {len(chances)} random draws {min(chances):.3g} to {max(chances):.3g}" if chances else ""
        p0, p = self.plain.probability, self.edited.probability
        return f"Comparison({self._title()}: p({inert(self.target.word)}) {p0:.3g} -> {p:.3g}{band})"


def _go_on() -> None:
    """Nobody wants to stop."""


def compare(
    captioner: Captioner,
    source: ImageSource | Inputs,
    neurons: Iterable[NeuronId | str] | NeuronId | str,
    *,
    target: str | int | None = None,
    caption: Caption | None = None,
    between: Callable[[], None] = _go_on,
    **settings: float | int | str | None,
) -> Comparison:
    """Multiply the activations of some neurons, and of as many random ones of the same layers.

        a[u] <- scale * a[u]   for u in neurons, or in one random draw

    p(c) is told with the caption's tokens before c held fixed; the caption is written anew, greedily, under each
    edit. Draws depend on the seed, the image's id, the token and the layers, not on the scale: every scale meets the
    same random units.

    Args:
        source: path, bytes, PIL image or Picture; or the model's ready inputs for one image, a dict of tensors.
        neurons: neurons or names, or one of them.
        target: None is the first noun; a word of the caption; or a token index.
        caption: the one to explain, where it is there already; else the model writes it.
        between: called before each batch of edits and after the last; what it raises ends the work.
        **settings: fields of ComparisonSettings (scale, draws, seed, positions, image_id, batch_size).

    Raises:
        NeuronNameError: a neuron is not in this model.
        NoNounError, TargetError, ImageError: as in attribute().
        SettingError: no neurons, or a setting that cannot be.

    Source: Sec. 3.3, there for the top neurons, switched off.
    """
    check_names(settings, ComparisonSettings, "compare()")
    chosen = ComparisonSettings(**settings)  # type: ignore[arg-type]
    many = _resolved(captioner, neurons)
    ready = source if isinstance(source, Mapping) else [open_image(source)]
    inputs = captioner.prepare(ready)
    if caption is None:
        caption = captioner.generate(ready).captions[0]
    wanted = choose_target(caption, target)
    drawn = _draws(captioner, many, caption, token=wanted.token, settings=chosen)
    edits = [(), many, *drawn]
    plain, edited, *random = _redone(captioner, inputs, wanted, edits=edits, settings=chosen, between=between)
    return Comparison(caption, wanted, many, chosen, plain, edited, tuple(random), drawn)


def _resolved(
    captioner: Captioner, neurons: Iterable[NeuronId | str] | NeuronId | str
) -> tuple[NeuronId, ...]:
    some = [neurons] if isinstance(neurons, str | NeuronId) else neurons
    many = tuple(dict.fromkeys(captioner.layout.resolve(one) for one in some))
    if not many:
        raise SettingError("neurons", value=0, expected="one or more to edit")
    return many


def _draws(
    captioner: Captioner,
    neurons: Sequence[NeuronId],
    caption: Caption,
    *,
    token: int,
    settings: ComparisonSettings,
) -> tuple[tuple[NeuronId, ...], ...]:
    image = settings.image_id
    if image is None:
        image = caption.image.replace("\\", "/").rpartition("/")[2]
    return tuple(
        tuple(
            random_like(
                neurons,
                captioner.layout.units,
                generator_of(settings.seed, image, purpose=f"live {token} {draw}"),
            )
        )
        for draw in range(settings.draws)
    )


def _redone(
    captioner: Captioner,
    inputs: dict[str, Tensor],
    target: Target,
    *,
    edits: Sequence[Sequence[NeuronId]],
    settings: ComparisonSettings,
    between: Callable[[], None],
) -> Iterator[Redone]:
    step = captioner.fitting(settings.batch_size)
    for start in range(0, len(edits), step):
        between()
        yield from recaption(
            captioner,
            inputs,
            target=target,
            edits=edits[start : start + step],
            scale=settings.scale,
            positions=settings.positions,
        )
    between()
