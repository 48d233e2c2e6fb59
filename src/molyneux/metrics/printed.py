"""Which BERTScore the paper used: a judge's scores of the caption pairs of Table S.3, beside the printed ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from molyneux.ground.errors import SettingError
from molyneux.metrics.bert import BertJudge
from molyneux.metrics.bertscore import bert_score
from molyneux.metrics.judge import JudgeCard

__all__ = ["PrintedMatch", "match_layers", "match_printed"]


@dataclass(frozen=True)
class PrintedMatch:
    """How near one judge comes to printed scores."""

    judge: JudgeCard
    ours: Float[np.ndarray, " pair"]
    printed: Float[np.ndarray, " pair"]

    @property
    def pearson(self) -> float:
        """Pearson's r: 1 where ours are the printed ones up to scale and offset; NaN where either is constant."""
        spread = float(self.ours.std()), float(self.printed.std())
        if min(spread) < 1e-12:
            return float("nan")
        return float(np.corrcoef(self.ours, self.printed)[0, 1])

    @property
    def error(self) -> float:
        """Mean absolute difference; the paper prints two decimals, so the right model comes to .0025 or so."""
        return float(np.abs(self.ours - self.printed).mean())

    @property
    def offset(self) -> float:
        """Mean of ours less the printed ones: above 0 where this judge is the milder one."""
        return float((self.ours - self.printed).mean())

    @property
    def exact(self) -> int:
        """Pairs whose score is the printed one when rounded to two decimals."""
        return int((np.abs(self.ours - self.printed) <= 0.005 + 1e-6).sum())

    @property
    def count(self) -> int:
        """Number of pairs."""
        return len(self.ours)

    def __str__(self) -> str:
        return (
            f"r = {self.pearson:.3f}, mean difference {self.error:.3f} ({self.offset:+.3f}), "
            f"{self.exact} of {self.count} as printed. {self.judge}"
        )


def match_printed(judge: BertJudge, pairs: Sequence[tuple[str, str, float]]) -> PrintedMatch:
    """Score pairs of captions and put the scores beside printed ones.

    Args:
        pairs: a caption, another one, and the F1 printed for them.

    Raises:
        SettingError: no pairs, or a printed value that is no F1.
    """
    if not pairs:
        raise SettingError("pairs", value=0, expected="at least one")
    printed = np.array([value for _, _, value in pairs], dtype=np.float64)
    if not bool(((printed >= 0) & (printed <= 1)).all()):
        raise SettingError("printed scores", value=printed.tolist(), expected="numbers from 0 to 1")
    found = bert_score(judge, [after for _, after, _ in pairs], [before for before, _, _ in pairs])
    return PrintedMatch(found.judge, found.values, printed)


def match_layers(
    judge: BertJudge, pairs: Sequence[tuple[str, str, float]], layers: Iterable[int] | None = None
) -> list[PrintedMatch]:
    """The same for several layers of one model, nearest to the printed values first.

    Args:
        layers: None: all, the embeddings included.
    """
    chosen = range(judge.depth + 1) if layers is None else layers
    found = [match_printed(judge.at(layer), pairs) for layer in chosen]
    return sorted(found, key=lambda match: match.error)
