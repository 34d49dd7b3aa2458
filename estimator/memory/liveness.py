"""Liveness: how many bytes of activations are alive while each kernel runs, in the order that needs least of them.

Only what a kernel writes to memory counts: results inside a fused kernel do not exist, views share their source's
storage, and constants are not activations. The bound is the sum of what is alive; an allocator may need more
(:mod:`.arena`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from math import prod

from advisor.costs import MemoryPeak
from advisor.graph import Graph, Tensor
from advisor.targets import Target

from ..kernels import Decomposition
from ..roofline import element_bytes, scratch_elements
from .arena import Buffer, pack
from .order import Steps, best_order


@dataclass(eq=False)
class Lifetimes:
    """Which storage is alive when: the first and last kernel (by index, in the model's own order) of each tensor in
    ``owners``.

    ``steps`` say which of them each kernel reads and writes. ``busy`` are the kernels with scratch memory, as (kernel,
    op key); ``ops`` are the keys of the kernels' first ops.
    """

    owners: list[int]
    first: list[int]
    last: list[int]
    steps: Steps
    busy: list[tuple[int, int]]
    ops: list[int]


def lifetimes(graph: Graph, plan: Decomposition, target: Target) -> Lifetimes:
    """Lifetimes of a decomposed graph; they depend on the wiring only, not on sizes."""
    index = {t: i for i, t in enumerate(graph.inputs)}
    first = [0] * len(index)
    last = [0] * len(index)
    reads: list[tuple[int, ...]] = []
    writes: list[tuple[int, ...]] = []
    overwrites, busy = {}, []
    for at, group in enumerate(plan.groups):
        if group.role == "folded":
            reads.append(())
            writes.append(())
            continue
        read = [index[storage] for _, storage in group.reads if storage in index]
        made = [t for t in group.writes if t not in plan.storage]
        for i in read:
            last[i] = at
        for t in made:
            index[t] = len(first)
            first.append(at)
            last.append(at)
        reads.append(tuple(read))
        writes.append(tuple([index[t] for t in made]))
        anchor = group.ops[0]
        if anchor.op == "attention" and not target.fused_attention:
            busy.append((at, anchor.key))
        if target.in_place and anchor.op in ("activation", "elementwise") and group.role == "work" and made:
            overwrites[at] = [(index[made[0]], i) for i in read if i >= len(graph.inputs)]
    kept = {index[s] for t in graph.outputs if (s := plan.storage.get(t, t)) in index}
    for i in kept:
        last[i] = max(len(plan.groups) - 1, 0)
    steps = Steps(reads, writes, overwrites, frozenset(kept), len(first))
    return Lifetimes(list(index), first, last, steps, busy, [g.ops[0].key for g in plan.groups])


def sizes(tensors: Mapping[int, Tensor], lives: Lifetimes, target: Target) -> list[int]:
    """Bytes of each storage of ``lives.owners``."""
    return [size(tensors[t], target) for t in lives.owners]


def size(tensor: Tensor, target: Target) -> int:
    """Bytes of a tensor in the target's types; one of unknown shape cannot be counted."""
    shape = tensor.shape
    return 0 if shape and min(shape) < 0 else prod(shape) * element_bytes(target, tensor.dtype, tensor.precision)


def peak(graph: Graph, lives: Lifetimes, held: list[int], target: Target) -> MemoryPeak:
    """The kernel with the most bytes alive, and the tensors that are, in the order that needs least.

    ``held`` are the storages' :func:`sizes`."""
    if not lives.ops:
        return MemoryPeak(0, None, ())
    scratch = [0] * len(lives.ops)
    for at, key in lives.busy:
        scratch[at] = scratch_elements(graph.tensors, graph.by_key[key], target) * target.dtype_bytes[target.dtype]
    full, last = _full(lives, held, scratch)
    own = max(full)
    found = best_order(lives.steps, held, scratch, full)
    if not found.is_own:
        lives, scratch = reordered(lives, found.order), [scratch[at] for at in found.order]
        full, last = _full(lives, held, scratch)
    most = max(full)
    at = full.index(most)
    spans = zip(lives.owners, held, lives.first, last, strict=True)
    alive = tuple([t for t, bytes_, begin, end in spans if bytes_ and begin <= at <= end])
    timeline = dict(zip(lives.ops, full, strict=True))
    arena = partial(_arena, lives, held, scratch)
    return MemoryPeak(most, lives.ops[at], alive, timeline, arena, own, found.exact)


def reordered(lives: Lifetimes, order: list[int]) -> Lifetimes:
    """The lifetimes where kernel ``order[i]`` runs as the ``i``-th."""
    now = {at: i for i, at in enumerate(order)}
    steps = lives.steps
    reads = [steps.reads[at] for at in order]
    writes = [steps.writes[at] for at in order]
    overwrites = {now[at]: pairs for at, pairs in steps.overwrites.items()}
    first = [0] * steps.storages
    for i, made in enumerate(writes):
        for s in made:
            first[s] = i
    last = list(first)
    for i, read in enumerate(reads):
        for s in read:
            last[s] = i
    for s in steps.kept:
        last[s] = len(order) - 1
    steps = Steps(reads, writes, overwrites, steps.kept, steps.storages)
    return Lifetimes(
        lives.owners, first, last, steps, [(now[at], key) for at, key in lives.busy], [lives.ops[at] for at in order]
    )


def _full(lives: Lifetimes, held: list[int], scratch: list[int]) -> tuple[list[int], list[int]]:
    """The bytes alive at each kernel, and when each storage is last alive.

    A result that takes over a dying operand's place starts as the operand ends: one place is counted once."""
    last = lives.last
    if lives.steps.overwrites:
        last = list(last)
        for at, _, operand in _taken_over(lives, held):
            last[operand] = at - 1
    change = [0] * (len(lives.ops) + 1)
    for bytes_, begin, end in zip(held, lives.first, last, strict=True):
        change[begin] += bytes_
        change[end + 1] -= bytes_
    for at, _ in lives.busy:
        change[at] += scratch[at]
        change[at + 1] -= scratch[at]
    return list(accumulate(change[:-1])), last


def _taken_over(lives: Lifetimes, held: list[int]) -> Iterator[tuple[int, int, int]]:
    """(kernel, result, operand) of the results that overwrite an operand: nobody reads it again, both have one size."""
    for at, pairs in lives.steps.overwrites.items():
        for result, operand in pairs:
            dying = lives.last[operand] == at and operand not in lives.steps.kept
            if dying and held[operand] == held[result]:
                yield at, result, operand
                break


def _arena(lives: Lifetimes, held: list[int], scratch: list[int]) -> int:
    """Bytes of the packed arena; a result that overwrites its operand has the operand's place."""
    home = list(range(len(held)))
    last = list(lives.last)
    for _, result, operand in _taken_over(lives, held):
        home[result] = home[operand]
        last[home[operand]] = max(last[home[operand]], last[result])
    buffers = [Buffer(lives.first[s], last[s], held[s]) for s in range(len(held)) if home[s] == s and held[s]]
    buffers += [Buffer(at, at, scratch[at]) for at, _ in lives.busy if scratch[at]]
    return pack(buffers)[1]
