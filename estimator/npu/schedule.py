"""The kernels of a graph in order: what each takes, and what is fetched behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from advisor.graph import Graph, Tensor
from advisor.macs import op_macs
from advisor.targets import Target

from ..kernels import MAC_OPS, Group, decompose
from ..measuring import Unmeasurable
from ..roofline import READS_WHAT_IT_WRITES
from .loops import Work, padded, work
from .placement import Placement, free, place
from .tiles import Operands, Run, run, transfer


@dataclass(slots=True, frozen=True)
class Step:
    """One kernel in its place: keys of its ops, and clock cycles.

    ``cycles`` are all that it adds to the inference. ``array``, ``port`` and ``memory`` (by name) are how long each is
    busy for it, prefetched weights included; ``bytes`` are what it moves, by name of memory. ``tile`` is (height,
    width, output, tiles) of its first nest, None for a kernel without MACs. ``macs`` are by kind of engine.
    """

    ops: tuple[int, ...]
    cycles: float
    array: float
    port: float
    memory: Mapping[str, float]
    bytes: Mapping[str, int]
    macs: Mapping[str, int]
    tile: tuple[int, int, int, int] | None = None
    stripes: int = 1


@dataclass(slots=True, frozen=True)
class Simulation:
    """A graph on a target: its kernels in order, activations at their fullest, weights as stored."""

    steps: tuple[Step, ...]
    cycles: float
    peak_bytes: int
    weights_bytes: int


@dataclass(slots=True, frozen=True)
class Job:
    """A kernel before its time is known: its work, the storages it reads and writes, its weights' stored bytes."""

    at: int
    group: Group
    work: Work
    reads: tuple[tuple[int, int], ...]
    writes: tuple[tuple[int, int], ...]
    weights: int
    macs: Mapping[str, int]


def simulate(graph: Graph, target: Target) -> Simulation:
    """The whole graph, tile by tile. Raises :class:`Unmeasurable` with every op that the target cannot run."""
    plan = decompose(graph, target)
    reasons = dict(_reasons(graph, plan.groups))
    if reasons:
        raise Unmeasurable(reasons)
    placement = place(graph, plan, target)
    jobs = [_job(graph, i, g, placement, target) for i, g in enumerate(plan.groups) if g.role == "work"]
    steps = tuple(_steps(jobs, placement, target))
    return Simulation(steps, sum(s.cycles for s in steps), placement.peak(), sum(job.weights for job in jobs))


def _reasons(graph: Graph, groups: list[Group]) -> Iterator[tuple[int, str]]:
    for group in groups:
        for op in group.ops:
            called = op.attrs.get("fn") or op.op
            if group.role == "unsupported":
                yield op.key, f"the target cannot run {called}"
            elif group.role == "unknown":
                yield op.key, f"no cost model for {called}"
            elif group.role == "work" and not _sized(graph.tensors, (*op.inputs, *op.outputs)):
                yield op.key, "a shape is unknown"
            elif group.role == "work" and op.op in MAC_OPS and op_macs(graph, op) is None:
                yield op.key, f"the products of this {called} are unknown"


def _sized(tensors: Mapping[int, Tensor], ids: tuple[int, ...]) -> bool:
    return bool(ids) and all(min(tensors[t].shape, default=0) >= 0 for t in ids)


def _job(graph: Graph, at: int, group: Group, placement: Placement, target: Target) -> Job:
    tensors = graph.tensors
    made = work(tensors, group, target)
    block = target.array.channel_block if target.array else 1

    def bytes_of(t: int) -> int:
        return padded(tensors[t], block) * target.size_of(tensors[t].dtype)

    first = group.ops[0]
    writes = tuple((t, bytes_of(t)) for t in group.writes)
    reads = tuple((s, min(bytes_of(t), bytes_of(s))) for t, s in group.reads)
    if first.op in READS_WHAT_IT_WRITES:
        most = sum(size for _, size in writes)
        reads = tuple((s, min(size, most)) for s, size in reads)
    macs: dict[str, int] = {}
    for nest in made.nests:
        macs[nest.engine] = macs.get(nest.engine, 0) + nest.macs
    if first.op in MAC_OPS and not made.nests:
        macs["matmul"] = op_macs(graph, first) or 0
    return Job(at, group, made, reads, writes, _stored(tensors, group, made, target), macs)


