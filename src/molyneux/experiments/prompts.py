"""Whether projected patches already say what the image shows (Table 2, Fig. 3), beside random vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from molyneux.data.gate import Picture
from molyneux.data.nouns import default_tagger, words
from molyneux.data.sources import Source
from molyneux.experiments.bench import Bench, in_batches, opened, sampled
from molyneux.experiments.captions import Captioned, CaptionsSettings, caption_stage
from molyneux.experiments.table import Context, Table, interval, left_out, of_defaults, printed
from molyneux.ground.errors import ModelError, SettingError
from molyneux.ground.plain import plain
from molyneux.ground.results import Results
from molyneux.ground.rows import Float32, Skipped
from molyneux.ground.seeds import generator_of
from molyneux.ground.stage import Stage
from molyneux.metrics.bertscore import bert_score
from molyneux.metrics.clip import cosine_scores, image_vectors, text_vectors
from molyneux.metrics.contrast import ks_test
from molyneux.models.captioner import Captioner
from molyneux.models.hooks import before
from molyneux.models.placement import weight_of
from molyneux.neurons.ranking import top_in_order

__all__ = ["Moments", "Prompted", "PromptsSettings", "compute", "nouns_of", "prompt_vectors", "summarise"]

ARMS = ("random", "prompts", "captions", "nouns")
_TITLES = {
    "random": "random vectors",
    "prompts": "prompts",
    "captions": "model captions",
    "nouns": "COCO nouns",
}
_PAPER = {"clip": (19.22, 19.17, 23.62, 27.89), "bert": (0.3286, 0.3291, 0.5251, 0.447)}
_SHARE = 0.2  # the paper's 1,000 of COCO's 5,000


@dataclass(frozen=True)
class PromptsSettings:
    """Which images, and how vectors are read."""

    images: int = 0
    """At random; 0: the paper's 1,000 where there are 5,000, else a fifth of what is there."""
    nearest: int = 5
    """Tokens a vector."""
    nouns: int = 5
    """Nouns an image, drawn from the human captions."""

    def __post_init__(self) -> None:
        if min(self.nearest, self.nouns) < 1 or self.images < 0:
            raise SettingError(
                "images, nearest, nouns", value=(self.images, self.nearest, self.nouns), expected="at least 1"
            )


@dataclass(frozen=True)
class Moments:
    """Sums over an image's projected patches, float64 a dimension: for the random vectors' scale."""

    patches: int
    total: bytes
    squares: bytes


@dataclass(frozen=True)
class Prompted:
    """An image's scores: a patch each for prompts and random vectors, one each for caption and nouns."""

    prompt_texts: tuple[str, ...]
    """Of each patch, its nearest tokens, comma-separated."""
    random_texts: tuple[str, ...]
    nouns: tuple[str, ...]
    caption: str
    clip_prompts: tuple[Float32, ...]
    clip_random: tuple[Float32, ...]
    clip_captions: tuple[Float32, ...]
    clip_nouns: tuple[Float32, ...]
    bert_prompts: tuple[Float32, ...]
    """Empty, as the other BERTScores, where nobody described the image."""
    bert_random: tuple[Float32, ...]
    bert_captions: tuple[Float32, ...]
    bert_nouns: tuple[Float32, ...]


class _Enough(Exception):
    """What goes into the decoder has been seen."""


@torch.no_grad()
def prompt_vectors(captioner: Captioner, pictures: Sequence[Picture]) -> list[Float[Tensor, "patch dim"]]:
    """What stands at each image's visual positions in the decoder's input, float32 on the CPU.

    Raises:
        ModelError: the decoder's input has no visual positions, or is not given as vectors.
    """
    if not captioner.has_patches:
        raise ModelError("model", value=captioner.name, expected="patches in the decoder's own input")
    inputs = captioner.prepare(pictures)
    seen: list[Tensor] = []

    def look(keywords: dict[str, Any]) -> None:
        if keywords.get("inputs_embeds") is None:
            raise ModelError("decoder", value=captioner.name, expected="to be driven with inputs_embeds")
        seen.append(keywords["inputs_embeds"])
        raise _Enough

    try:
        with before(captioner.model.get_decoder(), look):
            captioner.forward(inputs)
    except _Enough:
        pass
    visual = captioner.visual(inputs["input_ids"], inputs["attention_mask"])
    return [row[where].float().cpu() for row, where in zip(seen[0], visual.to(seen[0].device), strict=True)]


