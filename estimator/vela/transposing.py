"""What it takes an Ethos-U to bring the dimensions of a feature map into another order.

Ethos-U85 moves a map of three dimensions in one pass, as a pool of one position, in the blocks of its operand, which
fit the result badly: of few channels only a part of a micro-block is used, and each block of columns reads all channels
again. More dimensions are put in order one after the other, by swaps of two, each of which takes up to five passes.
Ethos-U55 and U65 copy the map; of them only the swap of columns and channels is known here. Either moves as many
channels at once as lie side by side.

Source: ``ethos-u-vela`` 5.2.0: how it takes transpositions apart, its performance model (vendor estimates).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod

from .blocks import BRICK, CORES, Layer, block, up
from .passes import LATENCY, PACES
from .rates import CHANNEL, PORTS

Three = tuple[int, int, int]
"""Height, width and channels; or the order of these."""

_EACH = 16
"""Cycles of a micro-block of a pool."""
_HALF = frozenset({(1, 0, 2), (1, 2, 0), (2, 1, 0)})
"""Orders in which lines and columns change places: they leave the array at half its pace."""
_FRONT, _BACK, _ENDS = (1, 0, 2), (0, 2, 1), (2, 1, 0)


@lru_cache(maxsize=4096)
def transposed(height: int, width: int, channels: int, accelerator: str) -> float:
    """Cycles to swap columns and channels of a map of ``height`` x ``width`` x ``channels`` that is in the SRAM, about:
    on Ethos-U85 :func:`reordered` has them exactly."""
    core, ports = CORES[accelerator], PORTS[accelerator]
    size = height * width * channels
    if core.banks is not None:
        beside = up(channels, 8)
        read = 1.0 if beside == channels else max(ports.burst / beside, 1.0)
        return size * (read + max(ports.burst / beside, 1.0)) / ports.fast
    found = block(Layer(height, width, channels, channels, equal=True), core)
    high, wide, deep = min(found.height, height), min(found.width, channels), min(found.depth, width)
    units = -(-height // found.unit[0]) * -(-channels // found.unit[1]) * -(-width // found.unit[2])
    edge = found.height * found.width * found.depth / ports.fast + LATENCY  # the first block read, the last written
    array = _EACH * units + PACES[accelerator].plain * high * wide * deep + 2 * edge
    again = -(-height // high) * -(-channels // found.width)
    read = high * min(found.width, width) * channels * again
    read *= max(ports.burst / found.step, 1.0)
    written = size * ports.burst / BRICK
    return max(array, read / (CHANNEL * ports.fast), written / (CHANNEL * ports.fast), (read + written) / ports.fast)


@lru_cache(maxsize=4096)
def reordered(shape: tuple[int, ...], order: tuple[int, ...], accelerator: str) -> tuple[float, float]:
    """Cycles to bring a map of ``shape``, which no 1 is in, into another order on Ethos-U85, and those of the last pass
    of it. Dimension ``i`` of the result is the map's ``order[i]``."""
    each = [_moved(one, places, accelerator) for one, places in passes(shape, order)]
    return sum(each), each[-1] if each else 0.0


def passes(shape: Sequence[int], order: Sequence[int]) -> list[tuple[Three, Three]]:
    """The maps of three dimensions that are moved one after the other, each with the order that it is brought into."""
    rank = len(order)
    if rank <= 3:
        more = 3 - rank
        first, second, third = (*range(more), *[d + more for d in order])
        return [(_three(shape), (first, second, third))]
    out: list[tuple[Three, Three]] = []
    lies, dims = list(shape), list(range(rank))
    for place, wanted in enumerate(order):
        at = dims.index(wanted)
        if at != place:
            _swap(lies, place, at, out)
            dims[place], dims[at] = dims[at], dims[place]
    return out


def _swap(lies: list[int], a: int, b: int, out: list[tuple[Three, Three]]) -> None:
    """Swap two dimensions of what ``lies`` so: in one pass where they are neighbours at an end, or the ends; otherwise
    the one is brought to the front and the other to the back, and both back again."""
    last = len(lies) - 1
    if a + 1 == b and a == 0:
        out.append(((lies[0], lies[1], prod(lies[2:])), _FRONT))
    elif a + 1 == b and b == last:
        out.append(((prod(lies[:a]), lies[a], lies[b]), _BACK))
    elif a == 0 and b == last:
        out.append(((lies[0], prod(lies[1:-1]), lies[-1]), _ENDS))
    elif a > 0:
        out.append(((prod(lies[:a]), lies[a], prod(lies[a + 1 :])), _FRONT))
        lies.insert(0, lies.pop(a))
        _swap(lies, 0, b, out)
        out.append(((lies[0], prod(lies[1 : a + 1]), prod(lies[a + 1 :])), _FRONT))
        lies.insert(a, lies.pop(0))
        return
    else:
        out.append(((prod(lies[:b]), lies[b], prod(lies[b + 1 :])), _BACK))
        lies.append(lies.pop(b))
        _swap(lies, 0, last, out)
        out.append(((prod(lies[:b]), prod(lies[b:-1]), lies[-1]), _BACK))
        lies.insert(b, lies.pop())
        return
    lies[a], lies[b] = lies[b], lies[a]


def _three(shape: Sequence[int]) -> Three:
    full = (1, 1, *shape)
    return full[-3], full[-2], full[-1]


def _moved(shape: Three, order: Three, accelerator: str) -> float:
    """Cycles of one pass over a map that is in the SRAM."""
    core, ports = CORES[accelerator], PORTS[accelerator]
    high, wide, deep = (core.most[order.index(d)] for d in range(3))
    found = block(Layer(*shape, shape[2], equal=True), core._replace(most=(high, wide, deep)))
    result = _three([shape[d] for d in order])
    part = min(found.height, result[0]), min(found.width, result[1]), min(found.depth, result[2])
    within, units = _units(part, found.unit), _units(result, found.unit)
    blocks = units / within
    pace = PACES[accelerator].plain * (2 if order in _HALF else 1)
    busy, out = _EACH * within, pace * prod(part)
    if within == 1:
        busy += 2
    taken = min(found.read_height, shape[0]), min(found.read_width, shape[1]), min(found.step, shape[2])
    filled = prod(taken) * _bursts(found.read_width, found.step, shape[2], ports.burst) / ports.fast + LATENCY
    piece = found.width if found.depth <= BRICK else 1
    written = _bursts(piece, min(found.depth, BRICK), result[2], ports.burst)
    emptied = prod(part) * written / ports.fast + LATENCY
    command = ((abs(filled - emptied) if blocks > 1 else 0.0) + out + busy) / 4
    busy, out = max(busy, command), max(out, command)
    array = (busy * blocks + out if busy > out else out * blocks + busy) + filled + emptied
    again = -(-result[0] // part[0]) * -(-result[1] // part[1])
    read = taken[0] * taken[1] * shape[2] * again * _bursts(found.read_width, found.step, shape[2], ports.burst)
    made = prod(shape) * written
    return max(array, read / (CHANNEL * ports.fast), made / (CHANNEL * ports.fast), (read + made) / ports.fast)


def _bursts(columns: int, beside: int, channels: int, burst: int) -> float:
    """How much more is moved than asked for, where ``beside`` channels of so many lie side by side in a block; where
    that is all of them, columns follow each other."""
    return burst / min(beside * columns if beside == channels else beside, burst)


def _units(shape: Three, unit: Three) -> int:
    return prod([-(-n // u) for n, u in zip(shape, unit, strict=True)])
