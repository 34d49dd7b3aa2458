"""ONNX nodes of activations, element-wise functions, reductions and of ops that move data."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx.helper import tensor_dtype_to_np_dtype

from .nodes import NoNode, Write, Writer, element_type

_DIRECT = {
    **{"relu": "Relu", "leaky_relu": "LeakyRelu", "hardswish": "HardSwish", "sigmoid": "Sigmoid", "tanh": "Tanh"},
    **{"elu": "Elu", "selu": "Selu", "celu": "Celu", "mish": "Mish", "softplus": "Softplus", "softsign": "Softsign"},
    "gelu": "Gelu",
}
_WITH_ATTRIBUTES: dict[str, tuple[str, dict[str, float]]] = {
    "hardsigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "hardshrink": ("Shrink", {"lambd": 0.5, "bias": 0.0}),
    "softshrink": ("Shrink", {"lambd": 0.5, "bias": 0.5}),
    "threshold": ("ThresholdedRelu", {"alpha": 0.1}),
}


def _activation(w: Writer) -> None:
    fn = w.attrs["fn"]
    if fn in _DIRECT:
        w.last(_DIRECT[fn], [w.x])
    elif fn in _WITH_ATTRIBUTES:
        kind, attrs = _WITH_ATTRIBUTES[fn]
        w.last(kind, [w.x], **attrs)
    elif fn in ("relu6", "hardtanh"):
        w.last("Clip", [w.x, w.number(0.0 if fn == "relu6" else -1.0), w.number(6.0 if fn == "relu6" else 1.0)])
    elif fn == "silu":
        w.last("Mul", [w.x, w.node("Sigmoid", [w.x])])
    elif fn == "prelu":
        slope = w.operand("weight", 1)
        if slope is None:
            raise NoNode("a PReLU without a slope")
        w.last("PRelu", [w.x, w.reshaped(slope, (-1, *[1] * (len(w.read) - 2)))])
    else:
        raise NoNode(f"the activation {fn}")


_BINARY = {
    **{"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "maximum": "Max", "minimum": "Min"},
    **{"eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual"},
    **{"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor", "rsub": "Sub", "rdiv": "Div", "rpow": "Pow"},
}
_UNARY = {
    **{"exp": "Exp", "log": "Log", "sqrt": "Sqrt", "abs": "Abs", "neg": "Neg", "sin": "Sin", "cos": "Cos"},
    **{"erf": "Erf", "reciprocal": "Reciprocal", "round": "Round", "floor": "Floor", "ceil": "Ceil", "sign": "Sign"},
    **{"logical_not": "Not", "bitwise_not": "Not"},
}


def _elementwise(w: Writer) -> None:
    fn, scalar = w.attrs["fn"], w.attrs.get("scalar")
    if fn in _UNARY:
        w.last(_UNARY[fn], [w.x])
    elif fn in ("square", "rsqrt"):
        w.last("Mul", [w.x, w.x]) if fn == "square" else w.last("Reciprocal", [w.node("Sqrt", [w.x])])
    elif fn == "clamp":
        w.last("Clip", [w.x, w.number(float(scalar or 0.0))])
    elif fn in ("clamp_min", "clamp_max") and scalar is not None:
        bounds = [w.number(float(scalar))] if fn == "clamp_min" else ["", w.number(float(scalar))]
        w.last("Clip", [w.x, *bounds])
    elif fn == "addcmul" and len(w.inputs) == 3:
        c, a, b = w.inputs
        w.last("Add", [c, w.node("Mul", [a, b])])
    elif fn == "where" and len(w.inputs) == 3:
        w.last("Where", w.inputs)
    elif fn in _BINARY:
        operands = w.inputs
        if len(operands) == 1:
            if scalar is None:
                raise NoNode(f"{fn}, whose other operand is not in the graph")
            dtype = w.model.graph.tensors[w.op.inputs[0]].dtype
            operands.append(w.number(float(scalar)) if dtype.startswith("float") else w.integers([int(scalar)]))
        w.last(_BINARY[fn], operands[::-1] if fn.startswith("r") else operands[:2])
    else:
        raise NoNode(f"the element-wise function {fn}")


_REDUCTIONS = {
    **{"mean": "ReduceMean", "sum": "ReduceSum", "amax": "ReduceMax", "amin": "ReduceMin", "prod": "ReduceProd"},
    **{"max": "ReduceMax", "min": "ReduceMin", "norm": "ReduceL2", "logsumexp": "ReduceLogSumExp"},
}


def _reduce(w: Writer) -> None:
    fn, dims, keep = w.attrs["fn"], w.attrs["dims"], int(w.attrs["keepdim"])
    if fn in ("argmax", "argmin") and len(dims) == 1:
        w.last("ArgMax" if fn == "argmax" else "ArgMin", [w.x], axis=dims[0], keepdims=keep)
    elif fn in ("var", "std") and len(w.outputs) == 1:
        axes = w.integers(dims)
        apart = w.node("Sub", [w.x, w.node("ReduceMean", [w.x, axes], keepdims=1)])
        squares = w.node("Mul", [apart, apart])
        if fn == "var":
            w.last("ReduceMean", [squares, axes], keepdims=keep)
        else:
            w.last("Sqrt", [w.node("ReduceMean", [squares, axes], keepdims=keep)])
    elif fn in _REDUCTIONS and len(w.outputs) == 1:
        w.last(_REDUCTIONS[fn], [w.x, w.integers(dims)], keepdims=keep)
    else:
        raise NoNode(f"the reduction {fn}")


def _reshape(w: Writer) -> None:
    w.last("Reshape", [w.x, w.integers(w.made)])


def _stack(w: Writer) -> None:
    dim = w.attrs["dim"]
    axis = w.integers([dim])
    w.last("Concat", [w.node("Unsqueeze", [x, axis]) for x in w.inputs], axis=dim)


def _split(w: Writer) -> None:
    w.last("Split", [w.x, w.integers(w.attrs["sizes"])], axis=w.attrs["dim"])


def _unbind(w: Writer) -> None:
    dim = w.attrs["dim"]
    axis = w.integers([dim])
    parts = [f"{name}_part" for name in w.outputs]
    w.node("Split", [w.x, w.integers([1] * len(parts))], parts, axis=dim)
    for part, out in zip(parts, w.outputs, strict=True):
        w.node("Squeeze", [part, axis], [out])


def _slice(w: Writer) -> None:
    starts, ends, axes, steps = [], [], [], []
    dim = 0
    for item in w.attrs["index"]:
        if item in ("tensor", "ellipsis"):
            raise NoNode(f"a slice by {item}")
        if item == "new":
            continue
        if item is not None:
            start, stop, step = item if isinstance(item, list) else (item, item + 1, 1)
            if not isinstance(item, list) and item < 0:
                start, stop = w.read[dim] + item, w.read[dim] + item + 1
            starts, ends, axes, steps = [*starts, start], [*ends, stop], [*axes, dim], [*steps, step]
        dim += 1
    cut = w.node("Slice", [w.x, *(w.integers(v) for v in (starts, ends, axes, steps))])
    w.last("Reshape", [cut, w.integers(w.made)])


def _expand(w: Writer) -> None:
    if len(w.outputs) > 1 or "unfold" in w.op.target:
        raise NoNode("an expansion to several results or to overlapping windows")
    w.last("Expand", [w.x, w.integers(w.made)])


def _repeat(w: Writer) -> None:
    repeats = w.attrs["repeats"]
    x = w.x if len(repeats) == len(w.read) else w.reshaped(w.x, (*[1] * (len(repeats) - len(w.read)), *w.read))
    w.last("Tile", [x, w.integers(repeats)])


def _pad(w: Writer) -> None:
    mode = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}.get(w.attrs["mode"])
    if mode is None:
        raise NoNode(f"padding by {w.attrs['mode']}")
    pad, rank = w.attrs["pad"], len(w.read)
    before, after = [0] * rank, [0] * rank
    for i in range(len(pad) // 2):
        before[rank - 1 - i], after[rank - 1 - i] = pad[2 * i], pad[2 * i + 1]
    w.last("Pad", [w.x, w.integers([*before, *after])], mode=mode)


def _roll(w: Writer) -> None:
    x = w.x
    moves = list(zip(w.attrs["shifts"], w.attrs["dims"], strict=True))
    for i, (shift, dim) in enumerate(moves):
        axis, far = w.integers([dim]), w.integers([2**62])
        at = w.integers([-shift])
        tail = w.node("Slice", [x, at, far, axis])
        parts = [tail, w.node("Slice", [x, w.integers([0]), at, axis])]
        x = w.node("Concat", parts, w.outputs if i == len(moves) - 1 else None, axis=dim)


def _flip(w: Writer) -> None:
    dims = w.attrs["dims"]
    ends = [-(2**62)] * len(dims)
    w.last("Slice", [w.x, *(w.integers(v) for v in ([-1] * len(dims), ends, dims, [-1] * len(dims)))])


def _gather(w: Writer) -> None:
    if len(w.inputs) != 2:
        raise NoNode("which elements it reads is not in the graph")
    x, index = (w.model.shape(t) for t in w.op.inputs)
    for dim in range(len(x)):
        if w.made == (*x[:dim], *index, *x[dim + 1 :]):
            w.last("Gather", w.inputs, axis=dim)
            return
    raise NoNode("which elements it reads is not in the graph")


def _cast(w: Writer) -> None:
    w.last("Cast", [w.x], to=element_type(w.model.graph.tensors[w.op.outputs[0]].dtype))


def _copy(w: Writer) -> None:
    if len(w.inputs) != 1:
        raise NoNode("which elements it writes is not in the graph")
    w.last("Identity", [w.x])


def _create(w: Writer) -> None:
    made = w.model.graph.tensors[w.op.outputs[0]]
    dtype = tensor_dtype_to_np_dtype(element_type(made.dtype))
    w.last("Identity", [w.model.constant(f"op{w.op.key}_made", np.zeros(made.shape, dtype))])


def _regrouped(w: Writer, apart: tuple[int, ...], order: tuple[int, ...]) -> None:
    """Split dimensions, reorder them, and join them to the result's shape."""
    turned = w.node("Transpose", [w.reshaped(w.x, apart)], perm=order)
    w.last("Reshape", [turned, w.integers(w.made)])


