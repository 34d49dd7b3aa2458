"""Which feature maps there are in the SRAM, and which operations read and write them.

What Vela does to a network before it schedules it:

- A reshape, a slice or a split is a view: whoever reads it reads a part of the source. But what is read under two
  shapes is copied first, and all read the copy.
- A linear layer of several rows is a 1 × 1 convolution over an image of that many positions, about square.
- A concatenation or a padding is written in parts. An operation whose only reader it is writes its part in place;
  other parts are copied.
- A padding in front of a convolution is part of the convolution.
- A clamp or a table behind an operation that has none yet, and whose only reader it is, is part of the operation.
- A convolution in groups is one convolution a group, and its activation an operation of its own.
- Some operators are made of several operations (:mod:`.expansions`).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from ...backends.vela.writer import Network, OpSpec
from . import expansions
from .area import ACTIVATIONS, BRICK, CONNECTED, ELEMENTWISE, LAYERS, Area, Step, square
from .encoding import Layer, spread

ITEM_BYTES = {"int8": 1, "uint8": 1, "bool": 1, "int16": 2, "int32": 4, "int64": 8}
RESHAPES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
PARTS = frozenset({"SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "UNPACK"})
FEW_CHANNELS = 8
"""Maps of fewer are taken for deeper ones by element-wise operations that broadcast nothing."""

STRIDE = 3
"""The largest that a convolution can have; one of a larger stride becomes one operation for each position."""

PADDED_WITHIN = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})


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
        self.renamed: dict[int, tuple[int, int]] = {}  # reshaped: what of, and by which operator
        self.makers = {t: op.code for op in network.ops for t in op.outputs}
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
            handler = _HANDLERS.get(op.code, _Builder.plain) if live else _Builder.plain
            handler(self, i, op, live)
        self._deepen()
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

    def step(self, operator: int, code: str, reads: list[Area], writes: Area, layer: Layer | None = None) -> Step:
        op = self.network.ops[operator]
        shape = writes.shape if writes.tensor < 0 else self.specs[op.outputs[0]].shape
        step = Step(operator, code, reads, writes, shape, layer, operands=len(reads))
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

    def _maker(self, tensor: int, operator: int) -> Step | None:
        """The same, reshapes between them left out."""
        step = self._alone(tensor, operator)
        if step is None and tensor in self.renamed and self.readers[tensor] == [operator]:
            return self._maker(*self.renamed[tensor])
        return step

    def _columns(self, tensor: int) -> tuple[int, ...]:
        """Width and channels, as those that write or read the tensor take it."""
        *rows, channels = shape = self.specs[tensor].shape or (1,)
        codes = {self.network.ops[r].code if r >= 0 else "" for r in self.readers.get(tensor, ())}
        if len(rows) == 1 and (self.makers.get(tensor) == CONNECTED or codes == {CONNECTED}):
            return square(rows[0]), channels
        return (1, 1, *shape)[-2:]

    def _deepen(self) -> None:
        """Element-wise operations take maps of few channels for deeper ones: who does not sees them otherwise."""
        ways: dict[Area, set[bool]] = {}
        for step in self.steps:
            if step.shape[-1:] < (FEW_CHANNELS,):
                for area in (*step.reads, step.writes):
                    ways.setdefault(area, set()).add(self._deepens(step))
        for area, found in ways.items():
            area.linear |= len(found) > 1

    def _deepens(self, step: Step) -> bool:
        op = self.network.ops[step.operator]
        operands = [area.shape for area in step.reads]
        if step.code == op.code:
            operands += [self.specs[t].shape for t in op.inputs if not self._live(t)]
        fitting = all(shape == step.shape or prod(shape) == 1 for shape in operands)
        return step.elementwise and prod(step.shape) > BRICK and fitting

    # ---- operators

    def plain(self, i: int, op: OpSpec, live: list[int]) -> None:
        self.finish(i, op, [self.areas[t] for t in live])

    def finish(self, i: int, op: OpSpec, reads: list[Area], code: str = "") -> None:
        fields = op.options[1] if op.options else {}
        for t in op.outputs:
            self.made_by[t] = step = self.step(i, code or op.code, list(reads), self._area(t))
            step.window = fields.get("FilterHeight", 1) * fields.get("FilterWidth", 1)

    def _combine(self, i: int, op: OpSpec, live: list[int]) -> None:
        self.plain(i, op, live)
        fields = op.options[1] if op.options else {}
        self.steps[-1].activated = bool(fields.get("FusedActivationFunction"))

    def activation(self, i: int, op: OpSpec, live: list[int]) -> None:
        step = self._maker(live[0], i)
        if step is None or step.activated:
            self.plain(i, op, live)
            self.steps[-1].activated = True
            return
        step.activated = True
        self.areas[op.outputs[0]] = area = step.writes
        self.made_by[op.outputs[0]] = step
        if live[0] in self.renamed:
            area.shape, area.linear = self.specs[live[0]].shape, False

    def _view(self, i: int, op: OpSpec, live: list[int]) -> None:
        area = self.areas[live[0]]
        before = self._columns(live[0])
        for t in op.outputs:
            area.linear |= before != self._columns(t)  # a brick holds 16 channels of each column
            self.areas[t] = area

    def _reshape(self, i: int, op: OpSpec, live: list[int]) -> None:
        source, result = live[0], op.outputs[0]
        if len(self.readers[source]) > 1 and self.specs[self._last(result)].shape != self.specs[source].shape:
            self._copy(i, self.areas[source])
        self.renamed[result] = source, i
        self._view(i, op, live)

    def _last(self, tensor: int) -> int:
        """What a tensor is after further reshapes that alone read it."""
        readers = self.readers.get(tensor, [])
        if len(readers) == 1 and readers[0] >= 0 and self.network.ops[readers[0]].code in RESHAPES:
            return self._last(self.network.ops[readers[0]].outputs[0])
        return tensor

    def _copy(self, i: int, area: Area) -> None:
        """A copy that all read from now on, and all did so far."""
        copy = Area(area.shape, area.item_bytes, -1, area.linear)
        copy.readers, area.readers = area.readers, []
        for step in copy.readers:
            step.reads = [copy if a is area else a for a in step.reads]
        for t in [t for t, a in self.areas.items() if a is area]:
            self.areas[t] = copy
        area.linear = area.given
        self.step(i, "COPY", [area], copy)

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
        and those in reverse: the compiler turns copies into direct writes one by one, from the last."""
        direct = []
        for t in parts:
            step = None if t is None else self._alone(t, i)
            if t is None or step is None:
                self.step(i, "COPY", [] if t is None else [self.areas[t]], whole)
            else:
                direct.append((t, step))
        # a transposed convolution is rewritten last
        direct.reverse()
        for t, step in sorted(direct, key=lambda part: part[1].code == "TRANSPOSE_CONV"):
            step.writes.writers = []
            step.writes = self.areas[t] = whole
            whole.writers.append(step)

    def _layer(self, i: int, op: OpSpec, live: list[int]) -> None:
        source = self.areas[live[0]]
        constants = [self.specs[t] for t in op.inputs if t >= 0 and not self._live(t) and self.specs[t].dtype == "int8"]
        if not constants:
            self.plain(i, op, live)
            return
        shape = constants[0].shape
        out = self._area(op.outputs[0])
        activated = bool((op.options[1] if op.options else {}).get("FusedActivationFunction"))
        groups = self.specs[live[0]].shape[-1] // shape[-1] if op.code == "CONV_2D" else 1
        layer = _layer_of(op, shape, groups)
        if groups == 1:
            self.made_by[op.outputs[0]] = step = self.step(i, op.code, [source], out, layer)
            step.activated = activated
            fields = op.options[1] if op.options else {}
            stride = fields.get("StrideH", 1), fields.get("StrideW", 1)
            step.repeated = max(stride) > STRIDE
            if self.is_u85 and op.code == "TRANSPOSE_CONV":
                expansions.interleaved(step, shape[1:3], stride)
            return
        source.linear = True  # each reads some of the channels
        out.linear |= bool(layer.outputs % BRICK)
        for _ in range(groups):
            self.step(i, op.code, [source], out, layer)
        if activated:
            self.made_by[op.outputs[0]] = step = self.step(i, "RELU", [out], self._area(op.outputs[0]))
            step.activated = True


