"""Whether two graphs compute the same thing in the same way, up to names, spans, keys and execution order.

This is how a move's prediction is held against a model that was really built that way. Identity operators are looked
through, and ops that no output depends on do not count.
"""

from __future__ import annotations

from math import isclose
from typing import Any

from .graph import Graph, Op, Tensor

_MOST = 20
"""Differences after which the comparison stops: the rest follow from them."""


def equivalent(a: Graph, b: Graph) -> list[str]:
    """The differences between two graphs, in words; empty where they are equivalent.

    Compared from the outputs backwards: operators, attributes, shapes, dtypes, weights (shape, dtype, and which are
    shared) and wiring.
    """
    comparison = _Comparison(a, b)
    if len(a.outputs) != len(b.outputs):
        return [f"{len(a.outputs)} outputs against {len(b.outputs)}"]
    if len(a.inputs) != len(b.inputs):
        return [f"{len(a.inputs)} inputs against {len(b.inputs)}"]
    for x, y in zip(a.inputs, b.inputs, strict=True):
        comparison.same_tensor(x, y, "an input")
    comparison.run(list(zip(a.outputs, b.outputs, strict=True)))
    return comparison.differences


class _Comparison:
    def __init__(self, a: Graph, b: Graph) -> None:
        self.a, self.b = a, b
        self.differences: list[str] = []
        self.pairs: dict[int, int] = {}
        self.backward: dict[int, int] = {}

    def run(self, pending: list[tuple[int, int]]) -> None:
        """Compare pairs of tensors and, backwards, all that they depend on."""
        seen: set[tuple[int, int]] = set()
        while pending and len(self.differences) < _MOST:
            x, y = pending.pop()
            x, y = _source(self.a, x), _source(self.b, y)
            if (x, y) in seen:
                continue
            seen.add((x, y))
            p, q = self.a.producer.get(x), self.b.producer.get(y)
            if p is None or q is None:
                if (p is None) != (q is None):
                    self.differences.append(f"{_what(p)} against {_what(q)}")
                else:
                    self.same_tensor(x, y, "a leaf")
            elif self.same_op(p, q):
                if p.outputs.index(x) != q.outputs.index(y):
                    self.differences.append(f"{_what(p)}: output {p.outputs.index(x)} against {q.outputs.index(y)}")
                pending.extend(zip(p.inputs, q.inputs, strict=True))

    def same_op(self, p: Op, q: Op) -> bool:
        """Compare two ops without their inputs; whether these are worth comparing."""
        if p.op != q.op or len(p.inputs) != len(q.inputs) or len(p.outputs) != len(q.outputs):
            self.differences.append(f"{_what(p)} against {_what(q)}")
            return False
        if not _same_value(p.attrs, q.attrs):
            keys = sorted(k for k in {*p.attrs, *q.attrs} if not _same_value(p.attrs.get(k), q.attrs.get(k)))
            values = ", ".join(f"{k} {p.attrs.get(k)} against {q.attrs.get(k)}" for k in keys)
            self.differences.append(f"{_what(p)}: {values}")
        for x, y in zip(p.outputs, q.outputs, strict=True):
            self.same_tensor(x, y, _what(p))
        if p.weights.keys() != q.weights.keys():
            self.differences.append(f"{_what(p)}: weights {sorted(p.weights)} against {sorted(q.weights)}")
        else:
            for role in p.weights:
                self.same_tensor(p.weights[role], q.weights[role], f"{_what(p)}, {role}")
        return True

    def same_tensor(self, x: int, y: int, where: str) -> None:
        if self.pairs.setdefault(x, y) != y or self.backward.setdefault(y, x) != x:
            self.differences.append(f"{where}: another tensor is shared here")
        s, t = self.a.tensors[x], self.b.tensors[y]
        if (s.shape, s.dtype, _kind(s)) != (t.shape, t.dtype, _kind(t)):
            self.differences.append(
                f"{where}: {list(s.shape)} {s.dtype} {_kind(s)} against {list(t.shape)} {t.dtype} {_kind(t)}"
            )


def _source(graph: Graph, tensor: int) -> int:
    """The tensor before any identities."""
    while (op := graph.producer.get(tensor)) is not None and op.op == "identity":
        tensor = op.inputs[0]
    return tensor


def _kind(tensor: Tensor) -> str:
    return tensor.role if tensor.role in ("input", "activation") else "stored"


def _what(op: Op | None) -> str:
    if op is None:
        return "a model input or a stored tensor"
    return f"{op.op} {op.path}".rstrip()


def _same_value(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same_value(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_same_value, a, b))
    if isinstance(a, float) or isinstance(b, float):
        return isinstance(a, (int, float)) and isinstance(b, (int, float)) and isclose(a, b, rel_tol=1e-6)
    return a == b
