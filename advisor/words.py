"""How a message helps with a word that nobody knows: one wording for settings, targets and codes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_BEGINS = 3
"""Letters from which on a word may be the beginning of another; and so many of these are named."""


def suggestion(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the known words that begin so, or the nearest one, else ``; known: …`` with all."""
    words = sorted(known)
    longer = [each for each in words if each.startswith(word)] if len(word) >= _BEGINS else []
    near = longer[:_BEGINS] or difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else f"; known: {', '.join(words)}"
