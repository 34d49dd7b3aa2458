"""A move as edits of live modules: the plain data that the worker's surgery carries out.

The plan is read off the two graphs, before and after, so one renderer serves every move: per module path the layers
that now stand there. A module whose op left the graph is replaced by an identity.
"""

from __future__ import annotations

from typing import Any

from ..edit import MoveError
from ..graph import Graph, Op

_FOLLOWING = frozenset({"split", "slice", "elementwise", "attention", "resize"})
"""Functions whose attributes come from the sizes of what they read: nothing to edit."""


def surgery_plan(before: Graph, after: Graph) -> dict[str, Any]:
    """What :func:`advisor.worker.surgery.apply` has to do to turn ``before``'s model into ``after``'s.

    ``{"layers": {path: [layer, ...]}, "parameters": {name: shape}}``: a layer is ``{"op", "attrs", "weights": {role:
    shape}, "keep": bool}``; ``keep`` says that it is the module that stands there already, with changed attributes.
    ``parameters`` change their shape in place, whichever module holds them.
    Raises :class:`MoveError` where a function, not a module, would have to change.
    """
    alone = _alone(before)
    removed = [op for op in before.ops if op.key not in after.by_key]
    whole = _whole_modules(before, {op.key for op in removed})
    layers: dict[str, list[dict[str, Any]]] = {path: [] for path in whole}
    for op in removed:
        if not any(_within(op.path, path) for path in whole):
            _must_be_module(op, alone)
            layers.setdefault(op.path, [])
    for op in after.ops:
        old = before.by_key.get(op.key)
        if old is not op and (old is None or _differs(old, op)) and op.op not in _FOLLOWING:
            _must_be_module(op, alone)
            layers.setdefault(op.path, [])
        elif (op.module or op.key in alone) and any(
            before.tensors[t].shape != after.tensors[t].shape for t in op.weights.values()
        ):
            layers.setdefault(op.path, [])
    for op in after.ops:
        if (op.module or op.key in alone) and op.path in layers and op.path not in whole:
            layer = _layer(before, after, op)
            if not (layer["keep"] and any(other["keep"] for other in layers[op.path])):  # one module, called again
                layers[op.path].append(layer)
    emptied = [path for path, new in layers.items() if not new]
    for path in emptied:
        _must_be_empty(before, after, path)
    nested = {p for p in layers if any(p != path and _within(p, path) for path in emptied)}
    kept = {path: new for path, new in layers.items() if path not in nested}
    return {"layers": kept, "parameters": _resized(before, after)}


def _must_be_empty(before: Graph, after: Graph, path: str) -> None:
    """A module that becomes an identity must not contain what stays (a norm with a built-in activation)."""
    for op in before.ops:
        if op.op != "identity" and op.key in after.by_key and _within(op.path, path):
            raise MoveError(f"{path} also computes {op.target}, which stays")


def _alone(graph: Graph) -> set[int]:
    """Keys of the functions that are all that their module computes (an activation class of a library's own)."""
    inside: dict[str, set[int]] = {}
    for op in graph.ops:
        path = op.path
        while path:
            inside.setdefault(path, set()).add(op.key)
            path = path.rpartition(".")[0]
    return {op.key for op in graph.ops if not op.module and inside.get(op.path) == {op.key}}


def _must_be_module(op: Op, alone: set[int]) -> None:
    if not op.module and op.key not in alone:
        raise MoveError(f"{op.target} in {op.path or 'the model'} is a function, surgery changes modules only")


def _layer(before: Graph, after: Graph, op: Op) -> dict[str, Any]:
    old = before.by_key.get(op.key)
    return {
        "op": op.op,
        "attrs": dict(op.attrs),
        "weights": {role: list(after.tensors[t].shape) for role, t in op.weights.items()},
        "keep": old is not None and old.op == op.op and old.target == op.target,
    }


def _differs(old: Op, new: Op) -> bool:
    """Whether more than the wiring changed, and the precision, which is the deployment's."""
    if (old.op, old.target, old.weights) != (new.op, new.target, new.weights):
        return True
    return {**old.attrs, "precision": ""} != {**new.attrs, "precision": ""}


def _resized(before: Graph, after: Graph) -> dict[str, list[int]]:
    """Parameters and buffers of both graphs that have another shape now."""
    return {
        new.name: list(new.shape)
        for t, new in after.tensors.items()
        if new.role in ("parameter", "buffer") and t in before.tensors and before.tensors[t].shape != new.shape
    }


def _whole_modules(graph: Graph, removed: set[int]) -> list[str]:
    """The outermost container modules all of whose ops are removed (a squeeze-and-excite module)."""
    functional = [op for op in graph.ops if op.key in removed and not op.module]
    out: list[str] = []
    for op in functional:
        inside = [other for other in graph.ops if _within(other.path, op.path)]
        if op.path and all(other.key in removed for other in inside) and op.path not in out:
            out.append(op.path)
    return [path for path in out if not any(path != other and _within(path, other) for other in out)]


def _within(path: str, parent: str) -> bool:
    return path == parent or path.startswith(f"{parent}.")
