"""What edits are worth: a moved graph's costs compared with the model's, and whether its finding is settled by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .. import packs
from ..advice.advise import advise
from ..advice.compose import named
from ..advice.places import Sources
from ..costs import Costs, Estimator, gain_error
from ..findings import Finding
from ..graph import Graph
from ..plan import Plan
from ..report import ModelReport
from ..rule import Advice, Look, Rule
from ..targets import Target


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
    """What ``moved`` costs on the plan's target of that name; None where there is no target, or nothing is known of
    what the model costs there."""
    chosen = _target(plan, target)
    return None if chosen is None else price_on(chosen, model, moved)


def price_on(target: Target, model: ModelReport, moved: Graph) -> Price | None:
    """What ``moved`` costs on any target; None where nothing is known of what the model costs there."""
    before = model.costs.get(target.name)
    if before is None or model.graph is None:
        return None
    return Price(before, _estimator(target, before).restimate(before, model.graph, moved, target))


def resolved(
    plan: Plan, model: ModelReport, finding: Finding, layers: frozenset[str], moved: Graph, price: Price
) -> bool:
    """Whether ``moved``, which ``price`` is of, leaves the finding's rule nothing to say of ``layers``."""
    chosen = _target(plan, finding.target)
    rule = next((r for r in packs.rules() if r.code == finding.code), None)
    if chosen is None or rule is None:
        return True
    asked = plan.settings(model, Sources(model.file, model.span))
    about = _About(rule, layers)
    return not advise(moved, chosen, _estimator(chosen, price.before), [about], asked, costs=price.after).findings


class _About(Rule):
    """What a rule says of layers of these names, and nothing else."""

    code = ""

    def __init__(self, rule: Rule, layers: frozenset[str]) -> None:
        self.rule = rule
        self.layers = layers

    def check(self, look: Look) -> Iterator[Advice]:
        for advice in self.rule.check(look):
            told = (look.graph.by_key[key] for key in (advice.layers or (advice.op,)))
            if not self.layers.isdisjoint(named(op) for op in told):
                yield advice


def _target(plan: Plan, name: str | None) -> Target | None:
    return next((t for t in plan.targets if t.name == name), None)


def _estimator(target: Target, costs: Costs) -> Estimator:
    """The cost model that ``costs`` are of."""
    able = packs.estimators_for(target)
    return next((e for e in able if e.label == costs.label), able[0])
