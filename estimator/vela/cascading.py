"""Which kernels an Ethos-U's compiler runs as one, and which in stripes, one behind the other.

A kernel starts a cascade if those behind it, each the only reader of the one before, would not fit with operand and
result; it goes on while the rolling buffers of lines between them fit. Then the stripes are made as large as fits.

Source: ``ethos-u-vela`` 5.2.0, its cascade builder and scheduler.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .blocks import BRICK
from .rates import Rates
from .stages import Stages

LAYERS = frozenset({"conv", "pointwise", "depthwise", "grouped", "transposed", "linear"})
_STRIPED = frozenset({"conv", "pointwise", "depthwise", "pool", "activation", "elementwise"})


class Cascade(NamedTuple):
    """Rows from ``first`` to ``last`` that run in stripes, and the bytes of their rolling buffers."""

    first: int
    last: int
    bytes: int


Vector = NDArray[np.float64]


def joined_to(stages: Stages, sizes: list[int], rates: Rates) -> list[bool]:
    """Whether a row is part of the one before."""
    if not rates.chains:
        return [False] * len(stages.joins)
    pairs = zip(stages.joins, stages.makes, strict=True)
    return [between >= 0 and made >= 0 and sizes[between] == sizes[made] for between, made in pairs]


def cascaded(
    stages: Stages, kinds: list[str], takes: dict[str, Vector], sizes: list[int], joined: list[bool], rates: Rates
) -> list[Cascade | None]:
    """The cascade of each row, None for one that runs whole."""
    n = len(kinds)
    out: list[Cascade | None] = [None] * n
    full = [sum([sizes[s] for s in (*stages.reads[r][:1], *stages.makes[r : r + 1]) if s >= 0]) for r in range(n)]
    large = [r for r in range(1, n) if stages.follows[r] and full[r] >= rates.room]
    if not large:
        return out
    height, width = takes["out_height"].tolist(), takes["in_width"].tolist()
    window, stride = takes["window_height"].tolist(), takes["stride_height"].tolist()
    channels = (np.ceil(takes["channels"] / BRICK) * BRICK).tolist()

    def able(r: int) -> bool:
        if kinds[r] not in _STRIPED or height[r] <= 1 or stages.makes[r] < 0 or (r + 1 < n and joined[r + 1]):
            return False
        return len(stages.reads[r]) == 1 or (kinds[r] in LAYERS and not rates.chains)

    at = 0
    for r in large:
        start = r - 1
        if start < at or not able(start):
            continue
        last, total, found = start, 0.0, 0.0
        while last + 1 < n and stages.follows[last + 1] and able(last + 1) and full[last + 1] >= rates.room:
            lines = stride[last + 1]
            behind = stride[last + 2] if last + 2 < n else 1.0
            needs = (behind - 1) * lines + window[last + 1]
            total += -(-(lines + needs) // needs) * needs * width[last + 1] * channels[last]
            if total > rates.room:
                break
            last, found = last + 1, total
        if last > start:
            bytes_ = _stripes(takes, start, last, found, rates)
            out[start : last + 1] = [Cascade(start, last, bytes_)] * (last + 1 - start)
            at = last + 1
    return out


def _stripes(takes: dict[str, Vector], first: int, last: int, least: float, rates: Rates) -> int:
    """Bytes of a cascade's buffers: stripes are made larger, up to half of the result, as long as these and the weights
    fit. ``least`` is what stripes of the least lines take."""
    rows = slice(first, last + 1)
    heights = np.arange(2, (takes["out_height"][last] + 1) // 2 + 1)  # lines of the last result at a time
    total = np.full(len(heights), takes["stored"][rows].sum() + takes["scales"][rows].sum())
    buffers = np.zeros(len(heights))
    for at in range(last, first, -1):
        made = heights * takes["stride_height"][at]
        needs = np.minimum(made - takes["stride_height"][at] + takes["window_height"][at], takes["in_height"][at])
        needs = np.maximum(needs, 1.0)
        lines = np.ceil((made + needs) / needs) * needs
        buffers += lines * takes["in_width"][at] * np.ceil(takes["channels"][at - 1] / BRICK) * BRICK
        heights = made
    full = np.flatnonzero(total + buffers > rates.room)
    fitting = int(full[0]) if len(full) else len(buffers)
    return int(buffers[fitting - 1]) if fitting else int(least)
