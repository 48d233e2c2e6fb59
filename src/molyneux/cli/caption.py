"""``molyneux caption``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from molyneux.cli.console import emit, stdout
from molyneux.cli.gather import Gathering, Skip
from molyneux.cli.options import AsJson, Device, Dtype, Images, Model, lazy_captioner

if TYPE_CHECKING:
    from molyneux.ground.story import Story
    from molyneux.models.caption import Caption

__all__ = ["caption"]


def caption(
    images: Images,
    model: Model = "miniature",
    device: Device = None,
    dtype: Dtype = None,
    as_json: AsJson = False,
) -> None:
    """Caption images, greedily; the first noun is marked.

    Example: molyneux caption photo.jpg
    """
    from molyneux.data.gate import open_image
    from molyneux.neurons.story import tell_caption

    captioner = lazy_captioner(model, device, dtype, now=len(images) > 1)

    def work(image: str) -> tuple[Caption, Story]:
        shown = open_image(image)
        made = captioner().caption(shown)
        return made, tell_caption(captioner(), shown, made)

    gathering = Gathering(images, work, label="captioning", silent=as_json)
    objects: list[dict[str, Any]] = []
    for result in gathering:
        if isinstance(result, Skip):
            objects.append(result.to_json())
        elif as_json:
            objects.append(_json(result[0]))
        else:
            _show(result[1], alone=len(images) == 1)
    if as_json:
        emit(objects[0] if len(images) == 1 else objects)
    gathering.close()


def _json(made: Caption) -> dict[str, Any]:
    noun = made.noun
    return {
        "image": made.image,
        "caption": made.text,
        "noun": None if noun is None else noun.word,
        "noun_token": None if noun is None else noun.token,
        "tokens": made.tokens,
        "token_ids": made.token_ids,
        "probabilities": made.probabilities,
    }


def _show(story: Story, *, alone: bool) -> None:
    from molyneux.cli.screens import caption_line, heading, token_table

    console = stdout()
    console.print(heading(story))
    console.print(caption_line(story))
    if alone and story.tokens:
        console.print()
        console.print(token_table(story))
