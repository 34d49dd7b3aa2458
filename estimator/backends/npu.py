"""Ground truth for accelerators that exist as a specification only: the tile-level simulation of their TOML."""

from __future__ import annotations

from advisor.costs import Label
from advisor.graph import Graph
from advisor.targets import Target

from ..measuring import Measurement, Row
from ..npu import VERSION, simulate


class Npu:
    """Targets that say how their array is tiled, and have no vendor's compiler to ask."""

    name = "npu"
    label: Label = "simulated"

    def covers(self, target: Target) -> bool:
        return target.array is not None and target.vela is None

    def source(self, target: Target) -> str:
        return f"tile-level simulation {VERSION}"

    def measure(self, graph: Graph, target: Target) -> Measurement:
        """A row a kernel. Raises :class:`advisor.estimator.measuring.Unmeasurable`, which names each op and why."""
        simulated = simulate(graph, target)
        us = 1e6 / target.clock_hz
        rows = tuple(Row(step.ops, step.cycles * us) for step in simulated.steps)
        return Measurement(
            target=target.name,
            label=self.label,
            source=self.source(target),
            rows=rows,
            latency_us=sum(row.latency_us for row in rows),
            peak_bytes=simulated.peak_bytes,
            weights_bytes=simulated.weights_bytes,
        )


BACKEND = Npu()
