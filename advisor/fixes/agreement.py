"""Whether what edits do to several models, on several targets, is a gain: what one gains by, another may lose by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple

from ..graph import Graph
from ..plan import Plan
from ..report import ModelReport
from .prices import Price, price
from .proposal import Unfixable

ROUNDING = 1e-6
"""Percent below which two latencies are one: sums of the same kernels in another order."""


class Slowdown(NamedTuple):
    """By how many percent of its latency a model becomes slower on a target; negative where it is faster."""

    model: str
    target: str
    percent: float


def slowdowns(plan: Plan, changed: Iterable[tuple[ModelReport, Graph]]) -> list[Slowdown]:
    """What models that become other graphs lose, on each target of the plan that they have costs on. Raises
    :class:`.proposal.Unfixable` where one of them is not known."""
    found: list[Slowdown] = []
    for model, graph in changed:
        for name in model.costs:
            worth = _price(plan, model, graph, name)
            if worth is not None and worth.before.latency_us:
                percent = 100 * (worth.after.latency_us / worth.before.latency_us - 1)
                found.append(Slowdown(model.name, name, percent if abs(percent) > ROUNDING else 0.0))
    return found


def _price(plan: Plan, model: ModelReport, graph: Graph, target: str) -> Price | None:
    """A cost model may be a third party's, and nobody has seen all graphs: what raises costs this fix only."""
    try:
        return price(plan, model, graph, target)
    except Exception as e:
        raised = f"the cost model of {target} raised {type(e).__name__}: {e}"
        raise Unfixable(f"what {model.name} would cost with it is not known: {raised}") from e


def disagreement(changes: Sequence[Slowdown]) -> str:
    """Who gains, who loses and how much, where some gain and all together do not: their latencies multiplied, which
    counts a percent of each alike, are no less than before. Empty otherwise."""
    worst = max(changes, key=lambda change: change.percent, default=None)
    best = min(changes, key=lambda change: change.percent, default=None)
    if worst is None or best is None or not best.percent < 0 < worst.percent:
        return ""
    if prod(1 + change.percent / 100 for change in changes) < 1:
        return ""
    models = len({change.model for change in changes}) > 1
    targets = len({change.target for change in changes}) > 1
    who = "models" if models else "targets"

    def named(change: Slowdown) -> str:
        if not models:
            return change.target
        return f"{change.model} on {change.target}" if targets else change.model

    faster = f"{named(best)} would be {-best.percent:.1f} % faster"
    return f"the {who} disagree: {faster} and {named(worst)} {worst.percent:.1f} % slower"
