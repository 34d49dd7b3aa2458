"""Which of the things that want to be in a memory get in, when each is there for a span of time.

The rule is that of Vela's fast storage allocator: what does not fit beside what is there anyway stays out; what fits
whatever the others do is in; of the others, in groups that meet in time, those get in whose total worth is most.

Source: ``ethos-u-vela`` 5.2.0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

MOST = 16
"""How many are weighed against each other at the most."""
_TRIED = 600
"""Choices that are looked at before the best so far is taken."""


class Range(NamedTuple):
    """``size`` is needed from ``first`` to ``last``."""

    first: int
    last: int
    size: int


def place(ranges: Sequence[Range], base: list[int], room: float, worth: Callable[[int], float]) -> list[bool]:
    """Which of ``ranges`` are in. ``base`` is what is used anyway, by time (it is changed); ``worth`` says what a range
    is worth by its number, and is asked only where it matters."""
    most = base[:]
    for first, last, size in ranges:
        for at in range(first, last + 1):
            most[at] += size
    if max(most, default=0) <= room:
        return [True] * len(ranges)
    inside = [False] * len(ranges)
    able = []
    for i, (first, last, size) in enumerate(ranges):
        if max(base[first : last + 1]) + size <= room:
            able.append(i)
            continue
        for at in range(first, last + 1):
            most[at] -= size
    rivals = []
    for i in able:
        first, last, size = ranges[i]
        if max(most[first : last + 1]) > room:
            rivals.append(i)
            continue
        inside[i] = True
        _add(base, ranges[i])
    rivals.sort(key=lambda i: ranges[i][:2])
    for group in _groups(ranges, rivals):
        for i in _best([ranges[i] for i in group], base, room, [worth(i) for i in group]):
            inside[group[i]] = True
            _add(base, ranges[group[i]])
    return inside


def _add(used: list[int], span: Range, sign: int = 1) -> None:
    for at in range(span.first, span.last + 1):
        used[at] += sign * span.size


def _groups(ranges: Sequence[Range], rivals: list[int]) -> list[list[int]]:
    """The rivals in groups that follow each other in time."""
    groups: list[list[int]] = []
    end = -1
    for i in rivals:
        if groups and ranges[i].first <= end and len(groups[-1]) <= MOST:
            groups[-1].append(i)
            end = max(end, ranges[i].last)
        else:
            groups.append([i])
            end = ranges[i].last
    return groups


def _best(ranges: list[Range], base: list[int], room: float, worths: list[float]) -> list[int]:
    """Those that fit together and are worth most. Branch and bound, in order of time."""
    count = len(ranges)
    rest = [0.0] * (count + 1)
    for i in reversed(range(count)):
        rest[i] = rest[i + 1] + worths[i]
    best, chosen, tried = -1.0, [], 0
    taken: list[int] = []
    # what is still to be tried: (number, worth so far, whether to take it back)
    stack = [(0, 0.0, False)]
    while stack:
        at, worth, back = stack.pop()
        if back:
            _add(base, ranges[taken.pop()], -1)
            continue
        if worth + rest[at] <= best or tried > _TRIED:
            continue
        tried += 1
        if at == count:
            best, chosen = worth, taken[:]
            continue
        stack.append((at + 1, worth, False))
        first, last, size = ranges[at]
        if max(base[first : last + 1]) + size <= room:
            _add(base, ranges[at])
            taken.append(at)
            stack.append((at, 0.0, True))
            stack.append((at + 1, worth + worths[at], False))
    return chosen
