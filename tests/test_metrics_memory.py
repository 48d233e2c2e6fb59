"""Judges whose memory runs out score in smaller batches, and score the same."""

from __future__ import annotations

import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from judges import WORDS, bert_folder, clip_folder, pictures
from molyneux.metrics.batches import halving, is_out_of_memory
from molyneux.metrics.bert import BertJudge
from molyneux.metrics.bertscore import bert_score
from molyneux.metrics.clip import ClipJudge, clip_score

TEXTS = [f"a {word} and the {other}" for word, other in pairwise(WORDS[2:10])]


def room_for(module: torch.nn.Module, rows: int) -> list[int]:
    """From now on the module has memory for so many rows; what it was asked to do is in the list."""
    tried: list[int] = []

    def look(_module: Any, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        first = next(value for value in (*inputs, *keywords.values()) if isinstance(value, torch.Tensor))
        tried.append(len(first))
        if len(first) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    module.register_forward_pre_hook(look, with_kwargs=True)
    return tried


@pytest.mark.parametrize("rows", [1, 3])
def test_bertscore_halves_its_batches(tmp_path: Path, caplog: pytest.LogCaptureFixture, rows: int) -> None:
    folder = bert_folder(tmp_path / "bert")
    whole = bert_score(BertJudge.load(folder, device="cpu"), TEXTS, TEXTS[::-1]).values
    judge = BertJudge.load(folder, device="cpu")
    tried = room_for(judge.model, rows)
    caplog.set_level(logging.WARNING)
    assert bert_score(judge, TEXTS, TEXTS[::-1]).values == pytest.approx(whole, abs=1e-6)
    assert tried[0] == len(TEXTS)
    assert max(tried[len(tried) // 2 :]) <= rows
    assert "batches of 3 texts from here on" in caplog.text


def test_clipscore_halves_its_batches(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = clip_folder(tmp_path / "clip")
    images, texts = pictures(5), TEXTS[:5]
    whole = clip_score(ClipJudge.load(folder, device="cpu"), images, texts).values
    judge = ClipJudge.load(folder, device="cpu")
    seen, read = room_for(judge.model.vision_model, 2), room_for(judge.model.text_model, 1)
    assert clip_score(judge, images, texts).values == pytest.approx(whole, abs=1e-4)
    assert (seen, read) == ([5, 2, 2, 1], [5, 2, 1, 1, 1, 1, 1])
    assert "batches of 2 images from here on" in caplog.text
    assert "batches of 1 texts from here on" in caplog.text


def test_one_item_too_many_is_an_error_and_so_is_every_other_fault(tmp_path: Path) -> None:
    judge = BertJudge.load(bert_folder(tmp_path / "bert"), device="cpu")
    room_for(judge.model, 0)
    with pytest.raises(torch.OutOfMemoryError):
        bert_score(judge, TEXTS, TEXTS)

    def broken(some: Any) -> Any:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        list(halving([1, 2], 2, broken, what="things"))


def test_a_processor_without_memory_says_so_in_words() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(ValueError("out of memory"))
