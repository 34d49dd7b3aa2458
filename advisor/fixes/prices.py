"""What edits are worth: a moved graph's costs, and how they compare with the model's."""

from __future__ import annotations

from dataclasses import dataclass

from .. import packs
from ..costs import Costs, gain_error
from ..graph import Graph
from ..plan import Plan
from ..report import ModelReport


@dataclass(frozen=True, slots=True)
class Price:
    """``before`` and ``after`` are a model's costs on one target."""

    before: Costs
    after: Costs

    @property
    def gain_us(self) -> float:
        """Positive when it becomes faster."""
        return self.before.latency_us - self.after.latency_us

    @property
    def gain_percent(self) -> float:
        """Of the model's latency."""
        return 100 * self.gain_us / self.before.latency_us if self.before.latency_us else 0.0

    @property
    def error_us(self) -> float | None:
        """As :func:`advisor.costs.gain_error` has it."""
        return gain_error(self.before, self.after)


def price(plan: Plan, model: ModelReport, moved: Graph, target: str | None) -> Price | None:
    """What ``moved`` costs on ``target``; None where there is no target, or nothing is known of what the model costs
    there."""
    before = model.costs.get(target or "")
    chosen = next((t for t in plan.targets if t.name == target), None)
    if before is None or chosen is None or model.graph is None:
        return None
    able = packs.estimators_for(chosen)
    estimator = next((e for e in able if e.label == before.label), able[0])
    return Price(before, estimator.restimate(before, model.graph, moved, chosen))
