"""BERTScore: how alike two texts are, by greedy matching of their tokens' contextual vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from molyneux.ground.errors import NonFiniteError, SettingError
from molyneux.metrics.batches import halving
from molyneux.metrics.bert import BertJudge
from molyneux.metrics.judge import Scores

__all__ = ["TokenVectors", "bert_score", "greedy_f1", "token_vectors"]

_CHUNK = 1024  # candidates whose tokens' vectors are held at a time


@dataclass(frozen=True)
class TokenVectors:
    """A text's tokens as the model sees them in it."""

    vectors: Float[Tensor, "token dim"]
    """Of length 1, float32, on the CPU."""
    counts: Bool[Tensor, " token"]
    """False for the tokens at the ends: they can be matched, and weigh nothing."""
    cut: bool
    """The text was longer than the model reads."""


@torch.no_grad()
def token_vectors(judge: BertJudge, texts: Sequence[str], *, batch_size: int = 64) -> dict[str, TokenVectors]:
    """The vectors of every different text; texts of about the same length share a batch.

    Raises:
        NonFiniteError: the model answers with NaN or infinity.
    """
    tokenizer, model, longest = judge.tokenizer, judge.model, judge.longest
    written = {text: _written(judge, text) for text in texts}
    if not written:
        return {}
    rows = tokenizer(list(written.values()), verbose=False)["input_ids"]
    lengths = {text: len(row) for text, row in zip(written, rows, strict=True)}
    ordered = sorted(written, key=lambda text: lengths[text])
    ends = torch.tensor([tokenizer.cls_token_id, tokenizer.sep_token_id])

    def read(batch: Sequence[str]) -> dict[str, TokenVectors]:
        said = [written[text] for text in batch]
        inputs = tokenizer(said, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        ids, there = inputs["input_ids"], inputs["attention_mask"].bool()
        states = model(**inputs.to(model.device), output_hidden_states=True).hidden_states[judge.layer]
        vectors = functional.normalize(_finite(states.float().cpu(), judge), dim=-1)
        made = {}
        for row, text in enumerate(batch):
            kept = there[row]
            counts = ~torch.isin(ids[row][kept], ends)
            made[text] = TokenVectors(vectors[row][kept], counts, lengths[text] > longest)
        return made

    found: dict[str, TokenVectors] = {}
    for _, made in halving(ordered, batch_size, read, what="texts"):
        found |= made
    return found


def _written(judge: BertJudge, text: str) -> str:
    """The text as the tokenizer gets it: RoBERTa's knows a word without a space before it as another word."""
    bare = text.strip()
    apart = bare and type(judge.tokenizer).__name__.startswith("Roberta")
    return f" {bare}" if apart else bare


def _finite(states: Float[Tensor, "text token dim"], judge: BertJudge) -> Float[Tensor, "text token dim"]:
    if not bool(states.isfinite().all()):
        raise NonFiniteError(
            f"vectors of {judge.card.name}, layer {judge.layer}, with NaN or infinity",
            expected="finite ones",
            fix="Check the weights: the file may be damaged.",
        )
    return states


def greedy_f1(
    candidates: Sequence[TokenVectors], references: Sequence[TokenVectors]
) -> Float[Tensor, " pair"]:
    """F1 of each candidate against the reference at its place (Zhang et al. 2020, without weights of words).

    With cosines ``s[i, j]`` of the candidate's token i and the reference's token j:

        P = mean over i of max over j of s[i, j]
        R = mean over j of max over i of s[i, j]
        F1 = 2 P R / (P + R)

    The tokens at the ends take part in each max and in neither mean. A text without tokens scores 0.
    """
    a, a_there, a_counts = _padded(candidates)
    b, b_there, b_counts = _padded(references)
    cosines = a @ b.transpose(1, 2)
    cosines = cosines.masked_fill(~(a_there[:, :, None] & b_there[:, None, :]), -2.0)  # below every cosine
    precision = _mean(cosines.amax(2), a_counts)
    recall = _mean(cosines.amax(1), b_counts)
    total = precision + recall
    empty = ~(a_counts.any(1) & b_counts.any(1)) | (total == 0)
    return torch.where(empty, 0.0, 2 * precision * recall / total.masked_fill(empty, 1.0))


def _padded(
    texts: Sequence[TokenVectors],
) -> tuple[Float[Tensor, "pair token dim"], Bool[Tensor, "pair token"], Bool[Tensor, "pair token"]]:
    """Vectors, which tokens are there, and which count in the mean."""
    vectors = pad_sequence([text.vectors for text in texts], batch_first=True)
    there = pad_sequence([torch.ones_like(text.counts) for text in texts], batch_first=True)
    return vectors, there, pad_sequence([text.counts for text in texts], batch_first=True)


def _mean(best: Float[Tensor, "pair token"], counts: Bool[Tensor, "pair token"]) -> Float[Tensor, " pair"]:
    return torch.where(counts, best, 0.0).sum(1) / counts.sum(1).clamp(min=1)


def bert_score(
    judge: BertJudge,
    candidates: Sequence[str],
    references: Sequence[str | Sequence[str]],
    *,
    batch_size: int = 64,
) -> Scores:
    """BERTScore F1 of each candidate: the best over its references, without idf and without rescaling.

    Empty texts score 0. At most ``_CHUNK`` candidates' vectors, and those of their references, are held at a time.

    Args:
        references: of each candidate one text, or several.

    Raises:
        SettingError: another number of candidates than of references, or a candidate without any.
        NonFiniteError: the model answers with NaN or infinity.
    """
    given = [[one] if isinstance(one, str) else list(one) for one in references]
    if len(candidates) != len(given):
        raise SettingError(
            "candidates and references",
            value=(len(candidates), len(given)),
            expected="a reference, or several, for each candidate",
        )
    if not all(given):
        raise SettingError("references of a candidate", value=[], expected="at least one text")
    if batch_size < 1:
        raise SettingError("batch_size", value=batch_size, expected="at least 1")
    values, cut = [np.empty(0)], 0
    for start in range(0, len(given), _CHUNK):
        some, theirs = candidates[start : start + _CHUNK], given[start : start + _CHUNK]
        known = token_vectors(
            judge, [*some, *(text for texts in theirs for text in texts)], batch_size=batch_size
        )
        values.append(_best(some, theirs, known, batch_size))
        cut += sum(
            known[text].cut or any(known[other].cut for other in texts)
            for text, texts in zip(some, theirs, strict=True)
        )
    return Scores(np.concatenate(values), cut, judge.card)


def _best(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    known: dict[str, TokenVectors],
    batch_size: int,
) -> Float[np.ndarray, " candidate"]:
    """The best F1 of each candidate over its references."""
    pairs = [(row, ref) for row, texts in enumerate(references) for ref in texts]
    found = np.full(len(candidates), -np.inf)

    def match(batch: Sequence[tuple[int, str]]) -> Tensor:
        return greedy_f1([known[candidates[row]] for row, _ in batch], [known[ref] for _, ref in batch])

    for batch, f1 in halving(pairs, 4 * batch_size, match, what="pairs of texts"):
        np.maximum.at(found, [row for row, _ in batch], f1.double().numpy())
    return found
