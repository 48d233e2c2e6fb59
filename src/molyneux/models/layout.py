"""Where the MLP units of a decoder are: a table of module paths, checked by shape when a model loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from molyneux.ground.errors import ModelError, NeuronNameError
from molyneux.ground.neuron import NeuronId
from molyneux.models.placement import weight_of

__all__ = ["DecoderLayout", "MlpPlace", "find_layout"]

#: (input projection, output matrix) in a decoder block, and of a gated MLP, whose input projection is the gate's,
#: the gate's activation function. A new family is a new row; the first row whose first two modules a block has
#: is taken.
_FAMILIES: tuple[tuple[str, str, str | None], ...] = (
    ("mlp.fc_in", "mlp.fc_out", None),  # GPT-J, CodeGen
    ("mlp.gate_proj", "mlp.down_proj", "mlp.act_fn"),  # LLaMA, Mistral, Qwen, Gemma (gated)
    ("mlp.c_fc", "mlp.c_proj", None),  # GPT-2 (Conv1D), GPT-Neo
    ("mlp.dense_h_to_4h", "mlp.dense_4h_to_h", None),  # GPT-NeoX, BLOOM, Falcon, Persimmon
    ("mlp.fc1", "mlp.fc2", None),  # Phi
    ("fc1", "fc2", None),  # OPT
)
_EXPERTS = ("experts", "router")
_FINAL_NORMS = ("ln_f", "norm", "final_layer_norm", "final_layernorm")


@dataclass(frozen=True)
class MlpPlace:
    """One decoder MLP: ``pre``'s output is the pre-activation z, ``out``'s input the activation a."""

    pre: nn.Module
    out: nn.Module
    gate: nn.Module | None = None
    """Of a gated MLP the gate's activation function: its output is act(z), and a = act(z) * up."""

    @property
    def shape(self) -> tuple[int, int]:
        """Residual width D and units U, whether or not the weight's values are there."""
        rows, columns = self.out.weight.shape  # type: ignore[misc]
        return (rows, columns) if isinstance(self.out, nn.Linear) else (columns, rows)

    @property
    def directions(self) -> Float[Tensor, "width unit"]:
        """W_out: column u is the vector that unit u writes into the residual stream."""
        weight = weight_of(self.out)
        assert weight is not None, "an output matrix without a weight"
        return weight if isinstance(self.out, nn.Linear) else weight.T  # Conv1D keeps (unit, width)


@dataclass(frozen=True)
class DecoderLayout:
    """The parts of a loaded model that neurons are made of; holds references, changes nothing."""

    mlps: tuple[MlpPlace, ...]
    units: int
    """MLP units per layer, U."""
    width: int
    """Residual width, D."""
    unembedding: nn.Module
    """lm_head: its weight is W_d [V, D]."""
    final_norm: nn.Module | None

    @property
    def layers(self) -> int:
        """Decoder layers, L."""
        return len(self.mlps)

    @property
    def gated(self) -> bool:
        """Whether every layer's MLP has a gate whose act(z) can be read: a module of its own in each layer."""
        gates = {id(mlp.gate) for mlp in self.mlps if mlp.gate is not None}
        return len(gates) == self.layers

    def resolve(self, neuron: NeuronId | str) -> NeuronId:
        """A neuron that this decoder has, from its name or itself.

        Raises:
            NeuronNameError: the name does not parse, or layer or unit lie outside the decoder.
        """
        found = NeuronId.parse(neuron) if isinstance(neuron, str) else NeuronId(*neuron)
        if not (0 <= found.layer < self.layers and 0 <= found.unit < self.units):
            raise NeuronNameError(
                "neuron",
                value=str(found),
                expected=f"layer 0..{self.layers - 1} and unit 0..{self.units - 1} in this model",
                fix="Take a neuron that attribute() listed for this model.",
            )
        return found

    def by_layer(self, neurons: Sequence[NeuronId]) -> dict[int, list[int]]:
        """Units of each layer, in the order given; layers without any are left out."""
        grouped: dict[int, list[int]] = {}
        for layer, unit in neurons:
            grouped.setdefault(layer, []).append(unit)
        return grouped