def _layer_of(op: OpSpec, shape: tuple[int, ...], groups: int) -> Layer:
    if op.code == CONNECTED:
        return Layer("linear", shape[0], shape[1])
    fields = op.options[1] if op.options else {}
    kernel, zeros = spread(shape[1:3], (fields.get("DilationHFactor", 1), fields.get("DilationWFactor", 1)))
    if op.code == "DEPTHWISE_CONV_2D":
        return Layer("depthwise", shape[3], 1, kernel, zeros)
    return Layer("conv", shape[0] // groups, shape[3], kernel, zeros)


_HANDLERS: dict[str, Callable[[_Builder, int, OpSpec, list[int]], None]] = {
    **dict.fromkeys(RESHAPES, _Builder._reshape),
    **dict.fromkeys(PARTS, _Builder._view),
    **dict.fromkeys(ACTIVATIONS, _Builder.activation),
    **dict.fromkeys(ELEMENTWISE, _Builder._combine),
    **dict.fromkeys(LAYERS, _Builder._layer),
    **dict.fromkeys(("PAD", "PADV2"), _Builder._padding),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), expansions.resize),
    "CONCATENATION": _Builder._concatenation,
    "MEAN": expansions.mean,
    "PRELU": expansions.prelu,
    "SOFTMAX": expansions.softmax,
    "SUM": expansions.total,
}
