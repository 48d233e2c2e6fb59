"""Fixtures that several test files use."""

from exact import exact

__all__ = ["exact"]
