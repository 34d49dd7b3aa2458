"""How long kernels wait for their weights where the SRAM holds all feature maps, and what they take with that.

A layer's weights are fetched from the slow memory while the kernel before computes. What does not fit into that time
follows in slices of output channels, each while the slice before is computed. Weights that are read once are read where
they lie, unless computing takes longer; so are others where fetching them ahead would take longer. A kernel takes as
long as the array, with what it waits, or the busier memory.

Source: ``ethos-u-vela`` 5.2.0: the weight buffering of its scheduler, its estimate of an operation (vendor estimates).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..memory.vela.buffers import LATENCY, SLICE

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
_NOTICED = 1000.0
"""Cycles of waiting for a slice that count for a layer that computes longer than it fetches."""
_PASSES = 2
"""Slices depend on the time that the kernel before leaves, which depends on its own slices."""

Vector = NDArray[np.float64]
Indices = NDArray[np.intp]


class Flow(NamedTuple):
    """Bytes a cycle of the slow memory, of the SRAM and of one of its channels; bytes of its bursts; cycles per
    byte that the specification has for it."""

    slow: float
    fast: float
    channel: float
    burst: float
    nominal: float


class Traits(NamedTuple):
    """By row: whether it is often no operation at all, only moves data; whether its maps are cut or joined elsewhere
    than between bricks; whether it is a layer for each group."""

    vanishes: NDArray[np.bool_]
    apart: NDArray[np.bool_]
    grouped: NDArray[np.bool_]


def traits(kinds: list[str]) -> Traits:
    """The traits of rows of these kinds."""
    return Traits(
        np.array([kind in _VANISH for kind in kinds], dtype=bool),
        np.array([kind in _APART for kind in kinds], dtype=bool),
        np.array([kind == "grouped" for kind in kinds], dtype=bool),
    )


class _Fetch(NamedTuple):
    """By row, of one group: whether weights are fetched into the SRAM; cycles of the whole transfer and of the first
    slice; the share of the weights that comes later; what the kernel leaves for the next one's, and the one before."""

    held: NDArray[np.bool_]
    transfer: Vector
    first: Vector
    later: Vector
    free: Vector
    slack: Vector


def staged(rows: Traits, values: Vector, makers: Indices, readers: Indices, flow: Flow) -> Vector:
    """The values of :data:`COLUMNS` for each row; ``values`` has the columns :data:`TAKES`. ``makers`` are the rows
    that made the first operand of each, ``readers`` the first that read its result; the number of rows where none."""
    out = np.zeros((len(COLUMNS), len(values)))
    if not len(values):
        return out.T
    takes = dict(zip(TAKES, np.ascontiguousarray(values.T), strict=True))
    read, made = _in_bursts(rows, takes, makers, readers, flow)
    passes, price, traffic = takes["pass_cycles"], takes["simulated"], takes["traffic_cycles"]
    layered = passes > 0
    busy = np.where(layered, passes, np.maximum(takes["array"], takes["stream"] + takes["slow"]))
    times = np.maximum(takes["groups"] * rows.grouped, 1.0)  # each group of a grouped layer is a layer
    one = busy / times
    fetch = _fetched(rows, takes, one, times, flow)
    waited = np.maximum(fetch.transfer - fetch.slack + fetch.free, one + np.maximum(fetch.first - fetch.slack, 0.0))
    array = np.where(fetch.held, waited * times, busy)
    weights, again = takes["stored"], takes["refetches"]
    later = weights * fetch.later
    fetched = weights * again
    slow = (np.where(fetch.held, later, fetched) + takes["scales"] * again + takes["constant"]) / flow.slow
    nominal = (takes["read"] + takes["written"] + 4 * takes["scratch"]) * flow.nominal
    nominal = np.where(traffic > takes["weight_cycles"], traffic, nominal)
    moved = np.maximum((read + made + fetch.held * (fetched + later)) / flow.fast, read / flow.channel)
    fast = np.where(layered, moved, nominal)
    ran = np.maximum(np.maximum(array, slow), fast)
    started = ~layered * np.maximum(price - np.maximum(busy, traffic), 0.0)
    present = weights > 0
    cycles = (price > 0) * (ran + started)
    whole = np.maximum(cycles, 1.0)
    out[0], out[1], out[2], out[3], out[4] = cycles, cycles / np.maximum(price, 1.0), slow, fast, array
    out[5], out[6], out[8] = fetch.transfer * present, fetch.slack, present > fetch.held
    out[7] = present * (ran - np.maximum(busy, fast))
    out[9] = out[5] / np.maximum(fetch.slack, 1.0)
    out[10:13] = out[2:5] / whole
    return out.T


