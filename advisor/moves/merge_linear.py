"""Adjacent linear operators with nothing nonlinear between them are one linear operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..edit import GraphEdit, MoveError
from ..graph import Graph, Op
from .base import Move, get, name, need, register, unshared
from .chain import between, centred, is_pointwise, next_op


def find_mergeable(graph: Graph) -> list[tuple[int, int]]:
    """Pairs (first, second) that :class:`MergeLinear` can merge."""
    return [(op.key, second.key) for op in graph.ops if (second := _partner(graph, op)) is not None]


def _partner(graph: Graph, op: Op) -> Op | None:
    if not _can_lead(op):
        return None
    after = next_op(graph, op)
    if after is not None and op.op == "conv" and after.op == "batch_norm":
        after = next_op(graph, after)
    if after is None or any(len(graph.weight_readers[t]) > 1 for o in (op, after) for t in o.weights.values()):
        return None
    if op.op == "linear":
        return after if after.op == "linear" and "weight" in after.weights else None
    return after if is_pointwise(after) else None


def _can_lead(op: Op) -> bool:
    if "weight" not in op.weights:
        return False
    return op.op == "linear" or (op.op == "conv" and op.attrs["groups"] == 1 and not op.attrs["transposed"])


@register
@dataclass(frozen=True)
class MergeLinear(Move):
    """Replace ``first`` and the linear or 1×1 convolution ``second`` that reads it (perhaps through a batch norm, which
    folds) by their product, in ``second``'s place. The function stays the same; a constant that arises becomes a bias,
    unless a batch norm follows and takes it into its running mean."""

    kind: ClassVar[str] = "merge_linear"
    first: int
    second: int

    def describe(self, graph: Graph) -> str:
        return f"merge {name(get(graph, self.first))} and {name(get(graph, self.second))} into one"

    def apply(self, graph: Graph) -> Graph:
        first, second = get(graph, self.first, "conv", "linear"), get(graph, self.second, "conv", "linear")
        partner = _partner(graph, first)
        need(
            partner is second,
            f"{name(first)} and {name(second)} are not adjacent linear operators with a single reader between them",
        )
        unshared(graph, first)
        chain = between(graph, first, second)
        if chain is None:
            raise MoveError(f"the value between {name(first)} and {name(second)} is read elsewhere")
        edit = GraphEdit(graph)
        w1, w2 = (graph.tensors[o.weights["weight"]].shape for o in (first, second))
        edit.resize_tensor(second.weights["weight"], (w2[0], *w1[1:]))
        if first.op == "conv":
            geometry = ("kernel", "stride", "padding", "dilation")
            edit.update(second.key, attrs={k: first.attrs[k] for k in geometry})
        biased = "bias" in first.weights or any(o.op == "batch_norm" for o in chain)
        if biased and "bias" not in second.weights and not centred(graph, second):
            weight = graph.tensors[second.weights["weight"]]
            path = weight.name.rpartition(".")[0]
            bias = edit.add_tensor(weight._replace(shape=(w2[0],), name=f"{path}.bias" if path else "bias"))
            edit.update(second.key, weights={**second.weights, "bias": bias})
        for op in reversed(chain):
            edit.bypass(op.key, op.inputs[0])
        edit.bypass(first.key, first.inputs[0])
        return edit.finish()
