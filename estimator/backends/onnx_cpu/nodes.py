"""A graph's op as ONNX nodes: what every translation needs, and the translations of layers and products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from advisor.graph import Graph, Op


class NoNode(ValueError):
    """An op that is not written as ONNX; the message says why."""


def element_type(dtype: str) -> int:
    """ONNX's number of a graph's type; every floating-point type is computed in float32."""
    if dtype.startswith(("float", "bfloat")):
        return TensorProto.FLOAT
    try:
        return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    except TypeError as e:
        raise NoNode(f"the type {dtype}") from e


@dataclass(slots=True)
class Model:
    """An ONNX graph being written. Nodes are named after their op (``op12``, ``op12.1``), tensors ``t7``."""

    graph: Graph
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, TensorProto] = field(default_factory=dict)

    def shape(self, tensor: int) -> tuple[int, ...]:
        return self.graph.tensors[tensor].shape

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants[name] = numpy_helper.from_array(value, name)
        return name


@dataclass(slots=True)
class Writer:
    """Writes the nodes of one op. ``x`` is its first input, by name."""

    model: Model
    op: Op
    count: int = 0

    @property
    def attrs(self) -> dict[str, Any]:
        return self.op.attrs

    @property
    def inputs(self) -> list[str]:
        return [f"t{t}" for t in self.op.inputs]

    @property
    def outputs(self) -> list[str]:
        return [f"t{t}" for t in self.op.outputs]

    @property
    def x(self) -> str:
        return self.inputs[0]

    @property
    def read(self) -> tuple[int, ...]:
        """The first input's shape."""
        return self.model.shape(self.op.inputs[0])

    @property
    def made(self) -> tuple[int, ...]:
        """The first output's shape."""
        return self.model.shape(self.op.outputs[0])

    def operand(self, role: str, position: int | None = None) -> str | None:
        """A weight's name, or that of the input at ``position`` where the forward computed it."""
        stored = self.op.weights.get(role)
        if stored is not None:
            return f"t{stored}"
        return self.inputs[position] if position is not None and position < len(self.inputs) else None

    def node(self, kind: str, inputs: Sequence[str], outputs: Sequence[str] | None = None, **attrs: Any) -> str:
        """Append a node; without ``outputs`` its result has a name of its own. Gives the first result's name."""
        name = f"op{self.op.key}" + (f".{self.count}" if self.count else "")
        self.count += 1
        results = [f"{name}_out"] if outputs is None else list(outputs)
        self.model.nodes.append(helper.make_node(kind, list(inputs), results, name, **attrs))
        return results[0]

    def last(self, kind: str, inputs: Sequence[str], **attrs: Any) -> None:
        """Append the node that gives the op's results."""
        self.node(kind, inputs, self.outputs, **attrs)

    def number(self, value: float) -> str:
        return self.model.constant(f"op{self.op.key}_c{len(self.model.constants)}", np.array(value, np.float32))

    def integers(self, values: Sequence[int]) -> str:
        name = f"op{self.op.key}_i{len(self.model.constants)}"
        return self.model.constant(name, np.array(list(values), np.int64))

    def zeros(self, count: int, value: float = 0.0) -> str:
        name = f"op{self.op.key}_z{len(self.model.constants)}"
        return self.model.constant(name, np.full(count, value, np.float32))

    def reshaped(self, x: str, shape: Sequence[int]) -> str:
        return self.node("Reshape", [x, self.integers(shape)])


Write = Callable[[Writer], None]


def given(*names: str | None) -> list[str]:
    """The operands that are there."""
    return [name for name in names if name is not None]


def _conv(w: Writer) -> None:
    a = w.attrs
    weight = w.operand("weight", 1)
    bias = w.operand("bias", 1 if "weight" in w.op.weights else 2)
    attrs = {
        "kernel_shape": a["kernel"],
        "strides": a["stride"],
        "dilations": a["dilation"],
        "group": a["groups"],
    }
    if a["transposed"]:
        pads = [*a["padding"], *a["padding"]]
        w.last("ConvTranspose", given(w.x, weight, bias), pads=pads, output_padding=a["output_padding"], **attrs)
        return
    w.last("Conv", given(w.x, weight, bias), pads=_pads(w), **attrs)


def _pads(w: Writer) -> list[int]:
    """ONNX's pads of a window: before and after each dimension, the latter so that the result has its size."""
    a, rank = w.attrs, len(w.attrs["kernel"])
    after = []
    sizes = zip(w.read[-rank:], w.made[-rank:], a["kernel"], a["stride"], a["dilation"], a["padding"], strict=True)
    for size, made, kernel, stride, dilation, before in sizes:
        span = (made - 1) * stride + dilation * (kernel - 1) + 1
        after.append(min(max(0, span - size - before), max(before, dilation * (kernel - 1))))
    return [*a["padding"], *after]


def _linear(w: Writer) -> None:
    weight, bias = w.operand("weight", 1), w.operand("bias", 1 if "weight" in w.op.weights else 2)
    if weight is None:
        raise NoNode("a linear layer without a weight")
    if len(w.read) == 2:
        w.last("Gemm", given(w.x, weight, bias), transB=1)
        return
    turned = w.node("Transpose", [weight], perm=[1, 0])
    if bias is None:
        w.last("MatMul", [w.x, turned])
    else:
        w.last("Add", [w.node("MatMul", [w.x, turned]), bias])


def _addmm(w: Writer) -> None:
    c, a, b = w.inputs
    if len(w.made) == 2:
        w.last("Gemm", [a, b, c])
    else:
        w.last("Add", [w.node("MatMul", [a, b]), c])


