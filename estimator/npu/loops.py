"""A kernel as loops: nests for the MAC array, elements for its output port."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

from advisor.graph import Op, Tensor
from advisor.targets import Target

from ..kernels import MAC_OPS, STREAM_OF, Group
from ..roofline import amount, converted, own_rate
from ..workloads import works

AS_STORED = frozenset({"elementwise", "activation"})
"""Kinds of work that pass over what lies in memory, its padding included."""


class Nest(NamedTuple):
    """Loops of ``height * width`` positions, each ``input * kernel`` deep and ``output`` wide, ``repeats`` times.

    A tile of rows reads ``reach`` rows for its first and ``step`` more for each further one; columns likewise.
    ``slowdown`` is how often the array's time of the target's own type a product takes.
    """

    engine: str
    output: int
    input: int
    kernel: int
    height: int
    width: int
    repeats: int = 1
    reach_height: int = 1
    reach_width: int = 1
    step_height: int = 1
    step_width: int = 1
    slowdown: float = 1.0

    @property
    def each_channel_alone(self) -> bool:
        return self.engine == "depthwise"

    @property
    def weights(self) -> int:
        """Elements of the operand that stays while positions pass; every repeat has its own."""
        return self.output * self.input * self.kernel * (1 if self.each_channel_alone else self.repeats)

    @property
    def macs(self) -> int:
        return self.output * self.input * self.kernel * self.height * self.width * self.repeats


class Work(NamedTuple):
    """One kernel: its nests, and the cycles that its output port (or vector unit) is busy."""

    nests: tuple[Nest, ...]
    port: float


def work(tensors: Mapping[int, Tensor], group: Group, target: Target) -> Work:
    """The loops of one kernel that the target can run."""
    first = group.ops[0]
    nests = tuple(nests_of(tensors, first)) if first.op in MAC_OPS else ()
    port = _first_port(tensors, first, nests, target)
    for op in group.ops[1:]:
        rate = own_rate(tensors, op, target)
        if rate is not None:
            port = max(port, tensors[op.outputs[0]].numel / rate)
    other = target.precisions.get(precision(group))
    if other is not None:
        nests = tuple(nest._replace(slowdown=1 / other.macs) for nest in nests)
        port /= other.elements
    return Work(nests, port + sum(tensors[t].numel for t in converted(tensors, group)) / target.throughput["move"])


def precision(group: Group) -> str:
    """The type that a kernel is set to; empty for the target's own."""
    return group.ops[0].attrs.get("precision", "")


def nests_of(tensors: Mapping[int, Tensor], op: Op) -> list[Nest]:
    """The loop nests of a MAC op; empty where its structure is not understood."""
    found = [Nest(w.engine, w.output, w.input, w.kernel, w.height, w.width, w.repeats) for w in works(tensors, op)]
    if op.op != "conv" or not found:
        return found
    kernel, stride, dilation = ([1, *op.attrs[k]][-2:] for k in ("kernel", "stride", "dilation"))
    if op.attrs.get("transposed"):
        return found
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    return [
        nest._replace(reach_height=reach[0], reach_width=reach[1], step_height=stride[0], step_width=stride[1])
        for nest in found
    ]


def _first_port(tensors: Mapping[int, Tensor], op: Op, nests: tuple[Nest, ...], target: Target) -> float:
    """Cycles of the output port for the kernel's first op."""
    if op.op not in MAC_OPS:
        kind = STREAM_OF[op.op]
        rate = own_rate(tensors, op, target) or target.throughput[kind]
        block = target.array.channel_block if target.array and kind in AS_STORED else 1
        made = tensors[op.outputs[0]]
        return amount(tensors, op) * padded(made, block) / max(made.numel, 1) / rate
    engine = target.engines[nests[0].engine if nests else "matmul"]
    port = tensors[op.outputs[0]].numel / engine.outputs_per_cycle if engine.outputs_per_cycle else 0.0
    if op.op == "attention":
        q, k = (tensors[t].shape for t in op.inputs[:2])
        port += prod(q[:-1]) * k[-2] / target.throughput["softmax"]
    return port


def channels(tensor: Tensor) -> int:
    """Extent of the dimension that channels lie along: the second of images, the last of anything else."""
    shape = tensor.shape
    return shape[1] if len(shape) >= 4 else shape[-1] if shape else 1


def padded(tensor: Tensor, multiple: int) -> int:
    """Elements of a tensor whose channels are padded to a multiple."""
    here = max(channels(tensor), 1)
    return tensor.numel // here * (-(-here // multiple) * multiple)
