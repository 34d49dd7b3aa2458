"""Kernels in a row that pass their results on in stripes of rows, so that no whole result is ever stored.

A stripe of the last kernel's rows needs some more of each kernel's before it; rows that the next stripe needs too are
kept, so nothing is computed twice. It costs a kernel's overhead for each stripe, and the weights of all kernels must
stay in the near memory beside the stripes, or are fetched again for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from advisor.graph import Graph
from advisor.targets import Target

from .jobs import Job
from .placement import Placement, free
from .tiles import Run, transfer
from .timing import Levels, loaded, timed, with_weights

LONGEST = 4
"""Most kernels that are tried in one row."""

BY_ROWS = frozenset({"conv", "depthwise", "pointwise"})
"""Engines whose results can be made a few rows at a time."""


class Chain(NamedTuple):
    """Consecutive kernels (indices of jobs, the end excluded) in ``stripes``, and what each takes in them.

    ``kept`` are the bytes of the stripes between them, by storage.
    """

    begin: int
    end: int
    stripes: int
    runs: tuple[Run, ...]
    kept: tuple[tuple[int, int], ...]

    @property
    def cycles(self) -> float:
        return sum(run.cycles for run in self.runs)


def chains(graph: Graph, jobs: list[Job], placement: Placement, at: Levels, target: Target) -> dict[int, Chain]:
    """The rows of kernels that are quicker in stripes, by the index of their first job."""
    if all(memory == at.near for memory in placement.home.values()):
        return {}
    overhead = target.overhead_us * target.clock_hz / 1e6
    best = [0.0]
    chosen: list[Chain | None] = []
    for end in range(1, len(jobs) + 1):
        alone = with_weights(jobs[end - 1], placement, at, 0.0, target).run.cycles + overhead
        cycles, chain = best[end - 1] + alone, None
        for begin in _begins(graph, jobs, placement, at, end):
            found = _chain(graph, jobs, begin, end, placement, at, target)
            if found is not None and best[begin] + found.cycles < cycles:
                cycles, chain = best[begin] + found.cycles, found
        best.append(cycles)
        chosen.append(chain)
    return {chain.begin: chain for chain in _walk_back(chosen)}


def _walk_back(chosen: list[Chain | None]) -> Iterator[Chain]:
    end = len(chosen)
    while end:
        chain = chosen[end - 1]
        if chain is not None:
            yield chain
        end = end - 1 if chain is None else chain.begin


def _begins(graph: Graph, jobs: list[Job], placement: Placement, at: Levels, end: int) -> Iterator[int]:
    """Where a chain with this end may begin: some result in it would otherwise lie in a slow memory."""
    spilled = False
    for begin in range(end - 2, max(end - LONGEST, 0) - 1, -1):
        between = _between(graph, jobs[begin], jobs[begin + 1], placement)
        if between is None:
            return
        spilled |= placement.home[between] != at.near
        if spilled:
            yield begin


def _between(graph: Graph, job: Job, following: Job, placement: Placement) -> int | None:
    """The storage that one kernel makes and only the next reads, both row by row; None where it is not so."""
    if not (_by_rows(graph, job) and _by_rows(graph, following)) or len(job.writes) != 1:
        return None
    t = job.writes[0][0]
    alone = placement.first.get(t) == job.at and placement.last.get(t) == following.at and t not in graph.outputs
    return t if alone and following.reads and following.reads[0][0] == t else None


def _by_rows(graph: Graph, job: Job) -> bool:
    first = job.group.ops[0]
    shapes = [graph.tensors[t].shape for t in (*first.inputs[:1], *first.outputs[:1])]
    if any(len(shape) != 4 for shape in shapes):
        return False
    if job.work.nests:
        return all(nest.engine in BY_ROWS for nest in job.work.nests)
    return first.op in ("activation", "elementwise", "batch_norm")


def _chain(
    graph: Graph, jobs: list[Job], begin: int, end: int, placement: Placement, at: Levels, target: Target
) -> Chain | None:
    """The kernels in as few stripes as fit; None where not even stripes of one row do."""
    row = jobs[begin:end]
    room = min(free(placement, at.near, target, job.at) for job in row)
    weights = sum(job.weights for job in row)
    height = graph.tensors[row[-1].writes[0][0]].shape[2]
    stripes, kept = 2, _kept(graph, row, height, 2)
    while sum(size for _, size in kept) > room:
        stripes *= 2
        if stripes > height:
            return None
        kept = _kept(graph, row, height, stripes)
    resident = weights + sum(size for _, size in kept) <= room
    homes = dict.fromkeys((t for t, _ in kept), at.near)
    moved = placement.elsewhere(homes)
    return Chain(begin, end, stripes, tuple(_run(job, moved, at, stripes, resident, target) for job in row), kept)


def _kept(graph: Graph, row: list[Job], height: int, stripes: int) -> tuple[tuple[int, int], ...]:
    """Bytes of each result between the kernels that are there at a time, from the last to the first."""
    kept = []
    rows = -(-height // stripes)
    for job, following in zip(reversed(row[:-1]), reversed(row[1:]), strict=True):
        t, size = job.writes[0]
        here = graph.tensors[t].shape[2]
        nests = following.work.nests
        if nests:
            rows = (rows - 1) * nests[0].step_height + nests[0].reach_height
        rows = min(rows, here)
        kept.append((t, -(-size * rows // max(here, 1))))
    return tuple(kept)


def _run(job: Job, placement: Placement, at: Levels, stripes: int, resident: bool, target: Target) -> Run:
    """One kernel of the chain over all stripes, its weights near (fetched once) or fetched again for each stripe."""
    latency = target.memories[at.near].latency_cycles
    again = (stripes - 1) * (2 * latency + target.overhead_us * target.clock_hz / 1e6)
    if not job.weights or at.near == at.far:
        run = timed(job, placement, at.near if resident else at.far, target)
        return run._replace(cycles=run.cycles + again)
    staged = timed(job, placement, at.near, target)
    loads = 1 if resident else stripes
    load = transfer(target.memories[at.far], job.weights, target) * loads
    return loaded(staged, max(staged.cycles + again, load) + load / loads, load, job.weights * loads, at)
