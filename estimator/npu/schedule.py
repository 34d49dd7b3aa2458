"""The kernels of a graph in order: what each takes, and what is fetched behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from advisor.graph import Graph
from advisor.targets import Target

from ..energy import inference_uj, kernel_pj
from ..kernels import decompose
from .jobs import Job, jobs
from .placement import Placement, place
from .stripes import Chain, chains
from .tiles import Run
from .timing import Levels, levels, with_weights


@dataclass(slots=True, frozen=True)
class Step:
    """One kernel in its place: keys of its ops, and clock cycles.

    ``cycles`` are all that it adds to the inference. ``array``, ``port`` and ``memory`` (by name) are how long each is
    busy for it, prefetched weights included; ``bytes`` are what it moves, by name of memory. ``tile`` is (height,
    width, output, tiles) of its first nest, None for a kernel without MACs. ``macs`` are by kind of engine, in products
    of the target's own type. A kernel in more than one of ``stripes`` of rows takes turns with its neighbours.
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
    """A graph on a target: its kernels in order, activations at their fullest, weights as stored.

    ``energy_uj`` are microjoules, every byte counted as often as it is moved; None where the target gives no figures.
    """

    steps: tuple[Step, ...]
    cycles: float
    peak_bytes: int
    weights_bytes: int
    energy_uj: float | None


def simulate(graph: Graph, target: Target) -> Simulation:
    """The whole graph, tile by tile.

    Raises :class:`advisor.estimator.measuring.Unmeasurable` with every op that the target cannot run.
    """
    plan = decompose(graph, target)
    todo = jobs(graph, plan, target)
    placement = place(graph, plan, target)
    at = levels(todo, target)
    striped = chains(graph, todo, placement, at, target)
    for chain in striped.values():
        for storage, size in chain.kept:
            placement.move(storage, at.near, size)
    steps = tuple(_steps(todo, striped, placement, at, target))
    weights = sum(job.weights for job in todo)
    return Simulation(steps, sum(step.cycles for step in steps), placement.peak(), weights, _energy(steps, target))


def _energy(steps: tuple[Step, ...], target: Target) -> float | None:
    memories = target.memories
    return inference_uj(kernel_pj(s.macs, [(m, s.bytes[m.name]) for m in memories], target) for s in steps)


def _steps(
    todo: list[Job], striped: Mapping[int, Chain], placement: Placement, at: Levels, target: Target
) -> Iterator[Step]:
    overhead = target.overhead_us * target.clock_hz / 1e6
    idle = 0.0
    i = 0
    while i < len(todo):
        chain = striped.get(i)
        if chain is not None:
            yield from (
                _step(todo[chain.begin + k], run, overhead, target, chain.stripes) for k, run in enumerate(chain.runs)
            )
            i, idle = chain.end, 0.0
            continue
        found = with_weights(todo[i], placement, at, idle, target)
        idle = max(found.run.cycles + overhead - (found.run.moved[at.far] - found.early), 0.0)
        yield _step(todo[i], found.run, overhead, target)
        i += 1


def _step(job: Job, timed: Run, overhead: float, target: Target, stripes: int = 1) -> Step:
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
        stripes=stripes,
    )
