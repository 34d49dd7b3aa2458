"""Targets whose runtime is torch on this machine's CPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import TYPE_CHECKING

from advisor.costs import Label
from advisor.graph import Graph
from advisor.targets import Target

from ...measuring import Measurement, Row, Unmeasurable, only, own_precision

if TYPE_CHECKING:
    from .program import Program
    from .timing import Timing

RUNTIME = "torch-cpu"
"""The ``runtime`` of the targets that it covers."""

ROUNDS = 9

REVISION = 2
"""How times are taken. Raised when the same program would be said to take another time, so that none are mixed."""

KEPT_BYTES = 31 << 20
"""A little below the size that glibc's ``malloc`` always asks the system for (``DEFAULT_MMAP_THRESHOLD_MAX``)."""


class TorchCpu:
    """torch eager, float32, as many threads as the target says."""

    name = "cpu"
    label: Label = "measured"
    exclusive = True
    """Two measurements at a time would measure each other."""

    def covers(self, target: Target) -> bool:
        return target.runtime == RUNTIME

    def source(self, target: Target) -> str:
        threads = "one thread" if target.threads == 1 else f"{target.threads} threads"
        return f"torch {metadata.version('torch')} eager, {threads}, timing {REVISION}"

    def measure(self, graph: Graph, target: Target) -> Measurement:
        """A row an op. Raises :class:`Unmeasurable`."""
        return only(self.measure_all([graph], target))

    def measure_all(
        self, graphs: Sequence[Graph], target: Target, rounds: int = ROUNDS
    ) -> list[Measurement | Unmeasurable]:
        """Measurements of several graphs, interleaved so that what changes with time meets all of them alike."""
        from . import program, timing

        results: dict[int, Measurement | Unmeasurable] = {}
        programs: dict[int, Program] = {}
        with _settled(target.threads):
            for i, graph in enumerate(graphs):
                try:
                    own_precision(graph)
                    programs[i] = program.build(graph)
                    program.check(programs[i])
                except Unmeasurable as e:
                    programs.pop(i, None)
                    results[i] = e
            for i, found in zip(programs, timing.interleaved(list(programs.values()), rounds), strict=True):
                results[i] = self._measurement(programs[i], found, target)
        return [results[i] for i in range(len(graphs))]

    def _measurement(self, program: Program, timing: Timing, target: Target) -> Measurement:
        rows = tuple(
            Row((step.key,), us, spread)
            for step, us, spread in zip(program.steps, timing.ops, timing.spreads, strict=True)
        )
        return Measurement(
            target=target.name,
            label=self.label,
            source=self.source(target),
            rows=rows,
            latency_us=timing.total,
            spread=timing.spread,
            weights_bytes=program.weights_bytes,
        )


@contextmanager
def _settled(threads: int) -> Iterator[None]:
    """Inside, torch computes with so many threads, and neither numbers nor the process's past change the times.

    Numbers too small to be normal cost the processor a hundred times as much; random weights make some, behind a
    softmax above all, far more than trained ones: they are taken for zero. And glibc gives memory back to the system
    after each tensor, to get it again page by page, until the process has freed a large one for the first time: so
    one is freed here, and whatever ran before, memory is as in a process that has run for a while.
    """
    import torch

    torch.empty(KEPT_BYTES, dtype=torch.uint8)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)  # torch's default; what it was cannot be asked
        torch.set_num_threads(before)


BACKEND = TorchCpu()
