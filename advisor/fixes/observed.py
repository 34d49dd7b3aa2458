"""What edits really came to: the channel widths of a traced graph, said of the graph that the edits were made for.

Arithmetic that branches on its numbers (a width that is rounded up where rounding down would take a tenth of it) does
not follow the branch that was recorded. The widths that it gave are in the traced graph.
"""

from __future__ import annotations

from ..channels import analyse
from ..equivalence import equivalent
from ..graph import Graph, Op
from ..moves import Move, MoveError, SetWidth, Together
from ..operators import LINEAR


def widths(base: Graph, traced: Graph) -> tuple[Move, Graph] | None:
    """The move of widths alone that makes ``traced`` of ``base``, with what it makes; None where there is none."""
    found = _widths(base, traced)
    if not found:
        return None
    moves = tuple(SetWidth(group, width) for group, width in sorted(found.items()))
    move: Move = moves[0] if len(moves) == 1 else Together(moves)
    try:
        moved = move.apply(base)
    except MoveError:
        return None
    return None if equivalent(moved, traced) else (move, moved)


def _widths(base: Graph, traced: Graph) -> dict[int, int]:
    """The groups whose producers, by their paths, make another number of channels; none where two disagree."""
    now = {op.path: op for op in traced.ops if op.module and op.op in LINEAR}
    channels = analyse(base)
    parts: dict[tuple[int, int], int] = {}
    for group in channels.groups:
        for place in group.dims:
            parts[place.tensor, place.dim] = parts.get((place.tensor, place.dim), 0) + 1
    found: dict[int, int] = {}
    for group in channels.groups:
        coefficients = {(place.tensor, place.dim): place.coefficient for place in group.dims}
        for key in group.producers:
            op = base.by_key[key]
            other = now.get(op.path) if op.module else None
            at = (op.outputs[0], _channel(base, op))
            if other is None or at not in coefficients or parts[at] != 1:
                continue
            made = traced.shape(other.outputs[0])
            if len(made) != len(base.shape(op.outputs[0])):
                continue
            width = made[at[1]] * group.multiple // coefficients[at]
            if found.setdefault(group.key, width) != width:
                return {}
    return {key: width for key, width in found.items() if width != _old(base, key)}


def _channel(graph: Graph, op: Op) -> int:
    """The dimension of the op's output that holds its channels."""
    rank = len(graph.shape(op.outputs[0]))
    return rank - len(op.attrs["kernel"]) - 1 if op.op == "conv" else rank - 1


def _old(graph: Graph, key: int) -> int:
    group = analyse(graph).group(key)
    assert group is not None  # it is one of the graph's own
    return group.width
