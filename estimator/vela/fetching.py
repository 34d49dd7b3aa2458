"""How long kernels wait for their weights where the SRAM holds all feature maps, and what they take with that.

A layer's weights are fetched from the slow memory while the kernel before computes. What does not fit into that time
follows in slices of output channels, each while the slice before is computed. Weights that are read once are read where
they lie, unless computing takes longer; so are others where fetching them ahead would take longer. A kernel takes as
long as the array, with what it waits, or the busier memory.

Source: ``ethos-u-vela`` 5.2.0: the weight buffering of its scheduler, its estimate of an operation (vendor estimates).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, floor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..memory.vela.buffers import LATENCY, SLICE
from .copying import copied as copying
from .turns import RENAMING, Turned

TAKES = (
    *("array", "stream", "slow", "simulated", "traffic_cycles", "weight_cycles", "out_channels", "groups"),
    *("stored", "scales", "pass_cycles", "fetched", "made", "refetches", "constant"),
    *("in_channels", "step", "unaligned", "block_channels", "unit_channels", "read", "written", "scratch"),
)
"""The columns of a kernel that are needed, in this order."""

COLUMNS = (
    *("staged", "staged/simulated", "from_slow", "from_fast", "from_array"),
    *("transfer", "slack", "stall", "direct", "transfer/slack"),
    *("from_slow/staged", "from_fast/staged", "from_array/staged"),
)
"""``staged`` are a kernel's cycles: the most of what slow memory, SRAM and array with its waiting take. ``transfer`` is
what all weights take, ``slack`` what the kernel before leaves for them, ``stall`` what is lost by that; ``direct`` are
weights that are read where they lie."""

_VANISH = frozenset(("concat", "split", "unbind", "slice", "reshape", "expand", "cast", "pad", "copy", "stack"))
_APART = frozenset(
    ("reshape", "permute", "slice", "split", "unbind", "expand", "channel_shuffle", "pixel_shuffle", "pixel_unshuffle")
)
_CUT = frozenset(("split", "unbind"))
_NOTICED = 1000.0
"""Cycles of waiting for a slice that count for a layer that computes longer than it fetches."""

Vector = NDArray[np.float64]

KEPT = 16384
"""Layers beside each other that are kept: most candidates of a search have most of them in common."""


class Flow(NamedTuple):
    """Bytes a cycle of the slow memory, of the SRAM and of one of its channels; bytes of its bursts; cycles per
    byte that the specification has for it; the accelerator's name, and whether what kernels have to do besides
    (:class:`Beside`) is followed on it."""

    slow: float
    fast: float
    channel: float
    burst: float
    nominal: float
    accelerator: str
    followed: bool


class Beside(NamedTuple):
    """What a row has to do besides.

    ``turned`` are cycles of passes that bring its operand into order, all and those of the last. ``whole`` are the
    channels of the concatenation that its result, with a function behind it, is a part of (0: of none); ``copies`` of a
    concatenation the parts that are copied into it (height, width, channels), None where that is not known.
    ``refetches`` is how often a layer that writes its result in another order reads its weights, 0 for any other.
    """

    turned: Turned = Turned(0.0, 0.0)
    whole: int = 0
    copies: tuple[tuple[int, int, int], ...] | None = None
    refetches: float = 0.0


@dataclass(slots=True, eq=False)
class Layer:
    """What a kernel is by itself, whatever stands around it.

    ``runs``: it is an operation; ``apart``: its maps are cut or joined elsewhere than between bricks; ``cut``: so is
    what it gives on; ``able``: weights may be fetched into the SRAM, ``undivided``: only all at once. ``busy`` are the
    array's cycles, ``one`` those of each of ``times`` layers that are alike; ``transfer`` what a layer's weights take,
    ``unmoved`` where they are read in place, ``moved`` from the SRAM.

    ``outputs`` are a layer's channels of results, ``padded`` in whole micro-blocks of ``unit``; a slice has whole
    ``block``. ``fetched`` and ``made`` are bytes of operands and results, each followed by those in bursts of parts of
    a brick; ``weights`` as stored, ``direct`` as read in place, ``fixed`` are scales and constants. ``price`` is the
    simulated one, ``nominal`` the memory's time as specified for what is no layer, ``started`` what begins it;
    ``turned`` is the last pass of what brings its operand into order, ``copies`` are as in :class:`Beside`.
    """

    runs: bool
    apart: bool
    cut: bool
    able: bool
    undivided: bool
    layered: bool
    busy: float
    one: float
    times: float
    transfer: float
    unmoved: float
    moved: float
    outputs: float
    padded: float
    unit: float
    block: float
    fetched: tuple[float, float]
    made: tuple[float, float]
    weights: float
    direct: float
    scales: float
    constant: float
    price: float
    nominal: float
    started: float
    turned: float = 0.0
    copies: tuple[tuple[int, int, int], ...] | None = None


class _Fetch(NamedTuple):
    """Whether weights are fetched into the SRAM; cycles of the first slice; the share of the weights that comes later;
    what the kernel leaves for the next one's."""

    held: bool
    first: float
    later: float
    free: float


