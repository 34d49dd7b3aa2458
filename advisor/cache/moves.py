"""From one text to another with the same code: where the code went when the rest of the text changed."""

from __future__ import annotations

import keyword
import re

from .code import Code, indent

Place = tuple[int, int, int, int]
"""Line, column, end line and end column, as in :class:`advisor.graph.Span`."""

_WORD = re.compile(r"\w+")
_NO_EXPRESSION = frozenset(keyword.kwlist) - {"None", "True", "False", "not", "lambda", "await", "yield"}


class Moves:
    """Where the places of an old text are in a new one with the same code."""

    def __init__(self, old: Code, new: Code) -> None:
        self._old, self._new = old, new
        self._to = dict(zip(old.lines, new.lines, strict=True))

    @property
    def still(self) -> bool:
        """Whether nothing moved: every line of code is where it was, as it was."""
        old, new = self._old, self._new
        return list(old.lines) == list(new.lines) and all(old.code(i) == new.code(i) for i in range(len(old.lines)))

    def line(self, line: int) -> int | None:
        """The new number of a line; None where there is no code on it."""
        return self._to.get(line)

    def place(self, place: Place) -> Place | None:
        """The range that covers the same code; None where that cannot be said."""
        line, column, end_line, end_column = place
        start, end = self._column(line, column, False), self._column(end_line, end_column, True)
        if start is None or end is None or self._is_whole_line(place):
            return None
        return self._to[line], start, self._to[end_line], end

    def _column(self, line: int, column: int, exclusive: bool) -> int | None:
        index = self._old.index.get(line)
        if index is None:
            return None
        here, there = self._old.raw[line - 1], self._new.raw[self._new.lines[index] - 1]
        if here == there:
            return column
        if column > self._old.widths[index] + exclusive:
            return None
        before, after = self._old.code(index), self._new.code(index)
        if before == after:
            return column
        at = column - 1 - exclusive  # of the first character, or of the last
        if not 0 <= at < len(before) or before[at].isspace():
            return None
        nth = len("".join(before[:at].split()))
        seen = -1
        for found, character in enumerate(after):
            seen += not character.isspace()
            if seen == nth:
                return found + 1 + exclusive
        return None

    def _is_whole_line(self, place: Place) -> bool:
        """Whether a range may be a line rather than an expression: then it ends where the line does, with its comment.

        So it is on Python 3.10 for a line on which no expression begins.
        """
        line, column, end_line, end_column = place
        index = self._old.index[line]
        code = self._old.code(index)
        begins = column == indent(code) + 1 and line == end_line and end_column > len(code)
        if not begins or self._old.raw[line - 1] == self._new.raw[self._new.lines[index] - 1]:
            return False
        word = _WORD.match(code, column - 1)
        return word[0] in _NO_EXPRESSION if word else code[column - 1 : column] not in {*"\"'([{"}


def moves(old: Code, new: Code) -> Moves | None:
    """Where the places of ``old`` are in ``new``; None where the two are not the same code."""
    if old.digest != new.digest or len(old.lines) != len(new.lines):
        return None
    return Moves(old, new)
