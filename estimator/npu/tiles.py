"""Cutting one loop nest into tiles, and what that costs: the best of a small set of sizes and loop orders."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from advisor.targets import Array, Engine, Memory, Target, Tiling

from .loops import Nest

MOVING = 0.1
"""Cycles that a cycle of transfers, though hidden, counts for where tiles are compared."""


class Operands(NamedTuple):
    """Where a nest's operands lie (indices of the target's memories), and how large they are.

    ``read_size`` and ``weight_size`` are bytes of one element, ``written`` the bytes of the whole result. ``others``
    are (memory, bytes) moved besides: what fused ops read.
    """

    read_at: int
    read_size: int
    weights_at: int
    weight_size: float
    write_at: int
    written: int
    others: tuple[tuple[int, int], ...] = ()


class Run(NamedTuple):
    """A nest on the array, in clock cycles: ``cycles`` from its first transfer to its last.

    ``array``, ``port`` and each memory of ``moved`` (by index, in cycles) are how long those are busy in all;
    ``fetched`` are the bytes read and written by index of memory. ``tile`` is (height, width, output, tiles).
    """

    cycles: float
    array: float
    port: float
    moved: tuple[float, ...]
    fetched: tuple[int, ...]
    tile: tuple[int, int, int, int]


class Cut(NamedTuple):
    """A nest's output cut evenly: extents of a tile, and how many there are along each loop."""

    height: int
    width: int
    output: int
    rows: int
    columns: int
    blocks: int


