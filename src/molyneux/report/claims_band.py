"""Claims that a figure lies in a band, such as "about half": judged by the estimate, and only if it is precise."""

from __future__ import annotations

from molyneux.report.numerals import between

__all__ = ["in_band"]


def in_band(
    value: float, interval: tuple[float, float], band: tuple[float, float]
) -> tuple[bool | None, str]:
    """Whether a share lies in a band, and in words why that cannot be told.

    An interval with no point in common with the band is a no, however wide it is. One that is wider than the band
    and touches it decides nothing: few images must not make a claim easier to support. Else the estimate decides.

    Args:
        value: the estimate, a share.
        interval: its 95% interval, low and high.
        band: what the claim allows, low and high.
    """
    low, high = interval
    if high < band[0] or low > band[1]:
        return False, ""
    if high - low > band[1] - band[0]:
        wide, allowed = (between(*ends, 0, percent=True) for ends in (interval, band))
        return None, f"The interval {wide} is wider than the band {allowed} it is held against."
    return band[0] <= value <= band[1], ""
