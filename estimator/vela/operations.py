"""What Vela makes of a kernel's first operation, and what that takes by itself: layers, pools, element-wise ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import Any

from advisor.graph import Tensor
from advisor.operators import function
from advisor.targets import Target

from ..kernels import Group
from ..memory.vela.encoding import Layer as Coded
from ..memory.vela.encoding import stored
from .blocks import BRICK, CORES, Layer, block, up
from .passes import PACES, Pass, passed
from .rates import PORTS, followed
from .transposing import reordered, transposed

COLUMNS = (
    *("stored", "scales", "pass_cycles", "fetched", "made", "refetches", "slices"),
    *("read_columns", "step", "block_columns", "block_channels", "unit_channels", "constant"),
)
"""Bytes of the weights and of biases and scales as they are stored; then those of :class:`.passes.Pass` in its order,
and the bytes that constant operands are read for. 0 where nothing is known."""

_TABLE = frozenset(
    ("hardswish", "gelu", "sigmoid", "hardsigmoid", "tanh", "elu", "selu", "mish", "softplus", "leaky_relu")
)
_CLAMPED = frozenset(("relu", "relu6", "hardtanh"))
_STRIDE = 3
"""The largest stride; an unpadded convolution of a larger one is an operation for each position, with all weights."""
_BURST = 128
"""Bytes of a burst of the memory of constants; a constant is read by the channels of a block."""
_SCALE_BYTES = 10
_BANK = 1024
_SUMMED = 8
"""The largest window of a mean that is a pool; of a larger one it is a depthwise layer."""
_COPIED = 16
"""Cycles of a micro-block that is passed on."""


_NONE = (0.0,) * len(COLUMNS)


def operation(tensors: Mapping[int, Tensor], group: Group, kind: str, target: Target) -> tuple[float, ...]:
    """The values of :data:`COLUMNS` for a kernel; ``kind`` is the regressors'."""
    if target.vela is None or target.vela.accelerator not in PACES or target.dtype != "int8":
        return _NONE
    first, accelerator = group.ops[0], target.vela.accelerator
    if not first.inputs or not first.outputs:
        return _NONE
    x, y = tensors[first.inputs[0]].shape, tensors[first.outputs[0]].shape
    if not (prod(x) and prod(y)):  # nothing is computed, in no block
        return _NONE
    if kind == "elementwise":
        return _elementwise(tensors, group, y, accelerator)
    if kind == "batch_norm":
        return (*_NONE[:-1], 2 * _constant(y, y[1:2] or y, accelerator))  # a product and a sum
    if kind == "reshape":
        return _shuffled(x, y, accelerator, followed(target))
    output = _output(tensors, group)
    if kind == "linear":
        made = passed(Layer(1, prod(x[:-1]), x[-1], y[-1]), "linear", (1, 1), output, accelerator)
        return _of(_coded(Coded("linear", y[-1], x[-1]), made, accelerator), y[-1], made)
    if len(y) != 4:
        return _NONE
    if kind == "pool":
        return _pool(first.attrs, x, y, output, accelerator)
    if kind in ("conv", "pointwise", "depthwise", "grouped"):
        if kind in ("conv", "pointwise") and _added_up(first.attrs) and followed(target):
            return _summed((y[2], y[3], x[1], y[1]), _pair(first.attrs, "kernel"), accelerator)
        return _convolution(first.attrs, kind, x, y, output, accelerator)
    return _NONE


def _shuffled(x: Sequence[int], y: Sequence[int], accelerator: str, exactly: bool) -> tuple[float, ...]:
    """A reshape that makes one dimension of the two that channels were swapped in: the compiler swaps them here."""
    if len(x) != 5 or len(y) != 4 or min(x[1], x[2]) < 2 or tuple(x[3:]) != tuple(y[2:]):
        return _NONE
    shape = x[3] * x[4], x[2], x[1]
    cycles = reordered(shape, (0, 2, 1), accelerator)[0] if exactly else transposed(*shape, accelerator)
    return (0.0, 0.0, cycles, *_NONE[3:])


def _output(tensors: Mapping[int, Tensor], group: Group) -> str:
    functions = {function(op, tensors) for op in group.ops[1:] if op.op == "activation"}
    return "table" if functions & _TABLE else "clamped" if functions & _CLAMPED else ""


