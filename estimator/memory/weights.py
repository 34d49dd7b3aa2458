"""What parameters weigh as the target stores them.

A floating-point target stores each in its type. An int8 target stores the weights of layers in int8 with a scale of
four bytes for each output channel, biases in int32, and folds a batch norm's factor into the weights, its offset into
the bias (quantisation as in TensorFlow Lite's 8-bit specification). Vela compresses (:mod:`.vela.encoding`).
"""

from __future__ import annotations

from math import prod

from advisor.graph import Graph, Op
from advisor.targets import Target

from ..roofline import element_bytes
from .vela.encoding import Layer, spread, stored

SCALE = 4
BIAS = 4


def stored_bytes(graph: Graph, tensor: int, target: Target) -> int:
    """Bytes of one parameter; 0 where it is stored as part of another."""
    known = graph.tensors[tensor]
    readers = graph.weight_readers.get(tensor) if target.dtype == "int8" else None
    op = graph.by_key[readers[0]] if readers else None
    if op is None or op.op not in _QUANTISED:
        return prod(known.shape) * element_bytes(target, known.dtype, known.precision, True)
    if op.weights.get("weight") != tensor:
        return 0 if target.vela is not None else BIAS * prod(known.shape)
    if op.op == "batch_norm":
        return 0
    layer, groups = _layer(op, known.shape)
    if target.vela is not None:
        return stored(layer, target.vela.accelerator) * groups
    plain = prod(known.shape) * element_bytes(target, known.dtype, known.precision, True)
    return plain + SCALE * layer.outputs * groups


_QUANTISED = frozenset({"conv", "linear", "batch_norm"})


def _layer(op: Op, shape: tuple[int, ...]) -> tuple[Layer, int]:
    """The layer's weights, and how many such there are: a convolution in groups is one a group."""
    if op.op == "linear":
        *outputs, inputs = shape
        return Layer("linear", prod(outputs), inputs), 1  # a vector makes one output, without a dimension of its own
    a, b, *window = shape
    groups = op.attrs["groups"]
    kernel, zeros = spread(window, op.attrs["dilation"])
    if op.attrs["transposed"]:
        return Layer("conv", b, a // groups, kernel), groups
    if groups > 1 and b == 1:
        return Layer("depthwise", a, 1, kernel, zeros), 1
    return Layer("conv", a // groups, b, kernel, zeros), groups
