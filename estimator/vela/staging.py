"""What lies where while an Ethos-U runs a network, and what its kernels wait for.

A compiler decides which feature maps stay in the SRAM and which kernels run in stripes one behind the other, because
what they pass on does not fit; which weights are fetched ahead; how often operands, weights and scales are read. A
small change of a width may turn any of these, and no smooth function of sizes tells. Here they are worked out:

- A kernel starts a cascade if those behind it, each the only reader of the one before, would not fit with operand and
  result; it goes on while the rolling buffers of lines between them fit.
- Weights are fetched during the kernel before, unless they are read once and that takes longer than computing.
- Of the other feature maps those stay in the SRAM that are read and written most, as far as there is room beside
  buffers; what comes from and goes to the outside stays in the slow memory.
- A kernel takes as long as the array or the busier memory. Each channel of a memory (operands, weights, scales, copies)
  has a rate of its own: biases and scales, read again with every block of positions, come in single words.

Sources: ``ethos-u-vela`` 5.2.0, its scheduler, its fast storage allocator and its performance model (vendor estimates).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .blocks import BRICK
from .cascading import Cascade, cascaded, joined_to, restriped
from .placing import Range, place
from .rates import Rates
from .stages import LAYERS, Stages

TAKES = (
    *("pass_cycles", "fetched", "refetches", "stored", "scales", "constant", "read_columns", "step"),
    *("block_columns", "array", "stream", "slow", "simulated", "in_height", "in_width", "in_channels", "out_height"),
    *("out_width", "out_channels", "groups", "kernel_height", "kernel_width", "window_height", "window_width"),
    *("stride_height", "stride_width", "unaligned"),
)
"""The columns of a kernel that are needed, in this order."""

COLUMNS = (
    *("staged", "staged/simulated", "slow_cycles", "fast_cycles", "array_cycles"),
    *("operand_slow", "beside_slow", "result_slow", "buffered", "ahead", "striped", "stripe_position", "stripe_bytes"),
)
"""``staged`` are a kernel's cycles: the most of what slow memory, SRAM and array take. ``operand_slow``,
``beside_slow`` and ``result_slow`` are the shares that lie in the slow memory, ``buffered`` whether weights are fetched
into the SRAM, ``ahead`` the share of them that is there when the kernel starts; ``striped`` how many kernels its
cascade has (1: it runs whole), ``stripe_bytes`` what the buffers between them take."""

_SLICED = LAYERS | {"pool", "elementwise", "activation", "batch_norm"}
"""Kinds whose operand has as many channels as they say."""
_BESIDE = 32.0
"""Channels of a block that the array does not compute, about."""


Vector = NDArray[np.float64]


def staged(stages: Stages, kinds: list[str], values: Vector, held: list[int], rates: Rates) -> Vector:
    """The values of :data:`COLUMNS` for each row. ``values`` has the columns :data:`TAKES`, ``held`` the bytes of the
    storages."""
    takes = dict(zip(TAKES, values.T.copy(), strict=True))
    groups = np.where(stages.depthwise, 1.0, takes["groups"])  # a depthwise layer's channels are those of all groups
    takes["channels"] = np.maximum(takes["out_channels"] * groups, 1.0)
    linear = _linear(stages, kinds, takes)
    sizes = _sizes(stages, takes, linear, held)
    joined = joined_to(stages, sizes, rates)
    cascades = cascaded(stages, kinds, takes, sizes, joined, rates)
    restriped(kinds, takes, cascades, rates)
    layered = takes["pass_cycles"] > 0
    busy = np.where(layered, takes["pass_cycles"], np.maximum(takes["array"], takes["stream"]) + takes["slow"])
    fetch = _weights(stages, takes, busy, cascades, rates)
    inside = _placed(stages, kinds, takes, sizes, cascades, joined, fetch, rates)
    sums, away = _moved(stages, takes, sizes, joined, inside, rates)
    slow, fast = _bursts(stages, takes, sums, away, linear, rates)
    normed = stages.normed & (not rates.chains)  # two operations
    from_slow = _from_slow(takes, slow, fetch, normed, rates)
    from_fast = _from_fast(takes, fast, fetch, rates)
    array = _array(busy, fetch)
    cycles = np.maximum.reduce((array, from_slow, from_fast)) * np.where(normed, 2.0, 1.0)
    within = np.array(joined, dtype=bool) | (stages.gathered & (sums[:, 0] <= 0))
    cycles[(takes["simulated"] <= 0) | within] = 0.0
    ratio = cycles / np.maximum(takes["simulated"], 1.0)
    out = np.zeros((len(kinds), len(COLUMNS)))
    out[:, 0], out[:, 1], out[:, 2], out[:, 3], out[:, 4] = cycles, ratio, from_slow, from_fast, array
    out[:, 5:8], out[:, 8], out[:, 9], out[:, 10] = away, fetch.buffered, fetch.ahead, 1.0
    for r, cascade in enumerate(cascades):
        if cascade is not None:
            out[r, 10:] = cascade.last - cascade.first + 1, r - cascade.first, cascade.bytes
    return out


def _linear(stages: Stages, kinds: list[str], takes: dict[str, Vector]) -> list[bool]:
    """Whether each storage is not in bricks of 16 channels: what comes from or goes to the outside, and what somebody
    writes or reads otherwise than by whole bricks."""
    linear = stages.outside[:]
    made, unaligned = takes["channels"].tolist(), takes["unaligned"].tolist()
    read = (takes["in_channels"] * takes["groups"]).tolist()
    for r, kind in enumerate(kinds):
        result, operands = stages.makes[r], stages.reads[r]
        if result >= 0 and (unaligned[r] or (kind == "grouped" and takes["out_channels"][r] % BRICK)):
            linear[result] = True
        if operands and kind in _SLICED and (maker := stages.maker[operands[0]]) >= 0:
            part = read[r] != made[maker] and read[r] % BRICK != 0
            linear[operands[0]] |= kind == "grouped" or part
    for s, home in enumerate(stages.home):
        linear[s] |= linear[home]
    return linear


def _sizes(stages: Stages, takes: dict[str, Vector], linear: list[bool], held: list[int]) -> list[int]:
    """Bytes of each storage, its channels in bricks."""
    padded = np.ceil(takes["channels"] / BRICK) * BRICK / takes["channels"]
    factors = np.where(np.array(linear, dtype=bool), 1.0, np.append(padded, 1.0)[stages.makers])
    return (np.array(held, dtype=float) * factors).astype(np.intp).tolist()


class _Fetch(NamedTuple):
    """By row: whether weights are fetched into the SRAM, bytes of the first and the second buffer, the share of them in
    the first, cycles of the transfer, cycles that the kernel before leaves for it."""

    buffered: NDArray[np.bool_]
    first: Vector
    second: Vector
    ahead: Vector
    transfer: Vector
    slack: Vector


def _weights(
    stages: Stages, takes: dict[str, Vector], busy: Vector, cascades: list[Cascade | None], rates: Rates
) -> _Fetch:
    total = takes["stored"] + takes["scales"]
    transfer = total / rates.copies + rates.wait
    first = stages.before < 0
    slack = np.where(first, 0.0, busy.take(stages.before, mode="wrap"))
    once = (takes["refetches"] <= 1) & (transfer + total / rates.fast_channel > busy)
    buffered = (total > 0) & ~(first | once)
    least = BRICK / takes["channels"]
    share = np.minimum(np.maximum(slack / transfer, np.minimum(least, 1.0)), 1.0)
    share = np.where(1 - share < least / 2, 1.0, share)
    share = np.minimum(share, rates.room / 2 / np.maximum(total, 1.0))
    for r, cascade in enumerate(cascades):
        if cascade is not None:  # whole or not at all
            buffered[r], share[r] = cascade.buffered[r - cascade.first], 1.0
    ahead = np.where(buffered, share, 0.0)
    early = total * ahead
    return _Fetch(buffered, early, np.where(buffered, np.minimum(early, total - early), 0.0), ahead, transfer, slack)


def _placed(
    stages: Stages,
    kinds: list[str],
    takes: dict[str, Vector],
    sizes: list[int],
    cascades: list[Cascade | None],
    joined: list[bool],
    fetch: _Fetch,
    rates: Rates,
) -> list[bool]:
    """Whether each storage is in the SRAM; rolling buffers are."""
    count = len(sizes)
    times, base = _base(cascades, fetch)
    rolling = [False] * count
    for r, cascade in enumerate(cascades):
        if cascade is not None and r != cascade.last:
            rolling[stages.makes[r]] = True
        if joined[r]:  # there is nothing in between
            rolling[stages.joins[r]] = True
    home = stages.home[:]
    for r, made, taken in stages.reused:
        if cascades[r] is None and home[made] == made and sizes[made] == sizes[taken] and not rolling[taken]:
            home[made] = taken
    spans: dict[int, Range] = {}
    members: dict[int, list[int]] = {}
    for s in range(count):
        if stages.last[s] < 0 or rolling[s] or stages.outside[s]:
            continue
        root = s
        while home[root] != root:
            root = home[root]
        begin, end = times[stages.first[s]], times[stages.last[s]]
        had = spans.get(root)
        members.setdefault(root, []).append(s)
        if had is None:
            spans[root] = Range(begin, end, sizes[root])
        else:
            spans[root] = Range(min(begin, had.first), max(end, had.last), had.size)
    roots = [root for root in spans if not stages.outside[root]]
    fetched = takes["fetched"]

    def worth(i: int) -> float:
        value = 0.0
        for s in members[roots[i]]:
            value += sizes[s]
            for r in stages.readers[s]:
                value += max(fetched[r], sizes[s]) if stages.reads[r][0] == s else sizes[s]
        return value

    chosen = place([spans[root] for root in roots], base, rates.room, worth)
    inside = rolling
    for root, kept in zip(roots, chosen, strict=True):
        if kept:
            for s in members[root]:
                inside[s] = True
    _together(stages, kinds, inside)
    return inside


def _base(cascades: list[Cascade | None], fetch: _Fetch) -> tuple[list[int], list[int]]:
    """The time of each row, two apart, those of a cascade at once; and by time the bytes of buffers."""
    times = [0] * len(cascades)
    now = 0
    for r, cascade in enumerate(cascades):
        if cascade is not None and r != cascade.first:
            times[r] = times[cascade.first]
            continue
        times[r] = now
        now += 2
    base = [0] * (now + 1)
    first, both = fetch.first.astype(np.intp).tolist(), (fetch.first + fetch.second).astype(np.intp).tolist()
    for r, (at, cascade) in enumerate(zip(times, cascades, strict=True)):
        base[at] += both[r]
        if at:  # they arrive before
            base[at - 1] += first[r]
        if cascade is not None and r == cascade.first:
            base[at] += cascade.bytes
    return times, base


def _together(stages: Stages, kinds: list[str], inside: list[bool]) -> None:
    """Operands of an element-wise kernel are all in the same memory: with one outside, the others leave as well."""
    for r, kind in enumerate(kinds):
        operands = stages.reads[r]
        if kind != "elementwise" or len(operands) < 2 or all(inside[s] for s in operands):
            continue
        for s in operands:
            if inside[s] and all(kinds[reader] == "elementwise" for reader in stages.readers[s]):
                inside[s] = False


def _moved(
    stages: Stages,
    takes: dict[str, Vector],
    sizes: list[int],
    joined: list[bool],
    inside: list[bool],
    rates: Rates,
) -> tuple[Vector, Vector]:
    """Bytes of the first operand, the others and the result that each row moves, and the shares of them that lie in the
    slow memory."""
    n, element = len(joined), stages.elementwise
    size = np.array([*sizes, 0], dtype=float)  # the last is of what there is not
    outer = 1.0 - np.array([*inside, True], dtype=float)
    made = size[stages.results]
    read = np.where(takes["read_columns"] > 0, takes["fetched"], np.where(element, made, size[stages.leading]))
    rows = stages.beside_rows
    each = np.where(element[rows], made[rows], size[stages.beside])
    others = np.bincount(rows, each, n)
    slow = np.bincount(rows, each * outer[stages.beside], n) / np.maximum(others, 1.0)
    sums = np.stack((read, others, made), axis=1).astype(np.float64)
    away = np.stack((outer[stages.leading], slow, outer[stages.results]), axis=1)
    for r in np.flatnonzero(stages.gathered).tolist():  # parts that are not written in place are copied
        copied = [s for s in stages.reads[r] if stages.home[s] != stages.makes[r]]
        amount = sum([sizes[s] for s in copied])
        sums[r] = amount, 0.0, amount
        away[r, 0] = sum([sizes[s] for s in copied if not inside[s]]) / max(amount, 1)
    if rates.chains:  # what is read and written behind a layer is not counted
        sums[stages.beyond, 1:] = 0.0
        sums[:-1, 2][np.array(joined[1:], dtype=bool)] = 0.0
    return sums, away


def _bursts(
    stages: Stages, takes: dict[str, Vector], sums: Vector, away: Vector, linear: list[bool], rates: Rates
) -> tuple[Vector, Vector]:
    """Bytes from the slow memory and the SRAM in whole bursts: of bricks a block reads and writes as much at once as it
    is wide, of other maps as many channels as it has."""
    layered = takes["read_columns"] > 0
    plain = np.array([*linear, False], dtype=bool)
    flat = np.stack((plain[stages.leading], plain[stages.results]), axis=1)
    inputs = takes["in_channels"] * np.where(takes["in_channels"] > 1, 1.0, takes["groups"])
    amounts = sums.copy()
    amounts[:, 0] *= np.where(flat[:, 0] & layered, inputs / np.maximum(np.ceil(inputs / BRICK) * BRICK, 1.0), 1.0)
    one = np.where(layered, takes["step"], _BESIDE)  # channels that lie side by side
    reads = np.where(
        flat[:, 0], one * np.where(one == inputs, takes["read_columns"], 1.0), BRICK * takes["read_columns"]
    )
    writes = BRICK * rates.cores * np.where(flat[:, 1], 1.0, takes["block_columns"])
    slow, fast = amounts * away, amounts * (1 - away)
    for at, width, known in ((0, reads, layered | flat[:, 0]), (2, writes, layered | flat[:, 1])):
        burst = np.where(known & (width > 0), width, np.inf)
        slow[:, at] *= rates.slow_burst / np.minimum(burst, rates.slow_burst)
        fast[:, at] *= rates.fast_burst / np.minimum(burst, rates.fast_burst)
    return slow, fast


def _from_slow(
    takes: dict[str, Vector], slow: Vector, fetch: _Fetch, normed: NDArray[np.bool_], rates: Rates
) -> Vector:
    """Cycles of the slow memory. An element-wise operation reads a constant there; a batch norm's are in two, except on
    Ethos-U85, which reads them once."""
    repeated = (takes["refetches"] > 0) & (takes["constant"] > 0)  # a layer whose weights are copied for each position
    constant = takes["constant"] * np.where(normed, 0.5, np.where(repeated, 0.0, 0.0 if rates.chains else 1.0))
    copied = takes["stored"] * np.where(fetch.buffered, 1 - fetch.ahead, 0.0)
    copied = np.where(repeated, takes["constant"], copied)
    direct = takes["stored"] * np.where(fetch.buffered, 0.0, takes["refetches"])
    scales = takes["scales"] * takes["refetches"]
    read = slow[:, 0] + slow[:, 1] + constant
    channels = (
        (read + slow[:, 2] + copied + direct + scales) / rates.slow,
        read / rates.operands,
        slow[:, 2] / rates.results,
        direct / rates.weights,
        copied / rates.copies,
        scales / rates.scales,
    )
    return np.maximum.reduce(channels)


def _from_fast(takes: dict[str, Vector], fast: Vector, fetch: _Fetch, rates: Rates) -> Vector:
    """Cycles of the SRAM."""
    copied = takes["stored"] * np.where(fetch.buffered, 1 - fetch.ahead, 0.0)
    buffered = takes["stored"] * np.where(fetch.buffered, takes["refetches"], 0.0)
    channels = (
        (fast.sum(axis=1) + buffered + copied) / rates.fast,
        (fast[:, 0] + fast[:, 1]) / rates.fast_channel,
        (fast[:, 2] + copied) / rates.fast_channel,
        buffered / rates.fast_channel,
    )
    return np.maximum.reduce(channels)


def _array(busy: Vector, fetch: _Fetch) -> Vector:
    """Cycles of the array, and what it waits for weights."""
    both = np.maximum(fetch.first + fetch.second, 1.0)
    last = np.where(fetch.second > 0, busy * fetch.second / both, busy)
    begun = busy + np.maximum(fetch.transfer * fetch.ahead - fetch.slack, 0.0)
    return np.where(fetch.buffered, np.maximum(fetch.transfer - fetch.slack + last, begun), busy)
