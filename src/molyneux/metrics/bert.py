"""The judge of BERTScore: an encoder, the layer that it judges by, and its name and hash."""

# mypy: disable-error-code="no-untyped-call"
# (transformers annotates only some of its functions)
from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from molyneux.ground.errors import ModelError, SettingError
from molyneux.metrics.judge import Found, JudgeCard, find_judge, hash_weights
from molyneux.models.checkpoint import SAFE, check_weights, read_config, reading
from molyneux.models.load import choose_device
from molyneux.models.presence import TEXT
from molyneux.models.source import Source

__all__ = ["BERT_PICKS", "LAYERS", "BertJudge"]

#: The default, un-rescaled: its floor for unrelated texts, about .35, is that of the paper's figures. The second
#: is what the hub called it before.
BERT_PICKS = ("google-bert/bert-base-uncased", "bert-base-uncased")
#: Layers that agree best with people's judgement of translations, as the bert-score package has them.
LAYERS = {
    "bert-base-uncased": 9,
    "bert-large-uncased": 18,
    "bert-base-cased": 9,
    "bert-base-multilingual-cased": 9,
    "distilbert-base-uncased": 5,
    "roberta-base": 10,
    "roberta-large": 17,
}


@dataclass(frozen=True)
class BertJudge:
    """A loaded encoder, in float32 and ready to judge, its layer, and the card that tables print."""

    model: Any
    tokenizer: Any
    layer: int
    """0 for the embeddings, 1 for the first block, and so on."""
    card: JudgeCard

    @classmethod
    def load(
        cls,
        which: str | Path | None = None,
        *,
        layer: int | None = None,
        device: str | torch.device | None = None,
        download: bool = False,
    ) -> BertJudge:
        """A judge from a folder, a hub id or "miniature"; see ``judge.find_judge`` for None and ``download``.

        Args:
            layer: None takes the known one of ``LAYERS``, the miniature's best on development scenes, else three
                quarters of the depth.
            device: None: the first of CUDA, MPS and CPU that is there.

        Raises:
            ModelError: it is not there, or no encoder with tokens at the ends of texts.
            SettingError: it has no such layer.
            AssetError: the miniature's judges did not ship.
        """
        from transformers import AutoModel, AutoTokenizer

        found = find_judge(which, BERT_PICKS, part="bert", needed=TEXT, download=download)
        source = Source(str(found.folder))
        config = read_config(source)
        with reading(source, TEXT):
            tokenizer = AutoTokenizer.from_pretrained(found.folder, **SAFE)
            model, loaded = AutoModel.from_pretrained(
                found.folder, dtype=torch.float32, output_loading_info=True, **SAFE
            )
        check_weights(model, loaded, source, part=True)
        if None in (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id):
            raise ModelError(
                "judge",
                value=f"{found.name}, a {type(model).__name__}",
                expected="an encoder like BERT, whose tokenizer has tokens for both ends of a text and for padding",
            )
        torch.nn.Module.to(model, choose_device(device))  # transformers' own .to() has no usable type
        best = _default_layer(found, int(config.num_hidden_layers))
        card = JudgeCard("BERTScore F1", found.name, hash_weights(found.folder), note=found.note)
        judge = cls(model.train(False), tokenizer, best, card)
        return judge.at(best if layer is None else layer)

    def at(self, layer: int) -> BertJudge:
        """The same judge, judging by another layer.

        Raises:
            SettingError: there is no such layer.
        """
        if not 0 <= layer <= self.depth:
            raise SettingError(
                "layer", value=layer, expected=f"0, the embeddings, to {self.depth} of {self.card.name}"
            )
        default = self.card.name in BERT_PICKS and layer == LAYERS["bert-base-uncased"]
        card = replace(self.card, options=f"layer {layer}", default=default)
        return replace(self, layer=layer, card=card)

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return int(self.model.config.num_hidden_layers)

    @property
    def longest(self) -> int:
        """Tokens of a text that the model reads, the two at its ends included."""
        own = int(self.tokenizer.model_max_length)
        positions = getattr(self.model.config, "max_position_embeddings", None)
        if positions is None:
            return own
        table = getattr(getattr(self.model, "embeddings", None), "position_embeddings", None)
        # RoBERTa counts positions from the one after its padding token's number.
        unused = getattr(table, "padding_idx", None)
        return min(own, int(positions) - (0 if unused is None else unused + 1))


def _default_layer(found: Found, depth: int) -> int:
    making = found.folder / "making.json"
    if making.is_file():  # a judge of the miniature: chosen on development scenes, never on held-out ones
        checks = json.loads(making.read_text(encoding="utf-8")).get("checks", {})
        shares = {name: told["share"] for name, told in checks.items() if name.startswith("layer_")}
        if shares:
            return int(max(shares, key=lambda name: shares[name]).removeprefix("layer_"))
    known = LAYERS.get(found.name.split("@")[0].split("/")[-1])
    return known if known is not None and known <= depth else round(0.75 * depth)
