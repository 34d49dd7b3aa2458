"""The peak of a target's activation memory: the compiler's where its rules are known, else the least of all orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from advisor.costs import MemoryPeak
from advisor.graph import Graph
from advisor.targets import Target

from .liveness import Lifetimes, peak

SHARED = "Shared_Sram"
"""Vela's memory mode in which all activations are in the SRAM."""


def peak_of(graph: Graph, lives: Lifetimes, held: Sequence[int], target: Target) -> Callable[[], MemoryPeak]:
    """What works the peak out. It keeps what the graph is made of but not the graph, which plans are kept by."""
    return partial(_peak, graph.replace(), lives, list(held), target)


def _peak(graph: Graph, lives: Lifetimes, held: list[int], target: Target) -> MemoryPeak:
    if target.vela is not None and target.vela.memory_mode == SHARED:
        from .vela.sram import sram  # numpy and the lowering: not before somebody asks

        found = sram(graph, target)
        if found is not None:
            timeline = {op: found.by_op[op] for op in lives.ops if op in found.by_op}
            return MemoryPeak(found.bytes, found.op, found.alive, timeline, found.bytes)
    return peak(graph, lives, held, target)
