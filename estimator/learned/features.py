"""What the regressors see: each kernel's own numbers, how they pad, and what stands around it.

Training and prediction both ask :func:`features`; the learned estimator keeps what it is made of (:class:`Sheet`) with
each plan, and makes only rows of kernels anew whose price changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from advisor.graph import Graph
from advisor.targets import Target

from ..plan import Plan, planned
from ..vela import fetching, staging
from ..vela.stages import stages
from ..vela.turns import RENAMING, Turns, turns
from .beside import Was, besides, fetched_with
from .cascades import COLUMNS as CASCADES
from .cascades import STRIPED, cascades
from .columns import NUMBER, OWN, kind_of, own
from .speeds import Speeds, speeds_of
from .wiring import Wiring, has_row, wired

VERSION = 2
"""Raised when the columns change or mean something else; predictors of another version are not used."""

FLOOR_CYCLES = 200.0
"""What is added to truth and price before their ratio is taken, so that kernels of no weight make no noise."""

PADDED = (8, 16, 32, 64)

PASS = 64.0
"""Channels of results that one pass over the operands makes, about."""

_AT = {name: i for i, name in enumerate(OWN)}


def _columns(names: str) -> list[int]:
    return [_AT[name] for name in names.split()]


_CHANNELS = _columns("in_channels out_channels")
_SPATIAL = _columns("out_height out_width")
_NUMERATORS = _columns(
    "array stream traffic_cycles weight_cycles read given written positions"
    " macs macs in_channels in_height written read second_read"
)
_DENOMINATORS = _columns(
    "simulated simulated simulated simulated simulated simulated simulated simulated"
    " weights read out_channels out_height read weights elements"
)
_BESIDE = _columns(
    "kind simulated array weight_cycles read written weights out_height kernel_height stride_height axis"
)

_RATIOS = tuple(f"{OWN[a]}/{OWN[b]}" for a, b in zip(_NUMERATORS, _DENOMINATORS, strict=True))
_PLACES = ("before", "before2", "after", "after2", "producer", "consumer")
_STAGED = (*fetching.COLUMNS, *staging.COLUMNS[5:])
NAMES = (
    *OWN,
    *(f"{OWN[c]} padded to {m}" for m in PADDED for c in _CHANNELS),
    *(f"{OWN[c]} padded to {m}" for m in (2, 4, 8) for c in _SPATIAL),
    *_RATIOS,
    *(f"{OWN[c]} {place}" for place in _PLACES for c in _BESIDE),
    *("shared_reads", "stored_reads", "shared_reads/read", "spilled_reads", "spilled_writes"),
    *("pressure_read", "pressure_written", "kept_writes", "life_read", "life_written", "spilled_reads/simulated"),
    *("spilled_writes/simulated", "kept_writes/simulated", "spilled_fresh", "slow_cycles", "slow_cycles/simulated"),
    *("fast_cycles/simulated", "spilled_reads before", "spilled_writes before", "spilled_reads after"),
    *("spilled_writes after", "chain_length", "chain_position", "chain_weights", "chain_alive", "chain_spilled"),
    *CASCADES,
    *_STAGED,
    *("alive", "alive_before", "alive_after", "most_alive_near", "producer_distance", "consumer_distance", "consumers"),
    *("weights/time_before", "simulated_near", "weights_near", "least_written_near", "most_written_near"),
)
"""The columns of a row. ``before`` and ``after`` in order of execution, ``near``: within three kernels either way.

``shared_reads`` are bytes of operands that others read too, ``stored_reads`` of those that no kernel made, ``spilled``
ones of tensors during whose life more is alive than the fastest memory holds; ``pressure`` is how much that is,
``life`` the kernels from a tensor's first to its last, ``fresh`` what the kernel before made. ``slow_cycles`` is the
time of spilled operands and results at the slowest memory, an operand read again for every :data:`PASS` channels of
results; ``fast_cycles`` that of all at the fastest. ``kept`` are the model's results. A chain is a run of kernels
of which each reads only what the one before it made for nobody else; :mod:`.cascades` has the rest of these.

