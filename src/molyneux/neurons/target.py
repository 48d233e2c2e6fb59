"""Which token of a caption is explained."""

from __future__ import annotations

from dataclasses import dataclass

from molyneux.ground.errors import NoNounError
from molyneux.models.caption import Caption, WordAt

__all__ = ["Target", "choose_target"]


@dataclass(frozen=True)
class Target:
    """The caption token c whose logit y_c is explained."""

    word: str
    token: int
    """Index in the caption."""
    token_id: int
    prefix: tuple[int, ...]
    """Ids of the caption's tokens before it, which are held fixed."""


def choose_target(caption: Caption, wanted: str | int | None = None) -> Target:
    """The first noun's first token, or the first token of a word, or a token by its index.

    Raises:
        NoNounError: no target was named and the caption has no noun; it is reported, never guessed.
        TargetError: the caption does not hold the word or index.
    """
    found: WordAt | None
    if wanted is None:
        found = caption.noun
        if found is None:
            raise NoNounError(
                "caption",
                value=caption.text,
                expected="a noun to explain",
                fix="Name a word or a token index of the caption as the target.",
            )
    else:
        found = caption.at(wanted) if isinstance(wanted, int) else caption.find(wanted)
    ids = caption.token_ids
    return Target(found.word, found.token, ids[found.token], ids[: found.token])
