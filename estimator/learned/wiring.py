"""Who stands beside whom: what the rows of a plan need to know of each other, as index arrays.

It depends on the graph's wiring only and is kept while shapes change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.graph import Graph

from ..kernels import Group
from ..plan import Plan
from ..roofline import Priced
from ..vela.stages import Stages, stages
from .columns import kind_of

NEAR = 3
"""Kernels this far before or after are near."""

Indices = NDArray[np.intp]


@dataclass(slots=True, eq=False)
class Wiring:
    """The rows of a plan in order of execution, one for each kernel that may cost something.

    ``rows`` are the indices of the plan's groups (``row_of`` the other way round), ``groups`` how many those are,
    ``kinds`` what each row is. ``beside`` has six rows for each: before, before that, after, after that, the maker of
    its first operand made here, the first reader of its results; ``near`` all within :data:`NEAR`, the first and last
    standing in beyond the ends. A row that there is not is number ``len(rows)``.

    Storages are numbered as the lifetimes' owners, one more stands for nothing. ``edges`` are the operands' storages,
    row after row, then the results'; ``edges_from`` says where those of each row begin, of the operands and of the
    results. ``spans`` are first and behind-last group of each storage. ``factors`` has by storage, one below the
    other: 1; whether several read it; whether no kernel made it; whether it holds a result of the model; 1; how many
    groups it lives for; 1; whether these are at most two.
    ``chain`` numbers the chains, ``chain_from`` are their first rows. ``producer`` and ``consumer`` are the last two of
    ``beside``, ``makers`` the first and the row that the first operand comes from as it is read, which may be a view;
    ``stages`` are for targets with a slow memory behind a small fast one. ``joined`` are the rows that write their
    result in place into a concatenation, with the tensor that this makes, ``copied`` the rows of concatenations with
    the parts that are copied into them.
    """

    rows: list[int]
    row_of: dict[int, int]
    groups: int
    kinds: list[str]
    beside: Indices
    near: Indices
    distances: NDArray[np.float64]
    at: Indices
    edges: Indices
    edges_from: Indices
    factors: NDArray[np.float64]
    first: Indices
    behind: Indices
    spans: Indices
    chain: Indices
    chain_from: Indices
    chain_shape: NDArray[np.float64]
    producer: list[int]
    consumer: list[int]
    makers: list[tuple[int, int]]
    stages: Stages | None
    joined: dict[int, int]
    copied: dict[int, list[int]]


def has_row(group: Group, priced: Priced) -> bool:
    """Whether the group may cost something: what the simulated model takes for free may not be."""
    return priced.compute is not None or (group.role == "free" and group.ops[0].op != "identity")


def wired(graph: Graph, plan: Plan, staged: bool = False) -> Wiring:
    """The wiring of a plan's rows, with its stages if they are asked for."""
    groups, lives = plan.groups, plan.lives
    rows = [i for i, (group, p) in enumerate(zip(groups, plan.priced, strict=True)) if has_row(group, p)]
    n = len(rows)
    made: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    producer = []
    for row, i in enumerate(rows):
        storages = [s for _, s in groups[i].reads]
        producer.append(max([made[s] for s in storages if s in made], default=n))
        for s in storages:
            readers.setdefault(s, []).append(row)
        made.update(dict.fromkeys(groups[i].writes, row))
    reading = [[r for t in groups[i].writes for r in readers.get(t, ())] for i in rows]
    consumer = [min(r, default=n) for r in reading]
    place = {storage: number for number, storage in enumerate(lives.owners)}
    nothing = len(place)
    reads, read_from = _edges([[place[s] for _, s in groups[i].reads if s in place] for i in rows], nothing)
    writes, written_from = _edges([[place[t] for t in groups[i].writes if t in place] for i in rows], nothing)
    several = np.array([len(readers.get(s, ())) > 1 for s in lives.owners] + [False], dtype=float)
    given = np.array([s not in made for s in lives.owners] + [False], dtype=float)
    results = {plan.decomposition.storage.get(t, t) for t in graph.outputs}
    kept = np.array([s in results for s in lives.owners] + [False], dtype=float)
    alone = [len(set(r)) == 1 and results.isdisjoint(groups[i].writes) for i, r in zip(rows, reading, strict=True)]
    breaks = [row == 0 or producer[row] != row - 1 or not alone[row - 1] for row in range(n)]
    chain = np.cumsum(np.array(breaks, dtype=np.intp), dtype=np.intp) - 1
    order = np.arange(n)
    starts = np.flatnonzero(np.array(breaks, dtype=bool))
    neighbours = [np.where(order >= d, order - d, n) for d in (1, 2)] + [np.minimum(order + d, n) for d in (1, 2)]
    first, behind = np.array(lives.first, dtype=np.intp), np.array(lives.last, dtype=np.intp) + 1
    life, ones = np.append(behind - first, 0).astype(float), np.ones(nothing + 1)
    distances = [(row - p if p < n else -1, c - row if c < n else -1) for row, (p, c) in _pairs(producer, consumer)]
    kinds = [kind_of(graph.tensors, groups[i].ops[0]) for i in rows]
    row_by_op = {op.key: row for row, i in enumerate(rows) for op in groups[i].ops}
    source = []
    for i in rows:
        first_op = groups[i].ops[0]
        from_op = graph.producer.get(first_op.inputs[0]) if first_op.inputs else None
        source.append(row_by_op.get(from_op.key, n) if from_op is not None else n)
    joined, copied = _joined(groups, rows, kinds, made, readers)
    return Wiring(
        rows=rows,
        row_of={i: row for row, i in enumerate(rows)},
        groups=len(groups),
        kinds=kinds,
        beside=np.array([*neighbours, producer, consumer], dtype=np.intp).reshape(6, n).T.ravel(),
        near=np.clip(order + np.arange(-NEAR, NEAR + 1)[:, None], 0, max(n - 1, 0)),
        distances=np.array([(*d, len(r)) for d, r in zip(distances, reading, strict=True)], dtype=float)
        .reshape(n, 3)
        .T,
        at=np.array(rows, dtype=np.intp),
        edges=np.concatenate((reads, writes)),
        edges_from=np.concatenate((read_from, written_from + len(reads))),
        factors=np.stack((ones, several, given, kept, ones, life, ones, (life <= 2).astype(float))),
        first=first,
        behind=behind,
        spans=np.stack((first, behind), axis=1).ravel(),
        chain=chain,
        chain_from=starts,
        chain_shape=np.stack((np.bincount(chain, minlength=1)[chain], order - starts[chain])).astype(float)
        if n
        else np.zeros((2, 0)),
        producer=producer,
        consumer=consumer,
        makers=list(zip(producer, source, strict=True)),
        stages=stages(graph, plan, rows, kinds) if staged else None,
        joined=joined,
        copied=copied,
    )


