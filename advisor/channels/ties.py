"""How each operator ties the dimensions of what it reads to those of what it makes.

One small function an operator (:mod:`.layers`, :mod:`.movement`), over
:class:`.forms.Forms`: weights introduce variables, element-wise operators unify, concatenation joins, splits
cut. What an operator's function cannot explain (its forms do not add up to the traced shape) is pinned, as is
everything that an unknown operator touches: wrong freedom would yield broken models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..graph import Graph, Op
from .forms import ONE, Form, Forms, constant

Dims = list[Form]
Handler = Callable[["Ties", Op], list[Dims] | None]
"""The dimensions of each output, or None where the operator cannot be explained."""


class Ties:
    """The forms of every tensor's dimensions, built op by op in execution order."""

    def __init__(self, graph: Graph, handlers: Mapping[str, Handler]) -> None:
        self.graph = graph
        self.forms = Forms()
        self.dims: dict[int, Dims] = {}
        self.starts: dict[tuple[int, int], Form] = {}
        """(slice op, input dimension) → the form of what lies before the slice."""
        for op in graph.ops:
            handler = handlers.get(op.op)
            made = handler(self, op) if handler is not None else None
            self._settle(op, made)
        for t in graph.outputs:
            for form in self.of(t):
                self.forms.pin(form, "it is a dimension of the model's output")

    def of(self, tensor: int) -> Dims:
        """The dimensions of a tensor; a parameter read as a plain input gets variables of its own."""
        dims = self.dims.get(tensor)
        if dims is None:
            spec = self.graph.tensors[tensor]
            free = spec.role == "parameter"
            dims = [self.forms.new(n) if free and n > 1 else ((ONE, n),) for n in spec.shape]
            self.dims[tensor] = dims
        return dims

    def shape(self, tensor: int) -> tuple[int, ...]:
        return self.graph.tensors[tensor].shape

    def weight(self, op: Op, role: str, dims: Sequence[Form]) -> None:
        """The weight's dimensions are these; a weight that another call reads too ties both calls."""
        t = op.weights.get(role)
        if t is None:
            return
        if t in self.dims:
            for a, b in zip(self.dims[t], dims, strict=False):
                self.forms.unify(a, b, reason(op))
        elif len(dims) == len(self.shape(t)):
            self.dims[t] = list(dims)

    def pin_all(self, op: Op) -> None:
        for t in (*op.inputs, *op.weights.values()):
            for form in self.of(t):
                self.forms.pin(form, reason(op))

    def broadcast(self, op: Op, tensors: Sequence[Dims]) -> Dims:
        """The common dimensions of tensors that broadcast, aligned at the right."""
        rank = max(map(len, tensors))
        out: Dims = []
        for i in range(rank):
            forms = [d[i - rank + len(d)] for d in tensors if i - rank + len(d) >= 0]
            wide = [f for f in forms if self.forms.width(f) != 1]
            for f in forms:
                if wide and self.forms.width(f) == 1:
                    self.forms.pin(f, "it is one channel that broadcasts")
            for f in (wide or forms)[1:]:
                self.forms.unify((wide or forms)[0], f, reason(op))
            out.append((wide or forms)[0])
        return out

    def _settle(self, op: Op, made: Sequence[Dims] | None) -> None:
        """Take the handler's word where it adds up to the traced shapes."""
        width = self.forms.width
        if made is None or len(made) != len(op.outputs):
            self.pin_all(op)
            made = [[] for _ in op.outputs]
        for t, dims in zip(op.outputs, made, strict=True):
            shape = self.shape(t)
            if len(dims) == len(shape) and all(width(f) == n for f, n in zip(dims, shape, strict=True)):
                self.dims[t] = dims
            else:
                self.pin_all(op)
                for form in dims:
                    self.forms.pin(form, reason(op))
                self.dims[t] = [constant(n) for n in shape]


def reason(op: Op) -> str:
    return f"{op.path or 'the model'} ({op.target.rpartition('.')[2]}) fixes it"
