"""From measurements to training rows: which kernel of the estimator's decomposition took how long in its context.

A backend's rows and the estimator's kernels need not agree on what runs as one. Kernels and rows that have an
operation in common are united, and what they took together is shared out over the kernels by their staged cycles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.graph import Graph
from advisor.targets import Target

from ..learned.features import FLOOR_CYCLES, NAMES, Features, features
from ..measuring import Measurement
from .sampling import Sample

_BORDERS = [NAMES.index(name) for name in ("given", "kept_writes")]


@dataclass(slots=True, eq=False)
class Table:
    """One row a kernel. ``cycles`` is the truth, ``staged`` what regressors start from, ``sample`` the number of the
    sample that it is of, ``families`` the samples' families, ``total`` the whole sample's cycles by number."""

    kinds: NDArray[np.str_]
    matrix: NDArray[np.float32]
    cycles: NDArray[np.float64]
    staged: NDArray[np.float64]
    sample: NDArray[np.intp]
    families: list[str]
    total: NDArray[np.float64]

    @property
    def ratio(self) -> NDArray[np.float64]:
        """What regressors learn: the logarithm of truth over what they start from, damped for kernels of no weight."""
        return np.log((self.cycles + FLOOR_CYCLES) / (self.staged + FLOOR_CYCLES))

    @property
    def family(self) -> NDArray[np.str_]:
        """The family of each row's sample."""
        return np.array(self.families)[self.sample]

    def __len__(self) -> int:
        return len(self.cycles)


@dataclass(slots=True, eq=False)
class Units:
    """What can be compared: ``unit`` is the number of each kernel's unit, ``truth_us`` the units' latencies.

    A unit is one kernel, or several that the backend ran together. ``everywhere_us`` belongs to no operation.
    """

    unit: NDArray[np.intp]
    truth_us: NDArray[np.float64]
    everywhere_us: float


def units(graph: Graph, kernels: Sequence[Sequence[int]], measurement: Measurement) -> Units:
    """The units of ``kernels`` (op keys of each, in order of execution) under the measurement.

    What ran of operations that are in no kernel goes to the kernel before."""
    n = len(kernels)
    home = {key: i for i, ops in enumerate(kernels) for key in ops}
    parent = list(range(n))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    before = _before(graph, home)
    everywhere = 0.0
    charged: list[tuple[int, float]] = []
    for row in measurement.rows:
        met = {home[key] for key in row.ops if key in home} or {before[key] for key in row.ops if key in before}
        if not met or not n:
            everywhere += row.latency_us
            continue
        first, *others = sorted(met)
        for other in others:
            parent[root(other)] = root(first)
        charged.append((first, row.latency_us))
    roots, unit = np.unique(np.array([root(i) for i in range(n)], dtype=np.intp), return_inverse=True)
    number = {int(r): k for k, r in enumerate(roots)}
    truth = np.zeros(len(roots))
    for kernel, latency in charged:
        truth[number[root(kernel)]] += latency
    return Units(unit, truth, everywhere)


def shared(graph: Graph, made: Features, measurement: Measurement) -> NDArray[np.float64]:
    """The truth of each kernel in ``made``, in µs: they sum to the measurement's latency. Units are shared out as the
    kernels' staged cycles, and over all kernels the time that belongs to no operation."""
    found = units(graph, made.ops, measurement)
    price = np.maximum(made.staged, 1e-6)
    together = np.bincount(found.unit, price)
    return found.truth_us[found.unit] * price / together[found.unit] + found.everywhere_us * price / price.sum()


def _before(graph: Graph, home: dict[int, int]) -> dict[int, int]:
    """Op key → the kernel at or before it in order of execution; the first kernel where there is none."""
    found: dict[int, int] = {}
    last = 0
    for op in graph.ops:
        last = home.get(op.key, last)
        found[op.key] = last
    return found


def table(measured: Iterable[tuple[Sample, Measurement]], target: Target) -> Table:
    """The training rows of all samples. Of a section those kernels are left out that read what it was given or make
    what leaves it: where targets keep models' inputs and outputs is not where they keep the network's activations."""
    kinds: list[str] = []
    blocks: list[NDArray[np.float32]] = []
    cycles: list[NDArray[np.float64]] = []
    staged: list[NDArray[np.float64]] = []
    sample: list[NDArray[np.intp]] = []
    families: list[str] = []
    totals: list[float] = []
    per_us = target.clock_hz / 1e6
    for one, measurement in measured:
        made = features(one.graph, target)
        if not made.ops:
            continue
        truth = shared(one.graph, made, measurement)
        kept = np.full(len(made.kinds), True)
        if not one.whole:
            kept[0] = False
            for column in _BORDERS:
                kept &= made.matrix[:, column] == 0
        kinds += [kind for kind, use in zip(made.kinds, kept, strict=True) if use]
        blocks.append(made.matrix[kept])
        cycles.append(truth[kept] * per_us)
        staged.append(made.staged[kept])
        sample.append(np.full(int(kept.sum()), len(families), dtype=np.intp))
        families.append(one.family)
        totals.append(measurement.latency_us * per_us)
    return Table(
        np.array(kinds, dtype=np.str_),
        np.concatenate(blocks) if blocks else np.zeros((0, len(NAMES)), np.float32),
        np.concatenate(cycles) if cycles else np.zeros(0),
        np.concatenate(staged) if staged else np.zeros(0),
        np.concatenate(sample) if sample else np.zeros(0, np.intp),
        families,
        np.array(totals),
    )
