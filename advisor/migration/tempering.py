"""Attention divides by the square root of a head's width: where that changes, the queries' weights make up for it."""

from __future__ import annotations

from collections.abc import Iterable
from math import isclose
from typing import NamedTuple

from ..graph import Graph, Op

_PASSING = frozenset({"identity", "copy", "permute", "reshape"})


class Temper(NamedTuple):
    """Rows ``start`` to ``stop`` of new linear ``linear`` (an op's key) times ``factor``, for op ``op``'s sake."""

    op: int
    linear: int
    start: int
    stop: int
    factor: float


def tempers(old: Graph, new: Graph, pairs: Iterable[tuple[Op, Op]]) -> tuple[list[Temper], set[int]]:
    """What makes up for scales that changed, and the keys of new ops whose scale nothing makes up for."""
    found: list[Temper] = []
    failed: set[int] = set()
    for p, q in pairs:
        factor = _factor(old, new, p, q)
        if factor is None or isclose(factor, 1.0, rel_tol=1e-6):
            continue
        rows = _rows(new, q)
        if rows is None:
            failed.add(q.key)
        else:
            found.append(Temper(q.key, *rows, factor))
    return found, failed


def _factor(old: Graph, new: Graph, p: Op, q: Op) -> float | None:
    """By what the result of ``q`` has to be multiplied to be that of ``p``; None where they do not scale."""
    if q.op == "attention":
        a, b = (op.attrs["scale"] or g.shape(op.inputs[0])[-1] ** -0.5 for g, op in ((old, p), (new, q)))
        return a / b
    if q.op != "elementwise" or q.attrs["fn"] not in ("mul", "div") or p.attrs["fn"] != q.attrs["fn"]:
        return None
    a, b = p.attrs.get("scalar"), q.attrs.get("scalar")
    if not isinstance(a, (int, float)) or not isinstance(b, (int, float)) or not a or not b:
        return None
    return a / b if q.attrs["fn"] == "mul" else b / a


def _rows(graph: Graph, op: Op) -> tuple[int, int, int] | None:
    """The linear layer whose product ``op`` scales (its first factor's, behind a product), and its rows: all, or those
    of one part where queries, keys and values are made by one layer."""
    tensor, reader = op.inputs[0], op
    part: tuple[int, int, int] | None = None
    passed: list[Op] = []
    while True:
        maker = graph.producer.get(tensor)
        if maker is None or tensor in graph.outputs or [r.key for r in graph.consumers[tensor]] != [reader.key]:
            return None
        if maker.op == "linear":
            break
        if maker.op in ("unbind", "split") and part is None:
            part, passed = (len(maker.outputs), maker.outputs.index(tensor), maker.attrs["dim"]), [maker]
            if len({graph.shape(t) for t in maker.outputs}) != 1:
                return None
        elif maker.op in _PASSING:
            passed.append(maker)
        elif maker.op != "matmul":
            return None
        tensor, reader = maker.inputs[0], maker
    rows = graph.shape(maker.outputs[0])[-1]
    if "weight" not in maker.weights or len(graph.weight_readers[maker.weights["weight"]]) > 1:
        return None
    if part is None:
        return maker.key, 0, rows
    parts, index, dim = part
    if not _outermost(graph, maker, passed, dim, parts):
        return None
    return maker.key, index * rows // parts, (index + 1) * rows // parts


def _outermost(graph: Graph, linear: Op, passed: list[Op], dim: int, parts: int) -> bool:
    """Whether what is cut is the outermost factor of the linear's channels; ``passed`` starts at the cut."""
    last = len(graph.shape(linear.outputs[0])) - 1
    for op in passed[1:]:
        if op.op == "permute":
            dim = op.attrs["dims"][dim]
        elif op.op == "reshape" and (graph.shape(op.inputs[0])[:last] != graph.shape(op.outputs[0])[:last]):
            return False
    return dim == last and (
        passed[0].op == "split" or graph.shape(passed[0].inputs[0])[passed[0].attrs["dim"]] == parts
    )
