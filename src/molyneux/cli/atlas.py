"""``molyneux atlas``: what every neuron says, written once, looked up by word or name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from molyneux.cli.console import counting, emit, note, stdout, waiting
from molyneux.cli.frame import SKIPS
from molyneux.cli.options import AsJson, Device
from molyneux.cli.parts import Text

if TYPE_CHECKING:
    from molyneux.experiments.atlas_rows import AtlasSettings
    from molyneux.experiments.atlas_weights import AtlasWeights
    from molyneux.ground.work import Progress

__all__ = ["app", "build", "search", "show"]

app = typer.Typer(
    no_args_is_help=True, help="What every neuron of a model says: write it once, look it up by word or name."
)

Folder = Annotated[Path, typer.Argument(metavar="ATLAS", help="The atlas's folder.", show_default=False)]


def build(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="'miniature', a folder, a hub id, or a LiMBeR preset such as limber-beit.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="ATLAS", help="A folder: not there yet, or an atlas.", show_default=False),
    ],
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="Tokens kept of each, on either side.")] = 20,
    final_norm: Annotated[
        bool, typer.Option("--final-norm", help="Through the decoder's last norm; the paper does not.")
    ] = False,
    bias: Annotated[
        bool, typer.Option("--bias", help="Add the unembedding's bias; the paper does not.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of an atlas of something else.")
    ] = False,
    text: Text = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Decode every neuron of a model: the tokens that it raises and lowers most. Needs no image.

    It is built beside ATLAS and put there when it is whole; interrupted, the same command goes on.

    Example: molyneux atlas build miniature miniature-atlas
    """
    from molyneux.experiments.atlas_rows import AtlasSettings
    from molyneux.ground.run import shell_command
    from molyneux.ground.run_errors import RunMismatchError

    settings = AtlasSettings(k=k, final_norm=final_norm, bias=bias)
    options = {"--final-norm": final_norm, "--bias": bias, "--replace": replace}
    typed = ["molyneux", "atlas", "build", model, str(out), "--k", str(k)]
    typed += [name for name, on in options.items() if on]
    typed += [word for pair in (("--text", text), ("--device", device)) if pair[1] for word in pair if word]
    try:
        weights = _weights(model, settings, device, text)
        from molyneux.experiments.atlas import build_from_weights

        with _stages() as tell:
            build_from_weights(
                weights, out, name=model, settings=settings, replace=replace, progress=tell, command=typed
            )
    except RunMismatchError:
        note("--replace builds the new one and drops the old one when it is whole.")
        raise
    except KeyboardInterrupt:
        note(f"Go on with: {shell_command(typed)}")
        raise
    _show_overview(out, as_json)


def _weights(model: str, settings: AtlasSettings, device: str | None, text: str | None) -> AtlasWeights:
    from molyneux.cli.options import quiet_transformers

    with waiting(f"reading {model}"):
        quiet_transformers()
        from molyneux.experiments.atlas import open_weights

        return open_weights(model, settings, device=device, text=text)


@contextmanager
def _stages() -> Iterator[Callable[[Progress], None]]:
    """A bar with the time left for each stage in turn; damaged parts that were put aside are told."""
    told: set[str] = set()
    with ExitStack() as stack:
        bars: dict[str, Callable[[int, int], None] | None] = {}

        def tell(state: Progress) -> None:
            if state.stage not in bars:
                stack.close()
                bars[state.stage] = stack.enter_context(counting(state.stage))
            if (tick := bars[state.stage]) is not None:
                tick(state.done, state.given)
            for line in state.notes:
                if line not in told:
                    note(line)
                    told.add(line)

        yield tell


def search(
    out: Folder,
    word: Annotated[
        str, typer.Argument(metavar="WORD", help="Case and spaces do not matter.", show_default=False)
    ],
    prefix: Annotated[bool, typer.Option("--prefix", help="Tokens that begin with WORD, too.")] = False,
    suppressed: Annotated[
        bool, typer.Option("--suppressed", help="Neurons that lower the word, not those that raise it.")
    ] = False,
    interpretable: Annotated[
        bool, typer.Option("--interpretable", help="Only neurons whose top tokens are words.")
    ] = False,
    layer: Annotated[int | None, typer.Option("--layer", min=0, help="Only neurons of this layer.")] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Neurons listed.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the neurons that raise a word most, by logit. Loads no model.

    Example: molyneux atlas search miniature-atlas horse --top 10
    """
    from molyneux.cli.atlas_screens import search_json, search_screen
    from molyneux.experiments.atlas_read import open_atlas
    from molyneux.experiments.atlas_search import search as find

    atlas = open_atlas(out)
    found = find(
        atlas,
        word,
        prefix=prefix,
        suppressed=suppressed,
        interpretable=interpretable,
        layer=layer,
        top=top,
    )
    if as_json:
        emit(search_json(atlas, found))
    else:
        stdout().print(search_screen(atlas, found, suppressed=suppressed))


def show(
    out: Folder,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NEURON]...", help="Such as L3.u12; an overview if left out."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what neurons raise and lower, or, without a neuron, how many of each layer are interpretable.

    Example: molyneux atlas show miniature-atlas L3.u12
    """
    if not names:
        _show_overview(out, as_json)
        return
    from molyneux.cli.atlas_screens import entries_screen, entry_json
    from molyneux.experiments.atlas_read import open_atlas
    from molyneux.ground.rows import Skipped

    atlas = open_atlas(out)
    found = {name: atlas.entry(name) for name in names}
    if as_json:
        objects = [entry_json(name, one) for name, one in found.items()]
        emit(objects[0] if len(names) == 1 else objects)
    else:
        stdout().print(entries_screen(atlas, found))
    if any(isinstance(one, Skipped) for one in found.values()):
        raise typer.Exit(SKIPS)


def _show_overview(out: Path, as_json: bool) -> None:
    from molyneux.cli.atlas_screens import overview_json, overview_screen
    from molyneux.experiments.atlas_read import open_atlas

    atlas = open_atlas(out)
    if as_json:
        emit(overview_json(atlas))
    else:
        stdout().print(overview_screen(atlas, out))


app.command("build")(build)
app.command("search")(search)
app.command("show")(show)