@torch.no_grad()
def nearest_texts(captioner: Captioner, vectors: Float[Tensor, "vector dim"], count: int) -> list[str]:
    """Of each vector the ``count`` tokens of nearest embedding by cosine, comma-separated."""
    weight = weight_of(captioner.model.get_input_embeddings())
    assert weight is not None, "embeddings without a weight"
    table = weight[: captioner.vocabulary].float()
    likeness = functional.normalize(vectors.to(table.device), dim=1) @ functional.normalize(table, dim=1).T
    likeness = likeness.index_fill(1, captioner.unsayable.to(table.device), -torch.inf)
    ids = top_in_order(likeness, count)[1].tolist()
    return [", ".join(captioner.tokenizer.decode([token]).strip() for token in row) for row in ids]


def nouns_of(source: Source, count: int, *, seed: int) -> tuple[str, ...]:
    """``count`` different nouns of the human captions, drawn by the seed and the image's id."""
    found: dict[str, None] = {}
    for caption in source.captions:
        tokens = [word.word.lower() for word in words(caption)]
        is_noun = default_tagger().nouns(tokens)
        found |= {token: None for token, noun in zip(tokens, is_noun, strict=True) if noun}
    rng = generator_of(seed, source.id, purpose="nouns")
    return tuple(np.array(sorted(found))[rng.permutation(len(found))[:count]].tolist())


def chosen(bench: Bench, settings: PromptsSettings) -> tuple[Source, ...]:
    """The images of the experiment."""
    count = settings.images or max(1, round(_SHARE * len(bench.sources)))
    return sampled(bench.seed, bench.sources, count, purpose="prompts images")


def compute(bench: Bench, settings: PromptsSettings, shared: CaptionsSettings) -> None:
    """Work the stages ``prompt-moments`` and ``prompts`` off: two passes, as the scale is all images'."""
    captions = caption_stage(bench, shared)
    items = chosen(bench, settings)
    told = plain(settings)
    assert isinstance(told, dict)
    told |= {"given": len(bench.sources)}
    first = bench.stage("prompt-moments", items, Moments, told)
    bench.work(
        first,
        lambda some: in_batches(opened(some), lambda batch: _moments(bench, batch), size=bench.at_once),
    )
    mean, spread = _scale([row for row in first.rows_of(items) if isinstance(row, Moments)])
    told |= bench.judged() | {"captions_stage": plain(shared)}
    stage = bench.stage("prompts", items, Prompted, told)

    def make_rows(some: Sequence[Source]) -> list[Prompted | Skipped]:
        ready = [
            picture if isinstance(picture, Skipped) else (source, picture)
            for source, picture in zip(some, opened(some), strict=True)
        ]
        return in_batches(
            ready,
            lambda batch: [_image(bench, settings, captions, pair, scale=(mean, spread)) for pair in batch],
            size=1,
        )

    bench.work(stage, make_rows)


def _moments(bench: Bench, pictures: Sequence[Picture]) -> list[Moments]:
    rows = []
    for vectors in prompt_vectors(bench.captioner, pictures):
        values = vectors.double().numpy()
        rows.append(Moments(len(values), values.sum(0).tobytes(), (values**2).sum(0).tobytes()))
    return rows


def _scale(rows: Sequence[Moments]) -> tuple[Float[np.ndarray, " dim"], Float[np.ndarray, " dim"]]:
    """Mean and standard deviation of all patches of all images, a dimension each."""
    if not rows:
        return np.zeros(1), np.zeros(1)
    count = sum(row.patches for row in rows)
    mean = np.sum([np.frombuffer(row.total) for row in rows], axis=0) / count
    squares = np.sum([np.frombuffer(row.squares) for row in rows], axis=0) / count
    return mean, np.sqrt(np.maximum(squares - mean**2, 0.0))


