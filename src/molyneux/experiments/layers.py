"""In which layers the top neurons are (S.6), beside units drawn at random from the whole model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from molyneux.experiments.captions import Captioned
from molyneux.experiments.table import Context, Table, interval, printed
from molyneux.ground.errors import SettingError
from molyneux.ground.plain import plain
from molyneux.ground.results import Results
from molyneux.ground.seeds import generator_of

__all__ = ["LayersSettings", "summarise"]

_MOST = (5, 10)  # of GPT-J's 28: where the paper finds most of them


@dataclass(frozen=True)
class LayersSettings:
    """How many neurons of an image are counted."""

    top: int = 100
    """The paper's 100, or as many as the captions stage kept."""

    def __post_init__(self) -> None:
        if self.top < 1:
            raise SettingError("top", value=self.top, expected="at least 1")


def summarise(captions: Results[Captioned], settings: LayersSettings, context: Context) -> list[Table]:
    """A row a layer: the share of an image's top neurons that are in it, with its interval over images."""
    spoken = {item: row for item, row in captions.rows.items() if row.noun is not None}
    top = _shares(
        [[one.neuron.layer for one in row.neurons[: settings.top]] for row in spoken.values()], context
    )
    drawn = []
    for item, row in spoken.items():
        count = min(settings.top, len(row.neurons))
        rng = generator_of(context.seed, item, purpose="layers random arm")
        picked = rng.choice(context.layers * context.units, size=count, replace=False)
        drawn.append((picked // context.units).tolist())
    random = _shares(drawn, context)
    rows = []
    for layer in range(context.layers):
        told: dict[str, object] = {"layer": layer}
        told |= interval(top[:, layer], seed=context.seed)
        told |= {
            f"random_{key}": value for key, value in interval(random[:, layer], seed=context.seed).items()
        }
        told["neurons"] = sum(
            one.neuron.layer == layer for r in spoken.values() for one in r.neurons[: settings.top]
        )
        said = f"most between layers {_MOST[0]} and {_MOST[1]} of 28" if layer == 0 else None
        rows.append(told | printed(said, comparable=context.comparable))
    silent = captions.used - len(spoken)
    reasons = captions.tally.skipped | ({"no-noun": silent} if silent else {})
    share = settings.top / (context.layers * context.units)
    note = (
        f"top {settings.top} of {context.layers * context.units:,} units an image ({share:.2%}); "
        f"the paper: 100 of 458,752 ({100 / 458752:.2%})"
    )
    return [
        Table(
            name="layers",
            title="Layers of the top neurons",
            paper="Section S.6",
            rows=tuple(rows),
            given=captions.given,
            used=len(spoken),
            skipped=reasons,
            notes=(note, "random: as many units of the whole model"),
            settings=plain(settings),
        )
    ]


def _shares(layers: list[list[int]], context: Context) -> Float[np.ndarray, "image layer"]:
    if not layers:
        return np.empty((0, context.layers))
    counted = np.array([np.bincount(one, minlength=context.layers) for one in layers], dtype=np.float64)
    shares: Float[np.ndarray, "image layer"] = counted / counted.sum(1, keepdims=True)
    return shares
