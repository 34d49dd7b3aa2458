"""The first cost model: decomposition, padded roofline and liveness, accumulated into :class:`advisor.costs.Costs`."""

from __future__ import annotations

from advisor.costs import Costs, Label
from advisor.graph import Graph
from advisor.targets import Target

from .plan import Known, Plan, Planner, summarise


class Simulated(Planner):
    """A cost model for every target, from the numbers of its specification."""

    label: Label = "simulated"

    def covers(self, target: Target) -> bool:
        return True

    def cost(self, graph: Graph, target: Target, plan: Plan, before: Known | None) -> tuple[Costs, None]:
        return summarise(target, self.label, plan, plan.priced), None


SIMULATED = Simulated()
