"""Which feature maps Vela keeps in a dedicated SRAM, a cache in front of DRAM.

Weights that are fetched ahead have their place first. Then, where not everything fits: what does not even fit alone is
left in DRAM; what fits whatever else is kept stays; among the others, those are kept that are read and written most,
group by group of overlapping lifetimes. An element-wise step takes its operands from one memory: where one is in DRAM,
the others go there too, unless some other step reads them.

Source: the fast storage allocator of ``ethos-u-vela`` 5.2.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .area import Area, Step
from .schedule import Span

GROUP, SEARCHED = 20, 12
"""Lifetimes of a group; so many of them are tried in all combinations, those used most first."""


@dataclass(slots=True, eq=False)
class Range:
    """A place that feature maps have one after another, from step ``first`` to ``last`` (indices); ``access`` are bytes
    read and written."""

    lives: list[Span]
    first: int
    last: int
    bytes: int
    access: int


def kept(order: Sequence[Step], lives: Sequence[Span], buffered: Sequence[int], size: int) -> list[int]:
    """Bytes in an SRAM of ``size`` during each step; ``buffered`` are those of weights."""
    ranges = _ranges(lives)
    most = list(buffered)
    for r in ranges:
        _add(most, r, r.bytes)
    held = ranges
    if max(most) > size:
        least = list(buffered)
        fitting = [r for r in ranges if _peak(least, r) + r.bytes <= size]
        for r in set(ranges) - set(fitting):
            _add(most, r, -r.bytes)
        held = [r for r in fitting if _peak(most, r) <= size]
        for r in held:
            _add(least, r, r.bytes)
        rivals = [r for r in fitting if _peak(most, r) > size]
        for group in _groups(rivals):
            chosen = _chosen(group, least, size)
            held += chosen
            for r in chosen:
                _add(least, r, r.bytes)
        held = _together(order, held)
    used = list(buffered)
    for r in held:
        _add(used, r, r.bytes)
    return used


def _ranges(lives: Sequence[Span]) -> list[Range]:
    by_home: dict[Area, list[Span]] = {}
    for span in lives:
        by_home.setdefault(span.home, []).append(span)
    return [_range(spans, home.bytes) for home, spans in by_home.items()]


def _range(lives: list[Span], size: int) -> Range:
    access = sum([span.area.bytes * (len(span.area.readers) + 1) for span in lives])
    return Range(lives, min(span.first for span in lives), max(span.last for span in lives), size, access)


def _add(used: list[int], r: Range, amount: int) -> None:
    for at in range(r.first, min(r.last + 1, len(used))):
        used[at] += amount


def _peak(used: Sequence[int], r: Range) -> int:
    return max(used[r.first : r.last + 1])


def _groups(rivals: Sequence[Range]) -> list[list[Range]]:
    """Neighbours whose lifetimes overlap."""
    groups: list[list[Range]] = []
    end = -1
    for r in rivals:
        if groups and r.first <= end and len(groups[-1]) <= GROUP:
            groups[-1].append(r)
            end = max(end, r.last)
        else:
            groups.append([r])
            end = r.last
    return groups


def _chosen(group: Sequence[Range], used: Sequence[int], size: int) -> list[Range]:
    """Those of a group that fit together and are used most."""
    start = min(r.first for r in group)
    free = [size - n for n in used[start : max(r.last for r in group) + 1]]
    order = sorted(group, key=lambda r: -r.access)
    left = [0]
    for r in reversed(order):
        left.append(left[-1] + r.access)
    left.reverse()
    best: tuple[int, list[Range]] = (-1, [])

    def search(i: int, score: int, taken: list[Range]) -> None:
        nonlocal best
        if score > best[0]:
            best = score, list(taken)
        if i == len(order) or score + left[i] <= best[0]:
            return
        r = order[i]
        span = range(r.first - start, min(r.last - start + 1, len(free)))
        fits = all(free[at] >= r.bytes for at in span)
        if fits:
            for at in span:
                free[at] -= r.bytes
            search(i + 1, score + r.access, [*taken, r])
            for at in span:
                free[at] += r.bytes
        if not fits or i < SEARCHED:
            search(i + 1, score, taken)

    search(0, 0, [])
    return best[1]


def _together(order: Sequence[Step], held: Sequence[Range]) -> list[Range]:
    """Without operands of element-wise steps that have another operand in DRAM."""
    inside = {span.area for r in held for span in r.lives}
    for step in order:
        operands = [area for area in step.reads if area in inside]
        if step.elementwise and len(operands) < len(step.reads):
            inside.difference_update([a for a in operands if all(reader.elementwise for reader in a.readers)])
    left = [([span for span in r.lives if span.area in inside], r) for r in held]
    return [r if len(lives) == len(r.lives) else _range(lives, r.bytes) for lives, r in left if lives]