``staged`` is what regressors start from: the kernel's cycles by Vela's own rules (:mod:`..vela.fetching` where the SRAM
holds all feature maps, else :mod:`..vela.staging`), and the simulated ones on any other target."""

STAGED = NAMES.index("staged")

RANGED = tuple(
    NAMES.index(name)
    for name in (
        *("in_channels", "in_height", "in_width", "out_channels", "out_height", "out_width", "kernel_height"),
        *("kernel_width", "stride_height", "stride_width", "dilation", "groups", "batch", "macs", "read", "weights"),
    )
)
"""Columns that say whether a kernel lies in the range of the training."""

_PRODUCT = np.zeros(len(NUMBER) + 1)
"""By number of kind: 1 where every channel of results reads all operands."""
_PRODUCT[[int(NUMBER[kind]) for kind in ("conv", "pointwise", "grouped", "linear", "transposed")]] = 1.0

_PAD_OF = np.array([c for _ in PADDED for c in _CHANNELS] + [c for _ in (2, 4, 8) for c in _SPATIAL])
_PAD_TO = np.array([float(m) for m in PADDED for _ in _CHANNELS] + [float(m) for m in (2, 4, 8) for _ in _SPATIAL])
_CASCADE_OF = np.array(_columns("in_height in_width in_channels out_height window_height stride_height weights"))
_NEAR_OF = np.array(_columns("simulated weights written"))
_FETCHING_OF = _columns(" ".join(fetching.TAKES))
_STAGING_OF = np.array(_columns(" ".join(staging.TAKES)))
_STAGING_AT = np.array([*range(5), *range(len(fetching.COLUMNS), len(_STAGED))])

_PAIRS = NAMES.index(f"{OWN[_BESIDE[0]]} {_PLACES[0]}")
_AROUND = _PAIRS + len(_PLACES) * len(_BESIDE)
"""Where what stands beside a kernel begins, and the rest of what stands around it. What is there in a row:"""
_CHAIN, _CASCADE, _RULES, _NEAR = (
    NAMES.index(name) - _AROUND for name in ("chain_length", CASCADES[0], "staged", "alive")
)

_AGAIN, _PRICE, _ANYWHERE = range(len(OWN), len(OWN) + 3)
"""The last rows of :attr:`Sheet.own`: how often a kernel reads its operand, its simulated price of one cycle at the
least, and what it takes on Vela's targets whatever stands around it, NaN where that decides."""

_SIZE, _SHARED, _STORED, _KEPT, _NEED, _LIFE, _SPILLED, _FRESH = range(8)
"""The rows of :attr:`Wiring.factors`."""


@dataclass(slots=True, eq=False)
class Sheet:
    """The rows of a plan: ``own`` has the values of :data:`OWN` of each kernel, one below the other, ``matrix`` the
    rows in their context (single precision). ``fetched`` are the compiler's rules for targets whose SRAM holds all
    feature maps, ``turns`` the orders that maps are brought into on the way there, ``beside`` what rows have to do
    besides. ``differing`` are the groups whose price is not the one that they had in the sheet before, ``changed``
    the rows of these; None where there was none of the same wiring."""

    wiring: Wiring
    own: NDArray[np.float64]
    matrix: NDArray[np.float32]
    fetched: fetching.Fetched | None
    turns: Turns | None
    beside: dict[int, fetching.Beside]
    differing: list[int] | None = None
    changed: list[int] | None = None


@dataclass(slots=True, eq=False)
class Features:
    """Rows for training: their kinds, columns as :data:`NAMES`, what they start from in cycles, and the keys of their
    ops."""

    kinds: tuple[str, ...]
    matrix: NDArray[np.float32]
    staged: NDArray[np.float64]
    ops: tuple[tuple[int, ...], ...]


