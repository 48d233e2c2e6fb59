"""Whether what a top neuron says fits the image (Table 1), beside decodings re-paired at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from molyneux.data.gate import Picture
from molyneux.data.sources import Source
from molyneux.experiments.bench import Bench, in_batches, opened
from molyneux.experiments.captions import Captioned, CaptionsSettings, Said, caption_stage, with_noun
from molyneux.experiments.table import Context, Table, interval, of_defaults, printed
from molyneux.ground.errors import SettingError
from molyneux.ground.neuron import NeuronId
from molyneux.ground.plain import plain
from molyneux.ground.results import Results
from molyneux.ground.rows import Float32, Int32, Skipped
from molyneux.ground.seeds import generator_of
from molyneux.ground.shares import share
from molyneux.ground.stage import Stage
from molyneux.metrics.bertscore import bert_score
from molyneux.metrics.clip import cosine_scores, image_vectors, text_vectors
from molyneux.metrics.contrast import difference_interval
from molyneux.metrics.stats import paired_test

__all__ = ["Agreed", "AgreementSettings", "compute", "partners", "summarise"]

ARMS = ("random", "neurons", "captions")
_TITLES = {"random": "random", "neurons": "multimodal neurons", "captions": "model captions"}
_PAPER = {"clip": (21.74, 23.43, 23.62), "bert": (0.3627, 0.3848, 0.5251)}


@dataclass(frozen=True)
class AgreementSettings:
    """How an image's neuron is chosen."""

    pick: str = "top"
    """``top``: the image's best neuron, if it is interpretable (the paper); ``interpretable``: its best
    interpretable neuron, so that nearly every image has one."""

    def __post_init__(self) -> None:
        if self.pick not in ("top", "interpretable"):
            raise SettingError("pick", value=self.pick, expected="'top' or 'interpretable'")


@dataclass(frozen=True)
class Agreed:
    """Scores of an image; BERTScore is None where nobody described it."""

    neuron: NeuronId
    text: str
    """Its decoding."""
    layer: Int32
    caption: str
    partner: str
    """The image whose decoding stood in at random."""
    partner_text: str
    clip_random: Float32
    clip_neurons: Float32
    clip_captions: Float32
    bert_random: float | None
    bert_neurons: float | None
    bert_captions: float | None


def chosen(row: Captioned | Skipped, settings: AgreementSettings) -> Said | Skipped:
    """The decoding of an image's neuron, or why it has none."""
    row = with_noun(row)
    if isinstance(row, Skipped):
        return row
    if settings.pick == "top":
        said = row.said(row.neurons[0].neuron)
        return said if said.interpretable else Skipped("not-interpretable", f"{said.neuron}: {said.text}")
    # Decodings stand in the order of the ranking, the first interpretable neuron always among them.
    return next(
        (one for one in row.decodings if one.interpretable),
        Skipped("not-interpretable", "no neuron of this model"),
    )


def partners(ids: Sequence[str], *, seed: int) -> dict[str, str]:
    """Every image with another at random: one cycle through all of them, so that none meets itself."""
    if len(ids) < 2:
        return {}
    order = generator_of(seed, "", purpose="agreement pairs").permutation(len(ids)).tolist()
    return {ids[one]: ids[other] for one, other in zip(order, [*order[1:], order[0]], strict=True)}


def compute(bench: Bench, settings: AgreementSettings, shared: CaptionsSettings) -> None:
    """Work the stage ``agreement`` off."""
    captions = caption_stage(bench, shared)
    said = {source.id: chosen(captions.row_of(source.id), settings) for source in bench.sources}
    usable = [item for item, one in said.items() if isinstance(one, Said)]
    pairs = partners(usable, seed=bench.seed)
    told = plain(settings)
    assert isinstance(told, dict)
    told |= bench.judged() | {"captions_stage": plain(shared)}
    stage = bench.stage("agreement", bench.sources, Agreed, told)

    def make_rows(items: Sequence[Source]) -> list[Agreed | Skipped]:
        ready = []
        for source, picture in zip(items, opened(items), strict=True):
            mine = said[source.id]
            if isinstance(mine, Said) and source.id not in pairs:
                mine = Skipped("no-partner", "the only image with an interpretable top neuron")
            ready.append(next((o for o in (mine, picture) if isinstance(o, Skipped)), (source, picture)))
        return in_batches(
            ready, lambda some: _rows(bench, captions, some, said=said, pairs=pairs), size=bench.batch_size
        )

    bench.work(stage, make_rows)


