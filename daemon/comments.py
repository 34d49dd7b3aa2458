"""Questions for comments that actions write, as they go to an analyst: trying comments holds up whoever is there."""

from __future__ import annotations

from typing import Any

from advisor.fixes.comments import Ask, Ignore, Tell
from advisor.graph import Span


def plain(asked: Ask) -> list[Any]:
    """For an analyst, which knows the file: :func:`ask` is the inverse."""
    span, *rest = asked
    return [type(asked).__name__, span[1:], *rest]


def ask(file: str, given: Any) -> Ask:
    """What is asked for in ``file``. Raises TypeError or ValueError for what is no question."""
    kind, (line, column, end_line, end_column), *rest = given
    span = Span(file, line, column, end_line, end_column)
    if not all(type(n) is int and n > 0 for n in span[1:]):
        raise ValueError("positions are integers from 1")
    if kind == Ignore.__name__:
        (code,) = rest
        return Ignore(span, str(code))
    if kind == Tell.__name__:
        built, shown = rest
        return Tell(span, bool(built), str(shown))
    raise ValueError(f"no question {kind!r}")
