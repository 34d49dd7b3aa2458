"""Which feature maps there are in the SRAM, and which operations read and write them.

What Vela does to a network before it schedules it:

- A reshape, a slice or a split is a view: whoever reads it reads a part of the source.
- A concatenation or a padding is written in parts. An operation whose only reader it is writes its part in place;
  other parts are copied.
- A padding in front of a convolution is part of the convolution.
- A clamp or a table behind an operation that has none yet, and whose only reader it is, is part of the operation.
- A convolution in groups is one convolution a group, and its activation an operation of its own.
- A softmax computes in 32 bits; a sum over positions is transposed first.
- Enlarging by 4 or 8 goes in steps of 2, except on Ethos-U85, which has an operator for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

from ...backends.vela.writer import Network, OpSpec
from .encoding import ALIGNMENT, Layer, up

BRICK = 16
"""Channels of a brick (format NHCWB16): a feature map in bricks has its channels padded to them."""

ITEM_BYTES = {"int8": 1, "uint8": 1, "bool": 1, "int16": 2, "int32": 4, "int64": 8}
VIEWS = frozenset({"RESHAPE", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "UNPACK", "SQUEEZE", "EXPAND_DIMS"})
TABLES = frozenset({"LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "GELU", "ELU"})
ACTIVATIONS = TABLES | {"RELU", "RELU6", "RELU_N1_TO_1"}
BINARY = frozenset({"ADD", "SUB", "MUL", "MINIMUM", "MAXIMUM", "PRELU", "SQUARED_DIFFERENCE"})
ELEMENTWISE = BINARY | {"NEG", "ABS", "EXP", "RSQRT"}
STRIDE = 3
"""The largest that a convolution can have; one of a larger stride becomes one operation for each position."""

PADDED_WITHIN = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D"})
LAYERS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"})


@dataclass(slots=True, eq=False)
class Area:
    """A feature map: its shape with channels last, and who touches it.

    ``linear``: not in bricks, since somebody reads or writes it otherwise than by whole bricks, or it comes from or
    goes to the outside (``given``, ``kept``). ``tensor`` is its number in the network, -1 for one in between.
    """

    shape: tuple[int, ...]
    item_bytes: int
    tensor: int
    linear: bool = False
    given: bool = False
    kept: bool = False
    readers: list[Step] = field(default_factory=list)
    writers: list[Step] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        *rest, channels = self.shape or (1,)
        return up(prod(rest) * (channels if self.linear else up(channels, BRICK)) * self.item_bytes, ALIGNMENT)


@dataclass(slots=True, eq=False)
class Step:
    """An operation: ``operator`` is its number in the network, ``shape`` what it writes (a part of ``writes`` where
    that is a concatenation). ``chained`` are the operators that were fused behind it; the first ``operands`` of
    ``reads`` are its own. ``window`` are the positions that a pool looks at; a ``repeated``
    layer is one operation for each position, all with the same weights."""

    operator: int
    code: str
    reads: list[Area]
    writes: Area
    shape: tuple[int, ...]
    layer: Layer | None = None
    activated: bool = False
    chained: tuple[int, ...] = ()
    operands: int = 0
    window: int = 1
    repeated: bool = False

    @property
    def elementwise(self) -> bool:
        return self.code in ELEMENTWISE or self.code in ACTIVATIONS


def steps_of(network: Network, accelerator: str) -> tuple[list[Step], list[Area]]:
    """The steps of a network in its own order, and the areas of its outputs."""
    return _Builder(network, "u85" in accelerator).run()


class _Builder:
    def __init__(self, network: Network, is_u85: bool) -> None:
        self.network = network
        self.is_u85 = is_u85
        self.specs = network.tensors
        self.steps: list[Step] = []
        self.areas: dict[int, Area] = {}
        self.made_by: dict[int, Step] = {}
        self.readers: dict[int, list[int]] = {}
        for i, op in enumerate(network.ops):
            for t in op.inputs:
                if self._live(t):
                    self.readers.setdefault(t, []).append(i)
        for t in network.outputs:
            self.readers.setdefault(t, []).append(-1)

    def run(self) -> tuple[list[Step], list[Area]]:
        for t in self.network.inputs:
            area = self._area(t)
            area.linear = area.given = True
        for i, op in enumerate(self.network.ops):
            live = [t for t in op.inputs if self._live(t)]
            handler = _HANDLERS.get(op.code, _Builder._plain) if live else _Builder._plain
            handler(self, i, op, live)
        outputs = [self.areas[t] for t in self.network.outputs if t in self.areas]  # an output may be a constant
        for area in outputs:
            area.linear = area.kept = True
        return self.steps, outputs

    def _live(self, tensor: int) -> bool:
        return tensor >= 0 and self.specs[tensor].data is None

    def _area(self, tensor: int) -> Area:
        spec = self.specs[tensor]
        area = self.areas[tensor] = Area(spec.shape, ITEM_BYTES.get(spec.dtype, 1), tensor)
        return area

    def _step(self, operator: int, code: str, reads: list[Area], writes: Area, layer: Layer | None = None) -> Step:
        op = self.network.ops[operator]
        step = Step(operator, code, reads, writes, self.specs[op.outputs[0]].shape, layer, operands=len(reads))
        self.steps.append(step)
        writes.writers.append(step)
        for area in reads:
            area.readers.append(step)
        return step

    def _alone(self, tensor: int, operator: int) -> Step | None:
        """The step that makes the whole tensor and nothing else, where this operator is the only one to read it."""
        step = self.made_by.get(tensor)
        if step is None or self.readers[tensor] != [operator] or step.writes is not self.areas[tensor]:
            return None
        return step if len(step.writes.writers) == 1 and not step.writes.given else None

    def _between(self, operator: int, reads: list[Area], shape: tuple[int, ...], item_bytes: int, linear: bool) -> Area:
        """What the compiler makes on the way to an operator's result."""
        area = Area(shape, item_bytes, -1, linear)
        self._step(operator, "BETWEEN", reads, area)
        return area

    # ---- operators

    def _plain(self, i: int, op: OpSpec, live: list[int]) -> None:
        self._finish(i, op, [self.areas[t] for t in live])

    def _finish(self, i: int, op: OpSpec, reads: list[Area]) -> None:
        fields = op.options[1] if op.options else {}
        for t in op.outputs:
            self.made_by[t] = step = self._step(i, op.code, list(reads), self._area(t))
            step.window = fields.get("FilterHeight", 1) * fields.get("FilterWidth", 1)

    def _softmax(self, i: int, op: OpSpec, live: list[int]) -> None:
        """Exponentials in 32 bits, and once more: multiplied by the reciprocals of their sums (Ethos-U85 does that on
        the way out, but shifts them first to sum them)."""
        source = self.areas[live[0]]
        shape = source.shape
        powers = self._between(i, [source], shape, 4, False)
        if not self.is_u85:
            self._finish(i, op, [self._between(i, [powers], shape, 4, False)])
            return
        shifted = self._between(i, [powers], shape, 4, True)
        self._finish(i, op, [powers, self._between(i, [shifted], (*shape[:-1], 1), 4, True)])

    def _sum(self, i: int, op: OpSpec, live: list[int]) -> None:
        """Sums run along channels: over anything else the source is transposed first."""
        source = self.areas[live[0]]
        axes = self.specs[op.inputs[1]].data if len(op.inputs) > 1 else None
        if axes is None or max(axes.tolist()) < len(source.shape) - 1:
            source = self._between(i, [source], source.shape, source.item_bytes, True)
        self._finish(i, op, [source])

    def _combine(self, i: int, op: OpSpec, live: list[int]) -> None:
        self._plain(i, op, live)
        fields = op.options[1] if op.options else {}
        self.steps[-1].activated = bool(fields.get("FusedActivationFunction"))

    def _activation(self, i: int, op: OpSpec, live: list[int]) -> None:
        step = self._alone(live[0], i)
        if step is None or step.activated:
            self._plain(i, op, live)
            self.steps[-1].activated = True
            return
        step.activated = True
        self.areas[op.outputs[0]] = step.writes
        self.made_by[op.outputs[0]] = step

    def _view(self, i: int, op: OpSpec, live: list[int]) -> None:
        area = self.areas[live[0]]
        before = _columns(self.specs[live[0]].shape)
        for t in op.outputs:
            area.linear |= before != _columns(self.specs[t].shape)  # a brick holds 16 channels of each column
            self.areas[t] = area

    def _concatenation(self, i: int, op: OpSpec, live: list[int]) -> None:
        axis = (op.options[1] if op.options else {}).get("Axis", 0)
        whole = self._area(op.outputs[0])
        if axis in (-1, len(whole.shape) - 1):
            at = 0
            for t in op.inputs:
                whole.linear |= bool(at % BRICK)
                at += self.specs[t].shape[-1]
        self._gather(i, [t if self._live(t) else None for t in op.inputs], whole)

    def _padding(self, i: int, op: OpSpec, live: list[int]) -> None:
        readers = self.readers.get(op.outputs[0], [])
        within = op.code == "PAD" and all(r >= 0 and self.network.ops[r].code in PADDED_WITHIN for r in readers)
        if within and readers:
            self.areas[op.outputs[0]] = self.areas[live[0]]
        else:
            self._gather(i, [None, live[0]], self._area(op.outputs[0]))

    def _gather(self, i: int, parts: list[int | None], whole: Area) -> None:
        """Write the parts of an area; None is a constant. Parts that are copied count as written before the others,
        however they are ordered: the compiler turns copies into direct writes one by one."""
        direct = []
        for t in parts:
            step = None if t is None else self._alone(t, i)
            if t is None or step is None:
                self._step(i, "COPY", [] if t is None else [self.areas[t]], whole)
            else:
                direct.append((t, step))
        # a transposed convolution is rewritten last
        for t, step in sorted(direct, key=lambda part: part[1].code == "TRANSPOSE_CONV"):
            step.writes.writers = []
            step.writes = self.areas[t] = whole
            whole.writers.append(step)

    def _layer(self, i: int, op: OpSpec, live: list[int]) -> None:
        source = self.areas[live[0]]
        constants = [self.specs[t] for t in op.inputs if t >= 0 and not self._live(t) and self.specs[t].dtype == "int8"]
        if not constants:
            self._plain(i, op, live)
            return
        shape = constants[0].shape
        out = self._area(op.outputs[0])
        activated = bool((op.options[1] if op.options else {}).get("FusedActivationFunction"))
        groups = self.specs[live[0]].shape[-1] // shape[-1] if op.code == "CONV_2D" else 1
        layer = _layer_of(op.code, shape, groups)
        if groups == 1:
            self.made_by[op.outputs[0]] = step = self._step(i, op.code, [source], out, layer)
            step.activated = activated
            fields = op.options[1] if op.options else {}
            step.repeated = max(fields.get("StrideH", 1), fields.get("StrideW", 1)) > STRIDE
            return
        source.linear = True  # each reads some of the channels
        out.linear |= bool(layer.outputs % BRICK)
        for _ in range(groups):
            self._step(i, op.code, [source], out, layer)
        if activated:
            self.made_by[op.outputs[0]] = step = self._step(i, "RELU", [out], self._area(op.outputs[0]))
            step.activated = True

    def _resize(self, i: int, op: OpSpec, live: list[int]) -> None:
        source = self.areas[live[0]]
        (n, height, width, channels), out = self.specs[live[0]].shape, self.specs[op.outputs[0]].shape
        factor = out[1] // height
        if not self.is_u85 and height > 1 and factor in (4, 8):
            for by in (2, 4)[: factor // 4]:
                shape = (n, height * by, width * by, channels)
                source = self._between(i, [source], shape, source.item_bytes, False)
        self._finish(i, op, [source])


def _columns(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Width and channels."""
    return (1, 1, *shape)[-2:]


def _layer_of(code: str, shape: tuple[int, ...], groups: int) -> Layer:
    if code == "FULLY_CONNECTED":
        return Layer("linear", shape[0], shape[1])
    kernel = shape[1] * shape[2]
    if code == "DEPTHWISE_CONV_2D":
        return Layer("depthwise", shape[3], 1, kernel)
    return Layer("conv", shape[0] // groups, shape[3], kernel)


_HANDLERS: dict[str, Callable[[_Builder, int, OpSpec, list[int]], None]] = {
    **dict.fromkeys(VIEWS, _Builder._view),
    **dict.fromkeys(ACTIVATIONS, _Builder._activation),
    **dict.fromkeys(ELEMENTWISE, _Builder._combine),
    **dict.fromkeys(LAYERS, _Builder._layer),
    **dict.fromkeys(("PAD", "PADV2"), _Builder._padding),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _Builder._resize),
    "CONCATENATION": _Builder._concatenation,
    "SOFTMAX": _Builder._softmax,
    "SUM": _Builder._sum,
}
