"""Functions of one element, and softmax.

On int8 any function of one element is a table of 256 entries, whatever it computes; the schema names some of them and
all cost the same. A function without a name of its own goes through the table of another.
"""

from __future__ import annotations

from advisor.graph import Op

from ..layout import with_last
from .lowerer import Lowerer, Value

NAMED = {
    "relu": ("RELU", None),
    "relu6": ("RELU6", None),
    "hardtanh": ("RELU_N1_TO_1", None),
    "hardswish": ("HARD_SWISH", ("HardSwishOptions", {})),
    "sigmoid": ("LOGISTIC", None),
    "tanh": ("TANH", None),
    "leaky_relu": ("LEAKY_RELU", ("LeakyReluOptions", {"Alpha": 0.01})),
    "elu": ("ELU", None),
    "gelu": ("GELU", ("GeluOptions", {})),
}
CLAMPING = {"relu": "RELU", "relu6": "RELU6", "hardtanh": "RELU_N1_TO_1", "threshold": "RELU"}


def activation(lower: Lowerer, op: Op) -> None:
    fn = op.attrs["fn"]
    x = lower.input(op)
    if fn == "silu":
        lower.give(op.outputs[0], gated(lower, x))
    elif fn == "prelu":
        lower.give(op.outputs[0], _prelu(lower, op, x))
    else:
        code, options = NAMED.get(fn, NAMED["sigmoid"])
        lower.give(op.outputs[0], lower.emit(code, [x], x.shape, x.order, options))


def table(lower: Lowerer, x: Value) -> Value:
    """Any function of one element."""
    return lower.emit("LOGISTIC", [x], x.shape, x.order)


def clamped(lower: Lowerer, x: Value) -> Value:
    """Limits above and below."""
    return lower.emit("RELU_N1_TO_1", [x], x.shape, x.order)


def gated(lower: Lowerer, x: Value) -> Value:
    """``x`` times a function of ``x``, as converters write silu: they have no operator for it."""
    return lower.emit("MUL", [x, table(lower, x)], x.shape, x.order, ("MulOptions", {}))


def _prelu(lower: Lowerer, op: Op, x: Value) -> Value:
    slopes = lower.graph.weight_shape(op)
    channels = 1 if slopes is None else slopes[0]
    shape = tuple(channels if d == 1 else 1 for d in range(x.rank))
    slope = Value(shape, x.order, None)
    return lower.emit("PRELU", [x, slope], x.shape, x.order)


def softmax(lower: Lowerer, op: Op) -> None:
    x = softened(lower, lower.input(op), op.attrs["dim"])
    lower.give(op.outputs[0], table(lower, x) if op.attrs["log"] else x)


def softened(lower: Lowerer, x: Value, dim: int, beta: float = 1.0) -> Value:
    """Softmax along ``dim``, of ``beta`` times ``x``."""
    x = lower.arranged(x, with_last(x.order, [dim]))
    return lower.emit("SOFTMAX", [x], x.shape, x.order, ("SoftmaxOptions", {"Beta": beta}))