def _elementwise(tensors: Mapping[int, Tensor], group: Group, y: Sequence[int], accelerator: str) -> tuple[float, ...]:
    op, pace = group.ops[0], PACES[accelerator]
    size = prod(y) // y[1] * up(y[1], BRICK) if len(y) == 4 and y[1] else prod(y)
    function = op.attrs.get("fn")
    each = pace.products if function in ("mul", "div") else pace.sums if function in ("add", "sub") else pace.plain
    constant = read = 0.0
    for t in op.inputs:
        shape = tensors[t].shape
        if t in group.weights:
            constant += _constant(y, shape, accelerator) if prod(shape) > 1 else 0.0
        else:
            read += size
    return (0.0, 0.0, each * size, read, size, 0.0, 1.0, *(0.0,) * 5, constant)


def _constant(y: Sequence[int], operand: Sequence[int], accelerator: str) -> float:
    """Bytes that reading a constant operand for all results takes; Ethos-U85 reads it once."""
    if CORES[accelerator].banks is None:
        return 0.0
    if len(y) == 4:
        last = prod(operand) != y[1] or operand[-1:] == (y[3],)
        height, width, channels = (y[1], y[2], y[3]) if last else (y[2], y[3], y[1])
    else:
        height, width, channels = 1, (y[-2] if len(y) > 1 else 1), y[-1] if y else 1
    size = prod(y) // max(channels, 1) * up(channels, BRICK)
    deep = _deep(height, width, channels, accelerator)
    return size * (1.0 if deep == channels else _BURST / min(_BURST, deep))


