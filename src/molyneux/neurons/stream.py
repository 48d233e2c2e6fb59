"""Scores of every unit at every patch, reduced layer by layer while a single backward pass runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from molyneux.ground.errors import SettingError
from molyneux.models.faults import check_scores
from molyneux.models.hooks import on_input, on_output
from molyneux.models.layout import DecoderLayout, MlpPlace
from molyneux.neurons.ranking import top_in_order

__all__ = [
    "LayerPairs",
    "ScoreStream",
    "at_patches",
    "check_site",
    "max_over_patches",
    "unrepeated",
    "visual_index",
]

#: Where a unit's value is read. "pre": z. "post": a. "gate": act(z) of a gated MLP, where a = act(z) * up.
SITES = ("pre", "post", "gate")


def check_site(site: str) -> None:
    """Refuse a site that no decoder has.

    Raises:
        SettingError: naming the sites.
    """
    if site not in SITES:
        raise SettingError("site", value=site, expected="'pre' (Eq. 2), 'post', or 'gate' (gated MLPs)")


def visual_index(visual: Bool[Tensor, "batch position"]) -> slice | Int[Tensor, "batch patch"]:
    """Where the patches of each row stand: a slice (no copy) where all rows agree on one run, else indices.

    A row with fewer patches than another repeats its first one at the end, which changes no maximum and no
    first place of it; see ``unrepeated``.

    Raises:
        SettingError: a row holds no patch.
    """
    counts = visual.sum(dim=1)
    patches = int(counts.max())
    if int(counts.min()) == 0:
        raise SettingError(
            "visual positions",
            value=counts.tolist(),
            expected="at least one patch of an image, or span of a sound, in every row of a batch",
            fix="The prompt must hold the image's placeholder tokens, as the processor writes them.",
        )
    first, order = visual.int().argmax(dim=1, keepdim=True), torch.arange(patches, device=visual.device)
    ranked = visual.int().argsort(dim=1, descending=True, stable=True)[:, :patches]
    where = torch.where(order < counts[:, None], ranked, first)
    start = int(first[0, 0])
    return slice(start, start + patches) if bool((where == order + start).all()) else where


def unrepeated(visual: Bool[Tensor, "batch position"]) -> Bool[Tensor, "batch patch"] | None:
    """Which entries of ``visual_index`` are a row's own patches; None where all are."""
    counts = visual.sum(dim=1)
    if bool((counts == counts[0]).all()):
        return None
    return torch.arange(int(counts.max()), device=visual.device) < counts[:, None]


def at_patches(values: Tensor, where: slice | Tensor) -> Float[Tensor, "batch patch unit"]:
    """The values [batch, position, unit] of a pass at its patches, as ``visual_index`` found them."""
    if isinstance(where, slice):
        return values[:, where]
    return values.gather(1, where.to(values.device)[:, :, None].expand(-1, -1, values.shape[2]))


