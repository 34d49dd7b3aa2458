"""What the regressors see: each kernel's own numbers, how they pad, and what stands around it.

Training and prediction both ask :func:`features`; the learned estimator keeps what it is made of (:class:`Sheet`) with
each plan, and makes only rows of kernels anew whose price changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from advisor.graph import Graph
from advisor.targets import Target

from ..plan import Plan, planned
from ..vela import fetching, staging
from ..vela.rates import CHANNEL, PORTS, Rates, rates
from ..vela.stages import stages
from .cascades import COLUMNS as CASCADES
from .cascades import STRIPED, cascades
from .columns import NUMBER, OWN, kind_of, own
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
_CASCADE_OF = _columns("in_height in_width in_channels out_height window_height stride_height weights")
_NEAR_OF = _columns("simulated weights written")
_FETCHING_OF = _columns(" ".join(fetching.TAKES))
_STAGING_OF = _columns(" ".join(staging.TAKES))
_STAGING_AT = [*range(5), *range(len(fetching.COLUMNS), len(_STAGED))]

_PAIRS = NAMES.index(f"{OWN[_BESIDE[0]]} {_PLACES[0]}")
_AROUND = _PAIRS + len(_PLACES) * len(_BESIDE)
"""Where what stands beside a kernel begins, and the rest of what stands around it. What is there in a row:"""
_CHAIN, _CASCADE, _RULES, _NEAR = (
    NAMES.index(name) - _AROUND for name in ("chain_length", CASCADES[0], "staged", "alive")
)

_SIZE, _SHARED, _STORED, _SPILLED, _NEED, _LIFE, _FRESH, _KEPT = range(8)
"""The rows of :attr:`Wiring.factors`."""


@dataclass(slots=True, eq=False)
class Sheet:
    """The rows of a plan: ``own`` by themselves, ``matrix`` in their context (single precision). ``changed`` are the
    rows whose price is not the one that the sheet before had, None where there was none of the same wiring.
    ``fetched`` are the compiler's rules for targets whose SRAM holds all feature maps."""

    wiring: Wiring
    own: NDArray[np.float64]
    matrix: NDArray[np.float32]
    changed: list[int] | None
    fetched: fetching.Fetched | None


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
    speeds = _speeds(target)
    if old is not None and old_plan is not None:
        made = _resized(graph, target, plan, old_plan, old, speeds)
        if made is not None:
            return made
    known: dict[int, NDArray[np.float64]] = {}
    if old is not None and old_plan is not None:
        known = {id(old_plan.priced[i]): old.own[row] for row, i in enumerate(old.wiring.rows)}
    wiring = wired(graph, plan, speeds.rates is not None)
    values = np.empty((len(wiring.rows), len(OWN)))
    for row, i in enumerate(wiring.rows):
        had = known.get(id(plan.priced[i]))
        values[row] = own(graph.tensors, plan.groups[i], plan.priced[i], target) if had is None else had
    return _filled(wiring, values, plan.held, speeds)


def _resized(graph: Graph, target: Target, plan: Plan, old_plan: Plan, old: Sheet, speeds: Speeds) -> Sheet | None:
    """The rows of a plan that is wired as the one before; None where it is wired otherwise."""
    if plan.lives is not old_plan.lives:
        return None
    pairs = zip(plan.priced, old_plan.priced, strict=True)
    differing = [i for i, (new, was) in enumerate(pairs) if new is not was]
    groups, priced = plan.groups, plan.priced
    if any(has_row(groups[i], priced[i]) != has_row(old_plan.groups[i], old_plan.priced[i]) for i in differing):
        return None
    wiring, values = old.wiring, old.own.copy()
    row_of = wiring.row_of
    changed = [row_of[i] for i in differing if i in row_of]
    for row in changed:
        group = groups[wiring.rows[row]]
        values[row] = own(graph.tensors, group, priced[wiring.rows[row]], target)
        kind = kind_of(graph.tensors, group.ops[0])
        if kind != wiring.kinds[row]:
            kinds = [*wiring.kinds[:row], kind, *wiring.kinds[row + 1 :]]
            placed = None if wiring.stages is None else stages(graph, plan, wiring.rows, kinds)
            wiring = replace(wiring, kinds=kinds, traits=fetching.traits(kinds), stages=placed)
    return _filled(wiring, values, plan.held, speeds, old, changed)


