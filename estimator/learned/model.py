"""The learned cost model: the simulated model's plan, with each kernel's latency by regression in its context."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.costs import Costs, Kernel, Label
from advisor.graph import Graph
from advisor.targets import Target

from ..plan import Known, Plan, Planner, summarise
from ..roofline import Priced
from .features import FLOOR_CYCLES, RANGED, STAGED, Sheet, sheet
from .intervals import OUTSIDE, UNKNOWN, aggregate
from .predictor import Predictor
from .shelf import Shelf

CACHED = 20_000
"""Rows whose prediction is kept."""


@dataclass(slots=True, eq=False)
class Memo:
    """What goes with a graph: its rows, what they were predicted as, and the groups' prices made of that.

    ``ratios`` are logarithms of latency over staged latency, ``spreads`` half-widths of their 90 % intervals;
    ``flags`` say what is outside the training range (1) and what fell back to the simulated price (2).
    """

    reader: Reader
    sheet: Sheet
    ratios: NDArray[np.float64]
    spreads: NDArray[np.float64]
    flags: NDArray[np.int8]
    priced: list[Priced]
    latencies: NDArray[np.float64]


class Reader:
    """A predictor made ready to predict rows; what it has predicted once it knows."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self._kinds = {kind: n for n, kind in enumerate(predictor.kinds)}
        known = list(predictor.kinds.values())
        self._first = np.array([r.first for r in known], dtype=np.intp)
        self._bias = np.array([r.bias for r in known])
        self._spread = np.array([r.spread for r in known])
        self._low = np.array([r.low for r in known], dtype=np.float32).reshape(-1, len(RANGED))
        self._high = np.array([r.high for r in known], dtype=np.float32).reshape(-1, len(RANGED))
        self._cache: dict[tuple[str, bytes], tuple[float, float, int]] = {}

    def read(self, kinds: list[str], rows: NDArray[np.float32]) -> list[tuple[float, float, int]]:
        """Ratio, spread and flags of each row."""
        keys = list(zip(kinds, [row.tobytes() for row in rows], strict=True))
        new = [i for i, key in enumerate(keys) if key not in self._cache]
        if new:
            if len(self._cache) + len(new) > CACHED:
                self._cache.clear()
                new = list(range(len(keys)))
            found = self._predicted([kinds[i] for i in new], rows[new])
            self._cache.update(zip([keys[i] for i in new], found, strict=True))
        cache = self._cache
        return [cache[key] for key in keys]

    def _predicted(self, kinds: list[str], rows: NDArray[np.float32]) -> list[tuple[float, float, int]]:
        numbers = np.array([self._kinds.get(kind, -1) for kind in kinds], dtype=np.intp)
        known = numbers >= 0
        ratios = np.zeros(len(kinds))
        spreads = np.full(len(kinds), UNKNOWN)
        flags = np.where(known, 0, 2)
        if known.any():
            of, seen = numbers[known], rows[known]
            sums = self.predictor.forest.sums(seen, self._first[of], self.predictor.count)
            ratios[known] = sums + self._bias[of]
            extent = seen[:, RANGED]
            outside = ((extent < self._low[of]) | (extent > self._high[of])).any(axis=1)
            spreads[known] = self._spread[of] * np.where(outside, OUTSIDE, 1.0)
            flags[known] = outside
        return list(zip(ratios.tolist(), spreads.tolist(), flags.tolist(), strict=True))


class Learned(Planner):
    """A cost model for the targets that it has a predictor of: those on the shelf, or one that is given."""

    label: Label = "predicted"

    def __init__(self, predictor: Predictor | None = None) -> None:
        super().__init__()
        self._shelf = Shelf()
        self._given = predictor
        self._readers: dict[Target, Reader] = {}

    def covers(self, target: Target) -> bool:
        return self.predictor(target) is not None

    def predictor(self, target: Target) -> Predictor | None:
        """The predictor that ``target`` is costed with; what was costed with an earlier one is forgotten."""
        found = self._given if self._given is not None else self._shelf.find(target)
        reader = self._readers.get(target)
        if reader is not None and reader.predictor is not found:
            del self._readers[target]
            self._known.clear()
        return found

    def cost(self, graph: Graph, target: Target, plan: Plan, before: Known | None) -> tuple[Costs, Memo]:
        reader = self._reader(target)
        old: Memo | None = before.memo if before is not None and before.memo.reader is reader else None
        rows = sheet(graph, target, plan, before.plan if before else None, old.sheet if old else None)
        memo = _read(reader, rows, old, plan, target)
        return _costs(target, plan, memo), memo

    def _reader(self, target: Target) -> Reader:
        reader = self._readers.get(target)
        if reader is None:
            predictor = self.predictor(target)
            if predictor is None:
                raise ValueError(f"no predictor of '{target.name}'; `advisor calibrate {target.name}` makes one")
            reader = self._readers[target] = Reader(predictor)
        return reader


