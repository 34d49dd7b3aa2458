"""Which kernels an Ethos-U's compiler runs as one, and which in stripes, one behind the other.

A kernel starts a cascade if those behind it, each the only reader of the one before, would not fit with operand and
result; it goes on while the rolling buffers of lines between them fit. Then the stripes are made as large as fits.

Source: ``ethos-u-vela`` 5.2.0, its cascade builder and scheduler.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .blocks import BRICK, Layer
from .passes import passed
from .rates import Rates
from .stages import LAYERS, Stages

_STRIPED = frozenset({"conv", "pointwise", "depthwise", "pool", "activation", "elementwise"})


class Cascade(NamedTuple):
    """Rows from ``first`` to ``last`` that run in stripes, the bytes of their rolling buffers, the lines of results
    that each row makes at a time, and whether there is room for its weights beside."""

    first: int
    last: int
    bytes: int
    lines: tuple[int, ...]
    buffered: tuple[bool, ...]


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
    size = np.array([*sizes, 0])  # the last is of what there is not
    full = size.take(stages.leading) + size.take(stages.results)
    large = [r for r in np.flatnonzero(full >= rates.room).tolist() if r and stages.follows[r]]
    if not large:
        return out
    height, tall, width = (takes[name].tolist() for name in ("out_height", "in_height", "in_width"))
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
            least = [int(stride[r + 1]) if r + 1 < n else 1 for r in range(start, last + 1)]
            weights = (takes["stored"] + takes["scales"])[start : last + 1].tolist()
            buffered, held = _beside(weights, rates.room - found)
            made = Cascade(start, last, int(found), tuple(least), tuple(buffered))
            between = range(start + 1, last + 1)
            rows = tuple([(stride[i], window[i], tall[i], width[i], channels[i - 1]) for i in between])
            out[start : last + 1] = [_enlarged(made, rows, height[last], rates.room - held)] * (last + 1 - start)
            at = last + 1
    return out


def _beside(weights: list[float], room: float) -> tuple[list[bool], float]:
    """Which rows' weights fit beside the least stripes, in order, and their bytes."""
    buffered, held = [], 0.0
    for each in weights:
        fits = 0 < each <= room - held
        buffered.append(fits)
        held += each if fits else 0.0
    return buffered, held


_Line = tuple[float, float, float, float, float]
"""Of a row: its stride and window, height and width of its operand, the channels of that in bricks."""


@lru_cache(maxsize=4096)
def _enlarged(least: Cascade, rows: tuple[_Line, ...], height: float, room: float) -> Cascade:
    """The cascade with stripes as large, up to half of the result, as fits. ``rows`` are those behind its first,
    ``height`` is the result's."""
    heights = np.arange(2, (height + 1) // 2 + 1)  # lines of the last result at a time
    buffers = np.zeros(len(heights))
    lines = [heights]
    for stride, window, tall, width, channels in reversed(rows):
        made = heights * stride
        needs = np.maximum(np.minimum(made - stride + window, tall), 1.0)
        buffers += np.ceil((made + needs) / needs) * needs * width * channels
        heights = made
        lines.insert(0, heights)
    full = np.flatnonzero(buffers > room)
    chosen = (int(full[0]) if len(full) else len(buffers)) - 1
    if chosen < 0:
        return least
    return least._replace(bytes=int(buffers[chosen]), lines=tuple([int(made[chosen]) for made in lines]))


def restriped(kinds: list[str], takes: dict[str, Vector], cascades: list[Cascade | None], rates: Rates) -> None:
    """Change what layers in stripes take: their blocks are no higher than these."""
    sides = [takes[name] for name in _SHAPE]
    for r, cascade in enumerate(cascades):
        if cascade is None or kinds[r] not in _PASSED or takes["read_columns"][r] <= 0:
            continue
        shape = tuple([int(side[r]) for side in sides])
        cut = _cut(kinds[r], shape, cascade.lines[r - cascade.first], rates.accelerator)
        takes["pass_cycles"][r] *= cut.cycles
        takes["fetched"][r] *= cut.read
        takes["refetches"][r] *= cut.refetches
        takes["read_columns"][r], takes["block_columns"][r] = cut.read_columns, cut.columns


class _Cut(NamedTuple):
    """A layer in stripes: cycles, bytes read and refetches as parts of those of the whole, and its blocks' widths."""

    cycles: float
    read: float
    refetches: float
    read_columns: int
    columns: int


@lru_cache(maxsize=16384)
def _cut(kind: str, shape: tuple[int, ...], lines: int, accelerator: str) -> _Cut:
    """The layer of a kind whose columns :data:`_SHAPE` are ``shape``, in stripes of so many ``lines``."""
    height, width, inputs, outputs, *sides = shape
    window, seen, stride = ((sides[at], sides[at + 1]) for at in (0, 2, 4))
    equal = kind in ("depthwise", "pool")
    layer = Layer(
        height=height,
        width=width,
        inputs=outputs if equal else inputs,
        outputs=outputs,
        window=seen,
        elements=0 if kind == "pool" else window[0] * window[1],
        stride=stride,
        equal=equal,
    )
    whole, cut = (passed(layer, _PASSED[kind], window, "", accelerator, n) for n in (None, min(lines, height)))
    parts = (cut.cycles / max(whole.cycles, 1.0), cut.read / max(whole.read, 1.0))
    return _Cut(*parts, cut.refetches / max(whole.refetches, 1), cut.read_columns, cut.columns)


_SHAPE = (
    *("out_height", "out_width", "in_channels", "out_channels", "kernel_height", "kernel_width"),
    *("window_height", "window_width", "stride_height", "stride_width"),
)
_PASSED = {"conv": "conv", "pointwise": "conv", "depthwise": "depthwise", "pool": "pool"}
"""Kinds that the array computes, as :mod:`.passes` names them."""