def _image(
    bench: Bench,
    settings: PromptsSettings,
    captions: Stage[Source, Captioned],
    pair: tuple[Source, Picture],
    *,
    scale: tuple[Float[np.ndarray, " dim"], Float[np.ndarray, " dim"]],
) -> Prompted | Skipped:
    source, picture = pair
    row = captions.row_of(source.id)
    if isinstance(row, Skipped):
        return row
    (real,) = prompt_vectors(bench.captioner, [picture])
    noise = generator_of(bench.seed, source.id, purpose="random prompts").standard_normal(tuple(real.shape))
    random = torch.from_numpy(scale[0] + scale[1] * noise).float()
    nouns = nouns_of(source, settings.nouns, seed=bench.seed)
    texts = {
        "prompts": nearest_texts(bench.captioner, real, settings.nearest),
        "random": nearest_texts(bench.captioner, random, settings.nearest),
        "captions": [row.caption],
        "nouns": [", ".join(nouns)] if nouns else [],
    }
    clip, bert = _scores(bench, picture, source.captions, texts)
    return Prompted(
        prompt_texts=tuple(texts["prompts"]),
        random_texts=tuple(texts["random"]),
        nouns=nouns,
        caption=row.caption,
        **{f"clip_{arm}": tuple(values) for arm, values in clip.items()},
        **{f"bert_{arm}": tuple(values) for arm, values in bert.items()},
    )


def _scores(
    bench: Bench, picture: Picture, references: Sequence[str], texts: dict[str, list[str]]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """CLIPScores and BERTScores of every text of every arm, each text scored once."""
    different = list(dict.fromkeys(text for some in texts.values() for text in some))
    image = image_vectors(bench.clip, [picture])
    clip = dict(
        zip(different, cosine_scores(image, text_vectors(bench.clip, different)[0]).tolist(), strict=True)
    )
    bert: dict[str, float] = {}
    if references:
        values = bert_score(bench.bert, different, [list(references)] * len(different)).values.tolist()
        bert = dict(zip(different, values, strict=True))
    return (
        {arm: [clip[text] for text in some] for arm, some in texts.items()},
        {arm: [bert[text] for text in some] if bert else [] for arm, some in texts.items()},
    )


def image_means(found: Results[Prompted], metric: str, arm: str) -> list[float]:
    """The mean over an image's patches, for every image that has the score."""
    values = [getattr(row, f"{metric}_{arm}") for row in found.rows.values()]
    return [float(np.mean(some)) for some in values if some]


def summarise(found: Results[Prompted], settings: PromptsSettings, context: Context) -> list[Table]:
    """A row an arm with both metrics; then the Kolmogorov-Smirnov tests of prompts against each other arm."""
    told = found.settings if isinstance(found.settings, dict) else {}
    given, judges = told.get("given", found.given), told.get("judges", [])
    context = replace(context, comparable=of_defaults(context, told))
    assert isinstance(given, int)
    assert isinstance(judges, list)
    rows = []
    for place, arm in enumerate(ARMS):
        row: dict[str, object] = {"arm": _TITLES[arm]}
        for metric in ("clip", "bert"):
            told_here = interval(image_means(found, metric, arm), seed=context.seed)
            said = printed(_PAPER[metric][place], comparable=context.comparable)
            row |= {f"{metric}_{key}": value for key, value in (told_here | said).items()}
        rows.append(row)
    notes = (
        f"{found.given} of {given} images at random; the paper: 1,000 of 5,000",
        f"per-image means over patches; {settings.nearest} nearest tokens a vector",
        "random vectors: normal, with the mean and standard deviation of the real ones in each dimension",
    )
    both: dict[str, Any] = {
        "given": given,
        "used": found.used,
        "skipped": left_out(found.tally, given=given, reason="not-sampled"),
        "judges": tuple(map(str, judges)),
        "settings": told,
    }
    tests = tuple(_tests(found, context))
    return [
        Table("prompts", "Projected patches read as tokens", "Table 2", tuple(rows), notes=notes, **both),
        Table(
            "prompts-tests",
            "Distributions of per-image means",
            "Section 3.1",
            tests,
            notes=notes[1:2],
            **both,
        ),
    ]


def _tests(found: Results[Prompted], context: Context) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for metric in ("clip", "bert"):
        real = image_means(found, metric, "prompts")
        for arm, said in (("random", "no significant difference"), ("nouns", "significant difference")):
            other = image_means(found, metric, arm)
            if not real or not other:
                continue
            test = ks_test(real, other)
            row: dict[str, object] = {"metric": metric, "first": "prompts", "second": _TITLES[arm]}
            row |= {
                "statistic": test.statistic,
                "p": test.p_value,
                "n_first": test.first,
                "n_second": test.second,
            }
            rows.append(row | printed(said if metric == "clip" else None, comparable=context.comparable))
    return rows
