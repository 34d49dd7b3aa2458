"""What a layer costs on Arm's Ethos-U by itself, from the block that it is computed in.

The array makes a block of results in steps; while it does, the block before is written out and the next one is read.
So a layer takes as many times the slowest of these as it has blocks, and the others once. Every block of positions
reads weights, biases and scales again, every slice of output channels the operand.

Source: ``ethos-u-vela`` 5.2.0, its performance model of Ethos-U55, U65 and U85 and their output rates (vendor
estimates).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from .blocks import BRICK, CORES, Block, Core, Layer, block, up
from .rates import PORTS, Ports

LATENCY, CONST_LATENCY = 32, 64
"""Cycles until a transfer from the SRAM and from the memory of constants begins."""

_SUBKERNEL = 8
_SCALE_BYTES = 10
_LINE = 256


class Pace(NamedTuple):
    """Cycles of an element on its way out: of any, of the largest of a window, clamped (ReLU), by lookup table; of a
    sum and of a product of two tensors."""

    plain: float
    largest: float
    clamped: float
    table: float
    sums: float
    products: float


PACES = {
    "ethos-u55-128": Pace(0.5, 0.25, 0.5, 1.0, 1.5, 0.75),
    "ethos-u55-256": Pace(0.25, 0.125, 0.25, 1.0, 0.75, 0.375),
    "ethos-u65-512": Pace(0.125, 0.0625, 0.125, 0.5, 0.375, 0.1875),
    "ethos-u85-256": Pace(*(0.25,) * 6),
    "ethos-u85-512": Pace(*(0.125,) * 6),
    "ethos-u85-1024": Pace(*(0.0625,) * 6),
    "ethos-u85-2048": Pace(*(0.03125,) * 6),
}
"""By the name that Vela has for them."""


class Pass(NamedTuple):
    """``cycles`` of the array and its output, bytes of the operand ``read`` and of the results ``written``, in bricks;
    ``refetches`` is how often weights and scales are read, ``slices`` how often the operand. ``read_columns`` and
    ``columns`` are the widths of a block of the operand and of the results, ``step`` the channels of one read,
    ``depth`` those of a block of the results and ``unit`` of its micro-blocks."""

    cycles: float
    read: float
    written: float
    refetches: int
    slices: int
    read_columns: int
    step: int
    columns: int
    depth: int
    unit: int


@lru_cache(maxsize=65536)
def passed(
    layer: Layer, kind: str, window: tuple[int, int], output: str, accelerator: str, lines: int | None = None
) -> Pass:
    """``kind`` is ``conv``, ``depthwise``, ``linear`` or ``pool``; ``output`` the pace's name, empty for ``plain``.
    ``lines`` are those of a stripe, which its blocks are made for."""
    pace, core, ports = PACES[accelerator], CORES[accelerator], PORTS[accelerator]
    found = block(layer if lines is None else layer._replace(height=lines), core)
    unit = found.unit
    height, width = min(found.height, layer.height), min(found.width, layer.width)
    depth = min(found.depth, layer.outputs)
    flat = kind in ("conv", "linear") and layer.height == 1 and layer.width % 2 == 0 and window[0] == 1
    if flat and unit[0] == 2:  # lines of one image row are as good
        unit, height = (1, 4, unit[2]), 1
    step = depth if layer.equal else min(found.step, layer.inputs)
    part = _units((height, width, depth), unit)
    whole = _units((layer.height, layer.width, layer.outputs), unit)
    blocks = whole[0] * whole[1] * whole[2] / (part[0] * part[1] * part[2])
    busy = _busy(found, kind, window, step, (part[0] * part[1], part[2], unit[2]), core, ports)
    if kind in ("conv", "linear"):
        busy *= -(-layer.inputs // step)
    out = max(pace.largest if output == "largest" else pace.plain, getattr(pace, output) if output in _SLOWER else 0.0)
    out *= height * width * depth
    if kind != "pool":
        out = max(out, _SCALE_BYTES * depth * (LATENCY if core.banks is None else CONST_LATENCY) / _LINE)
    read = (
        min(found.read_height, layer.height * layer.stride[0]),
        min(found.read_width, layer.width * layer.stride[1]),
    )
    filled = read[0] * read[1] * step / ports.fast + LATENCY
    emptied = height * width * depth / ports.fast + LATENCY
    command = ((abs(filled - emptied) if blocks > 1 else 0.0) + out + busy) / 4
    busy, out = max(busy, command), max(out, command)
    total = busy * blocks + out if busy > out else out * blocks + busy
    spatial = -(-layer.height // height) * -(-layer.width // width)
    slices = 1 if layer.equal else -(-layer.outputs // depth)
    parts = -(-window[0] // _SUBKERNEL) * -(-window[1] // _SUBKERNEL)
    fetched = float(read[0] * read[1] * up(layer.inputs, BRICK) * parts * spatial * slices)
    written = float(layer.height * layer.width * up(layer.outputs, BRICK))
    return Pass(
        *(total + filled + emptied, fetched, written, spatial, slices),
        *(found.read_width, found.step, found.width, found.depth, found.unit[2]),
    )


_SLOWER = ("clamped", "table")


def _units(shape: tuple[int, int, int], unit: tuple[int, int, int]) -> tuple[int, int, int]:
    """Micro-blocks that cover a shape."""
    return -(-shape[0] // unit[0]), -(-shape[1] // unit[1]), -(-shape[2] // unit[2])


def _busy(
    found: Block, kind: str, window: tuple[int, int], step: int, units: tuple[int, int, int], core: Core, ports: Ports
) -> float:
    """Cycles of the array for one block and one step of input channels. ``units`` are micro-blocks by position and by
    channel, and the channels of one."""
    across, deep, channels = units
    u85 = core.banks is None
    least = 4 * channels // (ports.cores if u85 else 1)  # weights are decoded meanwhile
    total = 0
    for elements in _parts(window):
        steps, late = elements, 1
        if kind == "pool":
            steps, cycles = 1, 16 * max(1, elements / 4) * across * deep
        elif kind == "depthwise":
            steps = -(-elements // 4)
            cycles = max(least, 4 * across) * steps * deep
        elif kind == "conv" and found.part_kernel:
            steps, late = -(-elements // 4), -(-step // 8)
            cycles = max(least, 4 * across) * steps * deep * late
        else:
            cycles = max(least, (step // 8 if u85 else 4) * across) * steps * deep
        if across == 1:  # the next step waits for this one
            cycles += 2 * late * (steps if deep == 1 else (steps - 1) * deep)
        total += cycles
    return total if u85 else total / ports.cores


def _parts(window: tuple[int, int]) -> list[int]:
    """The positions of each part that a large window is cut into."""
    sides = [[min(side - at, _SUBKERNEL) for at in range(0, side, _SUBKERNEL)] for side in window]
    return [height * width for height in sides[0] for width in sides[1]]
