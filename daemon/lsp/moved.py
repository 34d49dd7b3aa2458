"""A view moved with its text: what stands before an edit stays, what stands behind it shifts.

What an edit lies strictly within stretches, if it is a layer or a model: a person who types in ``nn.Conv2d(3, 1‸)``
keeps the hint behind it. Findings that an edit touches are dropped: they may be about what was edited.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from advisor.findings import Finding
from advisor.graph import Span

from ..view import View

_COMPARED = 100
"""Lines between the first and the last changed one that are compared with each other; more count as one edit. The time
for lines that are all alike grows with their third power: 23 ms for so many, on everybody's event loop."""

Point = tuple[int, int]
"""A line and a column, both from 1."""


@dataclass(frozen=True)
class Change:
    """The text from ``start`` to ``end`` became one that ends at ``new_end``."""

    start: Point
    end: Point
    new_end: Point

    def point(self, point: Point) -> Point:
        """Where a point behind the change is now."""
        line, column = point
        if line == self.end[0]:
            column += self.new_end[1] - self.end[1]
        return line + self.new_end[0] - self.end[0], column

    def span(self, span: Span, stretch: bool) -> Span | None:
        """Where ``span`` is now, None where the change touches it."""
        start, end = (span.line, span.column), (span.end_line, span.end_column)
        if end <= self.start:
            return span
        if start >= self.end:
            start = self.point(start)
        elif not (stretch and start < self.start and self.end < end):
            return None
        return Span(span.file, *start, *self.point(end))


def changes(old: tuple[str, ...], new: tuple[str, ...]) -> list[Change]:
    """What happened between two texts, given as lines with their ends: the last change first, so that each can be
    applied without regard to the others."""
    shortest = min(len(old), len(new))
    top = _longest(shortest, lambda low, high: old[low:high] == new[low:high])
    after_old, after_new = len(old), len(new)
    tail = _longest(
        shortest - top,
        lambda low, high: old[after_old - high : after_old - low] == new[after_new - high : after_new - low],
    )
    before, after = old[top : len(old) - tail], new[top : len(new) - tail]
    if not before and not after:
        return []
    if max(len(before), len(after)) > _COMPARED:
        return [_change(top, before, after)]
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    found = [op for op in matcher.get_opcodes() if op[0] != "equal"]
    return [_change(top + i, before[i:j], after[k:m]) for _, i, j, k, m in reversed(found)]


def _change(row: int, before: Sequence[str], after: Sequence[str]) -> Change:
    """The change of some lines into others, without what they have in common at both ends."""
    was, now = "".join(before), "".join(after)
    head = _common(was, now)
    foot = _common(was[head:][::-1], now[head:][::-1])
    return Change(_at(row, before, head), _at(row, before, len(was) - foot), _at(row, after, len(now) - foot))


def _longest(most: int, same: Callable[[int, int], bool]) -> int:
    """The length of the longest common part, at most ``most``; ``same`` compares the pieces between two lengths."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if same(low, middle):
            low = middle
        else:
            high = middle - 1
    return low


def _common(a: str, b: str) -> int:
    """The length of the beginning that both have."""
    return _longest(min(len(a), len(b)), lambda low, high: a[low:high] == b[low:high])


def _at(row: int, lines: Sequence[str], offset: int) -> Point:
    for line in lines:
        if offset < len(line) or (offset == len(line) and not line.endswith(("\n", "\r"))):
            break
        offset -= len(line)
        row += 1
    return row + 1, offset + 1


def shifted(span: Span, steps: Sequence[Change], stretch: bool = True) -> Span | None:
    """Where a span is after all changes, None where one touches it."""
    moving: Span | None = span
    for step in steps:
        if moving is None:
            return None
        moving = step.span(moving, stretch)
    return moving


def finding(found: Finding, path: str, steps: Sequence[Change]) -> Finding | None:
    """A finding after the changes of the file ``path``, None where one of them touches it."""
    span = shifted(found.span, steps, stretch=False) if found.span.file == path else found.span
    if span is None:
        return None
    related = []
    for other in found.related:
        at = shifted(other.span, steps) if other.span.file == path else other.span
        if at is not None:
            related.append(replace(other, span=at))
    return replace(found, span=span, related=related)


def through(view: View, steps: Sequence[Change]) -> View:
    """The view with everything of its own file moved."""
    if not steps:
        return view

    def own(span: Span) -> Span | None:
        return shifted(span, steps) if span.file == view.path else span

    return replace(
        view,
        models=[replace(m, span=span) for m in view.models if (span := own(m.span)) is not None],
        places=[
            replace(
                p,
                span=span,
                origin=[at for o in p.origin if (at := own(o)) is not None],
                widths=[replace(w, span=at) for w in p.widths if (at := own(w.span)) is not None],
            )
            for p in view.places
            if (span := own(p.span)) is not None
        ],
        findings=[moved for f in view.findings if (moved := finding(f, view.path, steps)) is not None],
    )
