"""GPT-J-shaped checkpoints in which the neurons of the paper's Table S.1 say what a plan wants them to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel
from tokenizers.models import BPE
from torch import Tensor
from torch.nn.functional import layer_norm
from transformers import PreTrainedTokenizerFast

from molyneux.data.paper import table_s1
from molyneux.ground.neuron import NeuronId

LAYERS, UNITS, WIDTH = 21, 16384, 64
PADDING = 3
"""Tokens that GPT-J's tokenizer names for padding rows; as many rows again have no name."""
Lists = dict[NeuronId, tuple[str, ...]]


@dataclass(frozen=True)
class Planted:
    """A folder and, for the tests' own arithmetic, what is in it."""

    folder: Path
    wanted: Lists
    words: list[str]
    """Real tokens in the table's spelling, by id."""
    weights: dict[str, Tensor]

    def decoded(self, final_norm: bool, bias: bool) -> Lists:
        """Every planted neuron's five best tokens: the whole of Eq. 3 at once, in float64."""
        w = {name: value.to(torch.bfloat16).double() for name, value in self.weights.items()}
        found = {}
        for neuron in self.wanted:
            vector = w[f"transformer.h.{neuron.layer}.mlp.fc_out.weight"][:, neuron.unit]
            if final_norm:
                centred = vector - vector.mean()
                vector = centred / (centred.square().mean() + 1e-5).sqrt()
                vector = vector * w["transformer.ln_f.weight"] + w["transformer.ln_f.bias"]
            logits = w["lm_head.weight"] @ vector + (w["lm_head.bias"] if bias else 0)
            best = logits[: len(self.words)].argsort(descending=True)[:5].tolist()
            found[neuron] = tuple(self.words[token] for token in best)
        return found


def words() -> list[str]:
    printed = dict.fromkeys(token for tokens in table_s1().decodings.values() for token in tokens)
    return [*printed, *(f" filler{n}" for n in range(40))]


def mixed_plan() -> Lists:
    """A quarter of the neurons as printed, one reversed, one with two tokens changed, one with all."""
    filler = [token for token in words() if token.startswith(" filler")]
    changes: list[Callable[[tuple[str, ...], int], tuple[str, ...]]] = [
        lambda tokens, _: tokens,
        lambda tokens, _: tokens[::-1],
        lambda tokens, n: (*tokens[:3], filler[n % 20], filler[n % 20 + 20]),
        lambda _, n: tuple(filler[(n + 7 * m) % 40] for m in range(5)),
    ]
    printed = table_s1().decodings
    return {neuron: changes[n % 4](tokens, n) for n, (neuron, tokens) in enumerate(printed.items())}


def plant(
    folder: Path, *, final_norm: bool = False, bias: bool = False, prefix: str = "", seed: int = 0
) -> Planted:
    """Write the checkpoint: ``mixed_plan`` comes out under these options, in three shards of float16."""
    known, wanted = words(), mixed_plan()
    torch.manual_seed(seed)
    rows = len(known) + 2 * PADDING
    weights = {
        "lm_head.weight": torch.randn(rows, WIDTH) / 4,
        "lm_head.bias": torch.randn(rows) / 2,
        "transformer.ln_f.weight": 1 + 0.5 * torch.randn(WIDTH),
        "transformer.ln_f.bias": 0.5 * torch.randn(WIDTH),
    }
    weights = {name: value.half() for name, value in weights.items()}
    vectors = _find_vectors({n: v.float() for n, v in weights.items()}, wanted, known, final_norm, bias)
    weights["lm_head.bias"][len(known) :] = 1e4  # padding rows would win, if they were looked at
    weights["lm_head.weight"][len(known) :] *= 1e3
    for layer in range(LAYERS):
        matrix = torch.randn(WIDTH, UNITS).half()
        for neuron, vector in zip(wanted, vectors, strict=True):
            if neuron.layer == layer:
                matrix[:, neuron.unit] = vector.half()
        weights[f"transformer.h.{layer}.mlp.fc_out.weight"] = matrix
    _write(folder, weights, known, prefix)
    return Planted(folder, wanted, known, weights)


def _find_vectors(
    weights: dict[str, Tensor], wanted: Lists, known: list[str], final_norm: bool, bias: bool
) -> Tensor:
    """Output vectors whose five best tokens are the wanted ones, in order, by gradient descent on margins."""
    number = {token: n for n, token in enumerate(known)}
    ids = torch.tensor([[number[token] for token in tokens] for tokens in wanted.values()])
    others = torch.ones(len(ids), len(known), dtype=torch.bool).scatter(1, ids, False)
    vectors = (weights["lm_head.weight"][ids].sum(1)).requires_grad_()
    adam = torch.optim.Adam([vectors], lr=0.2)
    for _ in range(3000):
        seen = vectors
        if final_norm:
            seen = layer_norm(
                seen, (WIDTH,), weights["transformer.ln_f.weight"], weights["transformer.ln_f.bias"]
            )
        logits = seen @ weights["lm_head.weight"][: len(known)].T
        logits = logits + weights["lm_head.bias"][: len(known)] if bias else logits
        best = logits.gather(1, ids)
        behind = logits.masked_fill(~others, -torch.inf).amax(1, keepdim=True)
        gaps = torch.cat([best[:, :-1] - best[:, 1:], best[:, -1:] - behind], dim=1)
        if bool((gaps > 0.1).all()):
            return vectors.detach()
        adam.zero_grad()
        (0.2 - gaps).relu().sum().backward()
        adam.step()
    raise AssertionError(f"not planted: the smallest gap is {float(gaps.detach().min()):.3f}")


def _write(folder: Path, weights: dict[str, Tensor], known: list[str], prefix: str) -> None:
    """Shards with their index, a configuration, a byte-level tokenizer."""
    folder.mkdir()
    files = {name: f"model-0000{1 + n % 3}-of-00003.safetensors" for n, name in enumerate(weights)}
    for file in sorted(set(files.values())):
        save_file({prefix + n: weights[n] for n in weights if files[n] == file}, folder / file)
    index = {"metadata": {}, "weight_map": {prefix + name: file for name, file in files.items()}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    text = {"model_type": "gptj", "n_layer": LAYERS, "n_inner": UNITS, "n_embd": WIDTH}
    config = {"model_type": "limber", "real_vocab_size": len(known), "text_config": text} if prefix else text
    (folder / "config.json").write_text(json.dumps(config))
    spelled = {token.replace(" ", "\u0120"): n for n, token in enumerate(known)}
    bytewise = Tokenizer(BPE(vocab=spelled, merges=[]))
    bytewise.decoder = ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytewise)
    tokenizer.add_tokens([f"<|extratoken_{n + 1}|>" for n in range(PADDING)])
    tokenizer.save_pretrained(folder)