def _pixel_unshuffle(w: Writer) -> None:
    n, c, h, width = w.read
    f = w.attrs["factor"]
    _regrouped(w, (n, c, h // f, f, width // f, f), (0, 1, 3, 5, 2, 4))


def _channel_shuffle(w: Writer) -> None:
    n, c, *space = w.read
    groups = w.attrs["groups"]
    _regrouped(w, (n, groups, c // groups, *space), (0, 2, 1, *range(3, 3 + len(space))))


def _same(kind: str, **fixed: Any) -> Write:
    return lambda w: w.last(kind, [w.x], **fixed)


WRITERS: dict[str, Write] = {
    "activation": _activation,
    "elementwise": _elementwise,
    "reduce": _reduce,
    "reshape": _reshape,
    "concat": lambda w: w.last("Concat", w.inputs, axis=w.attrs["dim"]),
    "stack": _stack,
    "split": _split,
    "unbind": _unbind,
    "slice": _slice,
    "permute": lambda w: w.last("Transpose", [w.x], perm=w.attrs["dims"]),
    "expand": _expand,
    "repeat": _repeat,
    "pad": _pad,
    "roll": _roll,
    "flip": _flip,
    "gather": _gather,
    "cast": _cast,
    "copy": _copy,
    "identity": _same("Identity"),
    "create": _create,
    "pixel_shuffle": lambda w: w.last("DepthToSpace", [w.x], blocksize=w.attrs["factor"], mode="CRD"),
    "pixel_unshuffle": _pixel_unshuffle,
    "channel_shuffle": _channel_shuffle,
}
