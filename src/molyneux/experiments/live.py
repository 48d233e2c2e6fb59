"""A loaded model as a served explorer uses it: edits while somebody waits, and pages of new images."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from molyneux.data.gate import open_image
from molyneux.experiments.looks_rows import LooksSettings
from molyneux.experiments.looks_run import looks_run, sources_of
from molyneux.experiments.suite import suite_for
from molyneux.ground.errors import SettingError
from molyneux.ground.live import Check, Edited, GoneError, Wish, Written
from molyneux.ground.neuron import NeuronId
from molyneux.models.caption import read_caption
from molyneux.models.captioner import Captioner
from molyneux.neurons.attribute import Attribution, AttributionSettings, attribute_batch
from molyneux.neurons.compare import compare
from molyneux.neurons.target import Target, choose_target

__all__ = ["LiveStudio"]

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
        self._found: OrderedDict[tuple[str, int, tuple[int, ...]], Attribution] = OrderedDict()

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
        made = compare(
            self.captioner,
            picture,
            neurons,
            target=wish.token,
            caption=caption,
            between=check,
            scale=wish.scale,
            draws=wish.draws,
            seed=wish.seed,
            image_id=wish.image,
        )
        plain, edited, *random = [
            Written(one.probability, one.caption.text) for one in (made.plain, made.edited, *made.random)
        ]
        return Edited(made.neurons, plain, edited, tuple(random))

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
        key = (wish.image, wish.token, wish.token_ids)
        if key not in self._found:
            picture = open_image(self._file(wish.image))
            caption = read_caption(wish.token_ids, wish.probabilities, self.captioner.tokenizer)
            (self._found[key],) = attribute_batch(
                self.captioner,
                [picture],
                captions=[caption],
                targets=[target],
                settings=AttributionSettings(top=1),
            )
        self._found.move_to_end(key)
        while len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return tuple(entry.neuron for entry in self._found[key].by(wish.rank).ranked(wish.top))
