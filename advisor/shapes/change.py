"""The state of one shape propagation: what was, what is, and how things follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ..edit import MoveError
from ..graph import Graph, Op, Tensor

Shape = tuple[int, ...]
ShapeFunction = Callable[["Change", Op], list[Shape]]


class Change:
    """One propagation under way: new shapes by tensor, and what they were."""

    def __init__(
        self, graph: Graph, changed: set[int], before: Mapping[int, Tensor], spatial: bool, resolution: bool
    ) -> None:
        self.graph = graph
        self.changed = changed
        self.before = before
        self.spatial = spatial
        self.resolution = resolution
        self.tensors = dict(graph.tensors)
        self.dirty: set[int] = {t for t in graph.inputs if graph.tensors[t].shape != before[t].shape}
        self.ratios: set[Fraction] = set()
        for t in self.dirty:
            self.note(before[t].shape, graph.tensors[t].shape)
        self._attrs: dict[str, Any] = {}

    def visit(self, op: Op, shape_of: ShapeFunction) -> Op:
        """Set the shapes of what ``op`` makes; returns it, with new attributes where they follow."""
        self._attrs = {}
        shapes = shape_of(self, op)
        for t, shape in zip(op.outputs, shapes, strict=True):
            if shape != self.was(t):
                if any(n < 1 for n in shape):
                    raise MoveError(f"{name(op)} would make an empty tensor, {by(shape)}")
                self.note(self.was(t), shape)
                self.tensors[t] = self.tensors[t]._replace(shape=shape)
                self.dirty.add(t)
        return replace(op, attrs={**op.attrs, **self._attrs}) if self._attrs else op

    def note(self, old: Shape, new: Shape) -> None:
        """Remember by which ratios dimensions changed: reshapes downstream follow them."""
        if len(old) == len(new):
            self.ratios.update(Fraction(n, o) for n, o in zip(new, old, strict=True) if n != o and o)

    def was(self, tensor: int) -> Shape:
        return self.before.get(tensor, self.graph.tensors[tensor]).shape

    def shape(self, tensor: int) -> Shape:
        return self.tensors[tensor].shape

    def set_attr(self, op: Op, key: str, value: Any) -> None:
        if op.attrs[key] != value:
            self._attrs[key] = value

    def resize(self, op: Op, tensor: int, shape: Shape) -> None:
        """Let a weight follow; one that another call reads too cannot."""
        if self.tensors[tensor].shape != shape:
            if len(self.graph.weight_readers.get(tensor, ())) > 1:
                raise MoveError(f"{name(op)} shares its weights with a call that does not change")
            self.tensors[tensor] = self.tensors[tensor]._replace(shape=shape)

    def follow(self, op: Op, tensor: int, dim: int, size: int) -> None:
        """Let a tensor that no model input decides (a parameter, buffer, expanded or created one) change its size."""
        shape = self.shape(tensor)
        maker = self.graph.producer.get(tensor)
        if maker is not None and not (maker.op == "create" or (maker.op == "expand" and self.was(tensor)[dim] != 1)):
            raise MoveError(f"{name(op)} cannot combine {' and '.join(by(self.shape(t)) for t in op.inputs)}")
        self.tensors[tensor] = self.tensors[tensor]._replace(shape=(*shape[:dim], size, *shape[dim + 1 :]))

    def broadcast(self, op: Op, tensors: Sequence[int], trailing: int = 0) -> Shape:
        """The broadcast shape of the tensors' dimensions but the last ``trailing``."""
        rank = max(len(self.shape(t)) for t in tensors) - trailing
        for i in range(-rank, 0):
            at = i - trailing
            sizes = {t: self.shape(t)[at] for t in tensors if len(self.shape(t)) >= -at}
            if len({n for n in sizes.values() if n != 1}) > 1:
                moved = {n for t, n in sizes.items() if n != self.was(t)[at] and n != 1}
                if len(moved) != 1:
                    raise MoveError(f"{name(op)} cannot combine {' and '.join(by(self.shape(t)) for t in tensors)}")
                (size,) = moved
                for t, n in sizes.items():
                    if n not in (1, size):
                        self.follow(op, t, len(self.shape(t)) + at, size)
        shapes = [(1,) * (rank + trailing - len(s)) + s for s in map(self.shape, tensors)]
        return tuple(max(s[i] for s in shapes) for i in range(rank))


def unknown(c: Change, op: Op) -> list[Shape]:
    """An operator without a shape function: it may only make what it reads the shape of."""
    shapes: list[Shape] = []
    for made in (c.was(t) for t in op.outputs):
        like = next((t for t in op.inputs if c.was(t) == made), None)
        if like is None:
            raise MoveError(f"what {name(op)} makes of other shapes is not known")
        shapes.append(c.shape(like))
    return shapes


def by(shape: Shape) -> str:
    return "×".join(map(str, shape)) or "a scalar"


def name(op: Op) -> str:
    return f"{op.target} in {op.path}" if op.path else op.target
