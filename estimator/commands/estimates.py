"""What ``advisor estimate`` tells of one model on one target: predicted costs and ground truth in one plain form.

Unknown is None, never zero. Latencies are in microseconds, sizes in bytes, energy in microjoules per inference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.costs import Costs, Kernel, Label
from advisor.graph import Graph
from advisor.targets import Target

from ..energy import kwh_a_year
from ..measuring import Measurement, Row, Unmeasurable


@dataclass(frozen=True, slots=True)
class Part:
    """Ops (by key) that run as one, and what that costs. ``ops`` is empty for time that belongs to no op."""

    ops: tuple[int, ...]
    kind: str
    latency_us: float
    low_us: float | None = None
    high_us: float | None = None
    bound: str | None = None
    macs: int | None = None
    bytes: int | None = None
    outside: bool = False
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """One model on one target.

    ``truth`` says that a backend was asked and no estimator. ``low_us`` and ``high_us`` are a prediction's 90 %
    interval, ``spread`` the relative interquartile range of what was measured. ``peak_at`` is the key of the op at the
    peak of memory; ``arena_bytes`` and ``staging_bytes`` are as in :class:`advisor.costs.MemoryPeak`.
    ``inferences_a_day`` is how often one user runs the model. ``failure`` says why there are no numbers.
    """

    target: str
    kind: Label
    basis: str
    truth: bool = False
    latency_us: float | None = None
    low_us: float | None = None
    high_us: float | None = None
    spread: float | None = None
    cycles: float | None = None
    peak_memory_bytes: int | None = None
    arena_bytes: int | None = None
    staging_bytes: int | None = None
    peak_at: int | None = None
    weight_bytes: int | None = None
    energy_uj: float | None = None
    inferences_a_day: float = 0.0
    uncounted: tuple[int, ...] = ()
    parts: tuple[Part, ...] = ()
    failure: str | None = None

    @property
    def kwh_a_year(self) -> float | None:
        """Kilowatt hours that a million users draw a year, each with ``inferences_a_day``."""
        return None if self.energy_uj is None else kwh_a_year(self.energy_uj, self.inferences_a_day)


def of_costs(costs: Costs, inferences_a_day: float) -> Estimate:
    """What an estimator says. Where it could cost no operator the latency is unknown, and where no tensor has a shape
    the memory."""
    known = bool(costs.kernels) or not costs.uncounted
    sized = costs.peak.bytes > 0 or not costs.uncounted
    stored = costs.peak.stored_bytes  # a compiler stores more than parameters; backends report all of it
    return Estimate(
        target=costs.target,
        kind=costs.label,
        basis=costs.basis,
        latency_us=costs.latency_us if known else None,
        low_us=costs.low_us if known else None,
        high_us=costs.high_us if known else None,
        cycles=costs.cycles if known else None,
        peak_memory_bytes=costs.peak.bytes if sized else None,
        arena_bytes=costs.peak.arena_bytes if sized else None,
        staging_bytes=costs.peak.staging_bytes if sized else None,
        peak_at=costs.peak.op if sized else None,
        weight_bytes=costs.weights_bytes if stored is None else stored,
        energy_uj=costs.energy_uj if known else None,
        inferences_a_day=inferences_a_day,
        uncounted=costs.uncounted,
        parts=tuple(_predicted(k) for k in costs.kernels),
    )


def _predicted(kernel: Kernel) -> Part:
    return Part(
        kernel.ops,
        kernel.kind,
        kernel.latency_us,
        kernel.low_us,
        kernel.high_us,
        kernel.bound,
        kernel.macs,
        kernel.bytes,
        kernel.outside,
        kernel.simulated,
    )


def of_measurement(measured: Measurement, graph: Graph, target: Target, costs: Costs) -> Estimate:
    """What a backend says. ``costs`` are an estimator's: MACs are theirs, and whether a fast memory only stages
    activations, so that what the backend tells of memory is that memory's.

    Cycles are told of estimates and simulations only: a measured device runs at a clock of its own.
    """
    exact = measured.label != "measured"
    staged = costs.peak.staging_bytes is not None
    return Estimate(
        target=measured.target,
        kind=measured.label,
        basis=measured.source,
        truth=True,
        latency_us=measured.latency_us,
        spread=measured.spread,
        cycles=measured.latency_us * target.clock_hz / 1e6 if exact else None,
        peak_memory_bytes=None if staged else measured.peak_bytes,
        staging_bytes=measured.peak_bytes if staged else None,
        weight_bytes=measured.weights_bytes,
        parts=tuple(_measured(row, graph, costs.op_macs) for row in measured.rows),
    )


def _measured(row: Row, graph: Graph, op_macs: Mapping[int, int]) -> Part:
    counts = [op_macs.get(key) for key in row.ops]
    known = [n for n in counts if n is not None]
    main = max(row.ops, key=lambda key: op_macs.get(key, 0), default=None)
    return Part(
        row.ops,
        "overhead" if main is None else graph.by_key[main].op,
        row.latency_us,
        macs=sum(known) if len(known) == len(counts) else None,
    )


def of_failure(target: str, kind: Label, source: str, error: Unmeasurable) -> Estimate:
    """A graph that the backend could not run; the ops that are at fault are named as uncounted."""
    return Estimate(target, kind, source, True, uncounted=tuple(error.reasons), failure=str(error))


def to_json(estimate: Estimate, graph: Graph) -> dict[str, Any]:
    """The estimate as plain JSON values; ops are named by their path in the model."""
    return {
        "target": estimate.target,
        "kind": estimate.kind,
        "basis": estimate.basis,
        "truth": estimate.truth,
        "latency_us": estimate.latency_us,
        "low_us": estimate.low_us,
        "high_us": estimate.high_us,
        "spread": estimate.spread,
        "cycles": estimate.cycles,
        "peak_memory_bytes": estimate.peak_memory_bytes,
        "arena_bytes": estimate.arena_bytes,
        "staging_bytes": estimate.staging_bytes,
        "peak_memory_at": None if estimate.peak_at is None else graph.by_key[estimate.peak_at].path,
        "weight_bytes": estimate.weight_bytes,
        "energy_uj": estimate.energy_uj,
        "kwh_a_year_of_a_million_users": estimate.kwh_a_year,
        "uncounted": _named(estimate.uncounted, graph),
        "kernels": [_part(part, graph) for part in estimate.parts],
        "failure": estimate.failure,
    }


def _part(part: Part, graph: Graph) -> dict[str, Any]:
    return {
        "ops": _named(part.ops, graph),
        "kind": part.kind,
        "latency_us": part.latency_us,
        "low_us": part.low_us,
        "high_us": part.high_us,
        "bound": part.bound,
        "macs": part.macs,
        "bytes": part.bytes,
        "outside": part.outside,
        "simulated": part.simulated,
    }


def _named(keys: Sequence[int], graph: Graph) -> list[dict[str, str]]:
    return [{"path": op.path, "op": op.op, "function": op.target} for op in (graph.by_key[k] for k in keys)]