def features(graph: Graph, target: Target) -> Features:
    """The rows of all kernels that may cost something, in order of execution."""
    plan = planned(graph, target)
    made = sheet(graph, target, plan, None, None)
    kernels = [k for i in made.wiring.rows if (k := plan.priced[i].kernel) is not None]
    return Features(
        tuple(made.wiring.kinds),
        made.matrix,
        made.matrix[:, STAGED].astype(float),
        tuple([k.ops for k in kernels]),
    )


def sheet(graph: Graph, target: Target, plan: Plan, old_plan: Plan | None, old: Sheet | None) -> Sheet:
    """The rows of ``plan``; those of kernels whose price is the one that ``old_plan`` has are taken from ``old``."""
    speeds = speeds_of(target)
    if old is not None and old_plan is not None:
        made = _resized(graph, target, plan, old_plan, old, speeds)
        if made is not None:
            return made
    wiring = wired(graph, plan, speeds.rates is not None)
    alone = _alone(graph, plan, wiring.rows, target)
    turned = turns(graph) if speeds.turned else None
    more = besides(graph.tensors, wiring, plan, turned, speeds.turned)
    return _filled(wiring, alone, plan, speeds, turned, more)


def _resized(graph: Graph, target: Target, plan: Plan, old_plan: Plan, old: Sheet, speeds: Speeds) -> Sheet | None:
    """The rows of a plan that is wired as the one before; None where it is wired otherwise."""
    if plan.lives is not old_plan.lives:
        return None
    pairs = zip(plan.priced, old_plan.priced, strict=True)
    differing = [i for i, (new, was) in enumerate(pairs) if new is not was]
    groups, priced = plan.groups, plan.priced
    if any(has_row(groups[i], priced[i]) != has_row(old_plan.groups[i], old_plan.priced[i]) for i in differing):
        return None
    wiring = old.wiring
    places = [i for i in differing if i in wiring.row_of]
    alone = _alone(graph, plan, places, target)
    changed = [wiring.row_of[i] for i in places]
    others = {row: made.kind for row, made in zip(changed, alone, strict=True) if made.kind != wiring.kinds[row]}
    if others:
        kinds = [others.get(row, kind) for row, kind in enumerate(wiring.kinds)]
        placed = None if wiring.stages is None else stages(graph, plan, wiring.rows, kinds)
        wiring = replace(wiring, kinds=kinds, stages=placed)
    turned = turns(graph, old.turns) if old.turns is not None else None
    more = besides(graph.tensors, wiring, plan, turned, speeds.turned)
    made = _filled(wiring, alone, plan, speeds, turned, more, old, changed)
    made.differing, made.changed = differing, changed
    return made


class Alone(NamedTuple):
    """What a kernel is by itself: its kind, its column of :attr:`Sheet.own`, all columns of a row that follow from that
    alone, and the compiler's layer on targets whose SRAM holds all feature maps."""

    kind: str
    values: NDArray[np.float64]
    columns: NDArray[np.float32]
    layer: fetching.Layer | None


def _alone(graph: Graph, plan: Plan, places: Sequence[int], target: Target) -> list[Alone]:
    """What the groups at these places are; it is kept with their prices, as it follows from the same."""
    priced, speeds = plan.priced, speeds_of(target)
    new = [i for i in places if priced[i].memo is None]
    if new:
        values = np.array([own(graph.tensors, plan.groups[i], priced[i], target) for i in new], dtype=float)
        again = _PRODUCT[values[:, _AT["kind"]].astype(np.intp)] * (np.ceil(values[:, _AT["out_channels"]] / PASS) - 1)
        kinds = [kind_of(graph.tensors, plan.groups[i].ops[0]) for i in new]
        price = np.maximum(values[:, _AT["simulated"]], 1.0)
        known = np.column_stack((values, again + 1.0, price, _anywhere(values, kinds, speeds)))
        extents = np.maximum(values[:, _PAD_OF], 1.0)
        padded = np.ceil(extents / _PAD_TO) * _PAD_TO / extents
        ratios = values[:, _NUMERATORS] / np.maximum(values[:, _DENOMINATORS], 1.0)
        columns = np.concatenate((values, padded, ratios), axis=1).astype(np.float32)
        takes = values[:, _FETCHING_OF].tolist()
        for row, (i, kind) in enumerate(zip(new, kinds, strict=True)):
            layer = None if speeds.flow is None else fetching.layer(takes[row], kind, speeds.flow)
            priced[i].memo = Alone(kind, known[row], columns[row], layer)
    return [priced[i].memo for i in places]


