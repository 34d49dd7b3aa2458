"""How Arm's Ethos-U cuts a layer into blocks: how often it reads its operand, its weights and its scales.

The array makes one block of results at a time, from what its internal memories hold: operands of one step of the
input channels, and the sums of the block. Every block of positions reads all weights, biases and scales again, every
slice of output channels all operands again. Vela takes the block that moves least for each result.

Sources: sizes and micro-blocks of Arm's Ethos-U65 and U85 technical reference manuals and of ``ethos-u-vela`` 5.2.0
(its architecture descriptions); the cost that is minimised is that of its block search. Depthwise layers and pools of
U85 are fitted by area there; here they get the largest block of the operand's aspect that fits.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

BRICK = 16
_SUBKERNEL = 8
"""Positions of a window, either way, that one pass over the operands covers."""


class Layer(NamedTuple):
    """What decides over blocks. ``equal``: each output channel reads its own input channel only. Channels are those
    of one group; ``height`` and ``width`` are of the results, windows with their dilation."""

    height: int
    width: int
    inputs: int
    outputs: int
    window: tuple[int, int] = (1, 1)
    elements: int = 1
    stride: tuple[int, int] = (1, 1)
    equal: bool = False


class Block(NamedTuple):
    """A block of results, made of micro-blocks ``unit`` (height, width, channels), from ``read_height`` x
    ``read_width`` positions of the operand, ``step`` of its channels at a time; ``part_kernel``: several positions of
    the window are taken together."""

    height: int
    width: int
    depth: int
    read_height: int
    read_width: int
    step: int
    part_kernel: bool
    unit: tuple[int, int, int]


class Core(NamedTuple):
    """``units`` are the micro-blocks of layers, ``own`` that of layers whose channels are apart; ``most`` is the
    largest block. ``steps`` are input channels of one step, by depth and (part-kernel) by window; ``granules`` what the
    operand's positions are rounded to for 64, 32 and 16 channels. ``operands`` and ``sums`` are how many values one
    block has room for, half of the memory; ``banks`` (all, of operands' granule, of sums') where both share one."""

    units: tuple[tuple[int, int, int], ...]
    own: tuple[int, int, int]
    most: tuple[int, int, int]
    steps: tuple[int, int]
    granules: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    operands: int = 0
    sums: int = 0
    banks: tuple[int, int, int] | None = None


_U55, _U85 = (32, 64, 128), (128, 128, 1024)
_ONE, _TWO, _FOUR = (1, 2), (2, 2), (2, 4)
CORES = {
    "ethos-u55-128": Core(((1, 2, 8),), (1, 2, 8), _U55, (32, 16), (_ONE, _ONE, _ONE), banks=(20, 4, 8)),
    "ethos-u55-256": Core(((2, 2, 8),), (2, 2, 8), _U55, (32, 16), (_TWO, _TWO, _TWO), banks=(44, 8, 16)),
    "ethos-u65-512": Core(((2, 2, 8),), (2, 2, 8), _U55, (32, 16), (_TWO, _TWO, _TWO), banks=(44, 8, 16)),
    "ethos-u85-256": Core(((1, 4, 8), (2, 2, 8)), (1, 2, 16), _U85, (32, 16), ((1, 1), _ONE, _TWO), 8192, 2048),
    "ethos-u85-512": Core(((2, 2, 16), (1, 4, 16)), (2, 2, 16), _U85, (64, 16), ((1, 1), _ONE, _TWO), 8192, 4096),
    "ethos-u85-1024": Core(
        ((2, 2, 32), (1, 4, 32), (2, 4, 16)), (2, 4, 16), _U85, (64, 16), (_ONE, _TWO, _FOUR), 8192, 8192
    ),
    "ethos-u85-2048": Core(
        ((2, 2, 64), (1, 4, 64), (4, 4, 16)), (4, 4, 16), _U85, (64, 16), (_TWO, _FOUR, (4, 4)), 16384, 16384
    ),
}
"""By the name that Vela has for them."""

_BANK = 1024
"""Bytes."""


def up(amount: float, step: int) -> int:
    return int(-(-amount // step) * step)


@lru_cache(maxsize=65536)
def block(layer: Layer, core: Core) -> Block:
    """The block that a layer is computed in."""
    if layer.equal and core.banks is None:
        return _by_area(layer, core)
    unit = core.own if layer.equal else _unit(layer, core)
    return _best(layer, core, unit, _part_kernel(layer, core))


def _part_kernel(layer: Layer, core: Core) -> bool:
    """Whether several positions of the window are taken together with few input channels."""
    if layer.equal:
        return False
    inputs, kernel = layer.inputs, layer.elements
    if core.banks is not None:
        by_depth = inputs / up(inputs, 32)
        return inputs <= 8 or inputs / up(inputs, 8) * kernel / up(kernel, 4) > by_depth
    together = kernel // 5 * 5 + max(kernel % 5, 2)
    return inputs / up(inputs, 16) * kernel / together >= inputs / up(inputs, 64)


def _unit(layer: Layer, core: Core) -> tuple[int, int, int]:
    """The micro-block that leaves least of the array idle."""
    shape = (layer.height, layer.width, layer.outputs)
    wasted = [up(shape[0], u[0]) * up(shape[1], u[1]) * up(shape[2], u[2]) for u in core.units]
    return core.units[wasted.index(min(wasted))]


class _Grid(NamedTuple):
    """All ``widths`` and ``depths`` of a block, each with the largest height that ``fits`` (``tall``), the operand's
    columns (``read_widths``) and the channels of it that are held."""

    widths: NDArray[np.intp]
    depths: NDArray[np.intp]
    read_widths: NDArray[np.intp]
    channels: NDArray[np.intp]
    tall: NDArray[np.intp]
    fits: NDArray[np.bool_]


def _best(layer: Layer, core: Core, unit: tuple[int, int, int], part: bool) -> Block:
    """The block that moves least."""
    step = core.steps[part]
    if core.banks is not None:
        step = min(up(layer.inputs, 8), step)
    granule = _granule(core, step)[:2]
    window = min(layer.window[0], _SUBKERNEL), min(layer.window[1], _SUBKERNEL)
    high, wide = (
        min(m, up(max(s, u), u)) for m, s, u in zip(core.most, (layer.height, layer.width), unit, strict=False)
    )
    deep = min(layer.outputs, core.most[2])  # more make no other blocks
    grid = _grid(core, unit, step, granule, window, layer.stride, layer.equal, (high, wide, deep))
    height, width, depth = unit
    if grid.fits.any():
        height, width, depth = _cheapest(layer, grid, unit, granule, window)
    read = [_reads(n, layer.stride[i], window[i], granule[i]) for i, n in enumerate((height, width))]
    return Block(height, width, depth, read[0], read[1], depth if layer.equal else step, part, unit)


_Results = TypeVar("_Results", int, NDArray[np.intp])


def _reads(results: _Results, stride: int, window: int, granule: int) -> _Results:
    """Operand positions of so many results."""
    return -(-((results - 1) * stride + window) // granule) * granule


@lru_cache(maxsize=4096)
def _grid(
    core: Core,
    unit: tuple[int, int, int],
    step: int,
    granule: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    equal: bool,
    shape: tuple[int, int, int],
) -> _Grid:
    """The blocks of layers that need no more height and width than ``shape`` says, and have so many channels."""
    tallest, widest, outputs = shape
    widths = np.arange(unit[1], widest + 1, unit[1])[None, :]
    deepest = min(core.most[2], up(max(outputs, unit[2]), unit[2]))
    first = max(unit[2], min(deepest, BRICK))
    some = {min(up(d, BRICK), deepest) if d < outputs else d for d in range(first, deepest + 1, unit[2])}
    depths = np.array(sorted(some))[:, None]
    read_widths = _reads(widths, stride[1], window[1], granule[1])
    channels = -(-depths // 8) * 8 if equal else np.full_like(depths, step)
    area = read_widths * channels
    sums = widths * -(-depths // 8) * 8

    def most(lines: NDArray[np.intp]) -> NDArray[np.intp]:
        """Lines of results from so many lines of operands."""
        return (lines // granule[0] * granule[0] - window[0]) // stride[0] + 1

    if core.banks is None:
        best = np.minimum(most(core.operands // area), core.sums // sums)
    else:
        best = np.zeros(area.shape, dtype=np.intp)
        total, reads, adds = core.banks
        for banks in range(adds, total - reads + 1, adds):  # of sums; the rest is the operands'
            held = banks // 2 * _BANK // (4 * sums)
            read = (total - banks) // reads * reads // 2 * _BANK // area
            best = np.maximum(best, np.minimum(most(read), held))
    tall = np.minimum(best, tallest) // unit[0] * unit[0]
    return _Grid(widths, depths, read_widths, channels, np.maximum(tall, unit[0]), tall >= unit[0])


def _cheapest(
    layer: Layer, grid: _Grid, unit: tuple[int, int, int], granule: tuple[int, int], window: tuple[int, int]
) -> tuple[int, int, int]:
    """Height, width and depth of the block that moves least, the first of those that move as little."""
    tall = grid.tall
    if layer.window == (1, 1) == layer.stride:  # as good with fewer lines, and found first
        count = -(-layer.height // tall)
        tall = np.minimum(tall, -(-layer.height // (count * unit[0])) * unit[0])
    cost = np.where(grid.fits, _cost(layer, grid, tall, _reads(tall, layer.stride[0], window[0], granule[0])), np.inf)
    equal = np.argwhere(cost <= cost.min() * (1 + 1e-9))
    found = [(int(grid.depths[d, 0]), int(tall[d, w]), int(grid.widths[0, w])) for d, w in equal]
    depth, height, width = min(found)
    return height, width, depth


def _cost(layer: Layer, grid: _Grid, tall: NDArray[np.intp], lines: NDArray[np.intp]) -> NDArray[np.float64]:
    """What is read for all results in blocks so ``tall``, from so many ``lines`` of operands each."""
    across = -(-layer.height // tall) * -(-layer.width // grid.widths)
    passes = ceil(layer.window[0] / _SUBKERNEL) * ceil(layer.window[1] / _SUBKERNEL)
    held = lines * grid.read_widths
    operands = held * (layer.inputs * passes)
    operands = operands * (layer.height / tall) * (layer.width / grid.widths)
    weights = (layer.elements * layer.inputs) * across
    if not layer.equal:
        operands = operands * -(-layer.outputs // grid.depths)
        weights = weights * layer.outputs
    whole = layer.height * layer.stride[0] * layer.width * layer.stride[1] * layer.inputs
    near = whole < 2 * held * grid.channels  # the operand fits at once
    return (operands + weights) * np.where(near, 0.5, 1.0)


def _by_area(layer: Layer, core: Core) -> Block:
    """The block of a layer whose channels are apart: one that covers the area, or (windows of 1) channels."""
    unit, room, sums = core.own, 2 * core.operands, 2 * core.sums
    height, width, outputs = (up(n, u) for n, u in zip((layer.height, layer.width, layer.outputs), unit, strict=True))
    limit = tuple(map(min, (height, width, outputs), core.most))
    flat = layer.window == (1, 1)
    best, chosen = float("inf"), (unit[0], unit[1], BRICK)
    for depth in range(BRICK, limit[2] + 1, BRICK):
        found = _area(layer, core, depth, (height, width), (limit[0], limit[1]), sums // depth)
        if found is None:
            break
        granule = _granule(core, depth)[2]
        waste = 1 + (-depth % granule) / granule / 10
        whole, covered = (width * outputs, found[1] * depth) if flat else (height * width, found[0] * found[1])
        coverage = 1 + abs(1 - whole / covered)
        metric = coverage * (1 + abs(1 - limit[2] / depth) / 10) * waste
        if metric < best:
            best, chosen = metric, (*found, depth)
            if depth >= outputs and found[0] >= height and found[1] >= width:
                break
    high, wide, deep = chosen
    while high < height or wide < width or deep < outputs:  # there is room to fetch the next lines meanwhile
        across = _lines(layer, core, wide, 1, deep) * up(deep, _granule(core, deep)[2])
        ahead = _lines(layer, core, unit[0], 0, deep)
        if room - _lines(layer, core, high, 0, deep) * across >= ahead * across:
            break
        if high > unit[0] and high != height:
            high -= unit[0]
        elif deep > max(wide, BRICK):
            deep -= BRICK
        elif wide > unit[1] and wide != width:
            wide -= unit[1]
        elif high > unit[0]:
            high -= unit[0]
        else:
            break
    read = [_lines(layer, core, n, axis, deep) for axis, n in enumerate((high, wide))]
    return Block(high, wide, deep, read[0], read[1], up(deep, _granule(core, deep)[2]), False, unit)


def _area(
    layer: Layer, core: Core, depth: int, whole: tuple[int, int], limit: tuple[int, int], room: int
) -> tuple[int, int] | None:
    """Height and width, of the results' aspect, of a block of so many channels and room for so many positions."""
    unit, granule = core.own, _granule(core, depth)[2]
    lines, columns = [(n - 1) * stride + 1 for n, stride in zip(whole, layer.stride, strict=True)]
    volume = up(layer.inputs, granule) * lines * columns
    most = room
    while room >= unit[0] * unit[1]:
        wide = max((room * whole[1] / whole[0]) ** 0.5, 1.0)
        high = min(max(int(room / wide) // unit[0] * unit[0], unit[0]), limit[0])
        wide = min(max(int(wide) // unit[1] * unit[1], unit[1]), limit[1])
        positions = high * wide
        if wide < whole[1]:
            wide = _tile(whole[1], unit[1], wide)
        high = max(positions // wide // unit[0] * unit[0], unit[0])
        reads = _lines(layer, core, high, 0, depth) * _lines(layer, core, wide, 1, depth) * up(depth, granule)
        reads = min(reads, volume)
        if reads <= 2 * core.operands and high * wide <= most:
            return high, wide
        smaller = int(min(room, high * wide) * min(2 * core.operands / reads, 1.0)) // (unit[0] * unit[1])
        room = min(smaller * unit[0] * unit[1], room - unit[0] * unit[1])
    return None


def _tile(whole: int, unit: int, most: int) -> int:
    """The width up to ``most`` whose last tile is fullest."""
    if whole % most == 0:
        return most
    even = max(up(whole // (whole // most + 1), unit), unit)
    first = max(even - 2 * unit, (even + 1) // 2, unit)
    return max(range(most, first - 1, -unit), key=lambda tile: (whole % tile or tile, tile))


def _granule(core: Core, depth: int) -> tuple[int, int, int]:
    """What operand positions and channels are rounded to, for so many channels of a block."""
    few = 0 if depth > 2 * BRICK else 1 if depth > BRICK else 2
    return *core.granules[few], 64 >> few


def _lines(layer: Layer, core: Core, results: int, axis: int, depth: int) -> int:
    window = min(layer.window[axis], _SUBKERNEL)
    return up((results - 1) * layer.stride[axis] + window, _granule(core, depth)[axis])
