"""A machine built by hand: one unit fires on red, writes "dog", and nothing else says anything.

Encoder without blocks: a patch's vector is its mean red, green and blue. Projection: colours into the first
three residual dimensions, a constant into the fourth, and their negatives into the next four, so that layer
norms see mean zero. Layer 0, the planted unit: red minus green minus blue -> residual dimension 8. Layer 1's
attention spreads every position's dimension 8 evenly; the unembedding reads dimension 8 as "dog".
"""

from __future__ import annotations

import torch
from PIL import Image
from transformers import AutoModelForCausalLM, BeitConfig, BeitModel, GPTJConfig

from machines import PATCH, PATCHES, SIDE, WORDS, processor
from molyneux.ground.neuron import NeuronId
from molyneux.models.captioner import Captioner
from molyneux.models.limber import LimberForConditionalGeneration

UNIT = NeuronId(0, 5)
WIDTH, UNITS, SPOKEN = 32, 40, 8


def _vision() -> BeitModel:
    config = BeitConfig(
        hidden_size=24,
        num_hidden_layers=0,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=SIDE,
        patch_size=PATCH,
        use_mean_pooling=True,
    )
    eyes = BeitModel(config, add_pooling_layer=False)
    for parameter in eyes.parameters():
        parameter.zero_()
    for colour in range(3):
        eyes.embeddings.patch_embeddings.projection.weight[colour, colour] = 1 / PATCH**2
    return eyes


def _text() -> torch.nn.Module:
    ends = {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
    config = GPTJConfig(
        vocab_size=24, n_embd=WIDTH, n_layer=3, n_head=2, n_inner=UNITS, rotary_dim=8, n_positions=96, **ends
    )
    model = AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():
        parameter.zero_()
    body = model.transformer
    for norm in [*(block.ln_1 for block in body.h), body.ln_f]:
        norm.weight.fill_(1)
    for word in range(len(WORDS)):  # words lie in dimensions of their own, behind the colours'
        body.wte.weight[word, 10 + word] = 1
    seeing = body.h[0].mlp
    seeing.fc_in.weight[UNIT.unit, :3] = torch.tensor([2.0, -2.0, -2.0])
    seeing.fc_in.bias[UNIT.unit] = -6.0  # silent everywhere else: gelu(-6) is 0
    seeing.fc_out.weight[SPOKEN, UNIT.unit] = 0.3
    body.h[1].attn.v_proj.weight[SPOKEN, SPOKEN] = 1
    body.h[1].attn.out_proj.weight[SPOKEN, SPOKEN] = 4
    model.lm_head.weight[WORDS.index("dog"), SPOKEN] = 5.0
    model.lm_head.weight[WORDS.index("<eos>"), 10 + WORDS.index("dog")] = 50.0  # after "dog" it stops
    model.lm_head.bias[WORDS.index("grass")] = 0.5  # what it says where it sees no red
    model.lm_head.weight[WORDS.index("<eos>"), 10 + WORDS.index("grass")] = 50.0
    # Noise in the other units, much weaker than the planted one, so that a ranking exists.
    generator = torch.Generator().manual_seed(0)
    for block in body.h:
        noise = torch.randn(WIDTH, UNITS, generator=generator) * 0.002
        noise[:, UNIT.unit] = 0
        block.mlp.fc_out.weight.add_(noise)
        block.mlp.fc_in.weight.add_(torch.randn(UNITS, WIDTH, generator=generator) * 0.05)
    return model


@torch.no_grad()
def planted() -> Captioner:
    model = LimberForConditionalGeneration.from_parts(
        _vision(), _text(), image_token_id=len(WORDS), real_vocab_size=len(WORDS)
    )
    model.projection.weight.zero_()
    model.projection.bias.zero_()
    for colour in range(3):
        model.projection.weight[colour, colour] = 1
        model.projection.weight[3 + colour, colour] = -1
    model.generation_config.eos_token_id = 1
    model.generation_config.pad_token_id = 0
    return Captioner(model.eval(), processor(), name="planted")


def red_at(row: int, column: int, *, scale: int = 3) -> Image.Image:
    """A blue image whose patch (row, column) is red; ``scale`` times the model's side."""
    image = Image.new("RGB", (SIDE * scale, SIDE * scale), (40, 40, 200))
    step = PATCH * scale
    image.paste((230, 20, 20), (column * step, row * step, (column + 1) * step, (row + 1) * step))
    return image


assert PATCHES == 16
