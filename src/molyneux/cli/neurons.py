"""``molyneux neurons``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from molyneux.cli.console import emit, note, stdout
from molyneux.cli.gather import Gathering, Skip
from molyneux.cli.options import (
    AsJson,
    Device,
    Dtype,
    Images,
    Model,
    Reduce,
    Save,
    Site,
    TokenIndex,
    Word,
    lazy_captioner,
    target_of,
)

if TYPE_CHECKING:
    from molyneux.cli.study import Study
    from molyneux.models.captioner import Captioner

__all__ = ["neurons"]

#: Neurons that a figure shows.
FIGURE_NEURONS = 4


def neurons(
    images: Images,
    word: Word = None,
    token: TokenIndex = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Neurons listed.")] = 20,
    site: Annotated[
        Site, typer.Option("--site", help="Score pre-activations (Eq. 2) or activations.")
    ] = Site.pre,
    reduce: Annotated[
        Reduce, typer.Option("--reduce", help="Score of the best patch, or the sum.")
    ] = Reduce.max,
    model: Model = "miniature",
    device: Device = None,
    dtype: Dtype = None,
    as_json: AsJson = False,
    save: Save = None,
) -> None:
    """List the neurons that put a word into each image's caption.

    Example: molyneux neurons photo.jpg --top 5 --save photo-neurons.png
    """
    from molyneux.cli.study import figure_paths, neurons_json, study
    from molyneux.data.gate import open_image

    target = target_of(word, token)
    paths = figure_paths(save, images)
    captioner = lazy_captioner(model, device, dtype, now=len(images) > 1)

    def work(image: str) -> Study:
        return study(
            captioner(), open_image(image), target=target, top=top, site=site.value, reduce=reduce.value
        )

    gathering = Gathering(images, work, label="finding neurons", silent=as_json)
    objects: list[dict[str, Any]] = []
    for place, made in enumerate(gathering):
        if isinstance(made, Skip):
            objects.append(made.to_json())
            continue
        if as_json:
            objects.append(neurons_json(made, named_target=target is not None))
        else:
            _show(captioner(), made, first=place == 0)
        if place in paths:
            _save(captioner(), made, paths[place])
    if as_json:
        emit(objects[0] if len(images) == 1 else objects)
    gathering.close()


def _show(captioner: Captioner, made: Study, *, first: bool) -> None:
    from molyneux.cli.screens import caption_line, heading
    from molyneux.cli.study import story_of
    from molyneux.cli.tables import maps, neuron_table

    story = story_of(captioner, made, views=len(made.decodings))
    console = stdout()
    if not first:
        console.print()
    for remark in made.picture.notes:
        note(f"{story.name}: {remark}")
    console.print(heading(story))
    console.print(caption_line(story))
    console.print()
    console.print(neuron_table(story.neurons))
    console.print()
    console.print(maps(console, story))


def _save(captioner: Captioner, made: Study, path: Path) -> None:
    from molyneux.cli.study import story_of
    from molyneux.neurons.ablate import ablate
    from molyneux.report.figure import save as save_figure

    ablation = ablate(captioner, made.picture, attribution=made.found)
    save_figure(story_of(captioner, made, views=FIGURE_NEURONS, ablation=ablation), path)
    note(f"figure: {path}")