def _anywhere(values: NDArray[np.float64], kinds: list[str], speeds: Speeds) -> NDArray[np.float64]:
    """What kernels take whatever stands around them: the compiler's rules here are those of one image, and what costs
    nothing by itself may have to move all that it is given."""
    price, known = values[:, _AT["simulated"]], values[:, _AT["pass_cycles"]]
    moved = 2 * speeds.fast * (values[:, _AT["read"]] + values[:, _AT["written"]])
    many = (values[:, _AT["batch"]] > 1) & np.array([kind in STRIPED for kind in kinds], dtype=bool)
    return np.where(price <= 0, np.where(known > 0, known, moved), np.where(many, price, np.nan))


def _filled(
    wiring: Wiring,
    alone: list[Alone],
    plan: Plan,
    speeds: Speeds,
    turned: Turns | None,
    more: dict[int, fetching.Beside],
    old: Sheet | None = None,
    changed: list[int] | None = None,
) -> Sheet:
    """The sheet of kernels that are ``alone`` by themselves, with what stands around each. Of ``old``, a sheet of the
    same wiring, it differs in the ``changed`` rows; then ``alone`` are these."""
    n = len(wiring.rows)
    if not n:
        empty = np.zeros((0, len(NAMES)), dtype=np.float32)
        return Sheet(wiring, np.zeros((_ANYWHERE + 1, 0)), empty, None, turned, more)
    if old is None or changed is None:
        values = np.stack([made.values for made in alone], axis=1)
        matrix = np.empty((n, len(NAMES)), dtype=np.float32)
        matrix[:, :_PAIRS] = [made.columns for made in alone]
    else:
        values, matrix = old.own.copy(), old.matrix.copy()
        for row, made in zip(changed, alone, strict=True):
            values[:, row], matrix[row, :_PAIRS] = made.values, made.columns
    beside = np.zeros((n + 1, len(_BESIDE)), dtype=np.float32)  # the last is the row that there is not
    beside[:n] = matrix.take(_BESIDE, axis=1)
    matrix[:, _PAIRS:_AROUND] = beside.take(wiring.beside, axis=0).reshape(n, -1)
    storages = np.array([*plan.held, 0], dtype=float)
    change = np.bincount(wiring.first, storages[:-1], wiring.groups + 1)
    change -= np.bincount(wiring.behind, storages[:-1], wiring.groups + 1)
    over_time = change.cumsum()
    alive = over_time.take(wiring.at)
    around = np.zeros((len(NAMES) - _AROUND, n))  # a row for each column
    _memory(around[:_CHAIN], wiring, storages, over_time, speeds, values)
    _chains(around[_CHAIN:_CASCADE], wiring, values[_AT["weights"]], alive, around)
    around[_CASCADE:_RULES] = cascades(wiring.kinds, wiring.chain, values, _CASCADE_OF, alive, speeds.bytes)
    fetched = None
    if speeds.flow is not None:
        was = None
        if old is not None and old.fetched is not None and changed is not None:
            was = Was(old.fetched, old.beside, changed)
        fetched = fetched_with(wiring, plan, speeds.flow, more, was)
        around[_RULES : _RULES + len(fetching.COLUMNS)] = fetched.columns.T
    _staged(around[_RULES:_NEAR], wiring, values, plan.held, speeds, more)
    _context(around[_NEAR:], wiring, values, alive)
    matrix[:, _AROUND:] = around.T
    return Sheet(wiring, values, matrix, fetched, turned, more)


