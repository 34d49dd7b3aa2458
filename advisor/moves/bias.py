"""Biases that a following batch normalisation cancels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..edit import GraphEdit
from ..graph import Graph
from .base import Move, get, name, need, register
from .chain import centred


def find_redundant_bias(graph: Graph) -> list[int]:
    """Keys of the convolutions and linears whose bias is subtracted again by the normalisation right after them."""
    biased = (op for op in graph.ops if op.op in ("conv", "linear") and "bias" in op.weights)
    return [op.key for op in biased if centred(graph, op)]


@register
@dataclass(frozen=True)
class RemoveBias(Move):
    """Drop the bias of convolution or linear ``op``; the normalisation after it removes any constant."""

    kind: ClassVar[str] = "remove_bias"
    op: int

    def describe(self, graph: Graph) -> str:
        return f"remove the bias of {name(get(graph, self.op))}"

    def apply(self, graph: Graph) -> Graph:
        op = get(graph, self.op, "conv", "linear")
        need("bias" in op.weights, f"{name(op)} has no bias")
        need(centred(graph, op), f"no normalisation right after {name(op)} cancels its bias")
        edit = GraphEdit(graph)
        edit.set_weights(self.op, {role: t for role, t in op.weights.items() if role != "bias"})
        return edit.finish()
