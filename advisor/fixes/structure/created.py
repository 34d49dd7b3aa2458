"""Layers of a graph and the calls that made them, as renderers start from them."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from ...graph import Graph, Op
from ..proposal import Scene, Unfixable
from .calls import parsed_file
from .flow import Flow, Frame


def made_by(flow: Flow, path: str) -> tuple[Frame, ...]:
    """The calls that made the module at ``path``, innermost first; none where that was not seen."""
    module = flow.scene.graph.modules.get(path)
    return () if module is None else flow.frames(module.created)


def called_by(flow: Flow, op: Op) -> tuple[Frame, ...]:
    """The call of a function in a ``forward``, and the calls that made the module which that belongs to."""
    frames = computed_by(flow, op)
    return frames if frames and isinstance(frames[0].node, cst.Call) else ()


def computed_by(flow: Flow, op: Op) -> tuple[Frame, ...]:
    """:func:`called_by`, also of an operator: ``x * y``."""
    if op.call is None:
        return ()
    try:
        file = parsed_file(flow.scene, op.call.file)
    except Unfixable:  # no expression can be seen then
        return ()
    node = file.call_node(op.call) or file.expression(op.call)
    return () if node is None else (Frame(file, node), *made_by(flow, op.path))


def alone(graph: Graph, op: Op) -> bool:
    """Whether an op is all that its module computes: a function in an activation class of the user's own."""
    if op.module or not op.path:
        return op.module
    inside = f"{op.path}."
    return not any(o is not op and (o.path == op.path or o.path.startswith(inside)) for o in graph.ops)


def whole(graph: Graph, keys: Sequence[int]) -> str:
    """The outermost module that computes these ops and nothing else; empty where there is none."""
    wanted = set(keys)
    parts = graph.by_key[keys[0]].path.split(".") if keys else []
    for i in range(1, len(parts) + 1):
        path = ".".join(parts[:i])
        inside = [o for o in graph.ops if o.path == path or o.path.startswith(f"{path}.")]
        if path in graph.modules and wanted.issuperset(o.key for o in inside) and inside:
            return path
    return ""


def editable(scene: Scene, file: str) -> bool:
    """Whether edits may go into a file: a person's own, and Python."""
    return scene.editable(file) and not file.endswith(".ipynb")


def is_named(node: cst.BaseExpression) -> bool:
    """Whether an expression is a name, with or without a module before it."""
    return isinstance(node, cst.Name) or (isinstance(node, cst.Attribute) and is_named(node.value))
