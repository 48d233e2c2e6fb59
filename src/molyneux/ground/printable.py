"""Text from models and file names, made harmless and visible before it meets a terminal or a page."""

from __future__ import annotations

import unicodedata

__all__ = ["inert", "shown_token"]

# Control, format (bidirectional marks, joiners), lone surrogates, line and paragraph separators.
_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_WHITE = {" ": "·", "\n": "↵", "\t": "⇥"}


def inert(text: str) -> str:
    r"""Write every character that acts instead of showing as an escape (``\x1b``, ``\u202e``).

    What is left can neither move a cursor, colour a terminal, end a line nor turn the reading direction.
    """
    return "".join(_escape(c) if unicodedata.category(c) in _ACTING else c for c in text)


def shown_token(token: str, *, space: bool = True) -> str:
    """A token as people read it: its white space made visible, all else inert.

    Args:
        space: show a single leading space as ``·``; otherwise it is dropped, as most tokens begin with one.
    """
    core = token.strip()
    if not core:
        return _visible(token) or "(empty)"
    start = token.index(core)
    before, after = token[:start], token[start + len(core) :]
    if before == " " and not space:
        before = ""
    return _visible(before) + inert(core) + _visible(after)


def _visible(white: str) -> str:
    return "".join(_WHITE.get(character, _escape(character)) for character in white)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
