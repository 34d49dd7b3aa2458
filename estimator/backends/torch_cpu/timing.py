"""Times of a program's ops in the context of its run, interleaved over several programs.

A *turn* runs one program once to bring its data near, then a few timed times. A *round* gives every program a turn,
so that whatever changes with time (clock, neighbours, temperature) meets all alike. A run during which the thread was
off its core for a while (wall time well above the thread's own time) is thrown away: somebody else was measured too.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch

from .program import Program

TURN_NS = 15_000_000
"""How long a turn's timed runs last together; slow programs run once a turn."""

RUNS_A_TURN = 10
"""No turn has more timed runs than this."""

OFF_CORE = 0.02
OFF_CORE_NS = 30_000
"""A run is thrown away when the thread was off its core for longer than both of these: relative, and absolute."""

ENOUGH = 5
"""Runs that count. With fewer of them, those that were least disturbed count as well."""


@dataclass(slots=True)
class Samples:
    """Timed runs of one program: nanoseconds of each op, and of the thread's absence in each."""

    ops: list[list[int]] = field(default_factory=list)
    away: list[int] = field(default_factory=list)

    def kept(self) -> list[list[int]]:
        """The runs that nobody disturbed, or the least disturbed ones where those are too few."""
        order = sorted(range(len(self.ops)), key=lambda i: self.away[i])
        calm = [i for i in order if self.away[i] <= max(OFF_CORE * sum(self.ops[i]), OFF_CORE_NS)]
        return [self.ops[i] for i in (calm if len(calm) >= ENOUGH else order[:ENOUGH])]


@dataclass(slots=True, frozen=True)
class Timing:
    """Median and relative interquartile range of each op and of the whole, in microseconds.

    ``ops`` sum to ``total``: medians do not, so each is scaled by what it takes.
    """

    ops: tuple[float, ...]
    spreads: tuple[float, ...]
    total: float
    spread: float
    runs: int
    dropped: int


def timed_run(program: Program) -> tuple[list[int], int]:
    """One forward: nanoseconds of each op, and how long the thread was off its core."""
    clock = time.perf_counter_ns
    values: list[Any] = list(program.stored)
    stamps: list[int] = [0] * (len(program.steps) + 1)
    own = time.thread_time_ns()
    stamps[0] = clock()
    for i, step in enumerate(program.steps, 1):
        out = step.call(*[values[i] for i in step.reads])
        if len(step.writes) == 1:
            values[step.writes[0]] = out
        else:
            for slot, part in zip(step.writes, out, strict=False):
                values[slot] = part
        for slot in step.frees:
            values[slot] = None
        stamps[i] = clock()
    away = stamps[-1] - stamps[0] - (time.thread_time_ns() - own)
    return [b - a for a, b in pairwise(stamps)], max(0, away)


def turn(program: Program, samples: Samples) -> None:
    """One turn of a program: an unmeasured run, then the timed ones."""
    program.run()
    spent = 0
    for _ in range(RUNS_A_TURN):
        ops, away = timed_run(program)
        samples.ops.append(ops)
        samples.away.append(away)
        spent += sum(ops)
        if spent >= TURN_NS:
            break


def interleaved(programs: Sequence[Program], rounds: int) -> list[Timing]:
    """Timings of several programs, measured in rounds that each gives everyone a turn."""
    samples = [Samples() for _ in programs]
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        with torch.inference_mode():
            for _ in range(rounds):
                for program, found in zip(programs, samples, strict=True):
                    turn(program, found)
    finally:
        if collecting:
            gc.enable()
    cost = clock_cost()
    return [summary(found, cost) for found in samples]


def summary(samples: Samples, clock_ns: float = 0.0) -> Timing:
    """The timing of the runs that count, less what reading the clock cost each op."""
    kept = samples.kept()
    totals = [max(1.0, sum(run) - clock_ns * len(run)) for run in kept]
    columns = [[max(1.0, ns - clock_ns) for ns in column] for column in zip(*kept, strict=True)]
    medians = [statistics.median(column) for column in columns]
    total = statistics.median(totals)
    scale = total / sum(medians) if medians else 1.0
    return Timing(
        tuple(m * scale / 1000 for m in medians),
        tuple(relative_spread(column) for column in columns),
        total / 1000,
        relative_spread(totals),
        len(kept),
        len(samples.ops) - len(kept),
    )


def relative_spread(values: Sequence[float]) -> float:
    """Interquartile range over the median; 0 for a single value."""
    if len(values) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / middle if middle else 0.0


def clock_cost() -> float:
    """Nanoseconds that taking one stamp costs an op."""
    clock = time.perf_counter_ns
    stamps = [0] * 1000
    found = []
    for _ in range(20):
        before = clock()
        for i in range(1000):
            stamps[i] = clock()
        found.append((clock() - before) / 1000)
    return min(found)
