"""``molyneux ablate``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from molyneux.cli.compared import SHOWN, Named, compare_named, names_in
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

if TYPE_CHECKING:
    from molyneux.cli.study import Study
    from molyneux.data.gate import Picture
    from molyneux.models.captioner import Captioner
    from molyneux.neurons.ablate import Ablation, AblationSettings
    from molyneux.neurons.compare import Comparison

__all__ = ["ablate", "numbers"]

_COUNTS, _ARMS = "0,50,100", "top,interpretable,random"
_VIEWS = 4
"""Neurons in a figure, where none are named."""


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
        str | None,
        typer.Option(
            "--counts",
            metavar="N,N,...",
            help="Units of each arm that are edited.",
            show_default=_COUNTS,
        ),
    ] = None,
    arms: Annotated[
        str | None,
        typer.Option("--arms", metavar="ARM,ARM,...", help="Which of them.", show_default=_ARMS),
    ] = None,
    neuron: Annotated[
        str | None,
        typer.Option("--neuron", metavar="NAME,NAME,...", help="These, in place of counts and arms."),
    ] = None,
    scale: Annotated[
        float, typer.Option("--scale", metavar="S", help="Multiply activations by: 0 is off, 2 turns up.")
    ] = 0.0,
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
    """Switch neurons off, or turn them up: what is left of p(word), and the caption, beside random neurons.

    Example: molyneux ablate photo.jpg --neuron L1.u41,L0.u3 --scale 2
    """
    from molyneux.cli.gather import Skip, reason_of
    from molyneux.cli.study import figure_paths
    from molyneux.data.gate import open_image
    from molyneux.neurons.ablate import AblationSettings

    settings = AblationSettings(
        counts=numbers(_COUNTS if counts is None else counts),
        arms=tuple(dict.fromkeys((_ARMS if arms is None else arms).split(","))),
        scale=scale,
        draws=draws,
        seed=seed,
    )
    named = None if neuron is None else Named(_names(neuron, counts=counts, arms=arms), scale, draws, seed)
    paths = figure_paths(save, [image])
    target = target_of(word, token)
    try:
        picture = open_image(image)
        captioner = open_captioner(model, device, dtype)
        made: tuple[Study, Ablation | Comparison] = (
            _ranked(captioner, picture, settings, target=target)
            if named is None
            else compare_named(captioner, picture, named, target=target)
        )
    except (ImageError, TargetError, NonFiniteError) as error:
        if as_json:
            emit(Skip(image, reason_of(error), error).to_json())
        complain(str(error))
        raise typer.Exit(error.exit_code) from None
    _tell(captioner, *made, as_json=as_json, figure=paths.get(0))


def _names(neuron: str, **others: str | None) -> tuple[str, ...]:
    """The names, if nothing else says which units."""
    for other, given in others.items():
        if given is not None:
            raise typer.BadParameter(f"give --neuron or --{other}, not both", param_hint="--neuron")
    return names_in(neuron)


def _ranked(
    captioner: Captioner, picture: Picture, settings: AblationSettings, *, target: str | int | None
) -> tuple[Study, Ablation]:
    from molyneux.cli.study import study
    from molyneux.neurons.ablate import ablate as edit_arms

    made = study(captioner, picture, target=target, top=20)
    with waiting("editing neurons"):
        return made, edit_arms(captioner, picture, attribution=made.found, **asdict(settings))


def _tell(
    captioner: Captioner,
    made: Study,
    done: Ablation | Comparison,
    *,
    as_json: bool,
    figure: Path | None,
) -> None:
    """The screen or the object, and the figure."""
    from molyneux.cli.study import ablation_json, comparison_json, story_of
    from molyneux.neurons.compare import Comparison

    named = isinstance(done, Comparison)
    views = done.neurons[:SHOWN] if isinstance(done, Comparison) else _VIEWS
    story = story_of(captioner, made, views=views, ablation=done)
    if as_json:
        emit(comparison_json(done) if isinstance(done, Comparison) else ablation_json(done))
    else:
        from molyneux.cli.screens import caption_line, heading
        from molyneux.cli.tables import ablation_table, neuron_table

        neurons = [neuron_table(story.neurons), ""] if named else []
        for renderable in (heading(story), caption_line(story), "", *neurons, ablation_table(story)):
            stdout().print(renderable)
    if figure is not None:
        from molyneux.report.figure import save

        note(f"figure: {save(story, figure)}")
