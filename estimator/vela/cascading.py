"""Which kernels an Ethos-U's compiler runs as one, and which in stripes, one behind the other.

A kernel starts a cascade if those behind it, each the only reader of the one before, would not fit with operand and
result; it goes on while the rolling buffers of lines between them fit. Then the stripes are made as large as fits.

Source: ``ethos-u-vela`` 5.2.0, its cascade builder and scheduler.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .blocks import BRICK, Layer
from .passes import passed
from .rates import Rates
from .stages import Stages

LAYERS = frozenset({"conv", "pointwise", "depthwise", "grouped", "transposed", "linear"})
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
            least = [int(stride[r + 1]) if r + 1 < n else 1 for r in range(start, last + 1)]
            weights = (takes["stored"] + takes["scales"])[start : last + 1].tolist()
            buffered, held = _beside(weights, rates.room - found)
            made = Cascade(start, last, int(found), tuple(least), tuple(buffered))
            out[start : last + 1] = [_enlarged(takes, made, rates.room - held)] * (last + 1 - start)
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


def _enlarged(takes: dict[str, Vector], least: Cascade, room: float) -> Cascade:
    """The cascade with stripes as large, up to half of the result, as fits."""
    first, last = least.first, least.last
    heights = np.arange(2, (takes["out_height"][last] + 1) // 2 + 1)  # lines of the last result at a time
    buffers = np.zeros(len(heights))
    lines = [heights]
    for at in range(last, first, -1):
        made = heights * takes["stride_height"][at]
        needs = np.minimum(made - takes["stride_height"][at] + takes["window_height"][at], takes["in_height"][at])
        needs = np.maximum(needs, 1.0)
        buffers += np.ceil((made + needs) / needs) * needs * takes["in_width"][at] * _bricks(takes["channels"][at - 1])
        heights = made
        lines.insert(0, heights)
    full = np.flatnonzero(buffers > room)
    chosen = (int(full[0]) if len(full) else len(buffers)) - 1
    if chosen < 0:
        return least
    return least._replace(bytes=int(buffers[chosen]), lines=tuple([int(made[chosen]) for made in lines]))


def _bricks(channels: float) -> float:
    return -(-channels // BRICK) * BRICK


def restriped(kinds: list[str], takes: dict[str, Vector], cascades: list[Cascade | None], rates: Rates) -> None:
    """Change what layers in stripes take: their blocks are no higher than these."""
    for r, cascade in enumerate(cascades):
        if cascade is None or kinds[r] not in _PASSED or takes["read_columns"][r] <= 0:
            continue
        own = {name: int(takes[name][r]) for name in _SHAPE}
        lines = min(cascade.lines[r - cascade.first], own["out_height"])
        equal = kinds[r] in ("depthwise", "pool")
        window = own["kernel_height"], own["kernel_width"]
        layer = Layer(
            height=own["out_height"],
            width=own["out_width"],
            inputs=own["out_channels"] if equal else own["in_channels"],
            outputs=own["out_channels"],
            window=(own["window_height"], own["window_width"]),
            elements=0 if kinds[r] == "pool" else window[0] * window[1],
            stride=(own["stride_height"], own["stride_width"]),
            equal=equal,
        )
        whole, cut = (passed(layer, _PASSED[kinds[r]], window, "", rates.accelerator, n) for n in (None, lines))
        takes["pass_cycles"][r] *= cut.cycles / max(whole.cycles, 1.0)
        takes["fetched"][r] *= cut.read / max(whole.read, 1.0)
        takes["refetches"][r] *= cut.refetches / max(whole.refetches, 1)
        takes["read_columns"][r], takes["block_columns"][r] = cut.read_columns, cut.columns


_SHAPE = (
    *("out_height", "out_width", "in_channels", "out_channels", "kernel_height", "kernel_width"),
    *("window_height", "window_width", "stride_height", "stride_width"),
)
_PASSED = {"conv": "conv", "pointwise": "conv", "depthwise": "depthwise", "pool": "pool"}
"""Kinds that the array computes, as :mod:`.passes` names them."""