@lru_cache(maxsize=4096)
def _deep(height: int, width: int, channels: int, accelerator: str) -> int:
    """Channels of a block of an element-wise operation: the least of those that make the largest block."""
    core = CORES[accelerator]
    assert core.banks is not None
    banks, granule, _ = core.banks
    room = banks // 2 // granule * granule // 2 * _BANK
    tall, wide = (min(m, up(n, u)) for m, n, u in zip(core.most, (height, width), core.own, strict=False))
    best, chosen = 0, BRICK
    for deep in range(BRICK, min(core.most[2], up(channels, BRICK)) + 1, BRICK):
        for high in range(core.own[0], tall + 1, core.own[0]):
            across = min(wide, room // deep // high // core.own[1] * core.own[1])
            if high * across * deep > best:
                best, chosen = high * across * deep, deep
    return chosen


def _pool(
    attrs: Mapping[str, Any], x: Sequence[int], y: Sequence[int], output: str, accelerator: str
) -> tuple[float, ...]:
    if attrs.get("adaptive"):
        window = stride = (-(-x[2] // max(y[2], 1)), -(-x[3] // max(y[3], 1)))
    else:
        window = _pair(attrs, "kernel")
        stride = _pair(attrs, "stride") if attrs.get("stride") else window
    largest = attrs.get("fn") == "max"
    layer = Layer(y[2], y[3], y[1], y[1], window, 0, stride, True)  # without weights
    kind = "pool" if largest or (max(window) <= _SUMMED and not attrs.get("adaptive")) else "depthwise"
    return _of(0, 0, passed(layer, kind, window, "largest" if largest and not output else output, accelerator))


def _convolution(
    attrs: Mapping[str, Any], kind: str, x: Sequence[int], y: Sequence[int], output: str, accelerator: str
) -> tuple[float, ...]:
    window, stride, dilation = (_pair(attrs, name) for name in ("kernel", "stride", "dilation"))
    # the array spreads windows by up to 2; the rest of a dilation are zeros among the weights
    spread = [1 if d <= 2 else d // 2 if d % 2 == 0 else d for d in dilation]
    window = (window[0] - 1) * spread[0] + 1, (window[1] - 1) * spread[1] + 1
    wide = tuple([(w - 1) * (d // s) + 1 for w, d, s in zip(window, dilation, spread, strict=True)])
    elements, groups = prod(window), attrs["groups"]
    zeros = elements - prod(_pair(attrs, "kernel"))
    if kind == "depthwise":
        layer = Layer(y[2], y[3], y[1], y[1], (wide[0], wide[1]), elements, stride, True)
        made = passed(layer, "depthwise", window, output, accelerator)
        return _of(_coded(Coded("depthwise", y[1], 1, elements, zeros), made, accelerator), y[1], made)
    inputs, outputs = x[1] // groups, y[1] // groups
    if not (inputs and outputs):  # more groups than channels: no layer
        return _NONE
    coded = Coded("conv", outputs, inputs, elements, zeros)
    if max(stride) > _STRIDE and not any(attrs["padding"]):
        made = passed(Layer(1, 1, inputs, outputs, (wide[0], wide[1]), elements), "conv", window, output, accelerator)
        positions = y[2] * y[3]
        each = _of(_coded(coded, made, accelerator), outputs, made, groups)
        cost = [each[at] * positions for at in (2, 3, 4)]
        return (0.0, each[1], *cost, float(positions), 1.0, *each[7:-1], each[0] * positions)
    layer = Layer(y[2], y[3], inputs, outputs, (wide[0], wide[1]), elements, stride)
    made = passed(layer, "conv", window, output if kind != "grouped" else "", accelerator)
    weights = _coded(coded, made, accelerator)
    if kind != "grouped":
        return _of(weights, outputs, made)
    return _of(weights, outputs, _sliced(layer, made, output, accelerator), groups)


def rewritten(
    tensors: Mapping[int, Tensor], group: Group, shape: Sequence[int], order: Sequence[int], accelerator: str
) -> float:
    """How often a convolution reads its weights whose result, of ``shape``, is written in another order: its blocks are
    not turned with it."""
    op = group.ops[0]
    x, y = tensors[op.inputs[0]].shape, tensors[op.outputs[0]].shape
    window, stride = _pair(op.attrs, "kernel"), _pair(op.attrs, "stride")
    groups = op.attrs["groups"]
    equal = groups == x[1] > 1
    inputs, outputs = (y[1], y[1]) if equal else (x[1] // groups, y[1] // groups)
    found = block(Layer(y[2], y[3], inputs, outputs, window, prod(window), stride, equal), CORES[accelerator])
    height, width, _ = (1, 1, *[shape[d] for d in order])[-3:]
    return float(-(-height // min(found.height, height)) * -(-width // min(found.width, width)))


def _added_up(attrs: Mapping[str, Any]) -> bool:
    return max(_pair(attrs, "stride")) > _STRIDE and any(attrs["padding"])


def _summed(shape: tuple[int, int, int, int], window: tuple[int, int], accelerator: str) -> tuple[float, ...]:
    """A padded layer of a large stride on Ethos-U85: block by block one operation for each position of the window,
    which adds to what is there. ``shape`` has height, width, input and output channels."""
    height, width, inputs, outputs = shape
    found = block(Layer(*shape), CORES[accelerator])
    part = Layer(min(found.height, height), min(found.width, width), inputs, min(found.depth, outputs))
    made = passed(part, "conv", (1, 1), "", accelerator)
    coded = _coded(Coded("conv", part.outputs, inputs), made, accelerator)
    times = prod(window) * (height / part.height) * (width / part.width) * (outputs / part.outputs)
    each = _of(coded, part.outputs, made)
    cost = [each[at] * times for at in (2, 3, 4)]
    return (0.0, each[1], *cost, float(times), 1.0, *each[7:-1], each[0] * times)


def _sliced(layer: Layer, made: Pass, output: str, accelerator: str) -> Pass:
    """The pass of one group: channels are parts of a whole, not in bricks, and an activation is an operation behind."""
    burst = PORTS[accelerator].burst
    read = made.read * layer.inputs / up(layer.inputs, BRICK) * burst / min(burst, made.step)
    elements = layer.height * layer.width * layer.outputs
    cycles = made.cycles
    if output:
        unit = prod(CORES[accelerator].own)
        cycles += max(getattr(PACES[accelerator], output), _COPIED / unit) * elements
    return made._replace(cycles=cycles, read=read, written=float(elements * burst // BRICK))


def _pair(attrs: Mapping[str, Any], name: str) -> tuple[int, int]:
    found = tuple(attrs.get(name) or (1,))
    return (found[0], found[-1])


def _coded(layer: Coded, made: Pass, accelerator: str) -> int:
    """Bytes of the weights and scales; Ethos-U85 pads them to the micro-blocks that it computes."""
    return stored(layer, accelerator, (), made.unit)


def _of(coded: int, channels: int, made: Pass, groups: int = 1) -> tuple[float, ...]:
    """A layer's values; of one in groups, which is a layer for each."""
    weights = max(coded - up(_SCALE_BYTES * channels, BRICK), 0)
    scales = _SCALE_BYTES * up(channels, made.unit) if made.unit > BRICK // 2 else up(_SCALE_BYTES * channels, BRICK)
    amounts = (weights, scales, made.cycles, made.read, made.written)
    return (*[float(a * groups) for a in amounts], *map(float, made[3:]), 0.0)
