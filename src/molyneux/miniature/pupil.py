"""The encoder while it learns: masked modelling with several codes a patch, and a bag of codes a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import BeitConfig, BeitForMaskedImageModeling

from molyneux.miniature.sight import WINDOWS, assign, bags, describe

__all__ = ["Pupil", "block_masks"]


def block_masks(
    count: int, *, grid: int, hidden: int, generator: torch.Generator
) -> Bool[Tensor, "image patch"]:
    """Masks that hide exactly ``hidden`` patches of each picture, mostly in blocks of 2 x 2."""
    coarse = torch.rand(count, 1, math.ceil(grid / 2), math.ceil(grid / 2), generator=generator)
    fine = torch.rand(count, 1, grid, grid, generator=generator)
    noise = functional.interpolate(coarse, scale_factor=2)[..., :grid, :grid] + fine / 2
    chosen = noise.flatten(1).argsort(1)[:, :hidden]
    return torch.zeros(count, grid * grid, dtype=torch.bool).scatter_(1, chosen, True)


class Pupil(nn.Module):
    """The encoder, its heads, and the codebooks it is taught with.

    Three things are asked of one forward pass in which some patches are hidden behind the mask token:

    1. the codes of the hidden patches (BEiT, Bao et al. 2021, with edge and colour codes for tokens);
    2. the codes of the patches in sight, with a smaller weight, so that they carry shape as well as context;
    3. from the mean of all patch vectors, the whole picture's bag of edge codes, rare codes weighing more
       (BoWNet, Gidaris et al. 2020).

    Args:
        config: of the encoder; ``vocab_size`` is the sum of the books' sizes.
        books: name -> centres of its codes.
    """

    seen: Tensor

    def __init__(self, config: BeitConfig, books: Mapping[str, Float[Tensor, "code descriptor"]]) -> None:
        super().__init__()
        self.seer = BeitForMaskedImageModeling(config)
        # Fused attention's backward pass is several times slower than the plain one on CPUs in bfloat16.
        self.seer.set_attn_implementation("eager")
        self.sizes = {name: len(centres) for name, centres in books.items()}
        for name, centres in books.items():
            self.register_buffer(f"book_{name}", centres)
        self.bag_head = nn.Linear(config.hidden_size, sum(self.sizes[kind] for kind in WINDOWS))
        self.register_buffer("seen", torch.zeros(self.bag_head.out_features))

    @torch.no_grad()
    def targets(self, view: Float[Tensor, "image 3 side side"]) -> Int[Tensor, "image patch book"]:
        """The codes of every patch in every book."""
        found = describe(view)
        return torch.stack([assign(found[name], getattr(self, f"book_{name}")) for name in self.sizes], -1)

    def forward(
        self, view: Float[Tensor, "image 3 side side"], hidden: Bool[Tensor, "image patch"]
    ) -> dict[str, Float[Tensor, ""]]:
        """The three losses, in nats per guess: ``hidden``, ``seen`` and ``bag``."""
        codes = self.targets(view)
        features = self.seer.beit(view, bool_masked_pos=hidden).last_hidden_state[:, 1:]
        return {
            "hidden": self._guess(features[hidden], codes[hidden]),
            "seen": self._guess(features[~hidden], codes[~hidden]),
            "bag": self._guess_bag(features, codes),
        }

    def _guess(
        self, features: Float[Tensor, "guess unit"], codes: Int[Tensor, "guess book"]
    ) -> Float[Tensor, ""]:
        logits = self.seer.lm_head(self.seer.layernorm(features)).float()
        parts = torch.split(logits, list(self.sizes.values()), -1)
        losses = [functional.cross_entropy(part, codes[:, k]) for k, part in enumerate(parts)]
        return torch.stack(losses).mean()

    def _guess_bag(
        self, features: Float[Tensor, "image patch unit"], codes: Int[Tensor, "image patch book"]
    ) -> Float[Tensor, ""]:
        sizes = [self.sizes[kind] for kind in WINDOWS]
        places = [list(self.sizes).index(kind) for kind in WINDOWS]
        counts = torch.cat([bags(codes[..., p], count=n) for p, n in zip(places, sizes, strict=True)], 1)
        if self.training:
            self.seen.lerp_((counts > 0).float().mean(0), 0.02)
        weights = counts.sqrt() * -torch.log(self.seen.clamp(0.01, 0.95))
        logits = self.bag_head(features.float().mean(1))
        losses = [
            -(functional.normalize(w, p=1, dim=1) * part.float().log_softmax(1)).sum(1).mean()
            for w, part in zip(torch.split(weights, sizes, 1), torch.split(logits, sizes, 1), strict=True)
        ]
        return torch.stack(losses).mean()
