"""Widths of channels that convolutions work on in groups, with how many groups these are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..edit import GraphEdit, MoveError
from ..graph import Graph, Op
from .base import Move, get, name, need, register, unshared
from .chain import in_channels, is_depthwise, out_channels
from .width import SetWidth


@register
@dataclass(frozen=True)
class SetGroupedWidths(Move):
    """Give channel groups ``keys`` the ``widths``, and grouped convolutions ``ops`` as many groups as ``counts`` say.

    A convolution in groups ties the widths that it reads and makes, in multiples of their number. Here all of ``ops``
    are let loose first: ``keys`` are those of :func:`loosened`'s graph, which must name both sides.
    """

    kind: ClassVar[str] = "set_grouped_widths"
    keys: tuple[int, ...]
    widths: tuple[int, ...]
    ops: tuple[int, ...]
    counts: tuple[int, ...]

    def describe(self, graph: Graph) -> str:
        loose = loosened(graph, self.ops)
        said: dict[str, None] = {}
        for key, width in zip(self.keys, self.widths, strict=True):
            said[SetWidth(key, width).describe(loose).removeprefix("set width ")] = None
        changed = [n for op, n in zip(self.ops, self.counts, strict=True) if get(graph, op).attrs["groups"] != n]
        counts = " or ".join(map(str, dict.fromkeys(changed)))
        return f"set width {', '.join(said)}" + (f" in {counts} groups" if counts else "")

    def apply(self, graph: Graph) -> Graph:
        need(len(self.keys) == len(self.widths) and len(self.ops) == len(self.counts), "malformed move")
        need(self.keys, "no width is named")
        moved = loosened(graph, self.ops)
        for key, width in zip(self.keys, self.widths, strict=True):
            moved = SetWidth(key, width).apply(moved)
        for op, count in zip(self.ops, self.counts, strict=True):
            if count != 1:
                moved = _regrouped(moved, op, count)
        return moved


def grouped(graph: Graph) -> tuple[int, ...]:
    """The convolutions that work in several groups of several channels each."""
    return tuple(
        op.key
        for op in graph.ops
        if op.op == "conv" and "weight" in op.weights and op.attrs["groups"] > 1 and not is_depthwise(graph, op)
    )


def loosened(graph: Graph, ops: tuple[int, ...]) -> Graph:
    """The graph with standard convolutions for the grouped ones ``ops``, so that their widths are free. Raises
    :class:`MoveError`."""
    for op in ops:
        need(get(graph, op, "conv").attrs["groups"] > 1, f"{name(get(graph, op))} does not work in groups")
        graph = _regrouped(graph, op, 1)
    return graph


def _regrouped(graph: Graph, key: int, groups: int) -> Graph:
    op = get(graph, key, "conv")
    read, made = in_channels(graph, op), out_channels(graph, op)
    if groups < 1 or read % groups or made % groups:
        raise MoveError(f"{read} and {made} channels of {name(op)} make no {groups} groups")
    unshared(graph, op)
    edit = GraphEdit(graph)
    edit.update(key, attrs={"groups": groups})
    edit.resize_tensor(op.weights["weight"], _shape(op, read, made, groups))
    return edit.finish()


def _shape(op: Op, read: int, made: int, groups: int) -> tuple[int, ...]:
    first, second = (read, made) if op.attrs["transposed"] else (made, read)
    return (first, second // groups, *op.attrs["kernel"])
