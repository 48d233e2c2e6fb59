"""``molyneux demo``: the whole way from pixels to tested neurons on one image that ships with the package."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from molyneux.cli.console import note, stdout, waiting
from molyneux.cli.options import Device, Dtype, Model, open_captioner

if TYPE_CHECKING:
    from rich.console import Console

    from molyneux.data.sources import Source
    from molyneux.ground.story import Story

__all__ = ["COUNTS", "SCENE", "demo", "demo_image", "demo_source"]

#: Seed of the held-out scene that is shown: fixed here, never chosen by what the model makes of it.
SCENE = 0
#: Units switched off.
COUNTS = (0, 10, 50, 100, 200)
#: Neurons listed, by score summed over patches: a unit's whole effect, where one patch may be chance.
LISTED = 8

#: What the ticks of the table do not mean.
WORDS = "✓ counts words, not sense: 7 of a neuron's 10 tokens are English words, whatever they speak of."


def demo_image() -> Path:
    """The shipped held-out image of the demo.

    Raises:
        AssetError: the miniature's images are not there.
    """
    from molyneux.ground.assets import asset

    return asset(f"miniature/val2017/{SCENE:012d}.jpg")


def demo_source() -> Source:
    """The same with what its data set says of it: objects and human captions.

    Raises:
        AssetError: the miniature's images are not there.
    """
    from molyneux.data.folders import open_data
    from molyneux.ground.assets import asset

    image = demo_image()
    return next(one for one in open_data(asset("miniature")).sources if one.path.name == image.name)


def demo(
    save_dir: Annotated[
        Path,
        typer.Option(
            "--save-dir",
            metavar="DIR",
            help="Where the figure goes, and the run molyneux-demo, which the explorer opens.",
            file_okay=False,
        ),
    ] = Path("."),
    model: Model = "miniature",
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Show it all on one image: caption, neurons, what they say, where they fire, and life without them.

    Example: molyneux demo
    """
    source = demo_source()
    captioner = open_captioner(model, device, dtype)
    from molyneux.cli.demo_place import run_name
    from molyneux.cli.demo_run import demo_run
    from molyneux.cli.parts import chosen_parts
    from molyneux.data.gate import open_image
    from molyneux.experiments.looks_story import story_of_look

    folder = save_dir / run_name(model, chosen_parts())
    total = captioner.layout.layers * captioner.layout.units
    counts = [count for count in COUNTS if count <= total]
    given = _given(model, device, dtype)
    command = ["molyneux", "demo", "--save-dir", str(save_dir), *given]
    row = demo_run(captioner, source, folder, counts=counts, command=command)
    story = story_of_look(captioner, open_image(source.path), row, by="sum", views=LISTED)
    story = replace(story, name=f"held-out scene {SCENE}")
    _show(stdout(), story)
    _finish(story, save_dir)
    stdout().print(f"\n{_explore_line(folder, given)}", style="bold", soft_wrap=True)


def _show(console: Console, story: Story) -> None:
    from molyneux.cli.screens import caption_line, heading, image_block, step
    from molyneux.cli.tables import ablation_table, maps, neuron_table

    word = story.word or ""
    console.print(heading(story))
    console.print(step(1, "An image that the model was never trained on"))
    console.print(image_block(console, story))
    console.print(step(2, "Its caption, from a text model that was trained on text alone"))
    console.print(caption_line(story))
    console.print(step(3, f"The neurons that put “{word}” there, out of all layers, and what they say"))
    console.print(neuron_table(story.neurons))
    console.print(WORDS, style="dim")
    console.print(step(4, "Where on the image they fire"))
    console.print(maps(console, story))
    console.print(step(5, f"“{word}” without them, beside as many random neurons"))
    console.print(ablation_table(story))


def _finish(story: Story, save_dir: Path) -> None:
    from molyneux.cli.screens import next_steps
    from molyneux.report.figure import save

    with waiting("drawing the figure"):
        path = save(replace(story, neurons=story.neurons[:4]), save_dir / "molyneux-demo.png")
    console = stdout()
    console.print(next_steps(path, story.neurons[0].name))
    note(f"figure: {path}")


def _given(model: str, device: str | None, dtype: str | None) -> list[str]:
    """The options that name the model, as they were typed."""
    from molyneux.cli.parts import chosen_parts

    chosen = {"model": None if model == "miniature" else model, "device": device, "dtype": dtype}
    named = {name: value for name, value in (chosen | chosen_parts()).items() if value is not None}
    return [word for name, value in named.items() for word in (f"--{name}", str(value))]


def _explore_line(folder: Path, given: list[str]) -> str:
    """What to type to open the explorer on the run that was just shown, with the same model."""
    from molyneux.ground.run import shell_command

    line = shell_command([_called(), "explore", str(folder), "--open", *given])
    if find_spec("uvicorn") is None or find_spec("fastapi") is None:
        return f"Open it in the browser (after pip install 'molyneux[explore]'):  {line}"
    return f"Open it in the browser:  {line}"


def _called() -> str:
    """How the shell finds this program: its name, or the path by which it was called."""
    called = Path(sys.argv[0])
    if called.stem != "molyneux":  # from Python
        return "molyneux"
    found = shutil.which("molyneux")
    return "molyneux" if found is not None and Path(found).samefile(called) else str(called)
