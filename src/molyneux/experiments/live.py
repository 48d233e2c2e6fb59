"""A loaded model as a served explorer uses it: edits while somebody waits, and pages of new images."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from molyneux.data.gate import open_image
from molyneux.experiments.looks_rows import LooksSettings
from molyneux.experiments.looks_run import looks_run, sources_of
from molyneux.experiments.suite import suite_for
from molyneux.ground.errors import SettingError
from molyneux.ground.live import Check, Edited, GoneError, Wish, Written
from molyneux.ground.neuron import NeuronId
from molyneux.ground.seeds import generator_of
from molyneux.models.caption import read_caption
from molyneux.models.captioner import Captioner
from molyneux.neurons.arms import random_like
from molyneux.neurons.attribute import Attribution, AttributionSettings, attribute_batch
from molyneux.neurons.edited import recaption
from molyneux.neurons.target import Target, choose_target

__all__ = ["LiveStudio"]

_ROWS = 9  # edits that run as rows of one batch; between batches a dropped request is noticed
_REMEMBERED = 16  # attributions: a slider asks for the same word's ranking again and again


class LiveStudio:
    """See ``ground.live.Studio``. Made and used in one thread."""

    def __init__(
        self, captioner: Captioner, files: Mapping[str, Path], *, settings: LooksSettings | None = None
    ) -> None:
        """Args: files: where the images of the run lie, by their ids; settings: of pages of new images."""
        self.captioner = captioner
        self.files = dict(files)
        self.settings = settings
        self._found: OrderedDict[tuple[str, int, tuple[int, ...], str], Attribution] = OrderedDict()

    @property
    def about(self) -> str:
        return self.captioner.name

    def edit(self, wish: Wish, check: Check) -> Edited:
        """Scale neurons: p(token) and the caption written anew, and the same for each random draw.

        Draws depend on the seed, the image and the layers, not on the scale: a slider moves one band.
        """
        check()
        picture = open_image(self._file(wish.image))
        caption = read_caption(
            wish.token_ids, wish.probabilities, self.captioner.tokenizer, image=picture.name
        )
        target = choose_target(caption, wish.token)
        neurons = wish.neurons or self._top(wish, target)
        for neuron in neurons:
            self.captioner.layout.resolve(neuron)
        check()
        edits: list[Sequence[NeuronId]] = [[], neurons, *self._random(wish, neurons)]
        inputs = self.captioner.prepare([picture])
        made: list[Written] = []
        for start in range(0, len(edits), _ROWS):
            some = edits[start : start + _ROWS]
            redone = recaption(self.captioner, inputs, target=target, edits=some, scale=wish.scale)
            made += [Written(one.probability, one.caption.text) for one in redone]
            check()
        return Edited(tuple(neurons), made[0], made[1], tuple(made[2:]))

    def look(self, image: Path, out: Path, check: Check) -> None:
        """One new image's page, without the effects of single neurons, which a live edit shows."""
        open_image(image)  # refused here, with its reason, not left out of a run
        looks_run(self.captioner, [image], out, settings=self._settings(), progress=lambda _: check())
        (source,) = sources_of([image])
        self.files[source.id] = image

    def _settings(self) -> LooksSettings:
        """The suite's, with one count of neurons off: somebody waits."""
        if self.settings is not None:
            return self.settings
        layout = self.captioner.layout
        usual = suite_for(layout.layers, layout.units).looks
        return replace(usual, images=1, places=0, counts=usual.counts[-1:])

    def _file(self, image: str) -> Path:
        path = self.files.get(image)
        if path is None or not path.is_file():
            raise GoneError(
                "image",
                value=image,
                expected="its original file on this machine",
                fix="Name the folder: molyneux explore RUN --data FOLDER.",
            )
        return path

    def _top(self, wish: Wish, target: Target) -> tuple[NeuronId, ...]:
        layout = self.captioner.layout
        total = layout.layers * layout.units
        if wish.top > total:
            raise SettingError("top", value=wish.top, expected=f"at most {total}, the units of this model")
        key = (wish.image, wish.token, wish.token_ids, wish.rank)
        if key not in self._found:
            picture = open_image(self._file(wish.image))
            caption = read_caption(wish.token_ids, wish.probabilities, self.captioner.tokenizer)
            (self._found[key],) = attribute_batch(
                self.captioner,
                [picture],
                captions=[caption],
                targets=[target],
                settings=AttributionSettings(top=1, reduce=wish.rank),
            )
        self._found.move_to_end(key)
        while len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return tuple(entry.neuron for entry in self._found[key].ranked(wish.top))

    def _random(self, wish: Wish, neurons: Sequence[NeuronId]) -> list[list[NeuronId]]:
        units = self.captioner.layout.units
        return [
            random_like(
                neurons, units, generator_of(wish.seed, wish.image, purpose=f"live {wish.token} {draw}")
            )
            for draw in range(wish.draws)
        ]
