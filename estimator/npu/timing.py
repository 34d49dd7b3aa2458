"""What one kernel takes, its operands and weights where they are."""

from __future__ import annotations

from typing import NamedTuple

from advisor.targets import Target

from .jobs import Job
from .loops import precision
from .placement import Placement, free
from .tiles import Operands, Run, run, transfer


class Levels(NamedTuple):
    """The memories (by index) where activations are at work and where weights are stored."""

    near: int
    far: int


class Timed(NamedTuple):
    """A kernel with its weights: ``early`` are the cycles of fetching them that passed while the one before ran."""

    run: Run
    early: float = 0.0


def levels(jobs: list[Job], target: Target) -> Levels:
    """The fastest memory for activations, and the fastest that holds all weights (the last for them if none does)."""
    needed = sum(job.weights for job in jobs)
    near = next(i for i, m in enumerate(target.memories) if "activations" in m.roles)
    allowed = [i for i, m in enumerate(target.memories) if "weights" in m.roles]
    large = (i for i in allowed if (size := target.memories[i].bytes) is None or size >= needed)
    return Levels(near, next(large, allowed[-1]))


def with_weights(job: Job, placement: Placement, at: Levels, idle: float, target: Target) -> Timed:
    """The kernel with its weights read where they are stored, or brought near piece by piece: the quicker.

    ``idle`` are the cycles that the far memory had nothing to do while the kernel before ran.
    """
    direct = Timed(timed(job, placement, at.far, target))
    array = target.array
    if not job.weights or at.near == at.far or array is None or not job.work.nests:
        return direct
    pieces = max(-(-nest.output // target.engines[nest.engine].tilings[0].output) for nest in job.work.nests)
    room = free(placement, at.near, target, job.at) / job.weights
    if room < 1 and room * pieces < 2:  # no room for the piece in use and the next
        return direct
    staged = timed(job, placement, at.near, target)
    load = transfer(target.memories[at.far], job.weights, target)
    early = 0.0
    if array.prefetch:
        before = free(placement, at.near, target, max(job.at - 1, 0)) / job.weights
        early = min(idle, load * min(1.0, room, before))
    left = load - early
    waiting = target.memories[at.far].latency_cycles if left else 0.0
    # the first piece is waited for, or the last is computed after all have come
    cycles = waiting + max(left + staged.cycles / pieces, staged.cycles + left / pieces)
    if cycles >= direct.run.cycles:
        return direct
    return Timed(loaded(staged, cycles, load, job.weights, at), early)


def loaded(staged: Run, cycles: float, load: float, weights: int, at: Levels) -> Run:
    """A run of near weights with what bringing them there moves, and the cycles that it takes then."""
    moved, fetched = list(staged.moved), list(staged.fetched)
    moved[at.far] += load
    fetched[at.far] += weights
    fetched[at.near] += weights
    return staged._replace(cycles=cycles, moved=tuple(moved), fetched=tuple(fetched))


def timed(job: Job, placement: Placement, weights_at: int, target: Target) -> Run:
    """A kernel on its own, its operands where they are."""
    reads = [(placement.home.get(t, weights_at), size) for t, size in job.reads]
    writes = [(placement.home.get(t, weights_at), size) for t, size in job.writes]
    nests = job.work.nests
    to = writes[0][0] if writes else weights_at
    if not nests:
        return _streamed(reads, writes, job.weights, weights_at, job.work.port, target)
    size = target.size_of("float32", precision(job.group))
    total: Run | None = None
    for i, nest in enumerate(nests):
        source = reads[min(i, len(reads) - 1)][0] if reads else weights_at
        products = nest.engine == "matmul"  # both operands are activations
        operands = Operands(
            source,
            size,
            source if products else weights_at,
            size if products else job.weights / max(sum(n.weights for n in nests), 1),
            to,
            sum(bytes_ for _, bytes_ in writes) if i == 0 else 0,
            tuple(reads[1:]) if i == 0 and not products else (),
        )
        here = run(nest, job.work.port / len(nests), operands, target)
        total = here if total is None else _together(total, here)
    assert total is not None
    return total


def _together(a: Run, b: Run) -> Run:
    """Two nests one after the other."""
    return Run(
        a.cycles + b.cycles,
        a.array + b.array,
        a.port + b.port,
        tuple(x + y for x, y in zip(a.moved, b.moved, strict=True)),
        tuple(x + y for x, y in zip(a.fetched, b.fetched, strict=True)),
        a.tile,
    )


def _streamed(
    reads: list[tuple[int, int]],
    writes: list[tuple[int, int]],
    weights: int,
    weights_at: int,
    port: float,
    target: Target,
) -> Run:
    """A kernel without products: as many pieces as the buffer needs pass through the vector unit."""
    array = target.array
    assert array is not None  # only targets with an array are simulated
    moved = [0.0] * len(target.memories)
    fetched = [0] * len(target.memories)
    for memory, size in (*reads, *writes, (weights_at, weights)):
        moved[memory] += transfer(target.memories[memory], size, target)
        fetched[memory] += size
    halves = 2 if array.double_buffered else 1
    pieces = max(1, -(-sum(size for _, size in reads) * halves // array.buffer_bytes))
    latency = [max((target.memories[m].latency_cycles for m, _ in side), default=0.0) for side in (reads, writes)]
    fill = latency[0] + max((transfer(target.memories[m], n / pieces, target) for m, n in reads), default=0.0)
    drain = latency[1] + max((transfer(target.memories[m], n / pieces, target) for m, n in writes), default=0.0)
    if array.double_buffered:
        cycles = fill + max(port, *moved, pieces * array.tile_cycles) + drain
    else:
        cycles = pieces * (latency[0] + max((port + max(moved)) / pieces, array.tile_cycles)) + drain
    return Run(cycles, 0.0, port, tuple(moved), tuple(fetched), (0, 0, 0, pieces))
