"""What the dimensions of a graph's tensors hold: runs of channels of groups, and in which order copies of them lie.

A group of ``n`` channels may stand in a dimension several times. Its copies lie one after the other (heads, gates,
groups of a convolution) or channel by channel (behind a flattened image or before a pixel shuffle): position
``(o * n + j) * inner + i`` holds channel ``j``, where ``o < outer`` and ``i < inner``. The channel analysis
(:mod:`advisor.channels`) counts the copies; how they lie is followed here from operation to operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from ..channels import Group, analyse
from ..graph import Graph, Op
from ..shapes.reshaping import blocks

Node = tuple[int, int, int]
"""A tensor, one of its dimensions and a group in it."""


class Run(NamedTuple):
    """``outer * channels * inner`` positions of a dimension that hold a group; its key is None for positions of no
    group, which are one channel each."""

    group: int | None
    outer: int
    channels: int
    inner: int

    @property
    def size(self) -> int:
        return self.outer * self.channels * self.inner


class Dims:
    """The runs of every dimension of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.groups: dict[int, Group] = {g.key: g for g in analyse(graph).groups}
        self.places: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        """(tensor, dimension) → (offset, group, copies), by offset."""
        for g in self.groups.values():
            for p in g.dims:
                self.places.setdefault((p.tensor, p.dim), []).append((p.offset, g.key, p.coefficient))
        for found in self.places.values():
            found.sort()
        self.shuffled: dict[int, str] = {}
        """Groups whose copies lie in an order that no run can say → the op that shuffles them."""
        self._inner = self._followed()

    def channels(self, group: int) -> int:
        """Channels of the group in one copy."""
        g = self.groups[group]
        return g.width // g.multiple

    def holds(self, tensor: int, dim: int) -> set[int]:
        """The groups in a dimension."""
        return {group for _, group, _ in self.places.get((tensor, dim), ())}

    def runs(self, tensor: int, dim: int) -> list[Run]:
        """The runs of a dimension, which add up to its size."""
        size, at = self.graph.shape(tensor)[dim], 0
        out: list[Run] = []
        for offset, group, copies in self.places.get((tensor, dim), ()):
            if offset > at:
                out.append(Run(None, 1, offset - at, 1))
            n = self.channels(group)
            inner = self._inner.get((tensor, dim, group), 1)
            inner = inner if copies % inner == 0 else 1
            out.append(Run(group, copies // inner, n, inner))
            at = offset + copies * n
        if at < size:
            out.append(Run(None, 1, size - at, 1))
        return out

    # ---- how copies lie

    def _followed(self) -> dict[Node, int]:
        """Node → positions from one channel to the next, for dimensions that hold a group more than once."""
        links: dict[Node, list[tuple[Node, int, int]]] = {}
        for op in self.graph.ops:
            for a, b, times, over, shuffled in _links(self.graph, op):
                for group in self.holds(*a) & self.holds(*b):
                    if shuffled:
                        self.shuffled.setdefault(group, op.path or op.target)
                    links.setdefault((*a, group), []).append(((*b, group), times, over))
                    links.setdefault((*b, group), []).append(((*a, group), over, times))
        known: dict[Node, int] = {}
        for (t, d), found in self.places.items():
            for _, group, copies in found:
                if copies == 1:
                    known[t, d, group] = 1
        pending = list(known)
        while pending:
            node = pending.pop()
            for other, times, over in links.get(node, ()):
                inner = known[node] * times // over
                if other not in known and inner:
                    known[other] = inner
                    pending.append(other)
                elif known.get(other, inner) != inner:
                    self.shuffled.setdefault(node[2], self.graph.tensors[other[0]].name or "a shuffle of channels")
        return known


Link = tuple[tuple[int, int], tuple[int, int], int, int, bool]
"""Two dimensions that hold the same channels; in the second, channels lie ``times / over`` as far apart. The last says
that they lie in another order there."""


def _links(graph: Graph, op: Op) -> Iterator[Link]:
    """The dimensions that ``op`` ties, of those whose order it keeps."""
    if op.op in ("conv", "linear", "embedding", "rnn"):
        yield from _of_layer(graph, op)
        return
    if not op.inputs or not op.outputs:
        return
    x, y = op.inputs[0], op.outputs[0]
    a, b = graph.shape(x), graph.shape(y)
    if op.op == "reshape":
        yield from _of_reshape(x, y, a, b)
    elif op.op == "permute":
        yield from (((x, d), (y, i), 1, 1, False) for i, d in enumerate(op.attrs["dims"]))
    elif op.op in ("pixel_shuffle", "pixel_unshuffle"):
        at, area = len(a) - 3, op.attrs["factor"] ** 2
        shrinks = op.op == "pixel_shuffle"
        yield (x, at), (y, at), 1 if shrinks else area, area if shrinks else 1, False
        yield from (((x, d), (y, d), 1, 1, False) for d in range(at))
    elif op.op == "unfold":
        yield (x, 1), (y, 1), prod(op.attrs["kernel"]), 1, False
    elif op.op == "channel_shuffle":
        yield (x, 1), (y, 1), op.attrs["groups"], 1, False
    elif op.op == "reduce":
        yield from _of_reduce(op, x, a)
    elif op.op in ("flip", "roll"):
        yield from (((x, d), (y, d), 1, 1, d in op.attrs["dims"]) for d in range(len(a)))
    else:
        for t in op.inputs:
            for out in op.outputs:
                n, m = len(graph.shape(t)), len(graph.shape(out))
                yield from (((t, n - 1 - i), (out, m - 1 - i), 1, 1, False) for i in range(min(n, m)))
        yield from _of_norm(graph, op, x)


def _of_layer(graph: Graph, op: Op) -> Iterator[Link]:
    x, y = (op.inputs[0] if op.inputs else -1), op.outputs[0]
    weight, bias = op.weights.get("weight"), op.weights.get("bias")
    at = len(graph.shape(y)) - 1 - (len(op.attrs["kernel"]) if op.op == "conv" else 0)
    made, read = (1, 0) if op.attrs.get("transposed") else (0, 1)
    if op.op == "embedding":
        made, read = 1, 0
    if weight is not None:
        yield (y, at), (weight, made), 1, 1, False
        if op.op != "embedding":
            yield (x, at), (weight, read), 1, 1, False
    if bias is not None:
        yield (y, at), (bias, 0), 1, 1, False
    if op.op == "conv" and op.attrs["groups"] == graph.shape(x)[at] and weight is not None:
        fold = graph.shape(y)[at] // op.attrs["groups"]
        yield (x, at), (y, at), fold, 1, False
    if op.op != "embedding":
        yield from (((x, d), (y, d), 1, 1, False) for d in range(at))


def _of_norm(graph: Graph, op: Op, x: int) -> Iterator[Link]:
    rank = len(graph.shape(x))
    for role, t in op.weights.items():
        if op.op in ("layer_norm", "rms_norm"):
            own = len(graph.shape(t))
            yield from (((x, rank - own + d), (t, d), 1, 1, False) for d in range(own))
        elif role:
            yield (x, min(1, rank - 1)), (t, 0), 1, 1, False


def _of_reduce(op: Op, x: int, a: tuple[int, ...]) -> Iterator[Link]:
    gone = {d % len(a) for d in op.attrs["dims"]} if op.attrs["dims"] else set(range(len(a)))
    kept = [d for d in range(len(a)) if d not in gone]
    for out in op.outputs:
        for i, d in enumerate(kept):
            yield (x, d), (out, d if op.attrs["keepdim"] else i), 1, 1, False


def _of_reshape(x: int, y: int, a: tuple[int, ...], b: tuple[int, ...]) -> Iterator[Link]:
    """Where dimensions are merged, those behind a channel dimension spread it; where one is cut, its last part is the
    channels."""
    if 0 in a or prod(a) != prod(b):
        return
    for here, there in blocks(a, b):
        ins, outs = list(range(len(a)))[here], list(range(len(b)))[there]
        wide = [d for d in outs if b[d] != 1]
        for d in ins:
            if a[d] == 1 or not wide:
                continue
            after = prod(a[e] for e in ins if e > d)
            if len(wide) == 1:
                yield (x, d), (y, wide[0]), after, 1, False
            elif after == 1 and len([e for e in ins if a[e] != 1]) == 1:
                yield (x, d), (y, wide[-1]), 1, 1, False
