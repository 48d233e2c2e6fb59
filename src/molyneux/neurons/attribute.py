"""Which neurons put a word into the caption: Eq. 2 of the paper, for all units and patches at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from jaxtyping import Float, Int
from torch import Tensor

from molyneux.data.gate import ImageSource, Picture, open_image
from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.notebook import Shown, Told
from molyneux.models.caption import Caption
from molyneux.models.captioner import Captioner
from molyneux.models.geometry import PatchGrid
from molyneux.models.hooks import frozen
from molyneux.models.prompts import Inputs
from molyneux.neurons.passes import caption_and_record, target_logits
from molyneux.neurons.ranking import top_in_order
from molyneux.neurons.stream import ScoreStream, check_site
from molyneux.neurons.target import Target, choose_target
from molyneux.neurons.told import attribution_told
from molyneux.neurons.voice import Voice

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Attribution",
    "AttributionSettings",
    "NeuronScore",
    "PairScore",
    "attribute",
    "attribute_batch",
    "check_names",
]


class NeuronScore(NamedTuple):
    """A neuron, its score for the target, and the patch where its score is largest."""

    neuron: NeuronId
    score: float
    patch: int


class PairScore(NamedTuple):
    """A neuron at one patch and the score there, a row of the paper's Table S.1."""

    neuron: NeuronId
    patch: int
    score: float


@dataclass(frozen=True)
class AttributionSettings:
    """How scores are made and which are kept."""

    site: str = "pre"
    """"pre": z * dy/dz (Eq. 2 as written; of a gated MLP z is the gate's, the up branch held fixed); "post":
    a * dy/da, the first-order effect of setting a to 0; "gate": act(z) * dy/dact(z) of a gated MLP, for those
    who call act(z) the unit's activation: the same number as "post", since a = act(z) * up."""
    reduce: str = "max"
    """A unit's score over patches: "max" (of one patch) or "sum" (of all: the unit's whole effect)."""
    top: int = 100
    """Neurons, and (neuron, patch) pairs, listed."""
    dense: bool = False
    """Keep the score of every layer, patch and unit: L * P * U numbers an image."""

    def __post_init__(self) -> None:
        check_site(self.site)
        if self.reduce not in ("max", "sum"):
            raise SettingError("reduce", value=self.reduce, expected="'max' or 'sum'")
        if self.top < 1:
            raise SettingError("top", value=self.top, expected="at least 1")


