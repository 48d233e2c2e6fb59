"""The prompt as tensors: where image vectors go, which positions count, and which tokens may be written."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import LogitsProcessor

from molyneux.ground.errors import ModelError

__all__ = ["RealTokensOnly", "left_padding_order", "place_image_vectors", "position_ids_of"]


def place_image_vectors(
    embeddings: Float[Tensor, "batch position dim"],
    is_image: Bool[Tensor, "batch position"],
    vectors: Float[Tensor, "image patch dim"] | None,
) -> Float[Tensor, "batch position dim"]:
    """Put the images' vectors, in order, at the positions that ``is_image`` marks; differentiable in both.

    Raises:
        ModelError: the number of marked positions is not the number of vectors.
    """
    marked = int(is_image.sum())
    given = 0 if vectors is None else vectors.shape[0] * vectors.shape[1]
    if marked != given:
        raise ModelError(
            "image tokens in input_ids",
            value=marked,
            expected=f"{given}, the number of image vectors that pixel_values give",
            fix="Make input_ids and pixel_values with one call of the processor.",
        )
    if vectors is None:
        return embeddings
    vectors = vectors.to(embeddings.device, embeddings.dtype)
    return embeddings.masked_scatter(is_image.unsqueeze(-1), vectors)


def position_ids_of(attention_mask: Int[Tensor, "batch total"], length: int) -> Int[Tensor, "batch position"]:
    """Positions that simply count on over what is attended to, for the last ``length`` of ``total`` tokens.

    Padding, left or right, counts for nothing; its own positions are clamped to 0 or more.
    """
    positions = attention_mask.long().cumsum(dim=-1) - 1
    return positions.clamp(min=0)[:, -length:]


def left_padding_order(attention_mask: Int[Tensor, "batch position"]) -> Int[Tensor, "batch position"]:
    """Indices along each row that bring all padding to the left and keep the order of the rest."""
    return torch.argsort((attention_mask != 0).to(torch.int8), dim=-1, stable=True)


class RealTokensOnly(LogitsProcessor):
    """Gives -inf to ids that no tokenizer produces, padding rows of the vocabulary and the image token.

    Args:
        real_vocab_size: ids from here on are padding rows.
        image_token_id: the image token, which may lie inside or outside the vocabulary.
    """

    def __init__(self, real_vocab_size: int, image_token_id: int) -> None:
        self.real_vocab_size, self.image_token_id = real_vocab_size, image_token_id

    def __call__(
        self, input_ids: Int[Tensor, "batch position"], scores: Float[Tensor, "batch vocabulary"]
    ) -> Float[Tensor, "batch vocabulary"]:
        ids = torch.arange(scores.shape[-1], device=scores.device)
        return scores.masked_fill((ids >= self.real_vocab_size) | (ids == self.image_token_id), -torch.inf)
