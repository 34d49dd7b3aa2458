"""Callables of activations, element-wise functions, reductions, and of ops that make a tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from .making import CannotRun, Making, Run

_ACTIVATIONS: dict[str, Run] = {
    "relu": torch.relu,
    "relu6": F.relu6,
    "leaky_relu": F.leaky_relu,
    "rrelu": F.rrelu,
    "hardtanh": F.hardtanh,
    "threshold": lambda x: torch.threshold(x, 0.1, 20.0),
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "hardshrink": torch.hardshrink,
    "softshrink": F.softshrink,
    "silu": F.silu,
    "gelu": F.gelu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "elu": F.elu,
    "selu": torch.selu,
    "celu": torch.celu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "log_sigmoid": F.logsigmoid,
    "tanhshrink": F.tanhshrink,
}


def _activation(m: Making) -> Run:
    fn = m.attrs["fn"]
    if fn == "prelu":
        return m.with_weights(("weight",), torch.prelu)
    if fn not in _ACTIVATIONS:
        raise CannotRun(f"the activation {fn} has no function in torch")
    return _ACTIVATIONS[fn]


def _elementwise(m: Making) -> Run:
    fn, scalar, count = m.attrs["fn"], m.attrs.get("scalar"), len(m.op.inputs)
    if fn in _SHAPED:
        return _SHAPED[fn](scalar, count)
    reverse = _REVERSED.get(fn)
    if reverse is not None and scalar is not None:
        return lambda x: reverse(scalar, x)
    if reverse is not None and count == 2:
        return lambda x, y: reverse(y, x)
    function = getattr(torch, "positive" if fn == "pos" else fn, None)
    if not callable(function):
        raise CannotRun(f"torch has no element-wise function {fn}")
    if count == 1 and scalar is None and fn in _BINARY:
        raise CannotRun(f"the other operand of {fn} is not in the graph")
    if count == 1 and scalar is not None and fn in _BINARY | _WITH_NUMBER:
        return lambda x: function(x, scalar)
    return function


_REVERSED: dict[str, Callable[..., Any]] = {
    "rsub": lambda a, b: a - b,
    "rdiv": lambda a, b: a / b,
    "rfloor_divide": lambda a, b: a // b,
    "rremainder": lambda a, b: a % b,
    "rpow": torch.pow,
}
_BINARY = frozenset(
    (
        *("add", "sub", "mul", "div", "floor_divide", "remainder", "fmod", "pow", "maximum", "minimum", "fmax", "fmin"),
        *("atan2", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "xlogy"),
        *("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift"),
    )
)
_WITH_NUMBER = frozenset({"tril", "triu", "round", "logit", "clamp_min", "clamp_max"})


def _clamp(scalar: Any, count: int) -> Run:
    """One bound is known; the work is the same for two."""
    if count > 1:
        return torch.clamp
    bound = 0.0 if scalar is None else scalar
    return lambda x: torch.clamp(x, bound, None)


def _where(scalar: Any, count: int) -> Run:
    if count == 3:
        return torch.where
    if scalar is None:
        raise CannotRun("an operand of where is not in the graph")
    return lambda condition, x: torch.where(condition, x, scalar)


def _masked_fill(scalar: Any, count: int) -> Run:
    return torch.masked_fill if count == 3 else lambda x, mask: x.masked_fill(mask, scalar or 0)


def _lerp(scalar: Any, count: int) -> Run:
    return torch.lerp if count == 3 else lambda a, b: torch.lerp(a, b, scalar)


_SHAPED: dict[str, Callable[[Any, int], Run]] = {
    "clamp": _clamp,
    "where": _where,
    "masked_fill": _masked_fill,
    "lerp": _lerp,
}


def _reduce(m: Making) -> Run:
    fn, dims, keep = m.attrs["fn"], m.attrs["dims"], m.attrs["keepdim"]
    whole = len(dims) == len(m.read[0].shape)
    if fn == "norm":
        return lambda x: torch.linalg.vector_norm(x, 2, dims, keep)
    function = getattr(torch, fn, None)
    if not callable(function):
        raise CannotRun(f"torch has no reduction {fn}")
    if fn in _OVER_MANY:
        return lambda x: function(x, dims, keepdim=keep)
    if whole and (len(dims) != 1 or (not keep and len(m.made) == 1)):
        return function
    if len(dims) != 1:
        raise CannotRun(f"{fn} over {len(dims)} of {len(m.read[0].shape)} dimensions")
    dim = dims[0]
    if fn == "count_nonzero":
        return lambda x: function(x, dim)
    return lambda x: function(x, dim=dim, keepdim=keep)


_OVER_MANY = frozenset(
    ("mean", "sum", "amax", "amin", "logsumexp", "var", "std", "var_mean", "std_mean", "nanmean", "nansum")
)


def _create(m: Making) -> Run:
    """A tensor of the shape; its values do not matter to the time, and zeros are safe as indices."""
    shape, dtype, device = list(m.shape), m.dtype(m.made[0].dtype), m.device
    if m.attrs["fn"].startswith(("empty", "new_empty")):
        return lambda: torch.empty(shape, dtype=dtype, device=device)
    return lambda: torch.zeros(shape, dtype=dtype, device=device)


MAKERS: dict[str, Callable[[Making], Run]] = {
    "activation": _activation,
    "elementwise": _elementwise,
    "reduce": _reduce,
    "create": _create,
}
