"""Times of a program's ops in the context of its run, interleaved over several programs.

A *turn* runs one program once unmeasured, then a few times as it is and op by op, in turns. A *round* gives every
program a turn, so that whatever changes with time (clock, neighbours, temperature) meets all alike. The runs as it is
say how long the program takes. The ops share that out by their own medians: what stands between them belongs to the
program too, and the medians of its parts sum to less than that of the whole. Before each timed run other data pass
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
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from ...measuring import relative_spread
from .program import Program

TURN_NS = 15_000_000
"""How long a turn's timed runs last together; slow programs run once a turn."""

RUNS_A_TURN = 5
"""No turn has more timed runs of either sort than this."""

OTHER_BYTES = 8 << 20
"""Data that are read before a timed run: several times what a core's own caches hold. Written, they would still have
to be brought away while the program runs: it is made slower by that than layers in a network are."""

OFF_CORE_NS = 10_000
"""An op was interrupted when its thread was off its core for longer than this."""

ENOUGH = 5
"""Samples that count. With fewer that were left alone, those count that were least disturbed."""


@dataclass(slots=True)
class Samples:
    """Timed runs of one program, in nanoseconds by the wall clock and of its thread's own time: of each op, and as
    (wall, own) of runs as it is."""

    wall: list[list[int]] = field(default_factory=list)
    own: list[list[int]] = field(default_factory=list)
    whole: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Timing:
    """Medians in microseconds and relative interquartile ranges: of the whole runs, and of each op, scaled so that
    they sum to ``total``. ``calm`` is the share of the ops' samples that were not interrupted."""

    ops: tuple[float, ...]
    spreads: tuple[float, ...]
    total: float
    spread: float
    calm: float


class Marks:
    """Readings of both clocks."""

    def __init__(self) -> None:
        self._wall: list[int] = []
        self._own: list[int] = []

    def read(self) -> None:
        self._wall.append(time.perf_counter_ns())
        self._own.append(time.thread_time_ns())

    def between(self) -> tuple[list[int], list[int]]:
        """Nanoseconds from each reading to the next, by the wall clock and of the thread's own time."""
        return [b - a for a, b in pairwise(self._wall)], [b - a for a, b in pairwise(self._own)]


def timed_run(program: Program) -> tuple[list[int], list[int]]:
    """One forward: nanoseconds of each op, by the wall clock and of the thread's own time."""
    marks = Marks()
    marks.read()
    program.run(marks.read)
    return marks.between()


def whole_run(program: Program) -> tuple[int, int]:
    """One forward as it is: nanoseconds by the wall clock and of the thread's own time."""
    wall, own = time.perf_counter_ns(), time.thread_time_ns()
    program.run()
    return time.perf_counter_ns() - wall, time.thread_time_ns() - own


def turn(program: Program, samples: Samples, other: torch.Tensor) -> None:
    """One turn: an unmeasured run, then the timed ones. ``other`` passes through the caches before each."""
    program.run()
    spent = 0
    for _ in range(RUNS_A_TURN):
        other.sum()
        samples.whole.append(whole_run(program))
        other.sum()
        wall, own = timed_run(program)
        samples.wall.append(wall)
        samples.own.append(own)
        spent += sum(own) + samples.whole[-1][1]
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
    reading = cost_of(Marks().read)
    return [summary(found, single, reading) for found in samples]


def summary(samples: Samples, single: bool = True, reading_ns: float = 0.0) -> Timing:
    """The timing of the samples that count, less what reading the clocks costs each op.

    ``single``: the program ran in one thread, whose own time is the op's."""
    wall, own = np.array(samples.wall, dtype=float), np.array(samples.own, dtype=float)
    away = wall - own
    if not single:
        away = np.broadcast_to(away.sum(axis=1, keepdims=True), away.shape)
    times = np.maximum((own if single else wall) - reading_ns, 1.0)
    kept = [column[_counting(off)] for column, off in zip(times.T, away.T, strict=True)]
    medians = np.array([np.median(column) for column in kept])
    runs, ran = np.array(samples.whole, dtype=float).T
    totals = (ran if single else runs)[_counting((runs - ran) / max(1, len(medians)))]
    total = float(np.median(totals)) / 1000
    return Timing(
        tuple((medians * (total / max(medians.sum(), 1.0))).tolist()),
        tuple(relative_spread(column.tolist()) for column in kept),
        total,
        relative_spread(totals.tolist()),
        float((away <= OFF_CORE_NS).mean()) if kept else 1.0,
    )


def _counting(away: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which samples count, by how long the thread was off its core in each."""
    allowed = max(OFF_CORE_NS, float(np.sort(away)[: min(ENOUGH, len(away))][-1]))
    return away <= allowed


def cost_of(call: Callable[[], object]) -> float:
    """Nanoseconds that a call takes at the least."""
    found = []
    for _ in range(20):
        before = time.perf_counter_ns()
        for _ in range(500):
            call()
        found.append((time.perf_counter_ns() - before) / 500)
    return min(found)
