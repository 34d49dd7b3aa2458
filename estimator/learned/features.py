"""What the regressors see: each kernel's own numbers, how they pad, and what stands around it.

Training and prediction both ask :func:`features`; the learned estimator keeps what it is made of (:class:`Sheet`) with
each plan, and makes only rows of kernels anew whose price changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.graph import Graph
from advisor.targets import Target

from ..kernels import Group
from ..plan import Plan, planned
from ..roofline import Priced
from .columns import OWN, kind_of, own

VERSION = 1
"""Raised when the columns change or mean something else; predictors of another version are not used."""

FLOOR_CYCLES = 200.0
"""What is added to truth and price before their ratio is taken, so that kernels of no weight make no noise."""

PADDED = (8, 16, 32, 64)
_AT = {name: i for i, name in enumerate(OWN)}


def _columns(names: str) -> list[int]:
    return [_AT[name] for name in names.split()]


_CHANNELS = _columns("in_channels out_channels")
_SPATIAL = _columns("out_height out_width")
_NUMERATORS = _columns("array stream traffic_cycles weight_cycles macs macs in_channels in_height written read")
_DENOMINATORS = _columns("simulated simulated simulated simulated weights read out_channels out_height read weights")
_BESIDE = _columns("kind simulated array weight_cycles read written weights out_height kernel_height stride_height")

_RATIOS = tuple(f"{OWN[a]}/{OWN[b]}" for a, b in zip(_NUMERATORS, _DENOMINATORS, strict=True))
_PLACES = ("before", "before2", "after", "after2", "producer", "consumer")
NAMES = (
    *OWN,
    *(f"{OWN[c]} padded to {m}" for m in PADDED for c in _CHANNELS),
    *(f"{OWN[c]} padded to {m}" for m in (2, 4, 8) for c in _SPATIAL),
    *_RATIOS,
    *(f"{OWN[c]} {place}" for place in _PLACES for c in _BESIDE),
    *("shared_reads", "stored_reads", "shared_reads/read", "spilled_reads", "spilled_writes"),
    *("pressure_read", "pressure_written", "spilled_reads before", "spilled_writes before", "spilled_reads after"),
    *("spilled_writes after", "chain_length", "chain_position", "chain_weights", "chain_alive", "chain_spilled"),
    *("alive", "alive_before", "alive_after", "most_alive_near", "producer_distance", "consumer_distance", "consumers"),
    *("weights/time_before", "simulated_near", "weights_near", "least_written_near", "most_written_near"),
)
"""The columns of a row. ``before`` and ``after`` in order of execution, ``near``: within three kernels either way;
``shared_reads`` are bytes of operands that others read too, ``stored_reads`` of those that no kernel made,
``spilled`` ones of tensors during whose life more is alive than the fastest memory holds; ``pressure`` is how much
that is. A chain is a run of kernels of which each reads only what the one before it made for nobody else."""

RANGED = tuple(
    NAMES.index(name)
    for name in (
        *("in_channels", "in_height", "in_width", "out_channels", "out_height", "out_width", "kernel_height"),
        *("kernel_width", "stride_height", "stride_width", "dilation", "groups", "batch", "macs", "read", "weights"),
    )
)
"""Columns that say whether a kernel lies in the range of the training."""

NEAR = 3
_INF = float("inf")


@dataclass(slots=True, eq=False)
class Wiring:
    """Who makes what a kernel reads first and who reads what it writes, by row; -1 for nobody. It stays while shapes
    change. ``rows`` are the indices of the plan's groups that have a row; ``first`` and ``last`` the lifetimes.

    ``reads`` are the operands of all rows as (row, storage among the lifetimes' owners, whether others read it too,
    whether no kernel made it), ``writes`` the results as (row, storage). ``chain`` numbers the chains."""

    rows: list[int]
    kinds: list[str]
    producer: NDArray[np.intp]
    consumer: NDArray[np.intp]
    consumers: NDArray[np.float64]
    at: NDArray[np.intp]
    first: NDArray[np.intp]
    last: NDArray[np.intp]
    reads: NDArray[np.intp]
    writes: NDArray[np.intp]
    chain: NDArray[np.intp]


@dataclass(slots=True, eq=False)
class Sheet:
    """The rows of a plan: ``own`` by themselves, ``matrix`` in their context (single precision)."""

    wiring: Wiring
    own: NDArray[np.float64]
    matrix: NDArray[np.float32]


@dataclass(slots=True, eq=False)
class Features:
    """Rows for training: their kinds, columns as :data:`NAMES`, simulated latencies, and the keys of their ops."""

    kinds: tuple[str, ...]
    matrix: NDArray[np.float32]
    simulated_us: NDArray[np.float64]
    ops: tuple[tuple[int, ...], ...]


def features(graph: Graph, target: Target) -> Features:
    """The rows of all kernels that run and have a simulated price, in order of execution."""
    plan = planned(graph, target)
    made = sheet(graph, target, plan, None, None)
    kernels = [k for i in made.wiring.rows if (k := plan.priced[i].kernel) is not None]
    return Features(
        tuple(made.wiring.kinds),
        made.matrix,
        np.array([k.latency_us for k in kernels]),
        tuple([k.ops for k in kernels]),
    )


def sheet(graph: Graph, target: Target, plan: Plan, old_plan: Plan | None, old: Sheet | None) -> Sheet:
    """The rows of ``plan``; those of kernels whose price is the one that ``old_plan`` has are taken from ``old``."""
    tensors = graph.tensors
    if old is not None and old_plan is not None and plan.lives is old_plan.lives and _same_kinds(plan, old_plan):
        wiring = old.wiring
        values = old.own.copy()
        for row, i in enumerate(wiring.rows):
            if plan.priced[i] is not old_plan.priced[i]:
                values[row] = own(tensors, plan.groups[i], plan.priced[i], target)
                wiring = _renamed(wiring, row, kind_of(tensors, plan.groups[i].ops[0]))
    else:
        known: dict[Any, Any] = {}
        if old is not None and old_plan is not None:
            known = {id(old_plan.priced[i]): old.own[row] for row, i in enumerate(old.wiring.rows)}
        wiring = _wired(graph, plan)
        values = np.empty((len(wiring.rows), len(OWN)))
        for row, i in enumerate(wiring.rows):
            had = known.get(id(plan.priced[i]))
            values[row] = own(tensors, plan.groups[i], plan.priced[i], target) if had is None else had
    return Sheet(wiring, values, _matrix(wiring, values, plan, _fast_bytes(target)))


@lru_cache(maxsize=64)
def _fast_bytes(target: Target) -> float:
    """What the fastest memory holds."""
    size = target.memory("activations")[0].bytes
    return _INF if size is None else float(size)


def _same_kinds(plan: Plan, old: Plan) -> bool:
    """Whether the same groups have a row in both."""
    pairs = zip(plan.groups, plan.priced, old.groups, old.priced, strict=True)
    return all(p is q or _has_row(g, p) == _has_row(h, q) for g, p, h, q in pairs)


def _has_row(group: Group, priced: Priced) -> bool:
    return priced.compute is not None or (group.role == "free" and group.ops[0].op != "identity")


def _renamed(wiring: Wiring, row: int, kind: str) -> Wiring:
    if wiring.kinds[row] == kind:
        return wiring
    kinds = list(wiring.kinds)
    kinds[row] = kind
    return replace(wiring, kinds=kinds)


def _wired(graph: Graph, plan: Plan) -> Wiring:
    groups = plan.groups
    rows = [i for i, (g, p) in enumerate(zip(groups, plan.priced, strict=True)) if _has_row(g, p)]
    made: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    producer = []
    for row, i in enumerate(rows):
        makers = [made[s] for _, s in groups[i].reads if s in made]
        producer.append(max(makers, default=-1))
        for _, s in groups[i].reads:
            readers.setdefault(s, []).append(row)
        for t in groups[i].writes:
            made[t] = row
    reading = [[r for t in groups[i].writes for r in readers.get(t, ())] for i in rows]
    lives = plan.lives
    place = {storage: n for n, storage in enumerate(lives.owners)}
    reads = [
        (row, place[s], len(readers[s]) > 1, s not in made)
        for row, i in enumerate(rows)
        for _, s in groups[i].reads
        if s in place
    ]
    writes = [(row, place[t]) for row, i in enumerate(rows) for t in groups[i].writes if t in place]
    alone = [len(set(r)) == 1 for r in reading]
    breaks = [row == 0 or producer[row] != row - 1 or not alone[row - 1] for row in range(len(rows))]
    return Wiring(
        rows,
        [kind_of(graph.tensors, groups[i].ops[0]) for i in rows],
        np.array(producer, dtype=np.intp),
        np.array([min(r, default=-1) for r in reading], dtype=np.intp),
        np.array([len(r) for r in reading], dtype=float),
        np.array(rows, dtype=np.intp),
        np.array(lives.first, dtype=np.intp),
        np.array(lives.last, dtype=np.intp),
        np.array(reads, dtype=np.intp).reshape(-1, 4).T,
        np.array(writes, dtype=np.intp).reshape(-1, 2).T,
        np.cumsum(np.array(breaks, dtype=np.intp), dtype=np.intp) - 1,
    )


def _matrix(wiring: Wiring, values: NDArray[np.float64], plan: Plan, fast: float) -> NDArray[np.float32]:
    """The whole rows: what each kernel is by itself, and what stands around it."""
    n = len(wiring.rows)
    out = np.zeros((n, len(NAMES)), dtype=np.float32)
    if not n:
        return out
    at = len(OWN)
    out[:, :at] = values
    for columns, multiples in ((_CHANNELS, PADDED), (_SPATIAL, (2, 4, 8))):
        extents = np.maximum(values[:, columns], 1.0)
        for multiple in multiples:
            np.divide(np.ceil(extents / multiple) * multiple, extents, out=out[:, at : at + 2], casting="same_kind")
            at += 2
    width = len(_NUMERATORS)
    out[:, at : at + width] = values[:, _NUMERATORS] / np.maximum(values[:, _DENOMINATORS], 1.0)
    at += width
    beside = np.zeros((n + 4, len(_BESIDE)), dtype=np.float32)  # two rows of nothing on either side
    beside[2:-2] = values[:, _BESIDE]
    width = len(_BESIDE)
    around = (beside[1 : n + 1], beside[:n], beside[3 : n + 3], beside[4:])
    linked = (beside[wiring.producer + 2], beside[wiring.consumer + 2])  # -1 is the row before the first: nothing
    for block in (*around, *linked):
        out[:, at : at + width] = block
        at += width
    held = np.array(plan.held, dtype=float)
    change = np.bincount(wiring.first, held, len(plan.groups) + 1)
    change -= np.bincount(wiring.last + 1, held, len(plan.groups) + 1)
    alive = np.cumsum(change, dtype=float)
    at = _memory(out, at, wiring, held, alive, fast)
    _chains(out[:, at:], wiring, values, alive[wiring.at], out[:, at - 8] + out[:, at - 7])
    _context(out[:, at + 5 :], wiring, values, alive[wiring.at])
    return out


def _memory(
    out: NDArray[np.float32],
    at: int,
    wiring: Wiring,
    held: NDArray[np.float64],
    alive: NDArray[np.float64],
    fast: float,
) -> int:
    """Where operands and results may lie; gives the next column."""
    n = len(out)
    # the most that is alive from each storage's first kernel to its last
    spans = np.stack((wiring.first, wiring.last + 1), axis=1).ravel()
    pressure = np.maximum.reduceat(alive, spans)[::2]
    reader, storage, shared, stored = wiring.reads
    read = held[storage]
    out[:, at] = np.bincount(reader, read * shared, n)
    out[:, at + 1] = np.bincount(reader, read * stored, n)
    total = np.maximum(np.bincount(reader, read, n), 1.0)
    out[:, at + 2] = out[:, at] / total
    over, needed = pressure[storage] > fast, pressure[storage]
    out[:, at + 3] = np.bincount(reader, read * over, n)
    out[:, at + 5] = np.bincount(reader, read * needed, n) / total
    writer, storage = wiring.writes
    written = held[storage]
    over, needed = pressure[storage] > fast, pressure[storage]
    out[:, at + 4] = np.bincount(writer, written * over, n)
    out[:, at + 6] = np.bincount(writer, written * needed, n) / np.maximum(np.bincount(writer, written, n), 1.0)
    out[1:, at + 7 : at + 9] = out[:-1, at + 3 : at + 5]
    out[:-1, at + 9 : at + 11] = out[1:, at + 3 : at + 5]
    return at + 11


def _chains(
    out: NDArray[np.float32],
    wiring: Wiring,
    values: NDArray[np.float64],
    alive: NDArray[np.float64],
    spilled: NDArray[np.float32],
) -> None:
    chain = wiring.chain
    starts = np.flatnonzero(np.diff(chain, prepend=-1))
    out[:, 0] = np.bincount(chain)[chain]
    out[:, 1] = np.arange(len(chain)) - starts[chain]
    out[:, 2] = np.bincount(chain, values[:, _AT["weights"]])[chain]
    out[:, 3] = np.maximum.reduceat(alive, starts)[chain]
    out[:, 4] = np.bincount(chain, spilled)[chain]


def _context(out: NDArray[np.float32], wiring: Wiring, values: NDArray[np.float64], alive: NDArray[np.float64]) -> None:
    rows = np.arange(len(values))
    out[:, 0] = alive
    out[1:, 1] = alive[:-1]
    out[:-1, 2] = alive[1:]
    out[:, 3] = _around(alive, 0.0).max(axis=0)
    out[:, 4] = np.where(wiring.producer < 0, -1, rows - wiring.producer)
    out[:, 5] = np.where(wiring.consumer < 0, -1, wiring.consumer - rows)
    out[:, 6] = wiring.consumers
    simulated, weights, written = values[:, _AT["simulated"]], values[:, _AT["weights"]], values[:, _AT["written"]]
    out[1:, 7] = values[1:, _AT["weight_cycles"]] / np.maximum(simulated[:-1], 1.0)
    out[:, 8] = _around(simulated, 0.0).sum(axis=0)
    out[:, 9] = _around(weights, 0.0).sum(axis=0)
    out[:, 10] = _around(written, _INF).min(axis=0)
    out[:, 11] = _around(written, 0.0).max(axis=0)


def _around(values: NDArray[np.float64], nothing: float) -> NDArray[np.float64]:
    """Each value with its neighbours within :data:`NEAR`, one row a distance."""
    n = len(values)
    padded = np.full(n + 2 * NEAR, nothing)
    padded[NEAR : NEAR + n] = values
    return np.lib.stride_tricks.sliding_window_view(padded, n)
