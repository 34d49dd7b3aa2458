"""Spatial sizes: the model's input resolution and an operator's stride."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..edit import GraphEdit
from ..graph import Graph
from ..shapes import propagate
from .base import Move, get, name, need, register


@register
@dataclass(frozen=True)
class SetResolution(Move):
    """Feed images of ``height`` × ``width``: every four-dimensional model input changes its last two dimensions."""

    kind: ClassVar[str] = "set_resolution"
    height: int
    width: int

    def describe(self, graph: Graph) -> str:
        sizes = sorted({graph.shape(t)[-2:] for t in graph.inputs if len(graph.shape(t)) == 4})
        return f"set input {', '.join(f'{h}×{w}' for h, w in sizes)} → {self.height}×{self.width}"

    def apply(self, graph: Graph) -> Graph:
        images = [t for t in graph.inputs if len(graph.shape(t)) == 4]
        need(self.height > 0 and self.width > 0, "a resolution is positive")
        need(images, "the model has no image input")
        changed = [t for t in images if graph.shape(t)[-2:] != (self.height, self.width)]
        need(changed, f"the input is {self.height}×{self.width} already")
        edit = GraphEdit(graph)
        for t in changed:
            edit.resize_tensor(t, (*graph.shape(t)[:2], self.height, self.width))
        return propagate(edit.finish(), (), graph.tensors, resolution=True)


@register
@dataclass(frozen=True)
class SetStride(Move):
    """Give convolution or pooling ``op`` the same ``stride`` in every spatial dimension."""

    kind: ClassVar[str] = "set_stride"
    op: int
    stride: int

    def describe(self, graph: Graph) -> str:
        op = get(graph, self.op)
        return f"set the stride of {name(op)} {'×'.join(map(str, op.attrs['stride']))} → {self.stride}"

    def apply(self, graph: Graph) -> Graph:
        op = get(graph, self.op, "conv", "pool")
        need(self.stride > 0, "a stride is positive")
        need(not op.attrs.get("transposed"), f"{name(op)} is transposed: its stride is an upsampling factor")
        need(not op.attrs.get("adaptive"), f"{name(op)} is adaptive and has no stride")
        new = [self.stride] * len(op.attrs["stride"])
        need(list(op.attrs["stride"]) != new, f"{name(op)} has stride {self.stride} already")
        edit = GraphEdit(graph)
        edit.update(self.op, attrs={"stride": new})
        return propagate(edit.finish(), edit.touched, graph.tensors, spatial=True)
