"""Squeeze-and-excite gates: finding and removing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..edit import GraphEdit
from ..graph import Graph, Op
from .base import Move, get, name, need, register

_GATES = ("sigmoid", "hardsigmoid", "tanh", "softmax", "relu6", "relu")
_PASSING = (
    "conv",
    "linear",
    "activation",
    "batch_norm",
    "layer_norm",
    "reshape",
    "identity",
    "expand",
    "elementwise",
    "permute",
    "copy",
)


@dataclass(frozen=True)
class SqueezeExcite:
    """One gate: tensor ``source`` times a function of its own global average. ``gate`` is the key of the
    multiplication, ``branch`` the keys of the ops that compute the factor, in execution order."""

    gate: int
    source: int
    branch: tuple[int, ...]


def find_se(graph: Graph) -> list[SqueezeExcite]:
    """Every squeeze-and-excite gate of a graph: global pooling → linear or 1×1 convolution(s) → gate → product."""
    return [se for op in graph.ops if (se := match_se(graph, op)) is not None]


def match_se(graph: Graph, op: Op) -> SqueezeExcite | None:
    """The gate whose multiplication is ``op``, if it is one."""
    if op.op != "elementwise" or op.attrs.get("fn") != "mul" or len(op.inputs) != 2:
        return None
    a, b = op.inputs
    for source, factor in ((a, b), (b, a)):
        if len(graph.shape(source)) == 4 and graph.tensors[source].role == "activation":
            branch = _branch(graph, op, source, factor)
            if branch is not None:
                return SqueezeExcite(op.key, source, branch)
    return None


def _branch(graph: Graph, gate: Op, source: int, factor: int) -> tuple[int, ...] | None:
    """Ops from ``source`` to ``factor`` when they are squeeze and excite and serve this gate only."""
    keys: list[int] = []
    mixes = gated = False
    reader, t = gate, factor
    while True:
        maker = graph.producer.get(t)
        if maker is None or len(maker.inputs) != 1 or len(maker.outputs) != 1:
            return None
        if t in graph.outputs or [r.key for r in graph.consumers[t]] != [reader.key]:
            return None
        keys.append(maker.key)
        if _pools(graph, maker):
            done = maker.inputs[0] == source and mixes and gated
            return tuple(reversed(keys)) if done else None
        if maker.op not in _PASSING:
            return None
        mixes = mixes or maker.op in ("conv", "linear")
        gated = gated or (not mixes and maker.op == "activation" and maker.attrs["fn"] in _GATES)
        reader, t = maker, maker.inputs[0]


def _pools(graph: Graph, op: Op) -> bool:
    """Whether ``op`` averages each channel of an image to one number."""
    shape = graph.shape(op.inputs[0])
    if len(shape) != 4:
        return False
    if op.op == "reduce":
        return op.attrs["fn"] == "mean" and list(op.attrs["dims"]) == [2, 3]
    return op.op == "pool" and op.attrs["fn"] == "avg" and graph.shape(op.outputs[0])[2:] == (1, 1)


@register
@dataclass(frozen=True)
class RemoveSE(Move):
    """Remove the squeeze-and-excite gate whose multiplication is op ``gate``."""

    kind: ClassVar[str] = "remove_se"
    gate: int

    def describe(self, graph: Graph) -> str:
        return f"remove the squeeze-and-excite gate {get(graph, self.gate).path or self.gate}"

    def apply(self, graph: Graph) -> Graph:
        op = get(graph, self.gate)
        se = match_se(graph, op)
        need(se is not None, f"{name(op)} is not the product of a squeeze-and-excite gate")
        assert se is not None
        edit = GraphEdit(graph)
        edit.bypass(se.gate, se.source)
        for key in reversed(se.branch):
            edit.remove(key)
        return edit.finish()