@dataclass(slots=True, eq=False)
class Fetched:
    """The rows of a plan: ``columns`` has the values of :data:`COLUMNS` for each, the rest is what they are made of.
    ``before`` are the rows that run before each (-1: none), ``free`` what each leaves at first sight."""

    layers: list[Layer]
    before: list[int]
    free: list[float]
    columns: Vector


class Changed(NamedTuple):
    """What was worked out of a plan of the same wiring, and the rows that are others now."""

    was: Fetched
    rows: Sequence[int]


def fetched(
    layers: list[Layer],
    makers: Sequence[tuple[int, int]],
    readers: Sequence[int],
    flow: Flow,
    old: Changed | None = None,
) -> Fetched:
    """What all rows take. ``makers`` are the rows that made the first operand of each and that it comes from as it is
    read, ``readers`` the first that read its result; the number of rows where none. With ``old``, ``layers`` are those
    of the changed rows."""
    n = len(makers)
    stale: Sequence[int] = range(n)
    if old is None:
        made = Fetched(layers, _before(layers), [0.0] * n, np.zeros((n, len(COLUMNS))))
    else:
        was, rows = old
        made = Fetched(was.layers[:], was.before, was.free[:], was.columns.copy())
        for r, layer in zip(rows, layers, strict=True):
            made.layers[r] = layer
        if any(_stands(was.layers[r]) != _stands(layer) for r, layer in zip(rows, layers, strict=True)):
            made.before = _before(made.layers)  # others stand beside each other
        else:
            stale = rows
    layers, before, free = made.layers, made.before, made.free
    others = []
    for r in {*stale, *_after(stale, before)}:
        left = _fetched(layers[r], _slack(layers, r, before[r], None)).free
        if left != free[r]:
            free[r] = left
            others.append(r)
    for r in {*stale, *_after(others, before)}:
        slack = _slack(layers, r, before[r], free)
        maker, source = makers[r]
        apart = maker == n or layers[maker].apart or (source < n and layers[source].cut)
        parted = readers[r] == n or layers[readers[r]].apart
        made.columns[r] = _columns(layers[r], slack, apart, parted, flow)
    return made


def _stands(layer: Layer) -> tuple[bool, bool, bool]:
    """What others that stand beside it go by."""
    return layer.runs, layer.apart, layer.cut


def _after(rows: Sequence[int], before: list[int]) -> list[int]:
    """The rows that these run before."""
    found = []
    for r in rows:
        after = r + 1
        while after < len(before) and before[after] == r:
            found.append(after)
            after += 1
    return found


def _before(layers: list[Layer]) -> list[int]:
    """The row that runs before each; -1 where there is none."""
    before, last = [], -1
    for r, layer in enumerate(layers):
        before.append(last)
        if layer.runs:
            last = r
    return before


def _slack(layers: list[Layer], row: int, before: int, free: list[float] | None) -> float:
    """Cycles that the weights of a row may be fetched in: the array's for the layer before of the same kernel, those of
    a map that is brought into order for it, else what the kernel before leaves, which is all its time as long as that
    is not known."""
    if layers[row].times > 1:
        return layers[row].one
    if layers[row].turned:
        return layers[row].turned
    if before < 0:
        return 0.0
    return layers[before].one if free is None else free[before]


def layer(takes: Sequence[float], kind: str, flow: Flow) -> Layer:
    """The layer of a kernel, of its columns :data:`TAKES`."""
    array, stream, slow, price, traffic, weight_cycles, outputs, groups, *takes = takes
    stored, scales, passes, fetched, made, refetches, constant, inputs, step, unaligned, *takes = takes
    block, unit, read, written, scratch = takes
    grouped, layered = kind == "grouped", passes > 0
    busy = passes if layered else max(array, stream + slow)
    times = max(groups, 1.0) if grouped else 1.0  # each group of a grouped layer is a layer
    one = busy / times
    size = max((stored + scales) / times, 1.0)
    transfer, again = size / flow.slow + LATENCY, max(refetches, 1.0)
    moved = size / flow.channel * again
    outputs, unit = max(outputs, 1.0), max(unit, 1.0)
    nominal = traffic if traffic > weight_cycles else (read + written + 4 * scratch) * flow.nominal
    parts = made_parts = 1.0
    if step > 0 and not grouped:  # a group is never a brick: that is in its pass
        channels = outputs if groups > 1 else max(inputs, 1.0)
        parts = channels / (ceil(channels / SLICE) * SLICE) * (flow.burst / min(max(step, 1.0), flow.burst))
        made_parts = flow.burst / SLICE
    runs = price > 0 and kind not in _VANISH
    return Layer(
        layered or (runs and kind not in RENAMING) if flow.followed else runs,
        kind in _APART or unaligned > 0,
        flow.followed and kind in _CUT,
        stored > 0 and (again > 1 or transfer + moved <= max(one, transfer)),
        False,
        layered,
        busy,
        one,
        times,
        transfer,
        transfer * again,
        moved,
        outputs,
        ceil(outputs / unit) * unit,
        unit,
        max(block, SLICE),
        (fetched, fetched * parts),
        (made, made * made_parts),
        stored,
        stored * refetches,
        scales * refetches,
        constant,
        price,
        nominal,
        0.0 if layered else max(price - max(busy, traffic), 0.0),
    )


