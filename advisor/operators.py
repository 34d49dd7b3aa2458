"""The operator vocabulary: the names and attributes that every :class:`advisor.graph.Op` uses.

The tracer translates torch into it; rules, moves, shape functions and cost models read only this. An operation
outside the table is ``other`` with its torch name in ``fn``: it keeps its edges and shapes and is reported as
uncounted, never as free. Batch is dimension 0 and channels dimension 1 of convolution-like ops, as in torch.

Any op may have ``precision``: the type it computes in where that is not the target's own (``int16``, ``float16``).
Tracing never gives one; :class:`advisor.moves.SetPrecision` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .graph import Op, Tensor

OPERATORS: dict[str, dict[str, str]] = {
    # --- with weights
    "conv": {
        "kernel": "list[int], one a spatial dimension",
        "stride": "list[int]",
        "padding": "list[int], resolved symmetric padding (left side); 'same'/'valid' become numbers",
        "dilation": "list[int]",
        "groups": "int",
        "transposed": "bool",
        "output_padding": "list[int], only read when transposed",
    },
    "linear": {},
    "embedding": {},
    "rnn": {
        "kind": "lstm | gru | rnn",
        "hidden": "int",
        "layers": "int",
        "bidirectional": "bool",
        "batch_first": "bool",
        "projection": "int, 0 for none",
    },
    # --- products of activations
    "matmul": {},
    "addmm": {},  # inputs (c, a, b): c + a @ b, also baddbmm
    "einsum": {"equation": "str"},
    "attention": {"causal": "bool", "scale": "float or None"},  # inputs (q, k, v[, mask]): fused SDPA
    # --- normalisation (weights: weight, bias, running_mean, running_var where they exist)
    "batch_norm": {"eps": "float"},
    "layer_norm": {"dims": "int, trailing dimensions normalised", "eps": "float"},
    "group_norm": {"groups": "int", "eps": "float"},
    "instance_norm": {"eps": "float"},
    "rms_norm": {"dims": "int", "eps": "float or None"},
    "local_response_norm": {"size": "int"},
    # --- element by element
    "activation": {"fn": "relu, relu6, hardswish, silu, gelu, sigmoid, hardsigmoid, tanh, leaky_relu, prelu, mish …"},
    "softmax": {"dim": "int, non-negative", "log": "bool"},
    "elementwise": {
        "fn": "add, sub, mul, div, pow, maximum, exp, sqrt, neg, abs, eq, where, clamp …",
        "scalar": "optional number: the other operand when it is no tensor",
    },
    # --- windows and reductions
    "pool": {
        "fn": "max | avg | lp",
        "kernel": "list[int]",
        "stride": "list[int]",
        "padding": "list[int]",
        "dilation": "list[int]",
        "ceil": "bool",
        "adaptive": "list[int] output size, or None",
    },
    "reduce": {
        "fn": "mean | sum | max | min | var | std | norm | prod | any | all | argmax …",
        "dims": "list[int]",
        "keepdim": "bool",
    },
    "resize": {"mode": "nearest | bilinear | bicubic …", "scale": "list[float] or None", "size": "list[int] or None"},
    # --- moving data
    "pixel_shuffle": {"factor": "int"},
    "pixel_unshuffle": {"factor": "int"},
    "channel_shuffle": {"groups": "int"},
    "concat": {"dim": "int, non-negative"},
    "stack": {"dim": "int, non-negative"},
    "split": {"dim": "int, non-negative", "sizes": "list[int]", "equal": "bool: asked for in parts (chunk), not sizes"},
    "unbind": {"dim": "int, non-negative"},
    "slice": {"index": "list: per dimension int | null (whole) | [start, stop, step] | 'new' | 'ellipsis' | 'tensor'"},
    "reshape": {},  # view, reshape, flatten, unflatten, squeeze, unsqueeze: free, shapes say it all
    "permute": {"dims": "list[int]"},
    "expand": {},
    "repeat": {"repeats": "list[int]"},
    "pad": {"pad": "list[int], as torch: last dimension first", "mode": "str"},
    "roll": {"shifts": "list[int]", "dims": "list[int]"},
    "flip": {"dims": "list[int]"},
    "unfold": {"kernel": "list[int]", "stride": "list[int]", "padding": "list[int]", "dilation": "list[int]"},
    "gather": {},  # data-dependent reads: index_select, gather, advanced indexing
    "cast": {},  # dtype change
    "copy": {},  # contiguous, clone, masked in-place fill …
    "identity": {},  # nn.Identity, dropout and stochastic depth in eval, detach
    "create": {"fn": "zeros, ones, arange, full, eye …"},  # makes a tensor from no tensor
    "other": {"fn": "the torch name"},
}

ACTIVATIONS = frozenset(
    {
        *("relu", "relu6", "leaky_relu", "rrelu", "prelu", "hardtanh", "threshold", "hardswish", "hardsigmoid"),
        *("hardshrink", "softshrink", "silu", "gelu", "sigmoid", "tanh", "elu", "selu", "celu", "mish", "softplus"),
        *("softsign", "log_sigmoid", "tanhshrink"),
    }
)
"""The functions (``fn``) of ``activation``."""

FREE = frozenset({"reshape", "identity", "expand"})
"""Ops that move no data on any target: views and no-ops."""

LINEAR = frozenset({"conv", "linear"})
NORMS = frozenset({"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm"})


def function(op: Op, tensors: Mapping[int, Tensor]) -> str:
    """The function of an op as an accelerator sees it, empty for an op without: a PReLU that has one slope for all
    channels is a LeakyReLU whose slope was learned."""
    fn = op.attrs.get("fn") or ""
    slopes = op.weights.get("weight") if fn == "prelu" else None
    return "leaky_relu" if slopes is not None and prod(tensors[slopes].shape) == 1 else fn