@dataclass(frozen=True, repr=False)
class Attribution(Shown):
    """The neurons behind one word of one image's caption."""

    caption: Caption
    target: Target
    settings: AttributionSettings
    logit: float
    """y_c at the step that generates the target."""
    scores: Float[Tensor, "layer unit"]
    """Every unit's score, reduced over patches."""
    patches: Int[Tensor, "layer unit"]
    """The patch at which each unit's score is largest."""
    pairs: list[PairScore]
    """The best (neuron, patch, score), ordered by (-score, layer, unit, patch)."""
    grid: PatchGrid | None = None
    """Where the patches lie on the original image; None where positions have no place."""
    dense: Float[Tensor, "layer patch unit"] | None = field(default=None)
    other: Float[Tensor, "layer unit"] | None = field(default=None)
    """The same reduced the other way, since one pass gives both: what ``by`` ranks by."""
    voice: Voice = field(default_factory=Voice, compare=False)
    """What notebooks ask for the neurons' tokens; holds no model in memory."""

    @property
    def neurons(self) -> list[NeuronScore]:
        """The ``top`` units by score, ordered by (-score, layer, unit)."""
        return self.ranked(self.settings.top)

    def ranked(self, count: int) -> list[NeuronScore]:
        """The ``count`` units with the highest scores, in order."""
        units = self.scores.shape[1]
        best, index = top_in_order(self.scores.reshape(1, -1), count)
        where = self.patches.flatten()[index[0]]
        return [
            NeuronScore(NeuronId(*divmod(item, units)), score, patch)
            for score, item, patch in zip(best[0].tolist(), index[0].tolist(), where.tolist(), strict=True)
        ]

    def by(self, reduce: str) -> Attribution:
        """This attribution with its scores reduced over patches by "max" or "sum"; no pass runs again.

        Raises:
            SettingError: neither of the two, or the other one was not kept.
        """
        settings = replace(self.settings, reduce=reduce)
        if reduce == self.settings.reduce:
            return self
        if self.other is None:
            raise SettingError(
                "reduce", value=reduce, expected=f"{self.settings.reduce!r}: this attribution kept no other"
            )
        return replace(self, settings=settings, scores=self.other, other=self.scores)

    def of(self, neurons: Iterable[NeuronId]) -> list[NeuronScore]:
        """The scores of some units, in the order given."""
        return [
            NeuronScore(one, float(self.scores[one.layer, one.unit]), int(self.patches[one.layer, one.unit]))
            for one in neurons
        ]

    def to_table(self, *, kind: str = "neurons") -> pa.Table:
        """A pyarrow Table of ``neurons`` (rank, neuron, layer, unit, patch, score) or of ``pairs``."""
        import pyarrow as pa

        if kind not in ("neurons", "pairs"):
            raise SettingError("kind", value=kind, expected="'neurons' or 'pairs'")
        rows = self.neurons if kind == "neurons" else self.pairs
        return pa.table(
            {
                "rank": pa.array(range(1, len(rows) + 1), pa.int32()),
                "neuron": pa.array([str(row.neuron) for row in rows], pa.string()),
                "layer": pa.array([row.neuron.layer for row in rows], pa.int32()),
                "unit": pa.array([row.neuron.unit for row in rows], pa.int32()),
                "patch": pa.array([row.patch for row in rows], pa.int32()),
                "score": pa.array([row.score for row in rows], pa.float64()),
            }
        )

    def _told(self) -> Told:
        return attribution_told(
            self.caption,
            self.target.word,
            self.target.token,
            ranked=[(one.neuron, one.score, one.patch) for one in self.neurons],
            score=f"scores at site {self.settings.site!r}, {self.settings.reduce} over patches",
            says=lambda neurons: {one: said._plain for one, said in self.voice(neurons).items()},
        )

    def __repr__(self) -> str:
        best = ", ".join(f"{n.neuron} {n.score:.3g}" for n in self.ranked(3))
        return f"Attribution({self.caption.text!r} -> {self.target.word!r}: {best}, ...)"


def attribute_batch(
    captioner: Captioner,
    source: Sequence[Picture] | Inputs,
    *,
    targets: Sequence[Target] | None = None,
    settings: AttributionSettings = AttributionSettings(),
    wanted: str | int | None = None,
    captions: Sequence[Caption] | None = None,
    max_new_tokens: int = 24,
) -> list[Attribution]:
    """Scores of all neurons for one batch of images: one forward and one backward pass.

        g[l, u, p] = z[l, u, p] * d y_c / d z[l, u, p]      (a, or act(z), in place of z for site="post", "gate")

    Without ``captions`` the images are captioned here, and the captioning prefill is the forward pass.
    The rows of a batch do not meet: the sum of their logits is differentiated, once. Ready inputs have no
    geometry, since the image is not known.

    Source: Sec. 2.1, Eq. 2.
    """
    stream = ScoreStream(captioner.layout, settings.site, settings.top, settings.dense)
    recording = logits = None
    with frozen(captioner.model):
        if captions is None:
            made, recording = caption_and_record(captioner, source, stream, max_new_tokens=max_new_tokens)
            captions, inputs = made.captions, made.inputs
        else:
            inputs = captioner.prepare(source)
        if targets is None:
            targets = [choose_target(caption, wanted) for caption in captions]
        if recording is not None:
            logits = recording.target_logits(targets, inputs)
        if logits is None:
            logits = target_logits(captioner, inputs, targets, stream)
        stream.backward(logits.sum())
    grids: list[PatchGrid | None] = [None] * len(captions)
    voice = Voice(captioner)
    if not isinstance(source, Mapping):
        grids = [captioner.grid(picture, inputs, row) for row, picture in enumerate(source)]
    found = _results(stream, captions, targets, settings=settings, logits=logits.detach(), grids=grids)
    return [replace(one, voice=voice) for one in found]