def _submodule(module: nn.Module, path: str) -> nn.Module | None:
    try:
        return module.get_submodule(path)
    except AttributeError:
        return None


def _place(block: nn.Module) -> MlpPlace | None:
    for pre_path, out_path, gate_path in _FAMILIES:
        pre, out = _submodule(block, pre_path), _submodule(block, out_path)
        if pre is not None and out is not None:
            return MlpPlace(pre, out, None if gate_path is None else _submodule(block, gate_path))
    return None


def _blocks(decoder: nn.Module, layers: int | None) -> list[MlpPlace]:
    """The MLPs of the first list of ``layers`` modules of which every member has one."""
    for module in decoder.modules():
        if isinstance(module, nn.ModuleList) and len(module) and layers in (None, len(module)):
            places = [_place(block) for block in module]
            if all(place is not None for place in places):
                return [place for place in places if place is not None]
    if any(name.rpartition(".")[2] in _EXPERTS for name, _ in decoder.named_modules()):
        raise ModelError(
            "decoder",
            value=type(decoder).__name__,
            expected="one MLP a layer; this is a mixture of experts, where each token meets only some of many: "
            "they share one three-dimensional weight, so there is no output matrix whose input could be read, "
            "and a unit has no activation at the patches that its expert never sees",
            fix="Take a dense model of the family, whose layers have one MLP each.",
        )
    if any(name.endswith("mlp.gate_up_proj") for name, _ in decoder.named_modules()):
        raise ModelError(
            "decoder",
            value=type(decoder).__name__,
            expected="a gate of its own in each MLP; here one matrix, mlp.gate_up_proj, makes both branches, so no "
            "module's output is a unit's z",
            fix="Take a model whose MLPs have gate_proj and up_proj, such as LLaMA, Mistral, Qwen or Gemma.",
        )
    raise ModelError(
        "decoder",
        value=type(decoder).__name__,
        expected="blocks with an MLP of a known family: " + ", ".join(out for _, out, _ in _FAMILIES),
        fix="A new family is a new row of molyneux.models.layout.",
    )


def _final_norm(decoder: Any) -> nn.Module | None:
    inner = decoder.get_decoder() if hasattr(decoder, "get_decoder") else decoder  # BLIP-2's has its head on
    return next((n for name in _FINAL_NORMS if (n := getattr(inner, name, None)) is not None), None)


def find_layout(model: Any) -> DecoderLayout:
    """Find the decoder's MLPs in any Hugging Face model that has ``get_decoder()``.

    Raises:
        ModelError: the decoder's MLPs are of no known family, a mixture of experts, or their shapes do not fit
            together.
    """
    text = model.config.get_text_config()
    if getattr(text, "is_encoder_decoder", False):
        raise ModelError(
            "text model",
            value=text.model_type,
            expected="a decoder that reads the image in its own sequence",
            fix="Text models with an encoder of their own (BLIP-2 over T5) are not supported.",
        )
    decoder = model.get_decoder()
    head = model.get_output_embeddings()
    places = _blocks(decoder, getattr(text, "num_hidden_layers", None))
    width, units = places[0].shape
    for layer, place in enumerate(places):
        if place.shape != (width, units):
            raise ModelError(
                f"output matrix of layer {layer}",
                value=place.shape,
                expected=f"{width} x {units} as in layer 0",
                fix="Models whose layers differ in size are not supported.",
            )
    if head is None or head.weight.shape[1] != width:
        shape = None if head is None else tuple(head.weight.shape)
        raise ModelError(
            "unembedding",
            value=shape,
            expected=f"V x {width}, the residual width",
            fix="Decoders that project before the unembedding are not supported.",
        )
    return DecoderLayout(tuple(places), units, width, head, _final_norm(decoder))


def real_vocabulary(model: Any, tokenizer: Any) -> int:
    """Number of leading rows of the unembedding that are real tokens; the rest is padding.

    LiMBeR's GPT-J has 50,400 rows of which 50,257 are tokens; an image token added behind is none either.
    """
    rows: int = model.get_output_embeddings().weight.shape[0]
    told = getattr(model.config, "real_vocab_size", None)
    known = int(told) if told else len(tokenizer)
    return min(rows, known)
