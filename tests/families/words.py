"""One small vocabulary for every tiny family: plain words, and the placeholders that its processor looks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, normalizers
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split, WhitespaceSplit
from transformers import PreTrainedTokenizerFast

NOUNS = ["dog", "cat", "horse", "bird", "boat", "train", "clock", "pizza", "tree", "grass"]
PLAIN = ["a", "picture", "of", "the", "on", "red", "blue", "running", "with", "and", "describe", "user", ":"]
WORDS = ["<pad>", "<s>", "</s>", "<unk>", *PLAIN, *NOUNS]
#: Ids that every tiny model's configuration agrees with.
PAD, BOS, EOS = 0, 1, 2

#: Says each message in turn, an image or a sound as the family's own placeholder.
CHAT = (
    "{% for m in messages %}user : {% for c in m['content'] %}{% if c['type'] == 'text' %}{{ c['text'] }} "
    "{% else %}PLACE {% endif %}{% endfor %}{% endfor %}"
)


def tokenizer(special: Sequence[str] = (), named: Mapping[str, str] | None = None) -> Any:
    """Words split at spaces; ``special`` tokens and ``named`` ones (attribute name -> token) follow them."""
    extra = [*special, *(named or {}).values()]
    made = Tokenizer(WordLevel({word: n for n, word in enumerate([*WORDS, *extra])}, unk_token="<unk>"))
    made.pre_tokenizer = WhitespaceSplit()
    made.add_special_tokens(extra)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        padding_side="left",
        extra_special_tokens=dict(named or {}),
    )


def spaced_tokenizer(special: Sequence[str]) -> Any:
    """As Fuyu's sentence pieces: placeholders are plain words, and every text begins with a piece of its own."""
    known = {word: n for n, word in enumerate([*WORDS, *special, "\u2581"])}
    made = Tokenizer(WordLevel(known, unk_token="<unk>"))
    made.normalizer = normalizers.Prepend("\u2581 ")
    made.pre_tokenizer = Split(Regex(r"\|\w+\||<\w+>|[^\s|<]+"), "removed", invert=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def chat(place: str) -> str:
    """A chat template that writes ``place`` where an image or a sound stands."""
    return CHAT.replace("PLACE", place)