def _stored(tensors: Mapping[int, Tensor], group: Group, made: Work, target: Target) -> int:
    """Bytes of the kernel's constants as stored: weights compressed, a scale and a bias a channel of 8 bytes."""
    ratio = target.array.stored_weights if target.array else 1.0
    size = target.dtype_bytes[target.dtype]
    total = 0.0
    for t in group.weights:
        tensor = tensors[t]
        if len(tensor.shape) > 1:
            total += tensor.numel * (size * ratio)
    if made.nests and total:
        total += 8 * made.nests[0].output
    return int(total)


def _steps(jobs: list[Job], placement: Placement, target: Target) -> Iterator[Step]:
    near, far = _near(target), _far(jobs, target)
    idle = 0.0  # cycles that the memory of the weights had nothing to do while the kernel before ran
    for job in jobs:
        timed, fetch = _with_weights(job, placement, near, far, idle, target)
        overhead = target.overhead_us * target.clock_hz / 1e6
        idle = max(timed.cycles + overhead - timed.moved[far] - fetch, 0.0)
        yield _step(job, timed, overhead, target)


def _near(target: Target) -> int:
    return next(i for i, m in enumerate(target.memories) if "activations" in m.roles)


def _far(jobs: list[Job], target: Target) -> int:
    """The fastest memory that holds all weights; the last for weights where none does."""
    needed = sum(job.weights for job in jobs)
    allowed = [i for i, m in enumerate(target.memories) if "weights" in m.roles]
    large = (i for i in allowed if (size := target.memories[i].bytes) is None or size >= needed)
    return next(large, allowed[-1])


def _with_weights(
    job: Job, placement: Placement, near: int, far: int, idle: float, target: Target
) -> tuple[Run, float]:
    """The kernel with its weights read where they are stored, or brought into the near memory piece by piece.

    Also the cycles that bringing them in takes while it runs.
    """
    direct = timed(job, placement, far, target)
    array = target.array
    if not job.weights or near == far or array is None or not array.prefetch:
        return direct, 0.0
    pieces = max(-(-nest.output // target.engines[nest.engine].tilings[0].output) for nest in job.work.nests)
    share = min(1.0, free(placement, near, target, job.at) / job.weights)
    if share < 1 and share * pieces < 2:  # no room for the piece in use and the next
        return direct, 0.0
    staged = timed(job, placement, near, target)
    load = transfer(target.memories[far], job.weights, target)
    before = max(job.at - 1, 0)
    early = min(idle, load * min(share, free(placement, near, target, before) / job.weights))
    left = max(load - early, 0.0)
    waiting = target.memories[far].latency_cycles if left else 0.0
    cycles = waiting + max(left + staged.cycles / pieces, staged.cycles + left / pieces)
    if cycles >= direct.cycles:
        return direct, 0.0
    moved, fetched = list(staged.moved), list(staged.fetched)
    moved[far] += load
    fetched[far] += job.weights
    fetched[near] += job.weights
    return staged._replace(cycles=cycles, moved=tuple(moved), fetched=tuple(fetched)), left - load


def timed(job: Job, placement: Placement, weights_at: int, target: Target) -> Run:
    """A kernel on its own, its operands where they are."""
    reads = [(placement.home.get(t, weights_at), size) for t, size in job.reads]
    writes = [(placement.home.get(t, weights_at), size) for t, size in job.writes]
    nests = job.work.nests
    to = writes[0][0] if writes else weights_at
    if not nests:
        return _streamed(reads, writes, job.weights, weights_at, job.work.port, target)
    size = target.dtype_bytes[target.dtype]
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


def _step(job: Job, timed: Run, overhead: float, target: Target) -> Step:
    names = [m.name for m in target.memories]
    return Step(
        ops=tuple(op.key for op in job.group.ops),
        cycles=timed.cycles + overhead,
        array=timed.array,
        port=timed.port,
        memory=dict(zip(names, timed.moved, strict=True)),
        bytes=dict(zip(names, timed.fetched, strict=True)),
        macs=job.macs,
        tile=timed.tile if job.work.nests else None,
    )
