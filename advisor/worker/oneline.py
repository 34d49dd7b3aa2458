"""Text of user code as it may be shown anywhere."""

from __future__ import annotations

LONGEST = 300


def one_line(text: str) -> str:
    """``text`` on one line, at most :data:`LONGEST` characters, with escapes for what does not print."""
    words = " ".join(text[: 4 * LONGEST].split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in words)
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
