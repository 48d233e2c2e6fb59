"""The same scores by captum, nnsight and transformer-lens, each as its documentation shows and as fast as
its interface allows: parameters frozen, logits at the last position only, scores kept at the patches only.

``site`` is "pre" (output of the MLP's input projection) or "post" (input of its output matrix).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from importlib.util import find_spec

import torch
from contenders import Contender
from random_limber import Case
from torch import Tensor

__all__ = ["PEERS", "installed"]

Scores = Callable[[], list[Tensor]]


def installed(name: str) -> bool:
    """Whether the package behind a contender's name can be imported."""
    return find_spec(name.split(",")[0].replace("-", "_")) is not None


def _captum(case: Case, site: str, one_call: bool) -> Scores:
    from captum.attr import LayerGradientXActivation

    modules = [mlp.pre if site == "pre" else mlp.out for mlp in case.captioner.layout.mlps]

    def forward(embedded: Tensor) -> Tensor:
        logits: Tensor = case.language(inputs_embeds=embedded, logits_to_keep=1, use_cache=False).logits
        return logits[:, -1]

    def scores(layer: object) -> object:
        method = LayerGradientXActivation(forward, layer)
        return method.attribute(
            case.embeddings(), target=case.target.token_id, attribute_to_layer_input=site == "post"
        )

    def work() -> list[Tensor]:
        found = scores(modules) if one_call else [scores(module) for module in modules]
        parts = [part[0] if isinstance(part, tuple) else part for part in found]  # type: ignore[attr-defined]
        return [part[0, : case.size.patches].detach() for part in parts]

    return work


def captum(case: Case, site: str) -> Scores:
    """All layers in one call."""
    return _captum(case, site, True)


def captum_by_layer(case: Case, site: str) -> Scores:
    """A call for each layer, as the class is most often used."""
    return _captum(case, site, False)


def nnsight(case: Case, site: str) -> Scores:
    """A trace of the text model; gradients are read while the traced backward pass runs."""
    import nnsight as sight

    model = sight.NNsight(case.language)

    def work() -> list[Tensor]:
        embedded, patches = case.embeddings().requires_grad_(True), case.size.patches
        token, pre = case.target.token_id, site == "pre"
        with model.trace(inputs_embeds=embedded, logits_to_keep=1, use_cache=False):
            values, scores = [], sight.save([])
            for block in model.transformer.h:
                values.append(block.mlp.fc_in.output if pre else block.mlp.fc_out.input)
            with model.output.logits[0, -1, token].backward():
                for value in reversed(values):
                    scores.append((value * value.grad)[0, :patches].detach())
        return scores[::-1]

    return work


def transformer_lens(case: Case, site: str) -> Scores:
    """The bridge around the text model as saved in a folder; hooks forward and backward."""
    from transformer_lens.model_bridge import TransformerBridge

    with tempfile.TemporaryDirectory() as folder:
        case.language.save_pretrained(folder)
        case.captioner.tokenizer.save_pretrained(folder)
        bridge = TransformerBridge.boot_transformers(folder, device=str(case.captioner.device))
    bridge.requires_grad_(False)
    names = [f"blocks.{layer}.mlp.hook_{site}" for layer in range(case.size.layers)]

    def work() -> list[Tensor]:
        values: dict[str, Tensor] = {}
        scores: dict[str, Tensor] = {}

        def forth(value: Tensor, hook: object) -> None:
            values[hook.name] = value.detach()  # type: ignore[attr-defined]

        def back(gradient: Tensor, hook: object) -> None:
            value = values.pop(hook.name)  # type: ignore[attr-defined]
            scores[hook.name] = (value * gradient)[0, : case.size.patches]  # type: ignore[attr-defined]

        forward, backward = [(name, forth) for name in names], [(name, back) for name in names]
        with bridge.hooks(fwd_hooks=forward, bwd_hooks=backward), torch.enable_grad():
            embedded = case.embeddings().requires_grad_(True)
            logits = bridge(embedded, return_type="logits", logits_to_keep=1, use_cache=False)
            logits[0, -1, case.target.token_id].backward()
        return list(scores.values())[::-1]  # the last layer's gradient comes first

    return work


PEERS: dict[str, Contender] = {
    "captum": captum,
    "captum, a call a layer": captum_by_layer,
    "nnsight": nnsight,
    "transformer-lens": transformer_lens,
}
