"""A text as the protocol sees it: lines, positions in the client's units, and edits.

Lines end with ``\\n``, ``\\r\\n`` or ``\\r`` and nothing else, as in the protocol and in Python's own tokenizer;
``str.splitlines`` knows eight more. Columns of our own (:class:`advisor.graph.Span`) are code points.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from lsprotocol import types

Encoding = Literal["utf-8", "utf-16", "utf-32"]
ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_LONE = re.compile("[\ud800-\udfff]")


def cleaned(text: str) -> str:
    """``text`` with U+FFFD for halves of surrogate pairs, which neither files nor msgpack can hold."""
    return text if text.isascii() else _LONE.sub("\ufffd", text)


def split(text: str) -> tuple[str, ...]:
    """The lines with their ends; a text that ends with a line break has no empty line after it."""
    return tuple(_LINE.findall(text))


class Codec:
    """Converts between code points and the units that a client counts columns in."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding

    def units(self, text: str) -> int:
        """The length of ``text`` in the client's units."""
        if self.encoding == "utf-32" or text.isascii():
            return len(text)
        if self.encoding == "utf-8":
            return len(text.encode())
        return len(text) + sum(c > "\uffff" for c in text)

    def points(self, line: str, units: int) -> int:
        """How many code points of ``line`` the first ``units`` take; a unit within a code point stands before it."""
        body = line.rstrip("\r\n")
        if self.encoding == "utf-32" or body.isascii():
            return max(0, min(units, len(body)))
        taken = 0
        for index, character in enumerate(body):
            taken += self.units(character)
            if taken > units:
                return index
        return len(body)

    def position(self, lines: Sequence[str], line: int, column: int) -> types.Position:
        """The client's position of a line and column of ours, both from 1; beyond the text is its end."""
        if line > len(lines):
            return self.end(lines)
        row = lines[line - 1].rstrip("\r\n")
        return types.Position(line - 1, self.units(row[: max(0, column - 1)]))

    def end(self, lines: Sequence[str]) -> types.Position:
        """The position after the last character."""
        if not lines:
            return types.Position(0, 0)
        last = lines[-1]
        if last.endswith(("\r", "\n")):
            return types.Position(len(lines), 0)
        return types.Position(len(lines) - 1, self.units(last))


def edited(lines: tuple[str, ...], change: types.TextDocumentContentChangeEvent, codec: Codec) -> tuple[str, ...]:
    """The lines after ``change``; only those that it touches are read anew."""
    if not isinstance(change, types.TextDocumentContentChangePartial):
        return split(cleaned(change.text))
    start, end = change.range.start, change.range.end
    if (end.line, end.character) < (start.line, start.character):
        start, end = end, start
    first = min(start.line, len(lines))
    head = lines[first][: codec.points(lines[first], start.character)] if first < len(lines) else ""
    tail = lines[end.line][codec.points(lines[end.line], end.character) :] if end.line < len(lines) else ""
    if first and (first == len(lines) or lines[first - 1].endswith("\r")):
        # What is inserted may go on with an unended last line, or make one line break of \r and \n.
        first -= 1
        head = lines[first] + head
    return (*lines[:first], *split(head + cleaned(change.text) + tail), *lines[end.line + 1 :])
