"""What a regressor sees of one kernel by itself: plain numbers of its shapes, its price and its operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import prod
from typing import Any

from advisor.graph import Op, Tensor
from advisor.operators import function
from advisor.targets import Target

from ..kernels import Group
from ..memory.liveness import size
from ..roofline import Compute, Priced, Traffic
from ..vela.operations import COLUMNS as OPERATION
from ..vela.operations import operation
from ..workloads import is_depthwise

KINDS = (
    *("conv", "pointwise", "depthwise", "grouped", "transposed", "linear", "matmul", "addmm", "attention", "einsum"),
    *("rnn", "embedding", "batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm"),
    *("activation", "softmax", "elementwise", "pool", "reduce", "resize", "concat", "stack", "split", "unbind"),
    *("slice", "permute", "pad", "repeat", "roll", "flip", "unfold", "gather", "cast", "copy", "create"),
    *("pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "reshape", "expand"),
)
"""Kinds of kernels, by their first op; a position here is the kind's number where it is a feature of a neighbour."""

NUMBER = {kind: float(i + 1) for i, kind in enumerate(KINDS)}

FUNCTIONS = (
    *("relu", "relu6", "leaky_relu", "prelu", "hardtanh", "hardswish", "hardsigmoid", "silu", "gelu", "sigmoid"),
    *("tanh", "elu", "mish", "add", "sub", "mul", "div", "pow", "maximum", "minimum", "exp", "sqrt", "rsqrt", "neg"),
    *("abs", "where", "clamp", "max", "avg", "lp", "mean", "sum", "min", "var", "std", "norm", "prod", "argmax"),
    *("nearest", "bilinear", "bicubic", "constant", "reflect", "replicate", "log", "eq", "softplus", "selu", "square"),
    *("sin", "cos", "erf"),
)
"""Functions that are told apart, by their place here; any other is 0."""

_FUNCTION = {fn: float(i + 1) for i, fn in enumerate(FUNCTIONS)}

OWN = (
    *("kind", "function", "fused_function", "ops"),
    *("batch", "in_channels", "in_height", "in_width", "out_channels", "out_height", "out_width"),
    *("kernel_height", "kernel_width", "stride_height", "stride_width", "dilation", "padding", "groups"),
    *("window_height", "window_width", "positions", "elements"),
    *("simulated", "array", "stream", "slow", "traffic_cycles", "weight_cycles", "macs"),
    *("read", "given", "written", "weights", "scratch", "operands", "second_read", "results", "axis"),
    *("slack_height", "slack_width", "broadcast", "unaligned"),
    *OPERATION,
)
"""The names of :func:`own`'s values. Channels are those of one group; cycles are the simulated model's, sizes bytes.

``window`` is the kernel's extent with its dilation (of an adaptive pool, what one result sees), ``positions`` are the
output's without its channels, ``elements`` with them, ``second_read`` the size of the second largest operand, ``axis``
the dimension that an op works along, counted from behind. ``slack`` are the lines of a padded input that no window
reaches, ``broadcast`` the dimensions along which the second operand is repeated (as bits), ``unaligned`` how many
operands of a concatenation begin at a place that is no multiple of 16. Those of :mod:`..vela.operations` are 0 on
targets that are not Vela's."""

_CHANNELS_LAST = frozenset({"linear", "matmul", "addmm", "layer_norm", "rms_norm", "attention", "einsum", "softmax"})


def kind_of(tensors: Mapping[int, Tensor], op: Op) -> str:
    """Which regressor knows kernels that begin with ``op``; none knows those of another precision.

    Windows in three dimensions, and sums over what stands in front of all others (of a stack), are not those that
    images make: where too few of them were measured they keep the simulated price, marked."""
    if op.attrs.get("precision"):
        return f"{op.op} {op.attrs['precision']}"
    if op.op in ("conv", "pool") and len(op.attrs.get("kernel") or ()) > 2:
        return f"{op.op} 3-D"
    if op.op == "reduce" and 0 in (op.attrs.get("dims") or ()):
        return "reduce leading"
    if op.op != "conv":
        return op.op
    if op.attrs.get("transposed"):
        return "transposed"
    if is_depthwise(tensors, op):
        return "depthwise"
    if op.attrs["groups"] > 1:
        return "grouped"
    return "pointwise" if prod(op.attrs["kernel"]) == 1 else "conv"


