"""Depthwise ↔ standard convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..edit import GraphEdit
from ..graph import Graph
from .base import Move, get, name, need, register, unshared
from .chain import in_channels, is_depthwise, out_channels


@register
@dataclass(frozen=True)
class DepthwiseToStandard(Move):
    """Let depthwise convolution ``op`` mix all channels: groups become 1."""

    kind: ClassVar[str] = "depthwise_to_standard"
    op: int

    def describe(self, graph: Graph) -> str:
        return f"make the depthwise convolution {name(get(graph, self.op))} a standard one"

    def apply(self, graph: Graph) -> Graph:
        op = get(graph, self.op, "conv")
        need(is_depthwise(graph, op), f"{name(op)} is not depthwise")
        return _regroup(graph, self.op, 1)


@register
@dataclass(frozen=True)
class StandardToDepthwise(Move):
    """Let convolution ``op``, which has as many inputs as outputs, filter each channel by itself."""

    kind: ClassVar[str] = "standard_to_depthwise"
    op: int

    def describe(self, graph: Graph) -> str:
        return f"make the convolution {name(get(graph, self.op))} depthwise"

    def apply(self, graph: Graph) -> Graph:
        op = get(graph, self.op, "conv")
        need("weight" in op.weights, f"{name(op)} computes its weight")
        channels = in_channels(graph, op)
        need(not is_depthwise(graph, op), f"{name(op)} is depthwise already")
        need(channels > 1, f"{name(op)} has one channel only")
        need(out_channels(graph, op) == channels, f"{name(op)} has {channels} inputs but not as many outputs")
        return _regroup(graph, self.op, channels)


def _regroup(graph: Graph, key: int, groups: int) -> Graph:
    op = graph.by_key[key]
    unshared(graph, op)
    channels = in_channels(graph, op)
    edit = GraphEdit(graph)
    edit.update(key, attrs={"groups": groups})
    edit.resize_tensor(op.weights["weight"], (channels, channels // groups, *op.attrs["kernel"]))
    return edit.finish()