def _attention(w: Writer) -> None:
    if w.attrs["causal"]:
        raise NoNode("causal attention")
    q, k, v, *mask = w.inputs
    rank, size = len(w.read), w.read[-1]
    scale = w.attrs["scale"] or size**-0.5
    turned = w.node("Transpose", [k], perm=[*range(rank - 2), rank - 1, rank - 2])
    scores = w.node("Mul", [w.node("MatMul", [q, turned]), w.number(scale)])
    for m in mask:
        scores = w.node("Add", [scores, m])
    w.last("MatMul", [w.node("Softmax", [scores], axis=-1), v])


def _batch_norm(w: Writer) -> None:
    """Without running statistics a batch is normalised by its own: of one image, as an instance norm does."""
    channels = w.read[1]
    mean, var = w.operand("running_mean"), w.operand("running_var")
    weight = w.operand("weight") or w.zeros(channels, 1.0)
    bias = w.operand("bias") or w.zeros(channels)
    if mean is None or var is None:
        w.last("InstanceNormalization", [w.x, weight, bias], epsilon=w.attrs["eps"])
        return
    w.last("BatchNormalization", [w.x, weight, bias, mean, var], epsilon=w.attrs["eps"])


def _layer_norm(w: Writer) -> None:
    dims = w.attrs["dims"]
    size = int(np.prod(w.read[len(w.read) - dims :]))
    weight = w.operand("weight")
    if weight is None and dims > 1:
        raise NoNode("a layer norm over several dimensions without weights")
    inputs = given(w.x, weight or w.zeros(size, 1.0), w.operand("bias"))
    w.last("LayerNormalization", inputs, axis=-dims, epsilon=w.attrs["eps"])


def _rms_norm(w: Writer) -> None:
    axes = w.integers(range(-w.attrs["dims"], 0))
    squares = w.node("ReduceMean", [w.node("Mul", [w.x, w.x]), axes])
    root = w.node("Sqrt", [w.node("Add", [squares, w.number(w.attrs["eps"] or 1e-6)])])
    weight = w.operand("weight")
    if weight is None:
        w.last("Div", [w.x, root])
    else:
        w.last("Mul", [w.node("Div", [w.x, root]), weight])


def _group_norm(w: Writer) -> None:
    """As torch exports it: every group is a channel to the instance norm, then weight and bias."""
    groups, channels = w.attrs["groups"], w.read[1]
    flat = w.reshaped(w.x, (w.read[0], groups, -1))
    normed = w.node("InstanceNormalization", [flat, w.zeros(groups, 1.0), w.zeros(groups)], epsilon=w.attrs["eps"])
    weight, bias = w.operand("weight"), w.operand("bias")
    if weight is None or bias is None:
        w.last("Reshape", [normed, w.integers(w.read)])
        return
    wide = (1, channels, *[1] * (len(w.read) - 2))
    scaled = w.node("Mul", [w.reshaped(normed, w.read), w.reshaped(weight, wide)])
    w.last("Add", [scaled, w.reshaped(bias, wide)])


def _instance_norm(w: Writer) -> None:
    channels = w.read[1]
    weight = w.operand("weight") or w.zeros(channels, 1.0)
    w.last("InstanceNormalization", [w.x, weight, w.operand("bias") or w.zeros(channels)], epsilon=w.attrs["eps"])


def _pool(w: Writer) -> None:
    a = w.attrs
    if len(w.outputs) > 1:
        raise NoNode("max pooling with its indices")
    if a["fn"] not in ("max", "avg"):
        raise NoNode(f"{a['fn']} pooling")
    average = a["fn"] == "avg"
    rank = len(a["kernel"])
    if a["adaptive"] is None:
        attrs = {"kernel_shape": a["kernel"], "strides": a["stride"], "pads": _pads(w)}
        more = {"count_include_pad": 1} if average else {"dilations": a["dilation"]}
        w.last("AveragePool" if average else "MaxPool", [w.x], **attrs, **more)
        return
    before, after = w.read[-rank:], a["adaptive"]
    if set(after) == {1}:
        w.last("GlobalAveragePool" if average else "GlobalMaxPool", [w.x])
    elif list(before) == list(after):
        w.last("Identity", [w.x])
    elif all(b % s == 0 for b, s in zip(before, after, strict=True)):
        window = [b // s for b, s in zip(before, after, strict=True)]
        w.last("AveragePool" if average else "MaxPool", [w.x], kernel_shape=window, strides=window)
    else:
        raise NoNode(f"adaptive pooling from {list(before)} to {list(after)}")


def _resize(w: Writer) -> None:
    mode = {"nearest": "nearest", "bilinear": "linear", "linear": "linear", "bicubic": "cubic"}.get(w.attrs["mode"])
    if mode is None:
        raise NoNode(f"resizing by {w.attrs['mode']}")
    attrs = {"mode": mode, "coordinate_transformation_mode": "asymmetric" if mode == "nearest" else "half_pixel"}
    if mode == "nearest":
        attrs["nearest_mode"] = "floor"
    w.last("Resize", [w.x, "", "", w.integers(w.made)], **attrs)


def _softmax(w: Writer) -> None:
    w.last("LogSoftmax" if w.attrs["log"] else "Softmax", [w.x], axis=w.attrs["dim"])


def _embedding(w: Writer) -> None:
    table = w.operand("weight")
    if table is None:
        raise NoNode("an embedding whose table is computed")
    w.last("Gather", [table, w.x])


WRITERS: dict[str, Write] = {
    "conv": _conv,
    "linear": _linear,
    "embedding": _embedding,
    "matmul": lambda w: w.last("MatMul", w.inputs),
    "addmm": _addmm,
    "einsum": lambda w: w.last("Einsum", w.inputs, equation=w.attrs["equation"]),
    "attention": _attention,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "pool": _pool,
    "resize": _resize,
    "softmax": _softmax,
}