def transfer(memory: Memory, bytes_: float, target: Target, piece: float = 0) -> float:
    """Cycles to move ``bytes_``, the latency left out; ``piece`` bytes lie side by side (0: all of them)."""
    granule = memory.granule_bytes
    if piece and granule > 1:
        bytes_ *= -(-piece // granule) * granule / piece
    return bytes_ * target.clock_hz / memory.bytes_per_s


@lru_cache(maxsize=8192)
def run(nest: Nest, port: float, operands: Operands, target: Target) -> Run:
    """The quickest way to run a nest whose output port is busy for ``port`` cycles."""
    best: Run | None = None
    for tiling in target.engines[nest.engine].tilings:
        if tiling.input_max and nest.input > tiling.input_max:
            continue
        bench = _Bench(nest, tiling, port, operands, target)
        for cut in _cuts(nest, tiling, bench.array, operands.read_size):
            found = bench.cost(cut)
            if best is None or _score(found) < _score(best):
                best = found
    assert best is not None  # some tiling is for all layers, and there is always a cut
    return best


def _score(found: Run) -> float:
    """What the best run has least of: cycles, and of two that take about as long the one that moves less."""
    return found.cycles + MOVING * sum(found.moved)


def _cuts(nest: Nest, tiling: Tiling, array: Array, size: int) -> Iterator[Cut]:
    """For each channel and column count of a halving series, the tallest tile that the buffers hold."""
    seen: set[Cut] = set()
    for output in _halvings(nest.output, tiling.output, array.tile_output):
        for width in _halvings(nest.width, tiling.width, array.tile_width):
            height = _tallest(nest, tiling, array, size, output, width)
            if height:
                cut = _even(nest, tiling, height, width, output)
                if cut not in seen:
                    seen.add(cut)
                    yield cut
    if not seen:  # buffers below one step of the array: it is fed step by step
        yield _even(nest, tiling, tiling.height, tiling.width, tiling.output)


def _halvings(extent: int, multiple: int, limit: int) -> list[int]:
    """The extent rounded up to the multiple, then halves of it down to one multiple, none above the limit."""
    size = -(-extent // multiple)
    most = max(limit // multiple, 1) if limit else size
    found: dict[int, None] = {}
    parts = -(-size // most)
    while True:
        here = -(-size // parts)
        found[here * multiple] = None
        if here == 1:
            return list(found)
        parts *= 2


def _tallest(nest: Nest, tiling: Tiling, array: Array, size: int, output: int, width: int) -> int:
    """Rows of the tallest tile of so many columns and channels that fits; 0 where not even one step does."""
    step = tiling.height
    most = -(-nest.height // step)
    if array.tile_height:
        most = min(most, max(array.tile_height // step, 1))
    depth = output if nest.each_channel_alone else min(tiling.input, nest.input)
    halves = 2 if array.double_buffered else 1
    if array.accumulators is not None:
        most = min(most, array.accumulators // (halves * width * output * step))
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        held = _banks(_halo(nest, middle * step, width) * depth * size, array)
        if array.accumulators is None:
            held += _banks(middle * step * width * output * 4, array)
        low, high = (middle, high) if halves * held <= array.buffer_bytes else (low, middle - 1)
    return low * step


def _banks(bytes_: int, array: Array) -> int:
    return -(-bytes_ // array.bank_bytes) * array.bank_bytes


def _halo(nest: Nest, height: int, width: int) -> int:
    """Positions that a tile reads."""
    rows = (min(height, nest.height) - 1) * nest.step_height + nest.reach_height
    return rows * ((min(width, nest.width) - 1) * nest.step_width + nest.reach_width)


def _even(nest: Nest, tiling: Tiling, height: int, width: int, output: int) -> Cut:
    """As many tiles as the extents need, as equal as the tiling allows."""
    h = _share(nest.height, height, tiling.height)
    w = _share(nest.width, width, tiling.width)
    c = _share(nest.output, output, tiling.output)
    return Cut(h, w, c, -(-nest.height // h), -(-nest.width // w), -(-nest.output // c))


def _share(extent: int, size: int, multiple: int) -> int:
    parts = -(-extent // size)
    each = -(-extent // parts)
    return -(-each // multiple) * multiple


class _Bench:
    """One nest under one tiling: what does not depend on how it is cut."""

    def __init__(self, nest: Nest, tiling: Tiling, port: float, operands: Operands, target: Target) -> None:
        assert target.array is not None  # only targets with an array are simulated
        self.nest, self.tiling, self.port, self.operands, self.target = nest, tiling, port, operands, target
        self.array = target.array
        self.engine = target.engines[nest.engine]
        self.weights = nest.weights * operands.weight_size
        count = len(target.memories)
        self.base, self.base_bytes = [0.0] * count, [0] * count
        for memory, size in operands.others:
            self.base[memory] += transfer(target.memories[memory], size, target)
            self.base_bytes[memory] += size

    def cost(self, cut: Cut) -> Run:
        """The better of the two loop orders."""
        nest, array = self.nest, self.array
        halves = 2 if array.double_buffered else 1
        spatial = cut.rows * cut.columns
        alone = nest.each_channel_alone
        depth = cut.output if alone else nest.input
        tile = _halo(nest, cut.height, cut.width) * depth * self.operands.read_size
        read = tile * spatial * nest.repeats * (cut.blocks if alone else 1)
        kept = tile * halves <= array.buffer_bytes
        all_weights_kept = self.weights <= array.weight_bytes
        block_kept = self.weights * halves <= array.weight_bytes * cut.blocks
        # weights outside: a block of channels passes over all positions; inputs outside: a tile meets all blocks
        again_inside = cut.blocks if not (alone or (kept and spatial == 1)) else 1
        refetch_inside = 1 if spatial == 1 or block_kept else spatial
        best = self._run(cut, read * again_inside, refetch_inside)
        again_outside = cut.blocks if not (alone or kept) else 1
        refetch_outside = 1 if spatial == 1 or all_weights_kept else spatial
        if again_outside < again_inside or refetch_outside < refetch_inside:
            other = self._run(cut, read * again_outside, refetch_outside)
            best = min(best, other, key=_score)
        return best

    def _run(self, cut: Cut, read: int, refetched: int) -> Run:
        """The pipeline over all tiles: fill, the longest stage of each, drain."""
        operands, target, array, port = self.operands, self.target, self.array, self.port
        memories = target.memories
        tiles = cut.rows * cut.columns * cut.blocks * self.nest.repeats
        busy = _array_cycles(self.nest, self.tiling, cut, self.engine) * self.nest.slowdown
        reading = transfer(memories[operands.read_at], read, target, self._piece(cut))
        loading = transfer(memories[operands.weights_at], self.weights * refetched, target)
        writing = transfer(memories[operands.write_at], operands.written, target, self._piece_written(cut))
        moved, fetched = list(self.base), list(self.base_bytes)
        moved[operands.write_at] += writing
        fetched[operands.write_at] += operands.written
        moved[operands.read_at] += reading
        fetched[operands.read_at] += read
        moved[operands.weights_at] += loading
        fetched[operands.weights_at] += int(self.weights * refetched)
        latency = max(memories[operands.read_at].latency_cycles, memories[operands.weights_at].latency_cycles)
        drain = memories[operands.write_at].latency_cycles + writing / tiles
        if array.double_buffered:
            stage = max(busy, port, max(moved), array.tile_cycles * tiles)
            cycles = latency + (reading + loading) / tiles + stage + min(busy, port) / tiles + drain
        else:
            cycles = max(max(busy, port) + max(moved) + tiles * latency, array.tile_cycles * tiles) + drain
        shape = (cut.height, cut.width, cut.output, tiles)
        return Run(cycles, busy, port, tuple(moved), tuple(fetched), shape)

    def _piece_written(self, cut: Cut) -> int:
        """Bytes that lie side by side in what a tile writes; 0 where they all do."""
        if self.array.channel_block > 1 or cut.blocks == 1:
            return 0
        return cut.output * self.operands.read_size

    def _piece(self, cut: Cut) -> int:
        """Bytes that lie side by side in what a tile reads: a row of it, or the channels of one position."""
        nest, block = self.nest, self.array.channel_block
        columns = (min(cut.width, nest.width) - 1) * nest.step_width + nest.reach_width
        if block > 1:
            return columns * block * self.operands.read_size
        if nest.each_channel_alone and cut.blocks > 1:
            return cut.output * self.operands.read_size
        return columns * (nest.output if nest.each_channel_alone else nest.input) * self.operands.read_size


def _array_cycles(nest: Nest, tiling: Tiling, cut: Cut, engine: Engine) -> float:
    """Cycles that the array is busy: padded positions by padded channels, or bringing in weights for few positions."""
    rows = _steps(nest.height, cut.height, tiling.height)
    columns = _steps(nest.width, cut.width, tiling.width)
    positions = -(-rows * columns // tiling.positions)
    outputs = float(_steps(nest.output, cut.output, tiling.output) * nest.repeats)
    if tiling.units > 1:
        # tiles run side by side: their number is padded
        outputs = -(-outputs * positions // tiling.units) * tiling.units / positions
    deep = -(-nest.input // tiling.input) * -(-nest.kernel // tiling.kernel)
    step = tiling.output * tiling.input * tiling.kernel
    passing = positions * step * tiling.height * tiling.width * tiling.positions / engine.macs_per_cycle
    if engine.weights_per_cycle is not None:
        passing = max(passing, cut.rows * cut.columns * step / engine.weights_per_cycle)
    return outputs * deep * passing


def _steps(extent: int, size: int, multiple: int) -> int:
    """Steps of the array along one loop, over all tiles: the last tile may be smaller."""
    full, rest = divmod(extent, size)
    return full * -(-size // multiple) + -(-rest // multiple)