def _staged(
    out: NDArray[np.float64],
    wiring: Wiring,
    values: NDArray[np.float64],
    held: list[int],
    speeds: Speeds,
    more: dict[int, fetching.Beside],
) -> None:
    """What kernels take by the compiler's own rules, as far as these are known; ``out`` has what fetching says."""
    price = values[_AT["simulated"]]
    if speeds.rates is not None and wiring.stages is not None:
        taken = values.take(_STAGING_OF, axis=0)
        out[_STAGING_AT] = staging.staged(wiring.stages, wiring.kinds, taken.T, held, speeds.rates).T
    elif speeds.flow is None:
        out[0] = price
        return
    anywhere = values[_ANYWHERE]
    np.copyto(out[0], anywhere, where=~np.isnan(anywhere))
    if speeds.turned:
        out[0, [kind in RENAMING for kind in wiring.kinds]] = 0.0
        for row, other in more.items():
            if other.turned.all:
                out[0, row] = other.turned.all + (out[0, row] if price[row] > 0 else 0.0)


def _memory(
    out: NDArray[np.float64],
    wiring: Wiring,
    storages: NDArray[np.float64],
    alive: NDArray[np.float64],
    fast: Speeds,
    values: NDArray[np.float64],
) -> None:
    """Where operands and results may lie."""
    n = len(wiring.rows)
    # the most that is alive from each storage's first kernel to its last
    pressure = np.zeros(len(storages))
    pressure[:-1] = np.maximum.reduceat(alive, wiring.spans)[::2]
    over = pressure > fast.bytes
    spills = over.any()
    by_storage = storages * wiring.factors
    by_storage[_NEED] *= pressure
    if spills:
        by_storage[_SPILLED:] *= over
    sums = np.add.reduceat(by_storage.take(wiring.edges, axis=1), wiring.edges_from, axis=1)
    reads, writes = sums[:, :n], sums[:, n:]
    sizes = np.maximum(sums[_SIZE], 1.0).reshape(2, n)
    need, life = sums[_NEED : _LIFE + 1].reshape(2, 2, n) / sizes
    simulated, again = values[_PRICE], values[_AGAIN]
    out[0:2], out[2] = reads[_SHARED : _STORED + 1], reads[_SHARED] / sizes[0]
    out[5:7], out[7], out[8:10] = need, writes[_KEPT], life
    out[12] = writes[_KEPT] / simulated
    out[16] = (reads[_SIZE] * again + writes[_SIZE]) * fast.fast / simulated
    if not spills:  # the rest is of what does not fit
        return
    slow = (reads[_SPILLED] * again + writes[_SPILLED]) * fast.slow
    spilled = sums[_SPILLED].reshape(2, n)
    out[3:5], out[10:12] = spilled, spilled / simulated
    out[13], out[14], out[15] = reads[_FRESH], slow, slow / simulated
    out[17:19, 1:], out[19:21, :-1] = spilled[:, :-1], spilled[:, 1:]


def _chains(
    out: NDArray[np.float64],
    wiring: Wiring,
    weights: NDArray[np.float64],
    alive: NDArray[np.float64],
    memory: NDArray[np.float64],
) -> None:
    chain, starts = wiring.chain, wiring.chain_from
    out[:2] = wiring.chain_shape
    out[2] = np.add.reduceat(weights, starts).take(chain)
    out[3] = np.maximum.reduceat(alive, starts).take(chain)
    out[4] = np.add.reduceat(memory[3] + memory[4], starts).take(chain)


def _context(out: NDArray[np.float64], wiring: Wiring, values: NDArray[np.float64], alive: NDArray[np.float64]) -> None:
    near = np.concatenate((values.take(_NEAR_OF, axis=0), alive[None])).take(wiring.near, axis=1)
    most = near[2:].max(axis=1)
    out[0], out[1, 1:], out[2, :-1] = alive, alive[:-1], alive[1:]
    out[3] = most[1]
    out[4:7] = wiring.distances
    out[7, 1:] = values[_AT["weight_cycles"], 1:] / values[_PRICE, :-1]
    out[8:10] = near[:2].sum(axis=1)
    out[10] = near[2].min(axis=0)
    out[11] = most[0]
