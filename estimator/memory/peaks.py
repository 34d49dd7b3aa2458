"""The peak of a target's activation memory: the compiler's where its rules are known, else the least of all orders.

On an Ethos-U all activations are in the SRAM in Vela's memory mode ``Shared_Sram``: the peak is the SRAM's, weights
that are fetched ahead included, as Vela reports it. In the ``Dedicated_Sram`` modes they are in DRAM, and the SRAM is
a cache of a fixed size that the scheduler fills with whatever saves most traffic. Then the peak is what is alive, in
whichever memory; what the SRAM holds stands beside it (:attr:`advisor.costs.MemoryPeak.staging_bytes`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from traceback import extract_tb
from typing import TypeVar

from advisor.costs import MemoryPeak
from advisor.graph import Graph
from advisor.targets import Target

from .liveness import Lifetimes, peak

SHARED = "Shared_Sram"
"""Vela's memory mode in which all activations are in the SRAM."""

_log = logging.getLogger(__name__)
_Found = TypeVar("_Found")


def peak_of(graph: Graph, lives: Lifetimes, held: Sequence[int], target: Target) -> Callable[[], MemoryPeak]:
    """What works the peak out. It keeps what the graph is made of but not the graph, which plans are kept by."""
    return partial(_peak, graph.replace(), lives, list(held), target)


def _peak(graph: Graph, lives: Lifetimes, held: list[int], target: Target) -> MemoryPeak:
    if target.vela is None:
        return peak(graph, lives, held, target)
    if target.vela.memory_mode != SHARED:
        staged = _Staged(graph, target)
        return replace(peak(graph, lives, held, target), staging=staged.bytes, stored=staged.stored)
    from .vela.sram import sram  # numpy and the lowering: not before somebody asks

    found = _compiled(lambda: sram(graph, target), target)
    if found is None:
        return peak(graph, lives, held, target)
    timeline = {op: found.by_op[op] for op in lives.ops if op in found.by_op}
    return MemoryPeak(found.bytes, found.op, found.alive, timeline, found.bytes, stored=lambda: found.stored)


def _compiled(work: Callable[[], _Found], target: Target) -> _Found | None:
    """What ``work`` finds of the compiler; None where it fails.

    Peaks are worked out while a report is written, and nobody has seen all graphs: the compiler's rules then cost their
    own figure, not the report."""
    try:
        return work()
    except Exception as e:
        last = extract_tb(e.__traceback__)[-1]
        _tell(target.name, f"{type(e).__name__}: {e} ({last.filename}:{last.lineno})")
        return None


@lru_cache(maxsize=256)
def _tell(target: str, error: str) -> None:
    """Once for each error: every move that is tried may have it."""
    _log.warning("what %s's compiler takes of the memory is not known, a peak is what is alive: %s", target, error)


class _Staged:
    """What a dedicated SRAM and flash hold, worked out once."""

    def __init__(self, graph: Graph, target: Target) -> None:
        self.graph, self.target = graph, target

    @cached_property
    def _found(self) -> tuple[int, int] | None:
        from .vela.sram import staged

        size = self.target.memory("activations")[0].bytes
        return None if size is None else _compiled(lambda: staged(self.graph, self.target, size), self.target)

    def bytes(self) -> int | None:
        return None if self._found is None else self._found[0]

    def stored(self) -> int | None:
        return None if self._found is None else self._found[1]