def _joined(
    groups: list[Group], rows: list[int], kinds: list[str], made: dict[int, int], readers: dict[int, list[int]]
) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Of concatenations: who writes into them in place, and what is copied. A part is written in place by the kernel
    whose result it is, if nobody else reads that."""
    joined: dict[int, int] = {}
    copied: dict[int, list[int]] = {}
    for row, kind in enumerate(kinds):
        if kind != "concat" or not groups[rows[row]].writes:
            continue
        copied[row] = []
        for tensor, storage in groups[rows[row]].reads:
            maker = made.get(storage)
            alone = maker is not None and tensor == storage and readers[storage] == [row]
            if maker is not None and alone and kinds[maker] not in _APART:
                joined[maker] = groups[rows[row]].writes[0]
            else:
                copied[row].append(tensor)
    return joined, copied


_APART = frozenset({"concat", "stack", "grouped", "reshape", "permute", "copy", "repeat", "gather"})
"""Kinds of kernels whose result cannot be a part of another map."""


def _pairs(producer: list[int], consumer: list[int]) -> list[tuple[int, tuple[int, int]]]:
    return list(enumerate(zip(producer, consumer, strict=True)))


def _edges(storages: list[list[int]], nothing: int) -> tuple[Indices, Indices]:
    """The storages of all rows one after the other, and where each row's begin; a row without any has ``nothing``."""
    filled = [some or [nothing] for some in storages]
    starts = np.cumsum([0, *[len(some) for some in filled]], dtype=np.intp)[:-1]
    return np.array([s for some in filled for s in some], dtype=np.intp), starts