class Speeds(NamedTuple):
    """What the fastest memory for activations holds, and cycles per byte of it and of the slowest. Of Vela's targets
    ``flow`` where it holds all, else ``rates``."""

    bytes: float
    fast: float
    slow: float
    flow: fetching.Flow | None
    rates: Rates | None


@lru_cache(maxsize=64)
def _speeds(target: Target) -> Speeds:
    fast, *_, slow = (*target.memory("activations"), target.memories[-1])
    size = float("inf") if fast.bytes is None else float(fast.bytes)
    each = target.clock_hz / fast.bytes_per_s
    ports = PORTS.get(target.vela.accelerator) if target.vela is not None else None
    apart = rates(target)
    flow = None
    if ports is not None and apart is None:
        channel = ports.fast * (CHANNEL if ports.chains else 1.0)
        flow = fetching.Flow(
            target.memory("weights")[-1].bytes_per_s / target.clock_hz, ports.fast, channel, ports.burst, each
        )
    return Speeds(size, each, target.clock_hz / slow.bytes_per_s, flow, apart)


def _filled(
    wiring: Wiring,
    values: NDArray[np.float64],
    held: list[int],
    speeds: Speeds,
    old: Sheet | None = None,
    changed: list[int] | None = None,
) -> Sheet:
    """The sheet of rows with these ``values``: what each kernel is by itself, and what stands around it. Of ``old``,
    a sheet of the same wiring, it differs in the ``changed`` rows."""
    n = len(values)
    if not n:
        return Sheet(wiring, values, np.zeros((0, len(NAMES)), dtype=np.float32), changed, None)
    new = slice(None) if old is None or changed is None else changed
    matrix = np.empty((n, len(NAMES)), dtype=np.float32) if old is None else old.matrix.copy()
    part = values[new]
    extents = np.maximum(part[:, _PAD_OF], 1.0)
    ratios = part[:, _NUMERATORS] / np.maximum(part[:, _DENOMINATORS], 1.0)
    matrix[new, :_PAIRS] = np.concatenate((part, np.ceil(extents / _PAD_TO) * _PAD_TO / extents, ratios), axis=1)
    beside = np.zeros((n + 1, len(_BESIDE)), dtype=np.float32)  # the last is the row that there is not
    matrix.take(_BESIDE, axis=1, out=beside[:n])
    matrix[:, _PAIRS:_AROUND] = beside.take(wiring.beside, axis=0).reshape(n, -1)
    storages = np.array([*held, 0], dtype=float)
    change = np.bincount(wiring.first, storages[:-1], wiring.groups + 1)
    change -= np.bincount(wiring.behind, storages[:-1], wiring.groups + 1)
    over_time = change.cumsum()
    alive = over_time[wiring.at]
    around = np.zeros((n, len(NAMES) - _AROUND))
    memory = around[:, :_CHAIN]
    _memory(memory, wiring, storages, over_time, speeds, values)
    _chains(around[:, _CHAIN:_CASCADE], wiring, values[:, _AT["weights"]], alive, memory)
    around[:, _CASCADE:_RULES] = cascades(wiring.kinds, wiring.chain, values, _CASCADE_OF, alive, speeds.bytes)
    fetched = None
    if speeds.flow is not None:
        was = None
        if old is not None and old.fetched is not None and changed is not None:
            was = fetching.Changed(old.fetched, changed)
        taken = (values if was is None else part)[:, _FETCHING_OF]
        fetched = fetching.fetched(wiring.traits, taken, wiring.producer, wiring.consumer, speeds.flow, was)
        around[:, _RULES : _RULES + len(fetching.COLUMNS)] = fetched.columns
    _staged(around[:, _RULES:_NEAR], wiring, values, held, speeds)
    _context(around[:, _NEAR:], wiring, values, alive)
    matrix[:, _AROUND:] = around
    return Sheet(wiring, values, matrix, changed, fetched)


