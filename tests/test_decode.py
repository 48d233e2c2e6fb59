"""Decoding against the plain matrix product, in every weight layout."""

from __future__ import annotations

import copy

import pytest
import torch

from machines import TEXT, WORDS, captioner, images
from molyneux.data.dictionary import is_interpretable
from molyneux.ground.errors import NonFiniteError, SettingError
from molyneux.models.captioner import Captioner
from molyneux.neurons.decode import decode
from molyneux.neurons.fields import receptive_field

OUT = {
    "gptj": lambda d, u: d.h[1].mlp.fc_out.weight[:, u],
    "gpt2": lambda d, u: d.h[1].mlp.c_proj.weight[u],  # Conv1D keeps (unit, width)
    "bloom": lambda d, u: d.h[1].mlp.dense_4h_to_h.weight[:, u],
    "gemma": lambda d, u: d.layers[1].mlp.down_proj.weight[:, u],
    "gptneo": lambda d, u: d.h[1].mlp.c_proj.weight[:, u],  # its Linear, despite GPT-2's name
    "mistral": lambda d, u: d.layers[1].mlp.down_proj.weight[:, u],
    "llama": lambda d, u: d.layers[1].mlp.down_proj.weight[:, u],
    "opt": lambda d, u: d.layers[1].fc2.weight[:, u],
    "neox": lambda d, u: d.layers[1].mlp.dense_4h_to_h.weight[:, u],
    "phi": lambda d, u: d.layers[1].mlp.fc2.weight[:, u],
    "falcon": lambda d, u: d.h[1].mlp.dense_4h_to_h.weight[:, u],
    "qwen": lambda d, u: d.layers[1].mlp.down_proj.weight[:, u],
}


@pytest.mark.parametrize("family", sorted(TEXT))
def test_decoding_is_softmax_of_unembedding_times_output_vector(family: str) -> None:
    machine = captioner(family)
    units = [0, 5, 39]
    for unit, decoding in zip(units, decode(machine, [f"L1.u{u}" for u in units], k=6), strict=True):
        vector = OUT[family](machine.model.get_decoder(), unit)
        logits = (machine.model.get_output_embeddings().weight @ vector)[: len(WORDS)]
        chances = logits.softmax(-1)
        order = chances.argsort(descending=True)[:6]
        assert decoding.token_ids == tuple(order.tolist())
        assert decoding.probabilities == pytest.approx(chances[order].tolist(), rel=1e-5)
        assert decoding.logits == pytest.approx(logits[order].tolist(), rel=1e-5, abs=1e-6)
        assert [token.strip() for token in decoding.tokens] == [WORDS[n] for n in order]


@pytest.mark.parametrize("text", ["gemma", "gpt2", "llama"])
@pytest.mark.parametrize("tied", [True, False])
def test_tied_and_untied_unembeddings(text: str, tied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = TEXT[text]

    def config() -> object:
        found = made()
        found.tie_word_embeddings = tied
        return found

    monkeypatch.setitem(TEXT, text, config)
    machine = captioner(text)
    into, head = machine.model.get_input_embeddings().weight, machine.model.get_output_embeddings().weight
    assert torch.equal(into, head) == tied
    vector = OUT[text](machine.model.get_decoder(), 3)
    logits = (head @ vector)[: len(WORDS)]
    found = decode(machine, "L1.u3", k=4)
    assert found.token_ids == tuple(logits.topk(4).indices.tolist())
    assert found.probabilities == pytest.approx(logits.softmax(-1).topk(4).values.tolist(), rel=1e-5)


def test_padding_rows_and_the_image_token_are_never_decoded() -> None:
    machine = captioner()
    assert machine.vocabulary == len(WORDS) < machine.model.get_output_embeddings().weight.shape[0]
    with torch.no_grad():
        machine.model.get_output_embeddings().weight[len(WORDS) :] = 1e4
    listed = decode(machine, ["L0.u0"], k=99)[0]
    assert len(listed.tokens) == len(WORDS)
    assert max(listed.token_ids) < len(WORDS)
    model = copy.deepcopy(machine.model)
    model.config.image_token_id = 3
    assert 3 not in decode(Captioner(model, machine.processor), "L0.u0", k=len(WORDS) - 1).token_ids


def test_options_and_their_plain_meaning() -> None:
    machine = captioner()
    head, norm = machine.model.get_output_embeddings(), machine.model.get_decoder().ln_f
    vector = machine.layout.mlps[2].directions[:, 4]
    plain = head.weight @ norm(vector) + head.bias
    found = decode(machine, "L2.u4", k=3, final_norm=True, bias=True)
    assert found.logits == pytest.approx(plain[: len(WORDS)].topk(3).values.tolist(), rel=1e-5)
    with pytest.raises(SettingError, match="k 0"):
        decode(machine, "L2.u4", k=0)


def test_interpretable_judges_ten_tokens_whatever_k_is() -> None:
    machine = captioner()
    for decoding, short in zip(
        decode(machine, [f"L0.u{u}" for u in range(20)]),
        decode(machine, [f"L0.u{u}" for u in range(20)], k=2),
        strict=True,
    ):
        assert decoding.interpretable == short.interpretable == is_interpretable(decoding.tokens)
        assert decoding.tokens[:2] == short.tokens
        assert str(decoding).startswith(f"{decoding.neuron}: ")


def test_order_and_repeats_are_kept() -> None:
    machine = captioner()
    names = ["L2.u1", "L0.u9", "L2.u1", "L1.u3"]
    assert [str(d.neuron) for d in decode(machine, names)] == names
    assert decode(machine, "L0.u9") == decode(machine, names)[1]


def test_nan_weights_decode_to_nothing_and_fire_nowhere() -> None:
    machine, (image,) = captioner(), images()
    with torch.no_grad():
        machine.layout.mlps[1].directions[0, 4] = torch.nan
        machine.layout.mlps[2].pre.weight[7, 0] = torch.nan
    decode(machine, "L1.u5")
    with pytest.raises(NonFiniteError, match="layer 1"):
        decode(machine, "L1.u4")
    receptive_field(machine, image, "L0.u4")
    with pytest.raises(NonFiniteError, match="layer 2"):
        receptive_field(machine, image, "L2.u7")


def test_tied_logits_are_listed_by_token_id() -> None:
    machine = captioner()
    with torch.no_grad():
        machine.model.get_output_embeddings().weight[:] = 1.0
    assert decode(machine, "L0.u0", k=5).token_ids == (0, 1, 2, 3, 4)
