"""Element by element: sums and products of tensors, with broadcasting, and functions of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from advisor.graph import Op

from .activations import clamped, table
from .lowerer import Lowerer, Refusal, Value

Options = tuple[str, dict[str, Any]]

BINARY: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("add", "logical_or"), ("ADD", "AddOptions")),
    **dict.fromkeys(("sub", "rsub"), ("SUB", "SubOptions")),
    **dict.fromkeys(("mul", "logical_and"), ("MUL", "MulOptions")),
    **dict.fromkeys(("maximum", "fmax", "clamp_min"), ("MAXIMUM", "MaximumMinimumOptions")),
    **dict.fromkeys(("minimum", "fmin", "clamp_max"), ("MINIMUM", "MaximumMinimumOptions")),
}
ACTIVATED = frozenset({"ADD", "SUB", "MUL"})
"""Operators that apply a clamping activation on their way out."""

COMPARISONS = {
    "eq": ("EQUAL", "EqualOptions"),
    "ne": ("NOT_EQUAL", "NotEqualOptions"),
    "lt": ("LESS", "LessOptions"),
    "le": ("LESS_EQUAL", "LessEqualOptions"),
    "gt": ("GREATER", "GreaterOptions"),
    "ge": ("GREATER_EQUAL", "GreaterEqualOptions"),
}
TABLES = frozenset(
    {
        *("pow", "rpow", "rdiv", "reciprocal", "square", "sqrt", "rsqrt", "exp", "exp2", "expm1"),
        *("log", "log2", "log10", "log1p", "erf", "erfc", "erfinv", "logit", "sign", "sgn", "nan_to_num"),
        *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "sinc"),
        *("round", "floor", "ceil", "trunc", "frac", "remainder", "fmod", "floor_divide"),
    }
)
"""Functions of one element (the other operand, where there is one, is a number)."""


def elementwise(lower: Lowerer, op: Op) -> None:
    fn = op.attrs["fn"]
    handler = SPECIAL.get(fn)
    if handler is not None:
        handler(lower, op)
    elif fn in BINARY:
        _binary(lower, op, *BINARY[fn])
    elif fn in COMPARISONS:
        code, options = COMPARISONS[fn]
        lower.give(op.outputs[0], joined(lower, code, _operands(lower, op), (options, {}), dtype="bool"))
    elif fn in TABLES and len(op.inputs) == 1:
        lower.give(op.outputs[0], table(lower, lower.input(op)))
    else:
        raise Refusal(f"there is no operator for the function {fn!r} of {len(op.inputs)} tensors")


def _operands(lower: Lowerer, op: Op) -> list[Value]:
    """The op's tensors; a number is a constant of one element."""
    found = [lower.operand(t) for t in op.inputs]
    return [*found, lower.constant((1,))] if len(found) == 1 else found


def _binary(lower: Lowerer, op: Op, code: str, options: str) -> None:
    tensor, activation = op.outputs[0], 0
    if code in ACTIVATED:
        tensor, activation = lower.fused_activation(tensor)
    fields = {"FusedActivationFunction": activation} if activation else {}
    made = joined(lower, code, _operands(lower, op), (options, fields))
    lower.give(tensor, fitted(lower, made, lower.graph.shape(tensor)))


def fitted(lower: Lowerer, value: Value, shape: tuple[int, ...]) -> Value:
    """The value under the graph's shape: operands that still have to broadcast may have made it smaller."""
    return value if value.shape == shape else lower.tiled(value, shape)


def joined(lower: Lowerer, code: str, operands: list[Value], options: Options | None, dtype: str = "int8") -> Value:
    """An operator of two tensors that broadcast; it works in the order of the larger one."""
    a, b = operands[:2]
    rank = max(a.rank, b.rank)
    shapes = [(1,) * (rank - v.rank) + v.shape for v in (a, b)]
    if any(m != n and 1 not in (m, n) for m, n in zip(*shapes, strict=True)):
        raise Refusal(f"{a.shape} and {b.shape} do not broadcast")
    shape = tuple(map(max, *shapes))
    main = max((a, b), key=lambda v: (v.tensor is not None, v.rank, sum(n != 1 for n in v.shape), _elements(v)))
    order = (*range(rank - main.rank), *(d + rank - main.rank for d in main.order))
    a, b = (lower.broadcastable(v, rank, order) for v in (a, b))
    return lower.emit(code, [a, b], shape, order, options, dtype)


