"""Slow, obvious references: the same numbers without our hooks, streams or batches."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from molyneux.models.captioner import Captioner


def embeddings(captioner: Captioner, inputs: dict[str, Tensor], prefix: list[int]) -> Tensor:
    """[1, position, width]: projected patches, then the prompt's and the caption's tokens, concatenated plainly."""
    model = captioner.model
    patches = model.vision_tower(pixel_values=inputs["pixel_values"]).last_hidden_state[:, 1:]
    ids = [token for token in inputs["input_ids"][0].tolist() if token != model.config.image_token_id]
    words = model.language_model.get_input_embeddings()(torch.tensor([ids + prefix]))
    return torch.cat([model.projection(patches), words], dim=1)


def gptj_with_values(
    captioner: Captioner, inputs: dict[str, Tensor], prefix: list[int]
) -> tuple[Tensor, list, list]:
    """Logits at the last position, and every layer's z and a, from GPT-J's equations written out."""
    language = copy.deepcopy(captioner.model.language_model).requires_grad_(True)
    body = language.transformer
    hidden = embeddings(captioner, inputs, prefix).detach()
    length = hidden.shape[1]
    positions = torch.arange(length)[None]
    mask = torch.full((length, length), -torch.inf, dtype=hidden.dtype).triu(1)[None, None]
    pre, post = [], []
    for block in body.h:
        x = block.ln_1(hidden)
        attended = block.attn(hidden_states=x, attention_mask=mask, position_ids=positions)[0]
        z = x @ block.mlp.fc_in.weight.T + block.mlp.fc_in.bias
        a = block.mlp.act(z)
        z.retain_grad()
        a.retain_grad()
        pre.append(z)
        post.append(a)
        hidden = hidden + attended + a @ block.mlp.fc_out.weight.T + block.mlp.fc_out.bias
    logits = body.ln_f(hidden[0, -1]) @ language.lm_head.weight.T + language.lm_head.bias
    return logits, pre, post


def gptj_scores(
    captioner: Captioner, inputs: dict[str, Tensor], prefix: list[int], token: int, site: str
) -> Tensor:
    """[layer, patch, unit]: value * gradient at the image's positions, by autograd on an unhooked copy."""
    logits, pre, post = gptj_with_values(captioner, inputs, prefix)
    logits[token].backward()
    patches = int((inputs["input_ids"] == captioner.model.config.image_token_id).sum())
    values = pre if site == "pre" else post
    scores = []
    for value in values:
        slope = torch.zeros_like(value) if value.grad is None else value.grad
        scores.append((value * slope)[0, :patches])
    return torch.stack(scores).detach()


def logit_with_offset(
    captioner: Captioner,
    inputs: dict[str, Tensor],
    token: int,
    where: tuple[int, int, int],
    *,
    offset: float,
    site: str,
) -> float:
    """The logit with one activation shifted: for finite differences, any family, input_ids prompts only."""
    layer, position, unit = where
    place = captioner.layout.mlps[layer]

    def shift(value: Tensor) -> Tensor:
        shaped = value.clone().reshape(1, -1, value.shape[-1])
        shaped[0, position, unit] += offset
        return shaped.reshape(value.shape)

    if site == "pre":
        handle = place.pre.register_forward_hook(lambda _m, _i, output: shift(output))
    else:
        handle = place.out.register_forward_pre_hook(lambda _m, i: (shift(i[0]),))
    try:
        with torch.no_grad():
            return float(captioner.model(**inputs).logits[0, -1, token])
    finally:
        handle.remove()