def _rows(
    bench: Bench,
    captions: Stage[Source, Captioned],
    some: Sequence[tuple[Source, Picture]],
    *,
    said: dict[str, Said | Skipped],
    pairs: dict[str, str],
) -> list[Agreed]:
    texts: list[tuple[str, str, str]] = []
    for source, _ in some:
        mine, other, row = said[source.id], said[pairs[source.id]], captions.row_of(source.id)
        assert isinstance(mine, Said)
        assert isinstance(other, Said)
        assert isinstance(row, Captioned)
        texts.append((other.text, mine.text, row.caption))
    images = image_vectors(bench.clip, [picture for _, picture in some])
    clip = [
        cosine_scores(images, text_vectors(bench.clip, [text[arm] for text in texts])[0]).tolist()
        for arm in range(len(ARMS))
    ]
    told = [place for place, (source, _) in enumerate(some) if source.captions]
    bert: list[list[float | None]] = [[None] * len(some) for _ in ARMS]
    for arm in range(len(ARMS)):
        values = bert_score(
            bench.bert, [texts[p][arm] for p in told], [some[p][0].captions for p in told]
        ).values
        for place, value in zip(told, values.tolist(), strict=True):
            bert[arm][place] = value
    rows = []
    for place, (source, _) in enumerate(some):
        mine = said[source.id]
        assert isinstance(mine, Said)
        rows.append(
            Agreed(
                neuron=mine.neuron,
                text=mine.text,
                layer=mine.neuron.layer,
                caption=texts[place][2],
                partner=pairs[source.id],
                partner_text=texts[place][0],
                clip_random=clip[0][place],
                clip_neurons=clip[1][place],
                clip_captions=clip[2][place],
                bert_random=bert[0][place],
                bert_neurons=bert[1][place],
                bert_captions=bert[2][place],
            )
        )
    return rows


def values_of(found: Results[Agreed], metric: str, arm: str) -> list[float]:
    """A metric (``clip``, ``bert``) of an arm for every image that has it."""
    values = [getattr(row, f"{metric}_{arm}") for row in found.rows.values()]
    return [value for value in values if value is not None]


def summarise(
    found: Results[Agreed],
    settings: AgreementSettings,
    context: Context,
    *,
    units: tuple[int, int] | None = None,
) -> list[Table]:
    """A row an arm with both metrics, each less the random arm; and how many neurons are interpretable.

    Args:
        units: interpretable units of the model, and all of them; None where that is not known.
    """
    told = found.settings if isinstance(found.settings, dict) else {}
    rows = []
    for place, arm in enumerate(ARMS):
        row: dict[str, object] = {"arm": _TITLES[arm]}
        for metric in ("clip", "bert"):
            values, random = values_of(found, metric, arm), values_of(found, metric, "random")
            row |= {f"{metric}_{key}": value for key, value in interval(values, seed=context.seed).items()}
            if values and arm != "random":
                apart = difference_interval(values, random, paired=True, seed=context.seed)
                row |= {
                    f"{metric}_less_random": apart.difference,
                    f"{metric}_less_random_low": apart.low,
                    f"{metric}_less_random_high": apart.high,
                    f"{metric}_p": paired_test(values, random, seed=context.seed).p_value,
                }
            said = printed(_PAPER[metric][place], comparable=of_defaults(context, told))
            row |= {f"{metric}_{key}": value for key, value in said.items()}
        rows.append(row)
    judges = told.get("judges", [])
    assert isinstance(judges, list)
    return [
        Table(
            name="agreement",
            title="What neurons say, against images and descriptions",
            paper="Table 1",
            rows=tuple(rows),
            given=found.given,
            used=found.used,
            skipped=found.tally.skipped,
            judges=tuple(map(str, judges)),
            notes=(
                "the same images in every arm: those whose top neuron is interpretable"
                if settings.pick == "top"
                else "each image's best interpretable neuron",
                "random: every decoding with another image",
            ),
            settings=told,
        ),
        _interpretable(found, settings, context, units=units),
    ]


def _interpretable(
    found: Results[Agreed], settings: AgreementSettings, context: Context, *, units: tuple[int, int] | None
) -> Table:
    """How many images have an interpretable best neuron, beside all units of the model."""
    no = found.tally.skipped.get("not-interpretable", 0)
    yes = found.used + found.tally.skipped.get("no-partner", 0)
    rows = []
    for what, pair in (("best neurons of images", (yes, yes + no)), ("all units of the model", units)):
        if pair is not None and pair[1]:
            one = share(*pair)
            row = {"what": what, "interpretable": one.count, "of": one.of, "share": one.count / one.of}
            said = 0.5 if what.startswith("best") and settings.pick == "top" else None
            rows.append(
                row | {"low": one.low, "high": one.high} | printed(said, comparable=context.comparable)
            )
    return Table(
        name="agreement-interpretable",
        title="How many of the best neurons are interpretable",
        paper="Section 2.2",
        rows=tuple(rows),
        given=found.given,
        used=yes + no,
        skipped={
            r: n for r, n in found.tally.skipped.items() if r not in ("not-interpretable", "no-partner")
        },
        notes=("interpretable: 7 of 10 tokens are words of three letters or more; intervals: Wilson's",),
        settings=plain(settings),
    )