@lru_cache(maxsize=KEPT)
def doing(layer: Layer, more: Beside) -> Layer:
    """The layer of a kernel that has ``more`` to do where it stands."""
    made = layer
    if layer.price <= 0 < more.turned.all:  # that is all that it does
        made = replace(made, runs=True, cut=True, busy=more.turned.all, one=more.turned.last)
    elif more.turned.all:
        made = replace(made, turned=more.turned.last)
    if more.whole:
        bricks = ceil(layer.outputs / SLICE) * SLICE
        whole = ceil(more.whole / SLICE) * SLICE
        made = replace(made, made=(layer.made[0] * whole / bricks, layer.made[1] * more.whole / bricks))
    if more.refetches and layer.direct:
        again = more.refetches * layer.weights / layer.direct  # as against those of its own order
        rate = {"direct": layer.direct * again, "scales": layer.scales * again, "moved": layer.moved * again}
        made = replace(made, undivided=True, able=True, unmoved=layer.transfer * more.refetches, **rate)
    return replace(made, copies=more.copies)


@lru_cache(maxsize=KEPT)
def _fetched(layer: Layer, slack: float) -> _Fetch:
    """How the weights of one layer are fetched. Maps are kept in bricks, and so are slices."""
    busy = layer.one
    if not layer.able or (layer.undivided and layer.transfer > 2 * slack):
        return _Fetch(False, 0.0, 0.0, busy)
    transfer, outputs, unit, padded = layer.transfer, layer.outputs, layer.unit, layer.padded
    least, computing = min(SLICE / outputs, 1.0), busy > layer.unmoved
    share = min(slack / transfer, 1.0)
    if 1 - floor(share / least) * least < least / 2:
        share = 1.0
    if computing and 0.5 < share < 1:
        share = min(max(ceil(outputs // 2 / SLICE) * SLICE / outputs, 0.5), 1.0)
    share = max(share, least)
    ahead = outputs if share >= 1 else min(max(floor(outputs * share / unit) * unit, SLICE), outputs)
    each = ceil(max(floor(busy * ahead / transfer), SLICE) / layer.block) * layer.block
    rest = outputs - ahead
    more = max(ceil(rest / each) - 1, 0)
    between = more * each
    last = ceil((rest - between if rest > 0 else outputs) / unit) * unit
    shown = max(min(each, rest) * transfer - busy * ahead, 0.0) + between * max(transfer - busy, 0.0)
    shown = shown / outputs + max(transfer * ahead / outputs - slack, 0.0)
    if computing and shown < _NOTICED * (more + 2):
        shown = 0.0
    if max(busy + shown, layer.moved) > max(busy, layer.unmoved):
        return _Fetch(False, 0.0, 0.0, busy)
    first = transfer * min(ceil(ahead / unit) * unit / padded, 1.0)
    return _Fetch(True, first, (between + last) / padded if rest > 0 else 0.0, busy * last / padded)


@lru_cache(maxsize=KEPT)
def _columns(layer: Layer, slack: float, apart: bool, parted: bool, flow: Flow) -> Vector:
    """The values of :data:`COLUMNS`. Maps are kept in bricks of 16 channels, but as a whole where they come from or go
    to the outside, or are cut or joined elsewhere than between bricks (the operand: ``apart``, the result: ``parted``):
    then a burst has only the channels of one read, and of a brick."""
    fetch = _fetched(layer, slack)
    busy, price, present = layer.busy, layer.price, layer.weights > 0
    read, made = layer.fetched[apart], layer.made[parted]
    if fetch.held:
        one, transfer = layer.one, layer.transfer
        array = max(transfer - slack + fetch.free, one + max(fetch.first - slack, 0.0)) * layer.times
        later = layer.weights * fetch.later
        weights, copied = later, layer.direct + later
    else:
        array, weights, copied = busy, layer.direct, 0.0
    slow = (weights + layer.scales + layer.constant) / flow.slow
    fast = max((read + made + copied) / flow.fast, read / flow.channel) if layer.layered else layer.nominal
    ran = max(array, slow, fast)
    if layer.copies is not None:
        ran = sum([copying(*part, apart, parted or layer.apart, flow.accelerator) for part in layer.copies])
    cycles = ran + layer.started if price > 0 else 0.0
    whole = max(cycles, 1.0)
    transfer, stall = (layer.transfer, ran - max(busy, fast)) if present else (0.0, 0.0)
    return np.array(
        (
            *(cycles, cycles / max(price, 1.0), slow, fast, array),
            *(transfer, slack, stall, present and not fetch.held, transfer / max(slack, 1.0)),
            *(slow / whole, fast / whole, array / whole),
        )
    )