def _staged(
    out: NDArray[np.float64], wiring: Wiring, values: NDArray[np.float64], held: list[int], speeds: Speeds
) -> None:
    """What kernels take by the compiler's own rules, as far as these are known; ``out`` has what fetching says."""
    price = values[:, _AT["simulated"]]
    if speeds.rates is not None and wiring.stages is not None:
        taken = values[:, _STAGING_OF]
        out[:, _STAGING_AT] = staging.staged(wiring.stages, wiring.kinds, taken, held, speeds.rates)
    elif speeds.flow is None:
        out[:, 0] = price
        return
    many = values[:, _AT["batch"]] > 1
    if many.any():  # the compiler's rules here are those of one image
        many &= [kind in STRIPED for kind in wiring.kinds]
        out[many, 0] = price[many]
    free = np.flatnonzero(price <= 0)
    if len(free):  # what costs nothing by itself may have to move all that it is given
        some = values[free]
        moved, known = some[:, _AT["read"]] + some[:, _AT["written"]], some[:, _AT["pass_cycles"]]
        out[free, 0] = np.where(known > 0, known, 2 * speeds.fast * moved)


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
    pressure = np.append(np.maximum.reduceat(alive, wiring.spans)[::2], 0.0)
    over = pressure > fast.bytes
    by_storage = storages * wiring.factors
    by_storage[_SPILLED] *= over
    by_storage[_NEED] *= pressure
    by_storage[_FRESH] *= over
    sums = np.add.reduceat(by_storage.take(wiring.edges, axis=1), wiring.edges_from, axis=1)
    reads, writes = sums[:, :n], sums[:, n:]
    moved, made = np.maximum(reads[_SIZE], 1.0), np.maximum(writes[_SIZE], 1.0)
    simulated = np.maximum(values[:, _AT["simulated"]], 1.0)
    out[:, 0], out[:, 1], out[:, 2] = reads[_SHARED], reads[_STORED], reads[_SHARED] / moved
    out[:, 5], out[:, 6], out[:, 7] = reads[_NEED] / moved, writes[_NEED] / made, writes[_KEPT]
    out[:, 8], out[:, 9] = reads[_LIFE] / moved, writes[_LIFE] / made
    out[:, 12] = writes[_KEPT] / simulated
    again = _PRODUCT[values[:, _AT["kind"]].astype(np.intp)] * (np.ceil(values[:, _AT["out_channels"]] / PASS) - 1.0)
    again += 1.0
    out[:, 16] = (reads[_SIZE] * again + writes[_SIZE]) * fast.fast / simulated
    if not over.any():  # the rest is of what does not fit
        return
    slow = (reads[_SPILLED] * again + writes[_SPILLED]) * fast.slow
    out[:, 3], out[:, 4] = reads[_SPILLED], writes[_SPILLED]
    out[:, 10:12] = out[:, 3:5] / simulated[:, None]
    out[:, 13], out[:, 14], out[:, 15] = reads[_FRESH], slow, slow / simulated
    out[1:, 17:19] = out[:-1, 3:5]
    out[:-1, 19:21] = out[1:, 3:5]


def _chains(
    out: NDArray[np.float64],
    wiring: Wiring,
    weights: NDArray[np.float64],
    alive: NDArray[np.float64],
    memory: NDArray[np.float64],
) -> None:
    chain, starts = wiring.chain, wiring.chain_from
    out[:, :2] = wiring.chain_shape
    out[:, 2] = np.add.reduceat(weights, starts)[chain]
    out[:, 3] = np.maximum.reduceat(alive, starts)[chain]
    out[:, 4] = np.add.reduceat(memory[:, 3] + memory[:, 4], starts)[chain]


def _context(out: NDArray[np.float64], wiring: Wiring, values: NDArray[np.float64], alive: NDArray[np.float64]) -> None:
    near = np.concatenate((values[:, _NEAR_OF].T, alive[None])).take(wiring.near, axis=1)
    most = near[2:].max(axis=1)
    out[:, 0] = alive
    out[1:, 1] = alive[:-1]
    out[:-1, 2] = alive[1:]
    out[:, 3] = most[1]
    out[:, 4:7] = wiring.distances
    out[1:, 7] = values[1:, _AT["weight_cycles"]] / np.maximum(values[:-1, _AT["simulated"]], 1.0)
    out[:, 8:10] = near[:2].sum(axis=1).T
    out[:, 10] = near[2].min(axis=0)
    out[:, 11] = most[0]
