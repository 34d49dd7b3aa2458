"""Element-by-element functions, reductions, products of activations, and functions that make a tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .meaning import Call, Meaning, dimensions, number, shape, words
from .recording import Node


def _elementwise(call: Call) -> Meaning:
    attrs: dict[str, Any] = {"fn": _ALIASES.get(call.name, call.name)}
    scalar = next((n for a in (*call.args, *call.kwargs.values()) if (n := number(a)) is not None), None)
    if scalar is not None:
        attrs["scalar"] = scalar
    return Meaning("elementwise", attrs, call.nodes)


def _reduction(fn: str, call: Call, dims: Any) -> Meaning:
    """A reduction over ``dims``; whether it kept them shows in the result, wherever the call put its flag."""
    x = call.x
    rank = len(shape(x))
    over = None if isinstance(dims, bool) else dims  # var(x, unbiased) is an overload of var(x, dim)
    keepdim = rank > 0 and bool(call.out) and len(call.out[0].shape) == rank
    return Meaning("reduce", {"fn": fn, "dims": dimensions(over, rank), "keepdim": keepdim}, [x])


def _reduce(call: Call) -> Meaning:
    return _reduction(call.name, call, call.get(1, "dim", call.kwargs.get("axis")))


def _norm(call: Call) -> Meaning:
    """``norm(x, p, dim, keepdim)`` and ``linalg.vector_norm(x, ord, dim, keepdim)``."""
    return _reduction("norm", call, call.get(2, "dim"))


def _max_or_min(call: Call) -> Meaning:
    """``max(x)``, ``max(x, dim)`` and ``max(x, other)`` are three functions."""
    if isinstance(call.get(1, "other"), Node):
        return Meaning("elementwise", {"fn": f"{call.name}imum"}, call.nodes)
    return _reduce(call)


def _matmul(call: Call) -> Meaning:
    return Meaning("matmul", {}, call.nodes)


def _reversed_matmul(call: Call) -> Meaning:
    return Meaning("matmul", {}, call.nodes[::-1])


def _addmm(call: Call) -> Meaning:
    return Meaning("addmm", {}, call.nodes)


def _einsum(call: Call) -> Meaning | None:
    equation = call.args[0]
    if not isinstance(equation, str):  # the sublist format has no equation
        return None
    return Meaning("einsum", {"equation": equation.replace(" ", "")}, call.nodes)


def _tensordot(call: Call) -> Meaning:
    """As an einsum: the contracted dimensions share a letter."""
    a, b = call.nodes[:2]
    dims = call.get(2, "dims", 2)
    rank_a, rank_b = len(shape(a)), len(shape(b))
    if isinstance(dims, int):
        left, right = list(range(rank_a - dims, rank_a)), list(range(dims))
    else:
        left, right = dimensions(dims[0], rank_a), dimensions(dims[1], rank_b)
    letters = "abcdefghijklmnopqrstuvwxyz"
    in_a, spare = letters[:rank_a], iter(letters[rank_a:])
    in_b = "".join(in_a[left[right.index(d)]] if d in right else next(spare) for d in range(rank_b))
    out = "".join(c for i, c in enumerate(in_a) if i not in left)
    out += "".join(c for i, c in enumerate(in_b) if i not in right)
    return Meaning("einsum", {"equation": f"{in_a},{in_b}->{out}"}, [a, b])


def _create(call: Call) -> Meaning:
    """A tensor from no tensor's values: ``zeros_like`` and ``x.new_zeros`` read a shape and a type only."""
    return Meaning("create", {"fn": call.name}, [])


def _from_values(call: Call) -> Meaning:
    """``torch.tensor(v)``: a copy where ``v`` holds tensors, else a new constant."""
    nodes = call.nodes
    return Meaning("copy", {}, nodes) if nodes else _create(call)


_ELEMENTWISE = words(
    "add sub rsub mul div rdiv floor_divide rfloor_divide remainder rremainder fmod pow rpow maximum minimum fmax "
    "fmin exp exp2 expm1 log log2 log10 log1p sqrt rsqrt square abs neg sign sgn sin cos tan asin acos atan atan2 "
    "sinh cosh asinh acosh atanh erf erfc erfinv reciprocal round floor ceil trunc frac eq ne lt le gt ge "
    "logical_and logical_or logical_not logical_xor bitwise_and bitwise_or bitwise_xor bitwise_not "
    "bitwise_left_shift bitwise_right_shift masked_fill clamp clamp_min clamp_max lerp addcmul addcdiv nan_to_num "
    "isnan isinf isfinite tril triu xlogy logit sinc real imag view_as_real view_as_complex"
)
_ALIASES = {
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "true_divide": "div",
    "absolute": "abs",
    "negative": "neg",
    "pos": "positive",
    "clip": "clamp",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
    "not_equal": "ne",
}
_REDUCTIONS = words(
    "mean sum prod any all amax amin argmax argmin logsumexp median nanmean nansum mode count_nonzero aminmax var "
    "std var_mean std_mean"
)
_FACTORIES = words(
    "zeros ones empty full arange range linspace logspace eye rand randn randint randperm zeros_like ones_like "
    "empty_like full_like rand_like randn_like randint_like new_zeros new_ones new_empty new_full empty_strided "
    "scalar_tensor tril_indices triu_indices hann_window hamming_window normal uniform from_numpy zero fill"
)

TABLE: dict[str, Callable[[Call], Meaning | None]] = {
    **dict.fromkeys((*_ELEMENTWISE, *_ALIASES), _elementwise),
    **dict.fromkeys(_REDUCTIONS, _reduce),
    **dict.fromkeys(("norm", "linalg_norm", "linalg_vector_norm", "frobenius_norm"), _norm),
    **dict.fromkeys(("max", "min"), _max_or_min),
    **dict.fromkeys(("matmul", "mm", "bmm"), _matmul),
    "rmatmul": _reversed_matmul,
    **dict.fromkeys(("addmm", "baddbmm"), _addmm),
    "einsum": _einsum,
    "tensordot": _tensordot,
    **dict.fromkeys(_FACTORIES, _create),
    **dict.fromkeys(("tensor", "as_tensor", "new_tensor"), _from_values),
}
