"""Edits of source texts: spans that get another text, applied and merged without looking at what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from ..graph import Span

_LINE_END = re.compile(r"\r\n|\r|\n")


class Edit(NamedTuple):
    """Replaces what stands at ``span`` by ``text``, whose lines end in ``\\n``; an empty span inserts."""

    span: Span
    text: str

    def plain(self) -> list[object]:
        """For JSON: the span's five parts, then the text."""
        return [*self.span, self.text]


FileEdits = dict[str, tuple[Edit, ...]]
"""Edits by the file that they change, in the order of their places."""


class Conflict(Exception):
    """Edits that cannot be made together; the message names the place and both."""


class MisplacedEdit(ValueError):
    """An edit whose span is not in the text."""


def apply(text: str, edits: Iterable[Edit]) -> str:
    """``text`` with ``edits``, which all belong to it. Outside of their spans it stays as it is, to the code point;
    line ends within edits become those of the text's first line. Raises :class:`Conflict` and
    :class:`MisplacedEdit`."""
    ordered = merged(edits)
    starts = _starts(text)
    ends = _LINE_END.search(text)
    newline = ends.group() if ends is not None else "\n"
    parts: list[str] = []
    at = 0
    for edit in ordered:
        span = edit.span
        begin, end = _offset(text, starts, span, span[1:3]), _offset(text, starts, span, span[3:5])
        parts += text[at:begin], edit.text.replace("\n", newline)
        at = end
    return "".join((*parts, text[at:]))


def merged(*several: Iterable[Edit]) -> tuple[Edit, ...]:
    """All the edits, by file and place, with those that are the same once. Raises :class:`Conflict`."""
    ordered = sorted(dict.fromkeys(e for edits in several for e in edits), key=lambda e: (e.span.file, *e.span[1:]))
    for one, other in pairwise(ordered):
        if _overlap(one.span, other.span):
            raise Conflict(
                f"{one.span.file}:{other.span.line} would become both {_shown(one.text)} and {_shown(other.text)}"
            )
    return tuple(ordered)


def by_file(edits: Iterable[Edit]) -> FileEdits:
    """The edits of each file."""
    found: dict[str, list[Edit]] = {}
    for edit in edits:
        found.setdefault(edit.span.file, []).append(edit)
    return {file: tuple(theirs) for file, theirs in found.items()}


def cut(text: str, span: Span) -> str:
    """What stands at ``span``. Raises :class:`MisplacedEdit`."""
    starts = _starts(text)
    return text[_offset(text, starts, span, span[1:3]) : _offset(text, starts, span, span[3:5])]


def _overlap(one: Span, other: Span) -> bool:
    """Whether two spans, of which ``one`` does not begin after the other, share a character, or one is inserted into
    the other. Two that touch do not; nor do two insertions at one place, which stand there in order."""
    return one.file == other.file and other[1:3] < one[3:5]


def _starts(text: str) -> list[int]:
    """Where each line begins."""
    return [0, *(m.end() for m in _LINE_END.finditer(text))]


def _offset(text: str, starts: Sequence[int], span: Span, place: Sequence[int]) -> int:
    line, column = place
    if 1 <= line <= len(starts) and column >= 1:
        offset = starts[line - 1] + column - 1
        end = starts[line] if line < len(starts) else len(text) + 1
        if offset < end:
            return offset
    raise MisplacedEdit(f"{span.file} has no line {line} with a column {column}; it changed since it was analysed")


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return f"'{line if len(line) <= 40 else line[:39] + '…'}'"
