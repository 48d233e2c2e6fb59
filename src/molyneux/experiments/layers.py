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
from molyneux.metrics.contrast import difference_interval
from molyneux.metrics.stats import paired_test

__all__ = ["LayersSettings", "summarise"]

_MOST = (5, 10)  # of GPT-J's 28: where the paper finds most of them
_LAYERS = 28
_TEST = "p: sign-flip test over images against the random arm"


@dataclass(frozen=True)
class LayersSettings:
    """How many neurons of an image are counted."""

    top: int = 100
    """The paper's 100, or as many as the captions stage kept."""

    def __post_init__(self) -> None:
        if self.top < 1:
            raise SettingError("top", value=self.top, expected="at least 1")


def summarise(captions: Results[Captioned], settings: LayersSettings, context: Context) -> list[Table]:
    """A row a layer: the share of an image's top neurons that are in it; and the share in the paper's layers."""
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
        ),
        Table(
            name="layers-band",
            title="Top neurons at the depth where the paper finds most of them",
            paper="Section S.6",
            rows=(_band(top, random, context),),
            given=captions.given,
            used=len(spoken),
            skipped=reasons,
            notes=(note, "depth: a layer's middle as a share of all layers", _TEST),
            settings=plain(settings),
        ),
    ]


def _band(
    top: Float[np.ndarray, "image layer"], random: Float[np.ndarray, "image layer"], context: Context
) -> dict[str, object]:
    """The share of an image's top neurons in the layers that lie as deep as 5 to 10 of 28."""
    low, high = _MOST[0] / _LAYERS, (_MOST[1] + 1) / _LAYERS
    band = [layer for layer in range(context.layers) if low <= (layer + 0.5) / context.layers <= high]
    row: dict[str, object] = {"from_depth": low, "to_depth": high, "layers": band}
    mine, chance = top[:, band].sum(1), random[:, band].sum(1)
    row |= interval(mine, seed=context.seed)
    row |= {f"random_{key}": value for key, value in interval(chance, seed=context.seed).items()}
    if len(mine):
        apart = difference_interval(mine, chance, paired=True, seed=context.seed)
        row |= {
            "less_random": apart.difference,
            "less_random_low": apart.low,
            "less_random_high": apart.high,
            "p": paired_test(mine, chance, seed=context.seed).p_value,
        }
    return row | printed("most, so more than half", comparable=context.comparable)


def _shares(layers: list[list[int]], context: Context) -> Float[np.ndarray, "image layer"]:
    if not layers:
        return np.empty((0, context.layers))
    counted = np.array([np.bincount(one, minlength=context.layers) for one in layers], dtype=np.float64)
    shares: Float[np.ndarray, "image layer"] = counted / counted.sum(1, keepdims=True)
    return shares