def _read(reader: Reader, rows: Sheet, old: Memo | None, plan: Plan, target: Target) -> Memo:
    """The predictions of all rows and the prices made of them; a row that stands where it stood and is what it was
    keeps its own."""
    matrix, places = rows.matrix, rows.wiring.rows
    us = 1e6 / target.clock_hz
    floor, staged = FLOOR_CYCLES * us, matrix[:, STAGED].astype(float)
    if old is not None and rows.changed is not None:
        stood = old.sheet.matrix
        again = staged != stood[:, STAGED]  # the price is another, whatever the regressors say
        again[rows.changed] = True
        new = np.flatnonzero(again | (matrix != stood).any(axis=1)).tolist()
        made = Memo(
            *(reader, rows, old.ratios.copy(), old.spreads.copy(), old.flags.copy()),
            *(list(old.priced), old.latencies.copy()),
        )
    else:
        n = len(matrix)
        again, new = np.ones(n, dtype=bool), list(range(n))
        made = Memo(reader, rows, np.zeros(n), np.zeros(n), np.zeros(n, dtype=np.int8), list(plan.priced), np.zeros(n))
    if not new:
        return made
    found = reader.read([rows.wiring.kinds[i] for i in new], matrix[new])
    was = zip(made.ratios[new].tolist(), made.spreads[new].tolist(), made.flags[new].tolist(), strict=True)
    of = zip(new, found, was, again[new].tolist(), (staged[new] * us).tolist(), strict=True)
    fresh = [(row, says, base) for row, says, had, anew, base in of if anew or says != had]
    latencies = []
    for row, says, base in fresh:
        at = places[row]
        priced = made.priced[at] = _repriced(plan.priced[at], base, *says, floor)
        latencies.append(priced.kernel.latency_us if priced.kernel is not None else 0.0)
    if fresh:
        at = [row for row, *_ in fresh]
        made.latencies[at] = latencies
        made.ratios[at], made.spreads[at], made.flags[at] = zip(*[says for _, says, _ in fresh], strict=True)
    return made


def _costs(target: Target, plan: Plan, memo: Memo) -> Costs:
    predictor = memo.reader.predictor
    total = sum([p.kernel.latency_us for p in memo.priced if p.kernel is not None])
    width = predictor.scale * aggregate(memo.latencies, memo.spreads)
    more: dict[str, Any] = {"low_us": total * math.exp(-width), "high_us": total * math.exp(width)}
    return summarise(target, predictor.label, plan, memo.priced, basis=predictor.basis, **more)


def _repriced(simulated: Priced, staged: float, ratio: float, spread: float, flags: int, floor: float) -> Priced:
    """A simulated price with the predicted latency in its place; the ops' shares keep their proportions.
    ``staged`` are the microseconds that the ratio is of."""
    kernel = simulated.kernel
    assert kernel is not None  # rows are of kernels that have a price
    if flags == 2:
        made = Kernel(*_facts(kernel), kernel.latency_us, kernel.macs, kernel.bytes, kernel.bound, simulated=True)
        return Priced(made, simulated.shares, simulated.macs, simulated.compute, simulated.traffic)
    base = staged + floor
    latency, low, high = (max(base * math.exp(r) - floor, 0.0) for r in (ratio, ratio - spread, ratio + spread))
    made = Kernel(*_facts(kernel), latency, kernel.macs, kernel.bytes, kernel.bound, low, high, flags == 1)
    if kernel.latency_us:
        factor = latency / kernel.latency_us
        shares = tuple([(key, us * factor) for key, us in simulated.shares])
    else:
        shares = ((kernel.ops[0], latency), *[(key, 0.0) for key in kernel.ops[1:]])
    return Priced(made, shares, simulated.macs, simulated.compute, simulated.traffic)


def _facts(kernel: Kernel) -> tuple[tuple[int, ...], str]:
    return kernel.ops, kernel.kind