def _elements(value: Value) -> int:
    total = 1
    for n in value.shape:
        total *= n
    return total


def added(lower: Lowerer, a: Value, b: Value) -> Value:
    return joined(lower, "ADD", [a, b], ("AddOptions", {}))


def subtracted(lower: Lowerer, a: Value, b: Value) -> Value:
    return joined(lower, "SUB", [a, b], ("SubOptions", {}))


def multiplied(lower: Lowerer, a: Value, b: Value) -> Value:
    return joined(lower, "MUL", [a, b], ("MulOptions", {}))


def _div(lower: Lowerer, op: Op) -> None:
    """A product with the reciprocal, which comes from a table where the divisor is a tensor."""
    operands = _operands(lower, op)
    if len(op.inputs) > 1 and operands[1].tensor is not None:
        operands[1] = table(lower, operands[1])
    lower.give(op.outputs[0], fitted(lower, multiplied(lower, *operands), lower.graph.shape(op.outputs[0])))


def _power(lower: Lowerer, op: Op) -> None:
    if len(op.inputs) > 1:
        raise Refusal("a power with a tensor as exponent")
    lower.give(op.outputs[0], table(lower, lower.input(op)))


def _unary(code: str) -> Callable[[Lowerer, Op], None]:
    def handler(lower: Lowerer, op: Op) -> None:
        x = lower.input(op)
        options = ("NegOptions", {}) if code == "NEG" else ("AbsOptions", {})
        lower.give(op.outputs[0], lower.emit(code, [x], x.shape, x.order, options))

    return handler


def _clamp(lower: Lowerer, op: Op) -> None:
    lower.give(op.outputs[0], clamped(lower, lower.input(op)))


def _where(lower: Lowerer, op: Op) -> None:
    """A choice between two tensors; one by a constant condition is a product with a mask and a sum with another."""
    values = [lower.operand(t) for t in op.inputs]
    shape = lower.graph.shape(op.outputs[0])
    live = [v for v in values[1:] if v.tensor is not None]
    if not values or values[0].tensor is not None or not live:
        raise Refusal("a choice by a condition that is computed from the input")
    mask = Value(values[0].shape, values[0].order, None)
    made = multiplied(lower, live[0], mask)
    other = multiplied(lower, live[1], mask) if len(live) > 1 else Value(mask.shape, mask.order, None)
    lower.give(op.outputs[0], fitted(lower, added(lower, made, other), shape))


def _masked(lower: Lowerer, op: Op) -> None:
    """``masked_fill``, ``tril`` and ``triu``: a constant mask clears, another one fills."""
    values = [lower.operand(t) for t in op.inputs]
    shape = lower.graph.shape(op.outputs[0])
    if values[0].tensor is None or any(v.tensor is not None for v in values[1:]):
        raise Refusal("a mask that is computed from the input")
    size = values[1].shape if len(values) > 1 else shape[-2:]
    made = multiplied(lower, values[0], lower.constant(size))
    if op.attrs["fn"] == "masked_fill":
        made = added(lower, made, lower.constant(size))
    lower.give(op.outputs[0], fitted(lower, made, shape))


def _addcmul(lower: Lowerer, op: Op) -> None:
    """``a + value * b * c``, the value is in the scales; ``lerp(a, b, w)`` costs the same."""
    a, b, *rest = (lower.operand(t) for t in op.inputs)
    c = rest[0] if rest else lower.constant((1,))
    made = added(lower, a, multiplied(lower, b, c))
    lower.give(op.outputs[0], fitted(lower, made, lower.graph.shape(op.outputs[0])))


def _same(lower: Lowerer, op: Op) -> None:
    lower.give(op.outputs[0], lower.input(op))


SPECIAL: dict[str, Callable[[Lowerer, Op], None]] = {
    "div": _div,
    "pow": _power,
    "neg": _unary("NEG"),
    "abs": _unary("ABS"),
    "clamp": _clamp,
    "where": _where,
    **dict.fromkeys(("masked_fill", "tril", "triu"), _masked),
    **dict.fromkeys(("addcmul", "lerp"), _addcmul),
    "positive": _same,
}
