"""Convolutions, linear layers and the batch norms behind them."""

from __future__ import annotations

import math

from advisor.graph import Op

from ..layout import Shape, plain, with_last
from .lowerer import Lowerer, Refusal, Value
from .windows import CHANNELS_LAST, VALID, image, of_image, padded, square

_STRIDED = 3
"""The largest stride of a depthwise convolution."""


def weight_shape(lower: Lowerer, op: Op) -> Shape:
    """The shape of a layer's weights, which may also be computed from constants (a standardised convolution)."""
    shape = lower.graph.weight_shape(op)
    if shape is not None:
        return shape
    for tensor in op.inputs[1:]:
        if lower.operand(tensor).tensor is None and len(lower.graph.shape(tensor)) > 1:
            return lower.graph.shape(tensor)
    raise Refusal("its weights are computed from the input")


def result(lower: Lowerer, op: Op) -> tuple[int, int]:
    """Absorb the batch norm and the activation behind a layer: the tensor that it makes then, and the activation."""
    tensor, _ = lower.absorb(op.outputs[0], "batch_norm")
    return lower.fused_activation(tensor)


def conv(lower: Lowerer, op: Op) -> None:
    x = image(lower, lower.input(op))
    weights = weight_shape(lower, op)
    tensor, activation = result(lower, op)
    shape = lower.graph.shape(tensor)
    if op.attrs["transposed"]:
        made = _transposed(lower, op, x, weights, shape, activation)
    else:
        made = _forward(lower, op, x, weights, shape, activation)
    lower.give(tensor, of_image(lower, made, shape))


def _as_image(shape: Shape) -> Shape:
    return shape if len(shape) == 4 else (*shape[:2], 1, *shape[2:])


def _forward(lower: Lowerer, op: Op, x: Value, weights: Shape, shape: Shape, activation: int) -> Value:
    kernel, stride = square(op.attrs["kernel"], 1), square(op.attrs["stride"], 1)
    padding, dilation = square(op.attrs["padding"], 0), square(op.attrs["dilation"], 1)
    out = _as_image(shape)
    groups, channels = op.attrs["groups"], x.shape[1]
    x, mode = padded(lower, x, out[2:], kernel, stride, padding, dilation)
    options = {"Padding": mode, "StrideH": stride[0], "StrideW": stride[1], "FusedActivationFunction": activation}
    options |= {"DilationHFactor": dilation[0], "DilationWFactor": dilation[1]}
    if groups == channels and groups > 1 and max(stride) <= _STRIDED:
        multiplier = out[1] // channels
        operands = [x, lower.weights((1, *kernel, out[1]), 3), lower.bias(out[1])]
        more = ("DepthwiseConv2DOptions", {**options, "DepthMultiplier": multiplier})
        return lower.emit("DEPTHWISE_CONV_2D", operands, out, CHANNELS_LAST, more)
    operands = [x, lower.weights((out[1], *kernel, channels // groups)), lower.bias(out[1])]
    return lower.emit("CONV_2D", operands, out, CHANNELS_LAST, ("Conv2DOptions", options))


def _transposed(lower: Lowerer, op: Op, x: Value, weights: Shape, shape: Shape, activation: int) -> Value:
    """The schema's transposed convolution pads so that the output is stride times the input, or not at all."""
    kernel, stride = square(op.attrs["kernel"], 1), square(op.attrs["stride"], 1)
    if op.attrs["groups"] != 1 or any(d != 1 for d in op.attrs["dilation"]):
        raise Refusal("a transposed convolution in groups or dilated")
    out = _as_image(shape)
    same = all(out[2 + i] == x.shape[2 + i] * stride[i] for i in range(2))
    whole = all(out[2 + i] == x.shape[2 + i] * stride[i] + max(0, kernel[i] - stride[i]) for i in range(2))
    if not (same or whole):
        raise Refusal(f"a transposed convolution from {x.shape[2:]} to {out[2:]}: only to a multiple, or unpadded")
    size = lower.numbers((out[0], out[2], out[3], out[1]))
    options = {"Padding": VALID if whole else 0, "StrideH": stride[0], "StrideW": stride[1]}
    options["FusedActivationFunction"] = activation
    operands = [size, lower.weights((out[1], *kernel, x.shape[1])), x, lower.bias(out[1])]
    return lower.emit("TRANSPOSE_CONV", operands, out, CHANNELS_LAST, ("TransposeConvOptions", options))


def linear(lower: Lowerer, op: Op) -> None:
    x = lower.input(op)
    weights = weight_shape(lower, op)
    tensor, activation = result(lower, op)
    lower.give(tensor, connected(lower, x, weights[0], activation))


def connected(lower: Lowerer, x: Value, out: int, activation: int = 0, bias: bool = True) -> Value:
    """A linear layer over the last dimension, which has to lie innermost; the others may lie as they like."""
    last = x.rank - 1
    x = lower.arranged(x, with_last(x.order, [last]))
    shape = (*x.shape[:-1], out)
    rows = math.prod(x.shape[:-1])
    flat = lower.viewed(x, (rows, x.shape[-1])) if x.rank != 2 or x.order != (0, 1) else x
    operands: list[Value | int] = [flat, lower.weights((out, x.shape[-1]))]
    operands.append(lower.bias(out))
    options = ("FullyConnectedOptions", {"FusedActivationFunction": activation, "KeepNumDims": False})
    made = lower.emit("FULLY_CONNECTED", operands, (rows, out), plain(2), options)
    return lower.viewed(made, shape, x.order)


def batch_norm(lower: Lowerer, op: Op) -> None:
    """One that follows no convolution: a scale and an offset by channel."""
    x = lower.input(op)
    tensor, activation = lower.fused_activation(op.outputs[0])
    lower.give(tensor, scaled(lower, x, [1], activation))


def scaled(lower: Lowerer, x: Value, dims: list[int], activation: int = 0, offset: bool = True) -> Value:
    """``x`` times a constant and plus a constant, both along ``dims``."""
    shape = tuple(n if d in dims else 1 for d, n in enumerate(x.shape))
    factor = Value(shape, x.order, None)
    y = lower.emit(
        "MUL", [x, factor], x.shape, x.order, ("MulOptions", {"FusedActivationFunction": 0 if offset else activation})
    )
    if not offset:
        return y
    other = Value(shape, x.order, None)
    return lower.emit("ADD", [y, other], x.shape, x.order, ("AddOptions", {"FusedActivationFunction": activation}))