def max_over_patches(
    scores: Float[Tensor, "batch patch unit"],
) -> tuple[Float[Tensor, "batch unit"], Int[Tensor, "batch unit"]]:
    """Each unit's largest score and the first patch that has it, as ``scores.max(dim=1)`` gives them.

    In two steps, over blocks of patches and then within the best block: torch finds maxima over an outer axis
    many times faster than their indices, of which this asks 2 sqrt(P) instead of P a unit.
    """
    patches = scores.shape[1]
    size = max(n for n in range(1, math.isqrt(patches) + 1) if patches % n == 0)
    blocks = scores.reshape(len(scores), patches // size, size, -1)
    maxima, block = blocks.amax(dim=2).max(dim=1)
    where = block[:, None, None, :].expand(-1, 1, size, -1)
    return maxima, block * size + blocks.gather(1, where)[:, 0].max(dim=1).indices


@dataclass(frozen=True)
class LayerPairs:
    """The best (unit, patch) pairs of one layer, a row an image, ordered by (-score, unit, patch)."""

    scores: Float[Tensor, "batch pair"]
    units: Int[Tensor, "batch pair"]
    patches: Int[Tensor, "batch pair"]


@dataclass
class ScoreStream:
    """Collects g = value * dy/dvalue as gradients arrive; keeps a number a unit, never a layer's patches.

    Args:
        layout: the decoder.
        site: "pre" reads z, the MLP's pre-activation (Eq. 2; of a gated MLP the gate's); "post" reads a, the
            input of the output matrix; "gate" reads act(z), which only a gated MLP keeps apart from a.
        top: pairs kept per layer and image.
        dense: keep every layer's scores as well.
    """

    layout: DecoderLayout
    site: str
    top: int
    dense: bool = False
    maxima: dict[int, Tensor] = field(default_factory=dict)
    """layer -> [batch, unit], the maximum of g over patches."""
    sums: dict[int, Tensor] = field(default_factory=dict)
    """layer -> [batch, unit], the sum of g over patches."""
    patches: dict[int, Tensor] = field(default_factory=dict)
    """layer -> [batch, unit], the patch of the maximum (the first, in ties)."""
    pairs: dict[int, LayerPairs] = field(default_factory=dict)
    whole: dict[int, Tensor] = field(default_factory=dict)
    """layer -> [batch, patch, unit]; empty unless dense."""

    def __post_init__(self) -> None:
        check_site(self.site)
        if self.site == "gate" and not self.layout.gated:
            raise SettingError(
                "site",
                value="gate",
                expected="'pre' or 'post': this decoder's MLPs have no gate",
                fix="Without a gate the activation is act(z) itself, which is what 'post' reads.",
            )
        self._root: Tensor | None = None
        self._where: slice | Tensor | None = None
        self._own: Tensor | None = None
        self._final, self._length = False, 0
        self.counts: list[int] = []

    @contextmanager
    def listening(
        self, visual: Callable[[], Bool[Tensor, "batch position"]], *, final: bool = False
    ) -> Iterator[None]:
        """Record the next forward pass: its graph begins at layer 0's value, each later layer gets a hook.

        Args:
            visual: asked at layer 0 for the patches' places in the pass that is running.
            final: the pass serves for nothing but the logits of its last position. Then the last layer's MLP
                runs at that position alone; nothing reads its output at the others, which is 0 instead, and
                its units at patches score 0 either way. (A gated MLP's up branch still runs at all positions:
                right at the last one, and not read elsewhere.)
        """
        with ExitStack() as stack:
            self._final = final and self.layout.layers > 1
            if self._final:
                stack.enter_context(on_input(self.layout.mlps[-1].pre, self._last_position))
                stack.enter_context(on_output(self.layout.mlps[-1].out, self._all_positions))
            for layer, mlp in enumerate(self.layout.mlps):
                stack.enter_context(self._at_site(mlp, self._watcher(layer, visual)))
            yield

    def _at_site(
        self, mlp: MlpPlace, watch: Callable[[Tensor], Tensor | None]
    ) -> AbstractContextManager[None]:
        if self.site == "post":
            return on_input(mlp.out, watch)
        module = mlp.gate if self.site == "gate" else mlp.pre
        assert module is not None
        return on_output(module, watch)

    def _watcher(self, layer: int, visual: Callable[[], Tensor]) -> Callable[[Tensor], Tensor | None]:
        def watch(value: Tensor) -> Tensor | None:
            if layer == 0:
                where = visual()
                self._where, self._own = visual_index(where), unrepeated(where)
                self.counts = where.sum(dim=1).tolist()
                self._final = self._final and not bool(where[:, -1].any())  # the last position may be a patch
                self._root = value.detach().requires_grad_(True)
                return self._root
            if self._final and layer == self.layout.layers - 1:
                return None
            plain = value.detach()  # shares storage, not graph: the hook must not keep its own graph alive
            value.register_hook(lambda gradient: self._collect(layer, plain, gradient))  # type: ignore[no-untyped-call]
            return None

        return watch

    def _last_position(self, value: Tensor) -> Tensor | None:
        if not self._final or value.ndim != 3:  # OPT flattens batch and position into one axis
            return None
        self._length = value.shape[1]
        return value[:, -1:]

    def _all_positions(self, value: Tensor) -> Tensor | None:
        missing = self._length - value.shape[1] if self._final and value.ndim == 3 else 0
        return torch.nn.functional.pad(value, (0, 0, missing, 0)) if missing else None

    def backward(self, logit: Float[Tensor, ""]) -> None:
        """One backward pass from a (sum of) logit(s) to every layer's values.

        Raises:
            NonFiniteError: a layer's scores are NaN or infinite.
        """
        assert self._root is not None, "backward() before a recorded forward pass"
        (gradient,) = torch.autograd.grad(logit, self._root)
        self._collect(0, self._root.detach(), gradient)
        self._root = None

    def _collect(self, layer: int, value: Tensor, gradient: Tensor) -> None:
        assert self._where is not None
        shape = (len(self.counts), -1, value.shape[-1])  # OPT flattens batch and position into one axis
        seen = at_patches(value.reshape(shape), self._where)
        slope = at_patches(gradient.reshape(shape), self._where)
        scores = seen.float() * slope.float() if seen.dtype != torch.float64 else seen * slope
        maxima, patches = max_over_patches(scores)
        own = None if self._own is None else self._own.to(scores.device)[:, :, None]
        if own is not None:
            scores = scores * own
        sums = scores.sum(dim=1)
        check_scores(sums, layer)
        self.maxima[layer], self.patches[layer], self.sums[layer] = maxima, patches, sums
        listed = scores if own is None else scores.masked_fill(~own, -torch.inf)
        self.pairs[layer] = _best_pairs(listed, maxima, self.top)
        if self.dense:
            self.whole[layer] = scores

    def stacked(self, values: dict[int, Tensor]) -> Tensor:
        """[batch, layer, ...] of a per-layer record, on layer 0's device; layers that no gradient reached are 0."""
        like = values[0]
        layers = [values.get(layer, torch.zeros_like(like)) for layer in range(self.layout.layers)]
        return torch.stack([one.to(like.device) for one in layers], 1)


def _best_pairs(
    scores: Float[Tensor, "batch patch unit"], maxima: Float[Tensor, "batch unit"], top: int
) -> LayerPairs:
    """The ``top`` pairs of a layer. They lie among its ``top`` units by maximum: each unit that ranks before
    another brings at least one pair that ranks before all of the other's."""
    _, units = top_in_order(maxima, top)
    units, _ = units.sort(dim=1)  # so that position in the flattened list orders ties by (unit, patch)
    patches = scores.shape[1]
    chosen = scores.gather(2, units[:, None, :].expand(-1, patches, -1)).transpose(1, 2)
    best, index = top_in_order(chosen.flatten(1), top)
    return LayerPairs(best, units.gather(1, index // patches), index % patches)
