"""What the explorer's pages show: every word's neurons with their maps, and every neuron with its images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from molyneux.data.sources import Source
from molyneux.experiments.bench import Bench, in_batches, opened, sampled
from molyneux.experiments.captions import CaptionsSettings, Scored, caption_stage
from molyneux.experiments.gallery import Firing
from molyneux.experiments.looks_image import look_at
from molyneux.experiments.looks_neuron import NeuronItem, NeuronLook, Place, look_up
from molyneux.experiments.looks_rows import Looked, LookedWord, LooksSettings, Mapped
from molyneux.experiments.looks_where import choose_images, fire_rows, map_rows
from molyneux.experiments.table import Context, Table, left_out
from molyneux.experiments.vocabulary import interpretable_units
from molyneux.ground.neuron import NeuronId
from molyneux.ground.plain import plain
from molyneux.ground.results import Results
from molyneux.ground.rows import Skipped
from molyneux.neurons.story import is_miniature

__all__ = ["LooksSettings", "compute", "listed", "summarise"]

_TOGETHER = 128  # neurons whose directions meet all others' at once


def compute(bench: Bench, settings: LooksSettings, shared: CaptionsSettings) -> None:
    """Work the stages ``looks``, ``looks-firing``, ``looks-maps`` and ``looks-neurons`` off, in this order."""
    captions = caption_stage(bench, shared)
    items = sampled(bench.seed, bench.sources, settings.images, purpose="looks")
    told = plain(settings)
    assert isinstance(told, dict)
    told |= {"given": len(bench.sources), "captions_stage": plain(shared)}
    told |= {"miniature": is_miniature(bench.captioner)}
    stage = bench.stage("looks", items, Looked, told)
    words = interpretable_units(bench)

    def make_rows(some: Sequence[Source]) -> list[Looked | Skipped]:
        ready = [
            next((one for one in (row, picture) if isinstance(one, Skipped)), (source, picture, row))
            for source, picture, row in zip(some, opened(some), captions.rows_of(some), strict=True)
        ]
        return in_batches(
            ready, lambda batch: [look_at(bench, settings, *one, words=words) for one in batch], size=1
        )

    bench.work(stage, make_rows)
    rows = {item.id: row for item, row in zip(items, stage.rows_of(items), strict=True)}
    looked = {item: row for item, row in rows.items() if isinstance(row, Looked)}
    neurons = listed(looked)[: settings.pages]
    if neurons:
        _neurons(bench, settings, looked, neurons, told=told)


def listed(rows: Mapping[str, Looked]) -> list[NeuronId]:
    """Every neuron of any list: those of most images' first nouns first, then of most images, then by score."""
    images: Counter[NeuronId] = Counter()
    nouns: Counter[NeuronId] = Counter()
    best: dict[NeuronId, float] = {}
    for row in rows.values():
        images.update({one.neuron for word in row.words for one in _all_of(word)})
        nouns.update({one.neuron for word in row.words if word.noun for one in _all_of(word)})
        for word in row.words:
            for one in _all_of(word):
                best[one.neuron] = max(one.score, best.get(one.neuron, one.score))
    return sorted(images, key=lambda one: (-nouns[one], -images[one], -best[one], one))


def _all_of(word: LookedWord) -> list[Scored]:
    """The neurons of a word in all its rankings; one that is in two comes twice."""
    return [one for ranked in word.rankings for one in ranked.neurons]


def _neurons(
    bench: Bench,
    settings: LooksSettings,
    looked: Mapping[str, Looked],
    neurons: list[NeuronId],
    *,
    told: dict[str, object],
) -> None:
    """Where the listed neurons fire, on all images of the run, and what they do."""
    names = [str(neuron) for neuron in neurons]
    told = told | {"neurons": names}
    firing = bench.stage("looks-firing", bench.sources, Firing, told)
    bench.work(firing, fire_rows(bench, neurons))
    fired = {
        source.id: row
        for source, row in zip(bench.sources, firing.rows_of(bench.sources), strict=True)
        if isinstance(row, Firing)
    }
    wanted = choose_images(fired, neurons, settings.fired, seed=bench.seed)
    items = [source for source in bench.sources if source.id in wanted]
    maps = bench.stage("looks-maps", items, Mapped, told)
    bench.work(maps, map_rows(bench, wanted))
    sources = {source.id: source for source in bench.sources}
    places = _places(looked, settings.places)
    stage = bench.run.stage(
        "looks-neurons",
        [NeuronItem(str(neuron), neuron) for neuron in neurons],
        row=NeuronLook,
        settings=told,
        part_size=_TOGETHER,
    )
    bench.work(stage, lambda some: look_up(bench, settings, some, places=places, sources=sources))


def _places(looked: Mapping[str, Looked], count: int) -> dict[NeuronId, list[Place]]:
    """For each neuron the words that list it: first nouns first, then by score, one an image."""
    found: dict[NeuronId, list[Place]] = {}
    for image, row in looked.items():
        best: dict[NeuronId, Place] = {}
        for index, word in enumerate(row.words):
            for one in _all_of(word):
                place = Place(image, index, one.score, word.noun, word.text, word.first, row.token_ids)
                if one.neuron not in best or _better(place) < _better(best[one.neuron]):
                    best[one.neuron] = place
        for neuron, place in best.items():
            found.setdefault(neuron, []).append(place)
    return {neuron: sorted(places, key=_better)[:count] for neuron, places in found.items()}


def _better(place: Place) -> tuple[bool, float, str, int]:
    return (not place.noun, -place.score, place.image, place.word)


def summarise(
    found: Results[Looked],
    settings: LooksSettings,
    context: Context,
    *,
    neurons: Results[NeuronLook] | None,
) -> list[Table]:
    """A row a neuron with a page: how many images list it, what it says, and what it alone does to a word."""
    told = found.settings if isinstance(found.settings, dict) else {}
    given = told.get("given", found.given)
    assert isinstance(given, int)
    images = Counter(
        neuron
        for row in found.rows.values()
        for neuron in {one.neuron for word in row.words for one in _all_of(word)}
    )
    rows = []
    for name, one in (neurons.rows if neurons else {}).items():
        neuron = NeuronId.parse(name)
        row: dict[str, object] = {"neuron": name, "images": images[neuron]}
        row |= {"tokens": [token.text for token in one.boosted[:5]], "interpretable": one.interpretable}
        rows.append(row | _effect(one))
    return [
        Table(
            name="looks",
            title="Neurons in the lists of the images looked at",
            paper="Sections 2.2 and 3.3",
            rows=tuple(rows),
            given=given,
            used=found.used,
            skipped=left_out(found.tally, given=given, reason="not-sampled"),
            notes=(
                f"the first {settings.neurons} neurons of every word explained; pages for {settings.pages}",
                "without: relative change of p(word) with this one unit off; random: units of its layer",
            ),
            settings=plain(settings),
        )
    ]


def _effect(one: NeuronLook) -> dict[str, object]:
    if not one.effects:
        return {"image": None, "word": None, "without": None, "random": None}
    first = one.effects[0]
    off = first.scales.index(0.0)
    random = [draw[off] for draw in first.random]
    return {
        "image": first.image,
        "word": first.text,
        "without": (first.own[off] - first.p) / first.p,
        "random": (sum(random) / len(random) - first.p) / first.p,
    }
