"""The MAC work of an op as dense loops, in the terms that a tiling pads."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

from advisor.graph import Op, Tensor
from advisor.macs import GATES, einsum_subscripts
from advisor.targets import Engine


class Work(NamedTuple):
    """``repeats`` products of ``height * width`` positions, each ``input * kernel`` deep and ``output`` wide."""

    engine: str
    output: int
    input: int
    kernel: int
    height: int
    width: int
    repeats: int = 1


def cycles(work: Work, engine: Engine) -> float:
    """Cycles that the MAC array is busy, in the best of the engine's tilings, every extent padded."""
    _, output, depth, kernel, height, width, repeats = work
    best = float("inf")
    for t in engine.tilings:
        if t.input_max and depth > t.input_max:
            continue
        # -(-a // b) is the ceiling of a / b
        pieces = -(-height // t.height) * -(-width // t.width)
        tiles = -(-output // t.output) * -(-pieces // t.positions) * repeats
        if t.units > 1:
            tiles = -(-tiles // t.units) * t.units
        steps = -(-depth // t.input) * -(-kernel // t.kernel)
        size = t.output * t.height * t.width * t.positions * t.input * t.kernel
        best = min(best, tiles * steps * size / engine.macs_per_cycle)
    return best


def works(tensors: Mapping[int, Tensor], op: Op) -> list[Work]:
    """What a MAC op computes, as dense loops; empty where its structure is not understood."""
    return LOOPS[op.op](tensors, op)


def is_depthwise(tensors: Mapping[int, Tensor], op: Op) -> bool:
    """Whether a convolution has groups of one input channel."""
    groups = op.attrs["groups"]
    return groups > 1 and tensors[op.inputs[0]].shape[-len(op.attrs["kernel"]) - 1] == groups


def _conv(tensors: Mapping[int, Tensor], op: Op) -> list[Work]:
    x, y = tensors[op.inputs[0]].shape, tensors[op.outputs[0]].shape
    dims = len(op.attrs["kernel"])
    batch = prod(y[: -dims - 1])
    kernel = prod(op.attrs["kernel"])
    positions = x if op.attrs.get("transposed") else y
    height, width = prod(positions[-dims:-1]), positions[-1]
    groups = op.attrs["groups"]
    read, made = x[-dims - 1], y[-dims - 1]
    if is_depthwise(tensors, op):
        return [Work("depthwise", made, 1, kernel, height, width, batch)]
    engine = "pointwise" if kernel == 1 and groups == 1 else "conv"
    return [Work(engine, made // groups, read // groups, kernel, height, width, batch * groups)]


def _linear(tensors: Mapping[int, Tensor], op: Op) -> list[Work]:
    *rows, read = tensors[op.inputs[0]].shape
    return [Work("linear", tensors[op.outputs[0]].shape[-1], read, 1, 1, prod(rows))]


def _product(tensors: Mapping[int, Tensor], a: int, out: int) -> list[Work]:
    *batch, rows, columns = (1, 1, *tensors[out].shape)
    return [Work("matmul", columns, tensors[a].shape[-1], 1, 1, rows, prod(batch))]


def _matmul(tensors: Mapping[int, Tensor], op: Op) -> list[Work]:
    return _product(tensors, op.inputs[0], op.outputs[0])


def _addmm(tensors: Mapping[int, Tensor], op: Op) -> list[Work]:
    return _product(tensors, op.inputs[1], op.outputs[0])


def _attention(tensors: Mapping[int, Tensor], op: Op) -> list[Work]:
    q, k, v = (tensors[t].shape for t in op.inputs[:3])
    batch = prod(q[:-2])
    return [Work("matmul", k[-2], q[-1], 1, 1, q[-2], batch), Work("matmul", v[-1], k[-2], 1, 1, q[-2], batch)]


def _einsum(tensors: Mapping[int, Tensor], op: Op) -> list[Work]:
    if len(op.inputs) != 2:
        return []
    parsed = einsum_subscripts(op.attrs["equation"], [tensors[t].shape for t in op.inputs])
    if parsed is None:
        return []
    (a, b), result, sizes = parsed
    left, right, kept = set(a), set(b), set(result)

    def extent(symbols: set[str]) -> int:
        return prod(sizes[s] for s in symbols)

    rows, columns, depth = (left - right) & kept, (right - left) & kept, (left & right) - kept
    return [Work("matmul", extent(columns), extent(depth), 1, 1, extent(rows), extent(left & right & kept))]


def _rnn(tensors: Mapping[int, Tensor], op: Op) -> list[Work]:
    """Input projections of all steps at once, then the recurrent products step by step."""
    a = op.attrs
    *lead, features = tensors[op.inputs[0]].shape
    steps = lead[1 if a["batch_first"] and len(lead) > 1 else 0]
    batch = prod(lead) // max(steps, 1)
    directions = 2 if a["bidirectional"] else 1
    hidden, out = a["hidden"], a["projection"] or a["hidden"]
    gates = GATES[a["kind"]] * hidden
    made = []
    for layer in range(a["layers"]):
        read = features if layer == 0 else out * directions
        made.append(Work("linear", gates, read, 1, 1, batch * steps, directions))
        made.append(Work("linear", gates, out, 1, 1, batch, directions * steps))
        if a["projection"]:
            made.append(Work("linear", out, hidden, 1, 1, batch, directions * steps))
    return made


LOOPS = {
    "conv": _conv,
    "linear": _linear,
    "matmul": _matmul,
    "addmm": _addmm,
    "attention": _attention,
    "rnn": _rnn,
    "einsum": _einsum,
}
