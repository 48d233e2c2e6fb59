"""How many of how many, with the interval that the number leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from molyneux.ground.errors import SettingError

__all__ = ["Share", "share"]


@dataclass(frozen=True)
class Share:
    """A count among ``of``, and its Wilson interval as shares between 0 and 1."""

    count: int
    of: int
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.count} of {self.of} [{self.low:.0%}, {self.high:.0%}]"


def share(count: int, of: int, *, level: float = 0.95) -> Share:
    """A share with its score interval (Wilson 1927), which stays sensible at 0 and at all.

    With p = count / of and z the normal quantile of the level:

        (p + z^2 / 2n  -+  z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)

    Raises:
        SettingError: nothing was counted, or more than there is.
    """
    if not 0 <= count <= of or of < 1:
        raise SettingError("count", value=(count, of), expected="0 up to a total of at least 1")
    z = NormalDist().inv_cdf((1 + level) / 2)
    p = count / of
    middle = p + z * z / (2 * of)
    reach = z * (p * (1 - p) / of + z * z / (4 * of * of)) ** 0.5
    scale = 1 + z * z / of
    return Share(count, of, max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale))
