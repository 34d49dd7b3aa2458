"""What placement needs to know of how a plan's kernels are wired; it stays while sizes change."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.graph import Graph

from ..plan import Plan


@dataclass(slots=True, eq=False)
class Stages:
    """By row, and by storage as the lifetimes number them.

    ``reads`` and ``makes`` are the storages of each row, its first result or -1; ``first`` and ``last`` the rows that
    touch a storage, ``maker`` the row that makes it or -1, ``readers`` those that read it. As arrays: ``makers``,
    ``results`` (as ``makes``), the first operands ``leading`` (-1 without) and the others, ``beside``, with their rows.
    ``home`` is the storage whose place it has: the parts of a concatenation are written in place. ``outside`` come
    from or go to the outside. ``follows``: the row before made the first operand, for nobody else. ``reused`` are a
    row, its result and an operand whose place it may take. ``before`` is the row that runs before, -1 without.

    Of kinds, as arrays: ``depthwise``, ``elementwise`` and ``normed`` (batch norms) rows, ``gathered`` ones (which join
    maps), and ``beyond``: layers that read more than one map.
    """

    reads: list[list[int]]
    makes: list[int]
    maker: list[int]
    makers: NDArray[np.intp]
    results: NDArray[np.intp]
    leading: NDArray[np.intp]
    beside: NDArray[np.intp]
    beside_rows: NDArray[np.intp]
    readers: list[list[int]]
    first: list[int]
    last: list[int]
    home: list[int]
    outside: list[bool]
    follows: list[bool]
    joins: list[int]
    reused: list[tuple[int, int, int]]
    before: NDArray[np.intp]
    depthwise: NDArray[np.bool_]
    elementwise: NDArray[np.bool_]
    normed: NDArray[np.bool_]
    gathered: NDArray[np.bool_]
    beyond: NDArray[np.bool_]


GATHERED = frozenset({"concat", "stack"})
LAYERS = frozenset({"conv", "pointwise", "depthwise", "grouped", "transposed", "linear"})
_VANISH = GATHERED | {"split", "unbind", "slice", "reshape", "expand"}
_COPIED = frozenset({"concat", "stack", "grouped", "copy"})
"""Kinds of kernels that cannot write into a part of another map."""
_JOINED = frozenset({"conv", "pointwise", "depthwise", "grouped", "linear", "matmul", "pool"})
"""Kinds of kernels that an element-wise one can be part of."""


def stages(graph: Graph, plan: Plan, rows: list[int], kinds: list[str]) -> Stages:
    """The stages of a plan's rows."""
    number = {storage: i for i, storage in enumerate(plan.lives.owners)}
    count = len(number)
    reads = [[number[s] for _, s in plan.groups[i].reads if s in number] for i in rows]
    made = [[number[t] for t in plan.groups[i].writes if t in number] for i in rows]
    maker, readers = [-1] * count, [[] for _ in range(count)]
    first, last = [len(rows)] * count, [-1] * count
    for row, (operands, results) in enumerate(zip(reads, made, strict=True)):
        for s in operands:
            readers[s].append(row)
        for s in results:
            maker[s] = row
        for s in (*operands, *results):
            first[s], last[s] = min(first[s], row), row
    kept = {number[s] for t in graph.outputs if (s := plan.decomposition.storage.get(t, t)) in number}
    outside = [maker[s] < 0 or s in kept for s in range(count)]
    home = list(range(count))
    follows, joins, reused = [False] * len(rows), [-1] * len(rows), []
    for row, kind in enumerate(kinds):
        if not made[row]:
            continue
        own = [s for s in reads[row] if readers[s] == [row] and not outside[s]]
        if kind in GATHERED:
            for s in own:
                if kinds[maker[s]] not in _COPIED:
                    home[s] = made[row][0]
        elif kind in ("elementwise", "activation") and not outside[made[row][0]]:
            reused += [(row, made[row][0], s) for s in own]
        before = made[row - 1] if row else []
        if kind == "elementwise" and len(before) == 1 and before[0] in own and kinds[row - 1] in _JOINED:
            joins[row] = before[0]
        follows[row] = bool(own) and own[0] == reads[row][0] and before == own[:1]
    makes = [m[0] if m else -1 for m in made]
    others = [(row, s) for row, operands in enumerate(reads) for s in operands[1:]]
    return Stages(
        reads=reads,
        makes=makes,
        maker=maker,
        makers=np.array(maker, dtype=np.intp),
        results=np.array(makes, dtype=np.intp),
        leading=np.array([operands[0] if operands else -1 for operands in reads], dtype=np.intp),
        beside=np.array([s for _, s in others], dtype=np.intp),
        beside_rows=np.array([row for row, _ in others], dtype=np.intp),
        readers=readers,
        first=first,
        last=last,
        home=home,
        outside=outside,
        follows=follows,
        joins=joins,
        reused=reused,
        before=_before(kinds),
        depthwise=_of(kinds, {"depthwise"}),
        elementwise=_of(kinds, {"elementwise"}),
        normed=_of(kinds, {"batch_norm"}),
        gathered=_of(kinds, GATHERED),
        beyond=_of(kinds, LAYERS) & np.array([len(operands) > 1 for operands in reads], dtype=bool),
    )


def _before(kinds: list[str]) -> NDArray[np.intp]:
    """The row that runs before each: some are no operation."""
    runs = np.where(_of(kinds, _VANISH), -1, np.arange(len(kinds)))
    return np.append(-1, np.maximum.accumulate(runs)[:-1])[: len(kinds)]


def _of(kinds: list[str], some: AbstractSet[str]) -> NDArray[np.bool_]:
    return np.array([kind in some for kind in kinds], dtype=bool)
