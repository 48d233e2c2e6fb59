"""What pages may send to a server, checked: nothing else than these fields, in these bounds."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from molyneux.explorer.shelf import Shelf
from molyneux.ground.errors import MolyneuxError
from molyneux.ground.live import MOST_DRAWS, MOST_SCALE, Edited, Wish, Written
from molyneux.ground.neuron import NeuronId

__all__ = ["EditAsked", "UnknownError", "edited_json", "read_edit", "wish_of"]

_KEY = r"^[0-9a-f]{16}$"


class UnknownError(MolyneuxError, LookupError):
    """An image or word that the server does not show."""


class EditAsked(BaseModel):
    """The body of an edit."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    image: str = Field(pattern=_KEY)
    """A key."""
    word: int = Field(ge=0, le=10_000)
    """Index of a word of the image's caption."""
    neurons: list[str] = Field(default_factory=list, max_length=1000)
    top: int = Field(default=0, ge=0, le=10_000_000)
    rank: Literal["sum", "max"] = "sum"
    scale: float = Field(ge=0, le=MOST_SCALE)
    draws: int = Field(default=8, ge=0, le=MOST_DRAWS)
    seed: int = Field(default=0, ge=0, lt=2**53)

    @model_validator(mode="after")
    def _one_of(self) -> EditAsked:
        if bool(self.neurons) == bool(self.top):
            raise ValueError("expected neurons, or top")
        return self


def read_edit(body: bytes) -> EditAsked | str:
    """The edit that a body asks for, or what is wrong with it in words of ours: what was sent is not repeated."""
    try:
        return EditAsked.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = next((part for part in first["loc"] if part in EditAsked.model_fields), "edit")
        return f"{field}: expected another value ({first['type'].replace('_', ' ')})"


def wish_of(shelf: Shelf, asked: EditAsked) -> Wish:
    """The edit of an image on the shelf.

    Raises:
        UnknownError: no such image or word.
        SettingError: a neuron's name that is none.
    """
    found = shelf.find(asked.image)
    if found is None:
        raise UnknownError("image", value=asked.image, expected="the key of an image shown here")
    book, image = found
    row: dict[str, Any] = book.looks.images[image]
    if asked.word >= len(row["words"]):
        raise UnknownError("word", value=asked.word, expected=f"an index below {len(row['words'])}")
    word = row["words"][asked.word]
    return Wish(
        image=image,
        word=word["text"],
        token=word["first"],
        token_ids=tuple(row["token_ids"]),
        probabilities=tuple(row["probabilities"]),
        neurons=tuple(dict.fromkeys(NeuronId.parse(name) for name in asked.neurons)),
        top=asked.top,
        rank=asked.rank,
        scale=asked.scale,
        draws=asked.draws,
        seed=asked.seed,
    )


def edited_json(shelf: Shelf, asked: EditAsked, made: Edited) -> dict[str, object]:
    """What the page gets: see docs/explorer.md."""
    found = shelf.find(asked.image)
    recorded = None if found is None else found[0].looks.light[found[1]]["caption"]
    return {
        "image": asked.image,
        "word": asked.word,
        "scale": asked.scale,
        "neurons": [str(neuron) for neuron in made.neurons],
        "recorded": recorded,
        "plain": _written(made.plain),
        "edited": _written(made.edited),
        "random": [_written(one) for one in made.random],
    }


def _written(made: Written) -> list[object]:
    return [made.p, made.caption]
