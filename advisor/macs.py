"""Multiply-accumulates of an op, in the convention of ``torch.utils.flop_counter`` (which counts 2 FLOPs for each).

Matrix products and convolutions count, everything else is zero. Padding counts like all else, causal attention
counts in full, and a recurrent layer counts its gates' products at every step.
"""

from __future__ import annotations

from math import prod

from .graph import Graph, Op, Tensor

GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def op_macs(graph: Graph, op: Op) -> int | None:
    """MACs of one op; None when they cannot be known: an ``other`` op, a shape that is missing or negative."""
    if op.op == "other":
        return None
    count = COUNTED.get(op.op)
    if count is None:
        return 0
    if not (op.inputs and op.outputs):  # read off the source: no tensors at all
        return None
    for t in (*op.inputs, *op.outputs, *op.weights.values()):
        tensor = graph.tensors.get(t)
        if tensor is None or (tensor.shape and min(tensor.shape) < 0):
            return None
    return count(graph.tensors, op)


def _weight(tensors: dict[int, Tensor], op: Op) -> tuple[int, ...] | None:
    """The weight's shape; one that the forward computes (weight standardisation) is the second input."""
    if "weight" in op.weights:
        return tensors[op.weights["weight"]].shape
    return tensors[op.inputs[1]].shape if len(op.inputs) > 1 else None


def _conv(tensors: dict[int, Tensor], op: Op) -> int | None:
    weight = _weight(tensors, op)
    if weight is None:
        return None
    x, y = tensors[op.inputs[0]].shape, tensors[op.outputs[0]].shape
    dims = len(weight) - 2
    batch = prod(y[: -dims - 1])
    positions = x if op.attrs.get("transposed") else y
    return batch * prod(positions[-dims:]) * prod(weight)


def _linear(tensors: dict[int, Tensor], op: Op) -> int | None:
    weight = _weight(tensors, op)
    return None if weight is None else tensors[op.outputs[0]].numel * weight[-1]


def _matmul(tensors: dict[int, Tensor], op: Op) -> int:
    return tensors[op.outputs[0]].numel * tensors[op.inputs[0]].shape[-1]


def _addmm(tensors: dict[int, Tensor], op: Op) -> int:
    return tensors[op.outputs[0]].numel * tensors[op.inputs[1]].shape[-1]


def _attention(tensors: dict[int, Tensor], op: Op) -> int:
    q, k, v = (tensors[t].shape for t in op.inputs[:3])
    return prod(q[:-1]) * k[-2] * (q[-1] + v[-1])


def _rnn(tensors: dict[int, Tensor], op: Op) -> int:
    a = op.attrs
    *positions, features = tensors[op.inputs[0]].shape
    directions = 2 if a["bidirectional"] else 1
    hidden, out = a["hidden"], a["projection"] or a["hidden"]
    total = 0
    for layer in range(a["layers"]):
        read = features if layer == 0 else out * directions
        total += directions * (GATES[a["kind"]] * hidden * (read + out) + (hidden * out if a["projection"] else 0))
    return prod(positions) * total


def _einsum(tensors: dict[int, Tensor], op: Op) -> int | None:
    return einsum_macs(op.attrs["equation"], [tensors[t].shape for t in op.inputs])


def einsum_macs(equation: str, shapes: list[tuple[int, ...]]) -> int | None:
    """MACs of an einsum contracted from left to right; None where the subscripts do not fit the shapes."""
    parsed = einsum_subscripts(equation, shapes)
    if parsed is None:
        return None
    terms, result, sizes = parsed
    if len(terms) < 2:
        return 0
    total, left = 0, terms[0]
    for i, right in enumerate(terms[1:], start=2):
        later = set(result).union(*terms[i:])
        used = [s for s in dict.fromkeys(left + right) if s in later or (s in left and s in right)]
        total += prod(sizes[s] for s in used)
        left = "".join(s for s in used if s in later)
    return total


def einsum_subscripts(equation: str, shapes: list[tuple[int, ...]]) -> tuple[list[str], str, dict[str, int]] | None:
    """Operand subscripts, result subscripts and the size of each, an ellipsis spelt out in characters of its own."""
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        return None
    spread = max((len(s) - len(t) + 3 for t, s in zip(terms, shapes, strict=True) if "..." in t), default=0)
    dots = "".join(chr(0x2460 + i) for i in range(spread))
    sizes: dict[str, int] = {}
    spelt = []
    for term, shape in zip(terms, shapes, strict=True):
        extra = len(shape) - len(term) + 3
        full = term.replace("...", dots[spread - extra :]) if "..." in term else term
        if len(full) != len(shape):
            return None
        for symbol, size in zip(full, shape, strict=True):
            sizes[symbol] = max(size, sizes.get(symbol, 1))
        spelt.append(full)
    if not arrow:
        joined = "".join(spelt)
        result = "..." + "".join(sorted(s for s in set(joined) if joined.count(s) == 1 and s not in dots))
    return spelt, result.replace("...", dots), sizes


COUNTED = {
    "conv": _conv,
    "linear": _linear,
    "matmul": _matmul,
    "addmm": _addmm,
    "attention": _attention,
    "rnn": _rnn,
    "einsum": _einsum,
}
