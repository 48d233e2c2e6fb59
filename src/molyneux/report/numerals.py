"""Numbers as a page says them."""

from __future__ import annotations

import math

__all__ = ["NONE", "between", "chance", "count", "fixed", "share", "signed"]

NONE = "\u2013"
"""Where there is no number."""
_MINUS = "\u2212"
_PERCENT = "\u202f%"
_LEAST = 0.00005
"""Below, a share of two decimals rounds to nothing."""


def fixed(value: float | None, digits: int) -> str:
    """A number with a fixed number of decimals; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NONE
    said = f"{value:.{digits}f}"
    if not said.strip("-0."):
        said = said.lstrip("-")
    return said.replace("-", _MINUS)


def signed(value: float | None, digits: int) -> str:
    """A difference with its sign."""
    said = fixed(value, digits)
    return said if value is None or said.startswith((_MINUS, NONE)) or not said.strip("0.") else f"+{said}"


def share(value: float | None, digits: int | None = None, *, plus: bool = False) -> str:
    """A share as percent; where no digits are asked for, small ones have one or two, as has almost all of it.

    Args:
        value: a part of a whole, or a change by such a part, from -1 on.
        plus: it is a change, which may go beyond 1: growth has its sign.
    """
    if value is None or not math.isfinite(value):
        return NONE
    if digits is None:
        if 0 < abs(value) < _LEAST:
            return _tiny(value, plus=plus) + _PERCENT
        almost = 0.995 <= abs(value) < 1
        digits = 2 if 0 < abs(value) < 0.00095 else 1 if almost or abs(value) < 0.0995 else 0
        if almost and not (plus and value > 0):
            value = max(-0.999, min(0.999, value))  # something is left
    return (signed if plus else fixed)(value * 100, digits) + _PERCENT


def _tiny(value: float, *, plus: bool) -> str:
    """What two decimals would say is nothing."""
    if value < 0:
        return f"> {_MINUS}0.01"
    return "< +0.01" if plus else "< 0.01"


def between(low: float | None, high: float | None, digits: int, *, percent: bool = False) -> str:
    """An interval in brackets; nothing where there is none."""
    if low is None or high is None:
        return ""
    if percent:
        return f"[{fixed(low * 100, digits)}, {fixed(high * 100, digits)}]\u202f%"
    return f"[{fixed(low, digits)}, {fixed(high, digits)}]"


def chance(p: float | None) -> str:
    """A p-value: two digits, and no smaller than its test can tell."""
    if p is None or not math.isfinite(p):
        return NONE
    if p < 0.0001:
        return "< 0.0001"
    return f"{p:.4f}" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def count(value: int) -> str:
    """A count with thin spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")
