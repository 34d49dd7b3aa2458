"""Where activations live: in the fastest memory while they fit beside what else is alive, else in the next."""

from __future__ import annotations

from dataclasses import dataclass, replace

from advisor.graph import Graph
from advisor.targets import Target

from ..kernels import Decomposition
from ..memory.liveness import Lifetimes, lifetimes
from .loops import padded


@dataclass(slots=True, eq=False)
class Placement:
    """``home`` gives the memory (index in the target's) of each storage, ``sizes`` its bytes as they lie there.

    ``held`` are the bytes of activations in each memory while each kernel (by index of group) runs.
    """

    home: dict[int, int]
    sizes: dict[int, int]
    first: dict[int, int]
    last: dict[int, int]
    held: list[list[int]]

    def move(self, tensor: int, to: int, size: int | None = None) -> None:
        """Let a storage live elsewhere, as ``size`` bytes if only a part of it is ever there."""
        source, old = self.home[tensor], self.sizes[tensor]
        self.home[tensor] = to
        for at in range(self.first[tensor], self.last[tensor] + 1):
            self.held[source][at] -= old
            self.held[to][at] += old if size is None else size

    def elsewhere(self, homes: dict[int, int]) -> Placement:
        """The same with some storages in other memories; what is held there is not counted anew."""
        return replace(self, home={**self.home, **homes})

    def peak(self) -> int:
        """Most bytes of activations alive at once, in all memories together."""
        return max((sum(at) for at in zip(*self.held, strict=True)), default=0)


def place(graph: Graph, plan: Decomposition, target: Target) -> Placement:
    """Short-lived and small storages first: they gain most for the room they take."""
    lives = lifetimes(graph, plan, target)
    block = target.array.channel_block if target.array else 1
    sizes = {}
    for t in lives.owners:
        tensor = graph.tensors[t]
        sizes[t] = padded(tensor, block) * target.size_of(tensor.dtype, tensor.precision)
    last = _ends(lives, sizes)
    memories = target.memories
    count = max(len(plan.groups), 1)
    held = [[0] * count for _ in memories]
    allowed = [i for i, m in enumerate(memories) if "activations" in m.roles]
    home = {}
    spans = sorted(
        zip(lives.owners, lives.first, last, strict=True),
        key=lambda span: (sizes[span[0]] * (span[2] - span[1] + 1), span),
    )
    for t, begin, end in spans:
        at = next((i for i in allowed if _room(held[i], memories[i].bytes, begin, end) >= sizes[t]), allowed[-1])
        home[t] = at
        for k in range(begin, end + 1):
            held[at][k] += sizes[t]
    begins = dict(zip(lives.owners, lives.first, strict=True))
    return Placement(home, sizes, begins, dict(zip(lives.owners, last, strict=True)), held)


def _ends(lives: Lifetimes, sizes: dict[int, int]) -> list[int]:
    """The last kernel of each storage; one that a result takes the place of ends a kernel earlier."""
    last = list(lives.last)
    taken = set()
    for at, pairs in lives.steps.overwrites.items():
        for out, operand in pairs:
            same = sizes[lives.owners[operand]] == sizes[lives.owners[out]]
            if same and last[operand] == at and out not in taken:
                taken.add(out)
                last[operand] = at - 1
    return last


def _room(held: list[int], bytes_: int | None, begin: int, end: int) -> float:
    """Bytes free from one kernel to another."""
    return float("inf") if bytes_ is None else bytes_ - max(held[begin : end + 1], default=0)


def free(placement: Placement, memory: int, target: Target, at: int) -> float:
    """Bytes that activations leave free in a memory while a kernel runs."""
    return _room(placement.held[memory], target.memories[memory].bytes, at, at)
