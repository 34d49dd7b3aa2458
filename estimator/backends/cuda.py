"""Targets whose runtime is a CUDA device of this machine: batch norms folded, channels last, replayed as a CUDA graph.

The total is the time of a replay, where launching costs nothing. What each op takes is told by events in an eager run
that is queued behind a sleep, so that the device never waits for Python; rows share the total out by it.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from advisor.costs import Label
from advisor.graph import Graph
from advisor.targets import Target

from ..measuring import Measurement, Row, Unmeasurable, own_precision, relative_spread
from .folding import folded

if TYPE_CHECKING:
    from .torch_cpu.program import Program

RUNTIME = "cuda"
"""The ``runtime`` of the targets that it covers."""

WARM_UP = 10
REPLAYS = 20
"""Replays of a turn, timed together."""

TURNS = 15
EAGER_RUNS = 15
SLEEP_CYCLES = 100_000_000
"""How long the device sleeps while an eager run is queued: some tens of milliseconds."""


class Cuda:
    """torch on a CUDA device in the target's dtype, float16 or float32."""

    name = "cuda"
    label: Label = "measured"
    exclusive = True
    """Two measurements at a time would measure each other."""

    def covers(self, target: Target) -> bool:
        return target.runtime == RUNTIME and _devices() > 0 and find_spec("torch") is not None

    def source(self, target: Target) -> str:
        return f"torch {metadata.version('torch')}, CUDA graph, {target.dtype}"

    def measure(self, graph: Graph, target: Target) -> Measurement:
        """A row an op; a folded batch norm shares its layer's. Raises :class:`Unmeasurable`."""
        import torch

        own_precision(graph)
        if not torch.cuda.is_available():
            raise Unmeasurable({-1: "torch sees no CUDA device; install a torch that is built with CUDA"})
        with _tuned(), torch.inference_mode():
            program, members = prepared(graph, target, "cuda")
            try:
                totals = _replays(program)
            except RuntimeError as e:
                raise Unmeasurable({-1: f"no CUDA graph can be made of it: {str(e).splitlines()[0]}"}) from e
            runs = _eager(program)
        total = median(totals)
        return Measurement(
            target=target.name,
            label=self.label,
            source=self.source(target),
            rows=rows([step.key for step in program.steps], runs, total, members),
            latency_us=total,
            spread=relative_spread(totals),
            weights_bytes=program.weights_bytes,
        )


def prepared(graph: Graph, target: Target, device: str) -> tuple[Program, dict[int, tuple[int, ...]]]:
    """The program that is timed, checked once, and which ops of ``graph`` a step of another number of ops stands for.

    Raises :class:`Unmeasurable`."""
    import torch

    from .torch_cpu.program import build, check

    deployed, members = folded(graph)
    program = build(deployed, getattr(torch, target.dtype), device, channels_last=True)
    check(program)
    return program, members


def rows(
    keys: Sequence[int], runs: Sequence[Sequence[float]], total: float, members: Mapping[int, tuple[int, ...]]
) -> tuple[Row, ...]:
    """Rows that share ``total`` (µs) out by the medians of the ops' times over the runs."""
    medians = [median(times) for times in zip(*runs, strict=True)]
    scale = total / sum(medians) if sum(medians) > 0 else 0.0
    spreads = [relative_spread(times) for times in zip(*runs, strict=True)]
    return tuple(
        Row(members.get(key, (key,)), us * scale, spread)
        for key, us, spread in zip(keys, medians, spreads, strict=True)
    )


def _replays(program: Program) -> list[float]:
    """Microseconds of a replay, a value for each turn."""
    import torch

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # capture wants its libraries initialised, on another stream than the default
        for _ in range(WARM_UP):
            program.run()
    torch.cuda.current_stream().wait_stream(stream)
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        kept = program.run()
    found = []
    for turn in range(TURNS + 1):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(REPLAYS):
            captured.replay()
        end.record()
        end.synchronize()
        if turn:  # the first warms up
            found.append(begin.elapsed_time(end) * 1000 / REPLAYS)
    del kept  # the captured graph writes there
    return found


def _eager(program: Program) -> list[list[float]]:
    """Microseconds of each op, run by run, less what an empty pair of events takes."""
    import torch

    found = []
    for _ in range(EAGER_RUNS):
        events = [torch.cuda.Event(enable_timing=True) for _ in range(len(program.steps) + 2)]
        torch.cuda._sleep(SLEEP_CYCLES)
        events[0].record()
        events[1].record()
        marks = iter(events[2:])
        program.run(lambda marks=marks: next(marks).record())
        torch.cuda.synchronize()
        empty = events[0].elapsed_time(events[1])
        found.append([max(0.0, a.elapsed_time(b) - empty) * 1000 for a, b in pairwise(events[1:])])
    return found


@contextmanager
def _tuned() -> Iterator[None]:
    """Inside, cuDNN tries its algorithms for every shape and takes the best."""
    import torch

    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


@cache
def _devices() -> int:
    """How many devices the driver sees; asked without torch, which takes seconds to load."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    return 0 if failed else count.value


BACKEND = Cuda()
