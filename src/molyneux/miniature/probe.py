"""What can be read off the encoder: a linear classifier of the main object on frozen features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor
from torch.nn import functional
from transformers import BeitModel

from molyneux.miniature.scene import CATEGORIES, PRIOR, Scene
from molyneux.miniature.world import render, sample_scene

__all__ = ["DEVELOPMENT_SEEDS", "fit_linear", "mean_patches", "probe", "probe_scenes"]

#: Scenes to choose recipes by: neither trained on nor held out.
DEVELOPMENT_SEEDS = 100_000


def probe_scenes(
    count: int, *, first_seed: int = DEVELOPMENT_SEEDS, side: int = 64
) -> tuple[Float[Tensor, "image 3 side side"], list[Scene]]:
    """Scenes and their pictures as the encoder gets them: drawn at 256 pixels, reduced, in -1 .. 1."""
    scenes = [sample_scene(np.random.default_rng(first_seed + k)) for k in range(count)]
    small = [render(s).image.resize((side, side), Image.Resampling.BILINEAR) for s in scenes]
    pixels = torch.from_numpy(np.stack([np.asarray(image) for image in small]))
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1, scenes


@torch.no_grad()
def mean_patches(model: BeitModel, images: Float[Tensor, "image 3 side side"]) -> Float[Tensor, "image unit"]:
    """The mean of each picture's patch vectors."""
    model.train(False)
    return torch.cat([model(part).last_hidden_state[:, 1:].mean(1) for part in torch.split(images, 200)])


def fit_linear(
    features: Float[Tensor, "image unit"], classes: Int[Tensor, " image"], *, ridge: float = 1e-3
) -> Callable[[Float[Tensor, "other unit"]], Int[Tensor, " other"]]:
    """Multinomial logistic regression on standardised features, by L-BFGS; returns its predictor."""
    mean, spread = features.mean(0), features.std(0) + 1e-6
    weights = torch.zeros(features.shape[1], int(classes.max()) + 1, requires_grad=True)
    bias = torch.zeros(weights.shape[1], requires_grad=True)
    inputs = (features - mean) / spread
    solver = torch.optim.LBFGS([weights, bias], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        solver.zero_grad()
        loss = functional.cross_entropy(inputs @ weights + bias, classes) + ridge / 2 * weights.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(closure)  # type: ignore[no-untyped-call]
    return lambda other: (((other - mean) / spread) @ weights.detach() + bias.detach()).argmax(1)


def probe(
    model: BeitModel, images: Float[Tensor, "image 3 side side"], scenes: list[Scene], *, train: float = 0.6
) -> dict[str, float]:
    """Share of pictures whose main category a linear classifier reads from the mean patch vector.

    Args:
        model: the encoder.
        images: pictures in -1 .. 1.
        scenes: what they show.
        train: share of the pictures, from the first, that the classifier is fitted to; scored on the rest.

    Returns:
        ``accuracy`` on the rest; ``unusual`` on those of them whose background the category's prior does not
        hold, where seeing the background alone misleads; ``fitted`` on what it was fitted to.
    """
    names = list(CATEGORIES)
    classes = torch.tensor([names.index(scene.things[0].category) for scene in scenes])
    odd = torch.tensor([scene.background not in PRIOR[scene.things[0].category] for scene in scenes])
    features, cut = mean_patches(model, images), int(len(scenes) * train)
    right = fit_linear(features[:cut], classes[:cut])(features) == classes
    share = {"accuracy": right[cut:], "unusual": right[cut:][odd[cut:]], "fitted": right[:cut]}
    return {name: float(hits.float().mean()) for name, hits in share.items()}