def _results(
    stream: ScoreStream,
    captions: Sequence[Caption],
    targets: Sequence[Target],
    *,
    settings: AttributionSettings,
    logits: Tensor,
    grids: Sequence[PatchGrid | None],
) -> list[Attribution]:
    reduced, other = (stream.stacked(one).cpu() for one in (stream.maxima, stream.sums))
    if settings.reduce == "sum":
        reduced, other = other, reduced
    patches = stream.stacked(stream.patches).cpu()
    dense = stream.stacked(stream.whole).cpu() if settings.dense else None
    return [
        Attribution(
            caption=caption,
            target=targets[row],
            settings=settings,
            logit=float(logits[row]),
            scores=reduced[row],
            patches=patches[row],
            pairs=_pairs(stream, row, settings.top),
            grid=grids[row],
            dense=None if dense is None else dense[row, :, : stream.counts[row]],
            other=other[row],
        )
        for row, caption in enumerate(captions)
    ]


def _pairs(stream: ScoreStream, row: int, top: int) -> list[PairScore]:
    patches = stream.counts[row]
    found = [
        PairScore(NeuronId(layer, unit), patch, score)
        for layer, pairs in stream.pairs.items()
        for score, unit, patch in zip(
            pairs.scores[row].tolist(), pairs.units[row].tolist(), pairs.patches[row].tolist(), strict=True
        )
        if patch < patches  # shorter rows of a batch list patches that they do not have, last
    ]
    # Layers that no gradient reached score 0 at every patch: before negative scores, after positive ones.
    found += [
        PairScore(NeuronId(layer, n // patches), n % patches, 0.0)
        for layer in range(stream.layout.layers)
        if layer not in stream.pairs
        for n in range(min(top, stream.layout.units * patches))
    ]
    return sorted(found, key=lambda pair: (-pair.score, pair.neuron, pair.patch))[:top]


def check_names(settings: Mapping[str, Any], known: type[Any], verb: str) -> None:
    """Refuse keywords that are no field of a settings dataclass.

    Raises:
        SettingError: naming the first of them.
    """
    names = [field.name for field in fields(known)]
    for name in settings:
        if name not in names:
            raise SettingError(f"setting of {verb}", value=name, expected=f"one of {', '.join(names)}")


@overload
def attribute(
    captioner: Captioner,
    source: list[ImageSource] | Inputs,
    *,
    target: str | int | None = ...,
    **settings: Any,
) -> list[Attribution]: ...


@overload
def attribute(
    captioner: Captioner, source: ImageSource, *, target: str | int | None = ..., **settings: Any
) -> Attribution: ...


def attribute(
    captioner: Captioner,
    source: ImageSource | list[ImageSource] | Inputs,
    *,
    target: str | int | None = None,
    batch_size: int = 16,
    max_new_tokens: int = 24,
    **settings: Any,
) -> Attribution | list[Attribution]:
    """Caption an image (or a list) and score every neuron for one word of the caption.

    Args:
        source: path, bytes, PIL image, Picture, or a list of them; or one batch of the model's ready inputs,
            a dict of tensors, which gives a list.
        target: None is the first noun; a word of the caption; or a token index.
        batch_size: images a pass; fewer where ``load`` found that only fewer fit into memory.
        **settings: fields of AttributionSettings: site="pre" | "post" | "gate", top=100,
            reduce="max" | "sum", dense=False.

    Raises:
        NoNounError, TargetError: there is no such target in the caption.
        ImageError: an image cannot be used.
        NonFiniteError: the model computes NaN or infinity.
        SettingError: an unknown setting, or site="gate" where no MLP has a gate.
    """
    check_names(settings, AttributionSettings, "attribute()")
    chosen = AttributionSettings(**settings)
    if isinstance(source, Mapping):
        return attribute_batch(
            captioner, source, settings=chosen, wanted=target, max_new_tokens=max_new_tokens
        )
    many = source if isinstance(source, list) else [source]
    pictures = [open_image(one) for one in many]
    found: list[Attribution] = []
    for some in captioner.batches(pictures, batch_size):
        found += attribute_batch(
            captioner,
            some,
            settings=chosen,
            wanted=target,
            max_new_tokens=max_new_tokens,
        )
    return found if isinstance(source, list) else found[0]
