"""Setting layers to another precision than the target's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ..edit import GraphEdit
from ..graph import Graph, Op
from ..operators import FREE
from .base import Move, get, name, need, register

FOLLOWING = frozenset({"batch_norm", "activation"})
"""Operators that run as part of the layer whose result nobody else reads."""

CARRYING = FREE | {"permute", "slice", "split", "unbind", "repeat", "roll", "flip", "pad"}
"""Operators that only move what they read: their results are of its type."""


@register
@dataclass(frozen=True)
class SetPrecision(Move):
    """Run the ops ``ops`` in the type ``dtype`` (``int16``, ``float16`` …; empty: the target's own), with the norms and
    activations behind them and whatever only moves their results. Which types there are, and what they cost, is a
    target's to say: an op that a target cannot run in its type is uncounted there.

    On a live module it changes nothing to be seen: a torch model computes in the type of its parameters until it is
    deployed, so :func:`advisor.moves.live.surgery_plan` is empty.
    """

    kind: ClassVar[str] = "set_precision"
    ops: tuple[int, ...]
    dtype: str

    def describe(self, graph: Graph) -> str:
        names = [name(get(graph, key)) for key in self.ops]
        layers = f"{len(names)} layers" if len(names) > 1 else "".join(names)
        return f"run {layers} in {self.dtype or 'the precision of the target'}"

    def surviving(self, graph: Graph) -> SetPrecision:
        return SetPrecision(tuple(k for k in self.ops if k in graph.by_key), self.dtype)

    def apply(self, graph: Graph) -> Graph:
        need(self.ops, "no layer is named")
        reached = {op.key: op for key in self.ops for op in _with(graph, get(graph, key))}
        changed = [op for op in reached.values() if op.attrs.get("precision", "") != self.dtype]
        need(changed, f"these layers are in {self.dtype or 'the precision of the target'} already")
        edit = GraphEdit(graph)
        for op in changed:
            attrs = {k: v for k, v in op.attrs.items() if k != "precision"}
            if self.dtype:
                attrs["precision"] = self.dtype
            weights = [t for t in op.weights.values() if graph.tensors[t].role == "parameter"]
            for t in weights:
                need(reached.keys() >= set(graph.weight_readers[t]), f"{name(op)} shares its weights with another call")
            for t in (*op.outputs, *weights):
                edit.tensors[t] = graph.tensors[t]._replace(precision=self.dtype)
            edit.replace_op(op.key, op.op, op.target, attrs, dict(op.weights))
        return edit.finish()


def _with(graph: Graph, first: Op) -> Iterator[Op]:
    """``first`` and the ops that go with it."""
    pending = [first]
    while pending:
        op = pending.pop()
        yield op
        for t in op.outputs:
            readers = graph.consumers.get(t, [])
            alone = len(readers) == 1 and t not in graph.outputs
            pending += [r for r in readers if r.op in CARRYING or (alone and r.op in FOLLOWING)]
