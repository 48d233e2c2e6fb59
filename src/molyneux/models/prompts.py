"""A prompt as tensors, whatever the family: copies of it, its caption's beginning appended, its positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from molyneux.ground.errors import ModelError, SettingError

__all__ = [
    "CAPTION_TYPES",
    "Inputs",
    "check_count",
    "check_inputs",
    "copies",
    "counted_positions",
    "extendable",
    "longer",
    "with_prefix",
]

#: What a processor gives and a model takes: tensors by name, ``input_ids`` among them.
Inputs = Mapping[str, Any]

#: Type of a caption's own token in ``token_type_ids`` where it is not 0: PaliGemma reads its prompt (0) in
#: both directions, and what follows (1) in one.
CAPTION_TYPES: dict[str, int] = {"paligemma": 1}

#: Entries with a value a position, [row, position], which a caption's tokens make longer; 0 is text.
_TYPES = ("token_type_ids", "mm_token_type_ids")


def check_count(name: str, value: object) -> None:
    """Refuse a number of rows, tokens or the like that is not a whole one, 1 or more.

    Raises:
        SettingError: see above.
    """
    if not isinstance(value, Integral) or value < 1:
        raise SettingError(name, value=value, expected="a whole number, at least 1")


def check_inputs(inputs: Inputs, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """Ready inputs on the model's device, its dtype where they are floats, with an attention mask.

    Raises:
        ModelError: no ``input_ids``, an entry that is no tensor, or prompts that end in padding.
    """
    made: dict[str, Tensor] = {}
    for key, value in inputs.items():
        if key == "labels" or value is None:  # PaliGemma's processor adds labels, which only training reads
            continue
        if not isinstance(value, Tensor):
            raise ModelError(
                f"input {key!r}",
                value=type(value).__name__,
                expected="a tensor",
                fix='Ask the processor for return_tensors="pt"; images of different sizes may need batches of one.',
            )
        made[key] = value.to(device, dtype if value.is_floating_point() else value.dtype)
    ids = made.get("input_ids")
    if ids is None or ids.ndim != 2:
        raise ModelError(
            "inputs",
            value=sorted(made),
            expected="input_ids [row, position] among them",
            fix="Drive the model with input_ids and pixel_values, not with inputs_embeds.",
        )
    mask = made.setdefault("attention_mask", torch.ones_like(ids))
    if bool((mask[:, -1] == 0).any()):
        raise SettingError(
            "attention_mask",
            value="rows that end in padding",
            expected="prompts padded on the left, so that a caption follows each of them",
            fix='Call the processor with padding_side="left".',
        )
    return made


def copies(inputs: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """One prompt as ``count`` rows of a batch. Every tensor is repeated whole: some keep no row an image.

    Raises:
        SettingError: there is more than one prompt.
    """
    if count > 1 and len(inputs["input_ids"]) != 1:
        raise SettingError("prompts to copy", value=len(inputs["input_ids"]), expected="one")
    return {key: torch.cat([value] * count) if count > 1 else value for key, value in inputs.items()}


def counted_positions(mask: Int[Tensor, "row position"]) -> Int[Tensor, "row position"]:
    """Positions that count on over what is attended to, as ``generate`` makes them; padding's are 0."""
    return (mask.long().cumsum(dim=1) - 1).clamp(min=0)


def extendable(inputs: Inputs) -> bool:
    """Whether a prompt's KV cache can be continued by ids and mask alone: no entry says more of a position."""
    return not any(name in inputs for name in (*_TYPES, "cross_attention_mask"))


def with_prefix(
    inputs: Mapping[str, Tensor], prefixes: Sequence[Sequence[int]], *, caption_type: int = 0
) -> dict[str, Tensor]:
    """Append each row's caption tokens to its prompt, padded on the left so that all rows end together.

    Args:
        caption_type: type of the tokens appended, in entries that hold a type a position.
    """
    lengths = [len(prefix) for prefix in prefixes]
    longest = max(lengths)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    made = dict(inputs)
    made["input_ids"] = torch.stack(
        [
            torch.cat([ids.new_zeros(longest - len(prefix)), ids[row], ids.new_tensor(list(prefix))])
            for row, prefix in enumerate(prefixes)
        ]
    )
    made["attention_mask"] = longer(mask, lengths, 1)
    for name in _TYPES:
        if name in inputs:
            made[name] = longer(inputs[name], lengths, caption_type if name == "token_type_ids" else 0)
    if "cross_attention_mask" in inputs:  # what comes after an image sees what the prompt's end saw
        seen = inputs["cross_attention_mask"]
        made["cross_attention_mask"] = torch.stack(
            [
                torch.cat(
                    [seen.new_zeros(longest - n, *row.shape[1:]), row, row[-1:].expand(n, *row.shape[1:])]
                )
                for row, n in zip(seen, lengths, strict=True)
            ]
        )
    return made


def longer(values: Tensor, lengths: Sequence[int], value: int) -> Tensor:
    """[row, position] as ``with_prefix`` makes it longer: grown right by ``lengths`` of ``value``, then left by 0."""
    longest = max(lengths)
    return torch.stack(
        [
            F.pad(F.pad(row, (0, n), value=value), (longest - n, 0), value=0)
            for row, n in zip(values, lengths, strict=True)
        ]
    )
