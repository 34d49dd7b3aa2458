"""The learned cost model: the simulated model's plan, with each kernel's latency by regression in its context."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
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

Said = tuple[float, float, int]
"""What is predicted of a row: the logarithm of its latency over the staged one, the half-width of that number's 90 %
interval, and whether it is outside the training range (1) or fell back to the simulated price (2)."""


@dataclass(slots=True, eq=False)
class Memo:
    """What goes with a graph: its rows, what is predicted of each, and the groups' prices made of that; ``latencies``
    and ``spreads`` of the rows."""

    reader: Reader
    sheet: Sheet
    said: list[Said]
    priced: list[Priced]
    latencies: NDArray[np.float64]
    spreads: NDArray[np.float64]


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
        self._cache: dict[tuple[str, bytes], Said] = {}

    def read(self, kinds: list[str], rows: NDArray[np.float32]) -> list[Said]:
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

    def _predicted(self, kinds: list[str], rows: NDArray[np.float32]) -> list[Said]:
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
        known = (before.costs, old.priced) if before and old and rows.differing is not None else None
        return _costs(target, plan, memo, known), memo

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
    matrix, places, kinds = rows.matrix, rows.wiring.rows, rows.wiring.kinds
    staged = matrix[:, STAGED].astype(float)
    if old is not None and rows.changed is not None and rows.differing is not None:
        stood = old.sheet.matrix
        again = set(np.flatnonzero(staged != stood[:, STAGED]).tolist())  # another price, whatever the regressors say
        again.update(rows.changed)
        new = sorted(again.union(np.flatnonzero((matrix != stood).any(axis=1)).tolist()))
        made = Memo(reader, rows, old.said[:], old.priced[:], old.latencies.copy(), old.spreads.copy())
        for at in rows.differing:  # also those that have no row
            made.priced[at] = plan.priced[at]
    else:
        new = list(range(len(matrix)))
        again = set(new)
        nothing = np.zeros(len(matrix))
        made = Memo(reader, rows, [(0.0, 0.0, 0)] * len(matrix), list(plan.priced), nothing, nothing.copy())
    if not new:
        return made
    us = 1e6 / target.clock_hz
    said = made.said
    for row, says in zip(new, reader.read([kinds[i] for i in new], matrix[new]), strict=True):
        if row in again or says != said[row]:
            at, said[row] = places[row], says
            priced = made.priced[at] = _repriced(plan.priced[at], float(staged[row]) * us, *says, FLOOR_CYCLES * us)
            made.latencies[row] = priced.kernel.latency_us if priced.kernel is not None else 0.0
            made.spreads[row] = says[1]
    return made


def _costs(target: Target, plan: Plan, memo: Memo, before: tuple[Costs, Sequence[Priced]] | None = None) -> Costs:
    predictor = memo.reader.predictor
    total = sum([p.kernel.latency_us for p in memo.priced if p.kernel is not None])
    width = predictor.scale * aggregate(memo.latencies, memo.spreads)
    more: dict[str, Any] = {"low_us": total * math.exp(-width), "high_us": total * math.exp(width)}
    return summarise(target, predictor.label, plan, memo.priced, before, basis=predictor.basis, **more)


@lru_cache(maxsize=CACHED)
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
