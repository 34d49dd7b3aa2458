"""Packing buffers into one arena: greedy by size (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net
Inference", arXiv 2001.03288), which TensorFlow Lite's planners use.

The largest buffer first, each at the lowest place of the smallest gap between buffers alive at the same time that
holds it, or on top of them. The arena is never smaller than the most bytes alive at once, and seldom larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

ALIGNMENT = 16
"""Bytes: TensorFlow Lite Micro's buffers start at multiples of it (``MicroArenaBufferAlignment``)."""


class Buffer(NamedTuple):
    """Bytes that must stay where they are from step ``first`` to step ``last``."""

    first: int
    last: int
    bytes: int


def pack(buffers: Sequence[Buffer], alignment: int = ALIGNMENT) -> tuple[list[int], int]:
    """The offset of every buffer, and the size of the arena in bytes."""
    offsets = [0] * len(buffers)
    size = 0
    placed: list[tuple[int, int, int, int]] = []  # (first, last, offset, end)
    for i in sorted(range(len(buffers)), key=lambda i: (-buffers[i].bytes, buffers[i].first)):
        first, last, bytes_ = buffers[i]
        needed = -(-bytes_ // alignment) * alignment
        beside = sorted([(start, end) for begin, stop, start, end in placed if begin <= last and stop >= first])
        offsets[i] = place = _place(beside, needed)
        placed.append((first, last, place, place + needed))
        size = max(size, place + needed)
    return offsets, size


def _place(taken: list[tuple[int, int]], needed: int) -> int:
    """Where the smallest gap between ``taken`` starts that holds ``needed`` bytes; else the end of all of them."""
    best, place = -1, -1
    free = 0
    for start, end in taken:
        gap = start - free
        if gap >= needed and (place < 0 or gap < best):
            best, place = gap, free
        free = max(free, end)
    return free if place < 0 else place