def own(tensors: Mapping[int, Tensor], group: Group, priced: Priced, target: Target) -> tuple[float, ...]:
    """The values of :data:`OWN` for a kernel that has a price. What is free in the simulated model has no more than
    sizes: whether it is free in truth depends on what stands around it."""
    first, kernel = group.ops[0], priced.kernel
    compute, traffic = priced.compute or _NOTHING, priced.traffic or _moved(tensors, group, target)
    assert kernel is not None  # it has a price
    per_us = target.clock_hz / 1e6
    kind = kind_of(tensors, first)
    inputs = [tensors[t] for t in first.inputs]
    x = inputs[0].shape if inputs else ()
    y = tensors[first.outputs[0]].shape if first.outputs else ()
    batch, c_in, h_in, w_in = _extents(x, first.op)
    _, c_out, h_out, w_out = _extents(y, first.op)
    attrs = first.attrs
    groups = attrs["groups"] if kind in ("grouped", "depthwise", "transposed") else 1
    sizes = sorted([prod(t.shape) for t in inputs], reverse=True)
    window, seen = _window(attrs)
    if attrs.get("adaptive"):
        seen = h_in // max(h_out, 1), w_in // max(w_out, 1)
    return (
        NUMBER.get(kind, 0.0),
        _FUNCTION.get(function(first, tensors) or attrs.get("mode") or "", 0.0),
        _fused(tensors, group.ops),
        len(group.ops),
        batch,
        c_in // groups if c_in >= groups else c_in,
        h_in,
        w_in,
        c_out // groups if kind != "depthwise" else c_out,
        h_out,
        w_out,
        *window,
        groups,
        *seen,
        batch * h_out * w_out,
        prod(y),
        kernel.latency_us * per_us,
        compute.array,
        compute.stream,
        sum([extra for _, extra in compute.slow]),
        traffic.us * per_us,
        traffic.weights_us * per_us,
        kernel.macs,
        traffic.read,
        traffic.given,
        traffic.written,
        traffic.weights,
        traffic.scratch,
        len(inputs),
        sizes[1] if len(sizes) > 1 else 0,
        len(group.writes),
        _axis(first, len(y)),
        *_slack(attrs, h_in, w_in, seen),
        _broadcast(inputs[1].shape, y) if len(inputs) > 1 and first.op == "elementwise" else 0,
        _unaligned(inputs, attrs["dim"]) if first.op == "concat" else 0,
        *operation(tensors, group, kind, target),
    )


def _window(attrs: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[int, int]]:
    """A window's height and width, those of its stride, its dilation and padding; and its extent with its dilation."""
    window = attrs.get("kernel") or (1,)
    stride = attrs.get("stride") or (1,)
    dilation = attrs.get("dilation") or (1,)
    height, width = window[0] if len(window) > 1 else 1, window[-1]
    steps = stride[0] if len(stride) > 1 else 1, stride[-1]
    seen = (height - 1) * dilation[0] + 1, (width - 1) * dilation[-1] + 1
    return (height, width, *steps, max(dilation), sum(attrs.get("padding", ()))), seen


_NOTHING = Compute(0.0, 0.0, ())


def _moved(tensors: Mapping[int, Tensor], group: Group, target: Target) -> Traffic:
    """What a free op would move if it were none."""
    read = sum([size(tensors[t], target) for t, _ in group.reads])
    return Traffic(read, 0, sum([size(tensors[t], target) for t in group.writes]), 0, 0, 0.0, 0.0, ())


def _extents(shape: Sequence[int], op: str) -> tuple[int, int, int, int]:
    """Batch, channels, height and width of an activation, as the operator sees them."""
    n = len(shape)
    if n < 2:
        return 1, (shape[0] if shape else 1), 1, 1
    if n > 3 or (n == 3 and op in ("conv", "pool", "batch_norm")):
        if op in _CHANNELS_LAST:
            return shape[0], shape[-1], prod(shape[1:-2]), shape[-2]
        return shape[0], shape[1], prod(shape[2:-1]), shape[-1]
    return shape[0], shape[-1], 1, shape[-2] if n == 3 else 1


def _fused(tensors: Mapping[int, Tensor], ops: Sequence[Op]) -> float:
    """The last function that the kernel applies behind its first op."""
    for op in reversed(ops[1:]):
        if op.op in ("activation", "elementwise"):
            return _FUNCTION.get(function(op, tensors), 0.5)
    return 0.0


def _slack(attrs: Mapping[str, Any], height: int, width: int, seen: tuple[int, int]) -> tuple[int, int]:
    stride, padding = attrs.get("stride"), attrs.get("padding")
    if not stride or not padding:
        return 0, 0
    tall = len(stride) > 1
    return (
        (height + 2 * padding[0] - seen[0]) % stride[0] if tall else 0,
        (width + 2 * padding[-1] - seen[1]) % stride[-1],
    )


def _broadcast(operand: Sequence[int], result: Sequence[int]) -> int:
    full = (1,) * (len(result) - len(operand)) + tuple(operand)
    return sum([1 << i for i, (a, b) in enumerate(zip(reversed(full), reversed(result), strict=True)) if a == 1 < b])


def _unaligned(inputs: Sequence[Tensor], dim: int) -> int:
    # an empty vector joins maps of any rank, and takes no place
    ends = list(accumulate([t.shape[dim] for t in inputs if len(t.shape) > dim]))
    return sum([end % 16 != 0 for end in ends[:-1]])


def _axis(op: Op, rank: int) -> int:
    """Along which dimensions the op works, as one number: a permutation by its digits, several by their bits."""
    dim, dims = op.attrs.get("dim"), op.attrs.get("dims")
    if dim is not None:
        return dim - rank
    if not isinstance(dims, (list, tuple)):
        return 0
    if op.op == "permute":
        return sum([d * 8**i for i, d in enumerate(reversed(dims))])
    return sum([1 << d for d in dims])
