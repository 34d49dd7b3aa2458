"""Times of a program's ops in the context of its run, interleaved over several programs.

A *turn* runs one program once unmeasured, then a few timed times. A *round* gives every program a turn, so that
whatever changes with time (clock, neighbours, temperature) meets all alike. Before each timed run other data pass
through the caches: what a program finds there is then what it put there itself in this run. So a layer's weights come
from far in a small graph as they do in a large network, and the one says something about the other.

On a busy machine a run of some milliseconds is interrupted nearly always. So with one thread an op's time is the time
that the thread itself ran, which leaves out what the scheduler gave to others; and ops during which it was off its core
count only where too few were left alone, since they find their data gone from the caches. With more threads the wall
clock counts, and runs that were interrupted do not.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .program import Program

TURN_NS = 15_000_000
"""How long a turn's timed runs last together; slow programs run once a turn."""

RUNS_A_TURN = 10
"""No turn has more timed runs than this."""

OTHER_BYTES = 8 << 20
"""Data that are read before a timed run: several times what a core's own caches hold. Written, they would still have
to be brought away while the program runs: it is made slower by that than layers in a network are."""

OFF_CORE_NS = 10_000
"""An op was interrupted when its thread was off its core for longer than this."""

ENOUGH = 5
"""Samples that count. With fewer that were left alone, those count that were least disturbed."""


@dataclass(slots=True)
class Samples:
    """Timed runs of one program: nanoseconds of each op by the wall clock, and of its thread's own time."""

    wall: list[list[int]] = field(default_factory=list)
    own: list[list[int]] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Timing:
    """Medians in microseconds and relative interquartile ranges: of each op, of which ``total`` is the sum, and of the
    whole runs. ``calm`` is the share of the samples that were not interrupted."""

    ops: tuple[float, ...]
    spreads: tuple[float, ...]
    total: float
    spread: float
    calm: float


def timed_run(program: Program) -> tuple[list[int], list[int]]:
    """One forward: nanoseconds of each op, by the wall clock and of the thread's own time."""
    clock, own_clock = time.perf_counter_ns, time.thread_time_ns
    values: list[Any] = list(program.stored)
    wall: list[int] = [0] * len(program.steps)
    own: list[int] = [0] * len(program.steps)
    before, own_before = clock(), own_clock()
    for i, step in enumerate(program.steps):
        out = step.call(*[values[j] for j in step.reads])
        if len(step.writes) == 1:
            values[step.writes[0]] = out
        else:
            for slot, part in zip(step.writes, out, strict=False):
                values[slot] = part
        for slot in step.frees:
            values[slot] = None
        now, own_now = clock(), own_clock()
        wall[i], own[i] = now - before, own_now - own_before
        before, own_before = now, own_now
    return wall, own


def turn(program: Program, samples: Samples, other: torch.Tensor) -> None:
    """One turn: an unmeasured run, then the timed ones. ``other`` passes through the caches before each."""
    program.run()
    spent = 0
    for _ in range(RUNS_A_TURN):
        other.sum()
        wall, own = timed_run(program)
        samples.wall.append(wall)
        samples.own.append(own)
        spent += sum(own)
        if spent >= TURN_NS:
            break


def interleaved(programs: Sequence[Program], rounds: int) -> list[Timing]:
    """Timings of several programs, measured in rounds that each gives everyone a turn.

    torch computes with as many threads as it is set to."""
    samples = [Samples() for _ in programs]
    other = torch.zeros(OTHER_BYTES // 4)
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        with torch.inference_mode():
            for _ in range(rounds):
                for program, found in zip(programs, samples, strict=True):
                    turn(program, found, other)
    finally:
        if collecting:
            gc.enable()
    single = torch.get_num_threads() == 1
    costs = (clock_cost(time.perf_counter_ns), clock_cost(time.thread_time_ns))
    return [summary(found, single, costs) for found in samples]


def summary(samples: Samples, single: bool = True, clock_ns: tuple[float, float] = (0.0, 0.0)) -> Timing:
    """The timing of the samples that count, less what reading the two clocks costs each op.

    ``single``: the program ran in one thread, whose own time is the op's."""
    wall, own = np.array(samples.wall, dtype=float), np.array(samples.own, dtype=float)
    away = wall - own
    if not single:
        away = np.broadcast_to(away.sum(axis=1, keepdims=True), away.shape)
    times = np.maximum((own if single else wall) - sum(clock_ns), 1.0)
    kept = [column[_counting(off)] for column, off in zip(times.T, away.T, strict=True)]
    medians = [float(np.median(column)) / 1000 for column in kept]
    totals = times.sum(axis=1)[_counting(away.sum(axis=1) / max(1, len(medians)))]
    return Timing(
        tuple(medians),
        tuple(relative_spread(column) for column in kept),
        sum(medians),
        relative_spread(totals),
        float((away <= OFF_CORE_NS).mean()) if medians else 1.0,
    )


def _counting(away: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which samples count, by how long the thread was off its core in each."""
    allowed = max(OFF_CORE_NS, float(np.sort(away)[: min(ENOUGH, len(away))][-1]))
    return away <= allowed


def relative_spread(values: NDArray[np.float64]) -> float:
    """Interquartile range over the median; 0 for a single value."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return float((high - low) / middle) if middle else 0.0


def clock_cost(clock: Callable[[], int]) -> float:
    """Nanoseconds that reading a clock takes."""
    found = []
    for _ in range(20):
        before = time.perf_counter_ns()
        for _ in range(500):
            clock()
        found.append((time.perf_counter_ns() - before) / 500)
    return min(found)
