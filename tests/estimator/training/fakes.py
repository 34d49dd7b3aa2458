"""A backend whose truth is a formula of the simulated prices, so that fits have something to find."""

from __future__ import annotations

from advisor.costs import Label
from advisor.estimator import SIMULATED
from advisor.estimator.measuring import Measurement, Row, Unmeasurable
from advisor.graph import Graph
from advisor.targets import Target, load

TARGET = load("npu-64")
FACTORS = {"conv": 1.5, "elementwise": 3.0, "pool": 0.5}


class Formula:
    """Every kernel takes its simulated time times a factor of its kind; resizing is not possible."""

    name = "formula"
    label: Label = "vendor estimate"

    def __init__(self) -> None:
        self.measured = 0

    def covers(self, target: Target) -> bool:
        return True

    def source(self, target: Target) -> str:
        return "formula 1"

    def measure(self, graph: Graph, target: Target) -> Measurement:
        self.measured += 1
        refused = {op.key: "no resizing" for op in graph.ops if op.op == "resize"}
        if refused:
            raise Unmeasurable(refused)
        kernels = SIMULATED.estimate(graph, target).kernels
        rows = tuple(Row(k.ops, k.latency_us * FACTORS.get(k.kind, 1.0)) for k in kernels)
        return Measurement(target.name, self.label, self.source(target), rows, sum(r.latency_us for r in rows))