def _in_bursts(
    rows: Traits, takes: dict[str, Vector], makers: Indices, readers: Indices, flow: Flow
) -> tuple[Vector, Vector]:
    """Bytes of the operands and the results in whole bursts. Maps are kept in bricks of 16 channels, but as a whole
    where they come from or go to the outside, or are cut or joined elsewhere than between bricks: then a burst has only
    the channels of one read, and of a brick."""
    apart = np.append(rows.apart | (takes["unaligned"] > 0), True)
    step, brick = takes["step"], float(SLICE)
    known = (step > 0) > rows.grouped  # a group is never a brick: that is in its pass
    channels = np.where(takes["groups"] > 1, takes["out_channels"], np.maximum(takes["in_channels"], 1.0))
    part = channels / (np.ceil(channels / brick) * brick) * (flow.burst / np.clip(step, 1.0, flow.burst))
    read = takes["fetched"] * np.where(apart[makers] & known, part, 1.0)
    made = takes["made"] * np.where(apart[readers] & known, flow.burst / brick, 1.0)
    return read, made


def _fetched(rows: Traits, takes: dict[str, Vector], busy: Vector, times: Vector, flow: Flow) -> _Fetch:
    """How the weights of each row are fetched, each of ``times`` alike; ``busy`` is the array's time for one."""
    n = len(busy)
    size = np.maximum((takes["stored"] + takes["scales"]) / times, 1.0)
    transfer, again = size / flow.slow + LATENCY, np.maximum(takes["refetches"], 1.0)
    unmoved, moved = transfer * again, size / flow.channel * again
    able = (takes["stored"] > 0) & ((again > 1) | (transfer + moved <= np.maximum(busy, transfer)))
    outputs = np.maximum(takes["out_channels"], 1.0)
    block, unit = np.maximum(takes["block_channels"], SLICE), np.maximum(takes["unit_channels"], 1.0)
    padded = np.ceil(outputs / unit) * unit
    least = np.minimum(SLICE / outputs, 1.0)
    half = np.clip(np.ceil(outputs // 2 / SLICE) * SLICE / outputs, 0.5, 1.0)
    computing = busy > unmoved
    tail, longest = least / 2, np.maximum(busy, unmoved)
    before = _before(rows, takes["simulated"])
    alone = times > 1
    lag = np.maximum(transfer - busy, 0.0)
    free = np.append(busy, 0.0)
    slack, ahead, later, held = busy, outputs, busy, able
    for _ in range(_PASSES):
        slack = np.where(alone, busy, free[before])
        hidden = np.minimum(slack / transfer, 1.0)
        share = np.where(1 - np.floor(hidden / least) * least < tail, 1.0, hidden)
        share = np.maximum(np.where(computing & (share > 0.5) & (share < 1), half, share), least)
        ahead = np.minimum(np.maximum(np.floor(outputs * share / unit) * unit, SLICE), outputs)
        ahead = np.where(share >= 1, outputs, ahead)
        each = np.ceil(np.maximum(np.floor(busy * ahead / transfer), SLICE) / block) * block
        rest = outputs - ahead
        more = np.maximum(np.ceil(rest / each) - 1, 0.0)
        between = more * each
        some = rest > 0
        last = np.ceil(np.where(some, rest - between, outputs) / unit) * unit
        later = some * (between + last) / padded
        visible = np.maximum(np.minimum(each, rest) * transfer - busy * ahead, 0.0) + between * lag
        visible = visible / outputs + np.maximum(transfer * ahead / outputs - slack, 0.0)
        shown = visible * ~(computing & (visible < _NOTICED * (more + 2)))
        held = able & (np.maximum(busy + shown, moved) <= longest)
        free[:n] = np.where(held, busy * last / padded, busy)
    first = transfer * np.minimum(np.ceil(ahead / unit) * unit / padded, 1.0)
    return _Fetch(held, transfer, first, later, free[:n], slack)


def _before(rows: Traits, simulated: Vector) -> Indices:
    """The row that runs before each; the number of rows where there is none."""
    n = len(simulated)
    before = np.empty(n, dtype=np.intp)
    before[0] = -1
    runs = (simulated > 0) > rows.vanishes
    before[1:] = np.maximum.accumulate(np.where(runs, np.arange(n), -1))[:-1]
    before[before < 0] = n
    return before
