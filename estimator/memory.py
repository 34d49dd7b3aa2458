"""Liveness: how many bytes of activations are alive while each kernel runs, in execution order.

Only what a kernel writes to memory counts: results inside a fused kernel do not exist, views share their source's
storage, and constants are not activations. The bound is the sum of what is alive; an allocator may need more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import prod

from advisor.costs import MemoryPeak
from advisor.graph import Graph, Tensor
from advisor.targets import Target

from .kernels import Decomposition
from .roofline import element_bytes, scratch_elements


@dataclass(slots=True, eq=False)
class Lifetimes:
    """Which storage is alive when: the first and last kernel (by index) of each tensor in ``owners``.

    ``overwrites`` are (kernel, result, operand), the last two indices into ``owners``: element-wise results that may
    take the place of an operand nobody reads again, if both have one size. ``busy`` are the kernels with scratch
    memory, as (kernel, op key); ``ops`` are the keys of the kernels' first ops.
    """

    owners: list[int]
    first: list[int]
    last: list[int]
    overwrites: list[tuple[int, int, int]]
    busy: list[tuple[int, int]]
    ops: list[int]


def lifetimes(graph: Graph, plan: Decomposition, target: Target) -> Lifetimes:
    """Lifetimes of a decomposed graph; they depend on the wiring only, not on sizes."""
    index: dict[int, int] = {}
    first: list[int] = []
    last: list[int] = []

    def born(tensor: int, at: int) -> None:
        index[tensor] = len(first)
        first.append(at)
        last.append(at)

    for t in graph.inputs:
        born(t, 0)
    overwrites, busy = [], []
    for at, group in enumerate(plan.groups):
        if group.role == "folded":
            continue
        for _, storage in group.reads:
            if storage in index:
                last[index[storage]] = at
        for t in group.writes:
            if t not in plan.storage:
                born(t, at)
        anchor = group.ops[0]
        if anchor.op == "attention" and not target.fused_attention:
            busy.append((at, anchor.key))
        if target.in_place and anchor.op in ("activation", "elementwise") and group.role == "work" and group.writes:
            out = index[group.writes[0]]
            overwrites += [(at, out, index[s]) for _, s in group.reads if s in index and s not in graph.inputs]
    end = max(len(plan.groups) - 1, 0)
    for t in graph.outputs:
        storage = plan.storage.get(t, t)
        if storage in index:
            last[index[storage]] = end
    return Lifetimes(list(index), first, last, overwrites, busy, [g.ops[0].key for g in plan.groups])


def sizes(tensors: Mapping[int, Tensor], lives: Lifetimes, target: Target) -> list[int]:
    """Bytes of each storage of ``lives.owners``."""
    return [size(tensors[t], target) for t in lives.owners]


def size(tensor: Tensor, target: Target) -> int:
    """Bytes of a tensor in the target's types; one of unknown shape cannot be counted."""
    shape = tensor.shape
    return 0 if shape and min(shape) < 0 else prod(shape) * element_bytes(target, tensor.dtype)


def peak(graph: Graph, lives: Lifetimes, held: list[int], target: Target) -> MemoryPeak:
    """The kernel with the most bytes alive, and the tensors that are; ``held`` are the storages' :func:`sizes`."""
    if not lives.ops:
        return MemoryPeak(0, None, ())
    last = lives.last
    if lives.overwrites:
        last = list(last)
        _overwrite(lives, held, last)
    change = [0] * (len(lives.ops) + 1)
    for bytes_, begin, end in zip(held, lives.first, last, strict=True):
        change[begin] += bytes_
        change[end + 1] -= bytes_
    for at, key in lives.busy:
        scratch = scratch_elements(graph.tensors, graph.by_key[key], target) * target.dtype_bytes[target.dtype]
        change[at] += scratch
        change[at + 1] -= scratch
    alive = list(accumulate(change[:-1]))
    most = max(alive)
    at = alive.index(most)
    spans = zip(lives.owners, held, lives.first, last, strict=True)
    names = tuple(t for t, bytes_, begin, end in spans if bytes_ and begin <= at <= end)
    return MemoryPeak(most, lives.ops[at], names, dict(zip(lives.ops, alive, strict=True)))


def _overwrite(lives: Lifetimes, held: list[int], last: list[int]) -> None:
    """Let results take over dying operands: the result starts one kernel later, so that one place is counted once."""
    taken = set()
    for at, out, operand in lives.overwrites:
        if last[operand] == at and held[operand] == held[out] and out not in taken:
            taken.add(out)
            last[operand] = at - 1
