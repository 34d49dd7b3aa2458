"""Setting the width of a channel group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..channels import Channels, Group, analyse
from ..edit import GraphEdit, MoveError
from ..graph import Graph, Op
from .base import Move, need, register


@register
@dataclass(frozen=True)
class SetWidth(Move):
    """Give channel group ``group`` (its key in :func:`advisor.channels.analyse`) ``width`` channels: every dimension
    that belongs to it follows, and with them group counts, split sizes, slice borders and attention scales."""

    kind: ClassVar[str] = "set_width"
    group: int
    width: int

    def describe(self, graph: Graph) -> str:
        return f"set width {_group(analyse(graph), self.group).width} → {self.width}"

    def apply(self, graph: Graph) -> Graph:
        channels = analyse(graph)
        group = _group(channels, self.group)
        need(not group.pinned, f"the width {group.width} cannot change: {group.pinned}")
        need(self.width > 0, "a width is positive")
        need(self.width != group.width, f"the width is {self.width} already")
        need(
            self.width % group.multiple == 0,
            f"the width must be a multiple of {group.multiple} (heads, groups or parts)",
        )
        after = channels.resized(self.group, self.width)
        edit = GraphEdit(graph)
        touched = {place.tensor for place in group.dims}
        for t in touched:
            edit.resize_tensor(t, after.shape(t))
        for key in _neighbours(graph, touched):
            op = graph.by_key[key]
            rule = _FOLLOW.get(op.op)
            if rule is not None:
                attrs = rule(edit, op, after)
                if any(op.attrs[k] != v for k, v in attrs.items()):
                    edit.update(key, attrs=attrs)
        moved = edit.finish()
        after.adopt(moved)
        return moved


def _group(channels: Channels, key: int) -> Group:
    group = channels.group(key)
    if group is None:
        raise MoveError(f"operation {key} names no channel group")
    return group


def _neighbours(graph: Graph, tensors: set[int]) -> set[int]:
    """Keys of the ops that read or make any of the tensors."""
    keys: set[int] = set()
    for t in tensors:
        maker = graph.producer.get(t)
        if maker is not None:
            keys.add(maker.key)
        keys.update(op.key for op in graph.consumers.get(t, ()))
        keys.update(graph.weight_readers.get(t, ()))
    return keys


# ---- attributes that follow a width; each gives the attributes an op has under the edit's shapes


def _conv(edit: GraphEdit, op: Op, after: Channels) -> dict[str, Any]:
    groups, at = op.attrs["groups"], -len(op.attrs["kernel"]) - 1
    was = edit.base.shape(op.inputs[0])[at]
    return {"groups": edit.tensors[op.inputs[0]].shape[at] if groups == was and groups > 1 else groups}


def _split(edit: GraphEdit, op: Op, after: Channels) -> dict[str, Any]:
    return {"sizes": [edit.tensors[t].shape[op.attrs["dim"]] for t in op.outputs]}


def _slice(edit: GraphEdit, op: Op, after: Channels) -> dict[str, Any]:
    """The range [start, stop) that holds the same channels: a whole dimension stays whole."""
    shape, made = edit.tensors[op.inputs[0]].shape, list(edit.tensors[op.outputs[0]].shape)
    index = list(op.attrs["index"])
    skipped = len(shape) - sum(i not in ("new", "ellipsis") for i in index)
    dim = 0
    for position, i in enumerate(index):
        if i == "ellipsis":
            dim += skipped
            del made[:skipped]
            continue
        size = 1 if isinstance(i, int) else made.pop(0)
        if i == "new":
            continue
        if isinstance(i, (list, tuple)) and shape[dim] != edit.base.shape(op.inputs[0])[dim]:
            start = after.slice_start(op.key, dim) or 0
            index[position] = [start if i[0] is not None else None, start + size if i[1] is not None else None, i[2]]
        dim += 1
    return {"index": index}


def _rnn(edit: GraphEdit, op: Op, after: Channels) -> dict[str, Any]:
    directions = 2 if op.attrs["bidirectional"] else 1
    return {"hidden": edit.tensors[op.outputs[0]].shape[-1] // directions}


def _scalar(edit: GraphEdit, op: Op, after: Channels) -> dict[str, Any]:
    """A factor that is the square root of the last dimension, or its inverse, as attention scales by."""
    scalar = op.attrs.get("scalar")
    if op.attrs["fn"] not in ("mul", "div") or not isinstance(scalar, (int, float)):
        return {}
    return {"scalar": _root(edit, op, float(scalar))}


def _attention(edit: GraphEdit, op: Op, after: Channels) -> dict[str, Any]:
    scale = op.attrs["scale"]
    return {} if scale is None else {"scale": _root(edit, op, scale)}


def _root(edit: GraphEdit, op: Op, value: float) -> float:
    old, new = edit.base.shape(op.inputs[0])[-1], edit.tensors[op.inputs[0]].shape[-1]
    for power in (0.5, -0.5):
        if abs(value - old**power) < 1e-6 * value:
            return new**power
    return value


_FOLLOW = {
    "conv": _conv,
    "split": _split,
    "slice": _slice,
    "rnn": _rnn,
    "elementwise": _scalar,
    "attention": _attention,
}
