"""Shape propagation: what an edit does to every tensor downstream of it.

One small function an operator (:mod:`advisor.shapes.layers`, :mod:`advisor.shapes.movement`), pure on plain data.
Reshapes carry concrete sizes, so their new result is derived from how the traced input and output sizes relate.
Weights that must follow (a linear after a flatten, a position embedding) are resized; whatever cannot follow raises
:class:`MoveError` with the operation's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..edit import MoveError
from ..graph import Graph, Tensor
from . import layers, movement
from .change import Change, by, unknown

_SHAPES = {**layers.TABLE, **movement.TABLE}
"""Operator → its shape function. ``create`` reads nothing, ``gather`` and ``other`` are unknown."""


def propagate(
    graph: Graph, ops: Iterable[int], before: Mapping[int, Tensor], *, spatial: bool = False, resolution: bool = False
) -> Graph:
    """``graph`` with every shape downstream of a change brought up to date.

    ``graph`` already holds the new attributes and weights of the changed ``ops`` and the new shapes of changed inputs;
    its activations still have the shapes of ``before`` (the unedited graph's tensors). With ``spatial`` the change is
    one of height and width, which decides how ambiguous reshapes follow. Unless it is about the input ``resolution``, a
    change that reaches a model output is refused. Raises :class:`MoveError`.
    """
    change = Change(graph, set(ops), before, spatial or resolution, resolution)
    new_ops = list(graph.ops)
    dirty, changed = change.dirty, change.changed
    # nothing before the first op that changed can follow, unless a model input did
    start = 0 if dirty else min([graph.position[key] for key in changed], default=len(new_ops))
    for i, op in enumerate(new_ops[start:], start):
        if op.key in changed or not dirty.isdisjoint(op.inputs):
            new_ops[i] = change.visit(op, _SHAPES.get(op.op, unknown))
    for t in graph.outputs:
        if t in dirty and not resolution:
            old, new = before[t].shape, change.tensors[t].shape
            raise MoveError(f"the model's output would change from {by(old)} to {by(new)}")
    # ops compare by identity; where none got new attributes, the graph keeps its indexes
    return graph.replace(ops=None if new_ops == graph.ops else new_ops, tensors=change.tensors)
