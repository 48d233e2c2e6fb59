"""``molyneux ablate``."""

from __future__ import annotations

from typing import Annotated

import typer

from molyneux.cli.console import emit, note, stdout, waiting
from molyneux.cli.frame import complain
from molyneux.cli.options import (
    AsJson,
    Device,
    Dtype,
    Model,
    Save,
    TokenIndex,
    Word,
    open_captioner,
    target_of,
)
from molyneux.ground.errors import ImageError, NonFiniteError, SettingError, TargetError

__all__ = ["ablate", "numbers"]


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers from a list with commas.

    Raises:
        SettingError: it is anything else.
    """
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise SettingError(
            "counts", value=text, expected="whole numbers with commas, such as 0,50,100"
        ) from None


def ablate(
    image: Annotated[str, typer.Argument(metavar="IMG", help="An image file.", show_default=False)],
    counts: Annotated[
        str, typer.Option("--counts", metavar="N,N,...", help="Units switched off.")
    ] = "0,50,100",
    arms: Annotated[
        str, typer.Option("--arms", metavar="ARM,ARM,...", help="Which: top, interpretable, random.")
    ] = "top,interpretable,random",
    word: Word = None,
    token: TokenIndex = None,
    draws: Annotated[int, typer.Option("--draws", min=1, help="Random draws, for the interval.")] = 8,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the random draws.")] = 0,
    model: Model = "miniature",
    device: Device = None,
    dtype: Dtype = None,
    as_json: AsJson = False,
    save: Save = None,
) -> None:
    """Switch neurons off: what is left of p(word), and the caption written anew, beside random neurons.

    Example: molyneux ablate photo.jpg --counts 0,10,100
    """
    from molyneux.cli.study import ablation_json, figure_paths, story_of, study
    from molyneux.data.gate import open_image
    from molyneux.neurons.ablate import AblationSettings
    from molyneux.neurons.ablate import ablate as switch_off

    settings = AblationSettings(
        counts=numbers(counts), arms=tuple(dict.fromkeys(arms.split(","))), draws=draws, seed=seed
    )
    paths = figure_paths(save, [image])
    target = target_of(word, token)
    try:
        picture = open_image(image)
        captioner = open_captioner(model, device, dtype)
        made = study(captioner, picture, target=target, top=20)
    except (ImageError, TargetError, NonFiniteError) as error:
        if as_json:
            from molyneux.cli.gather import Skip, reason_of

            emit(Skip(image, reason_of(error), error).to_json())
        complain(str(error))
        raise typer.Exit(error.exit_code) from None
    with waiting("switching neurons off"):
        done = switch_off(
            captioner,
            made.picture,
            counts=settings.counts,
            arms=settings.arms,
            attribution=made.found,
            draws=draws,
            seed=seed,
        )
    story = story_of(captioner, made, views=4, ablation=done)
    if as_json:
        emit(ablation_json(done))
    else:
        from molyneux.cli.screens import caption_line, heading
        from molyneux.cli.tables import ablation_table

        for renderable in (heading(story), caption_line(story), "", ablation_table(story)):
            stdout().print(renderable)
    if paths:
        from molyneux.report.figure import save as save_figure

        note(f"figure: {save_figure(story, paths[0])}")
