"""Gains of some models and targets against losses of others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.fixes.agreement import Slowdown, disagreement, slowdowns
from advisor.fixes.proposal import Unfixable
from advisor.graph import Graph, Span
from advisor.plan import Plan, Plans
from advisor.report import ModelReport
from tests.graphs import GraphBuilder


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([], ""),
        ([("A", "t", -3.0)], ""),
        ([("A", "t", 3.0)], ""),  # nobody gains: whether that is wanted is another question
        ([("A", "t", -3.0), ("A", "u", 2.0)], ""),
        ([("A", "t", -3.0), ("A", "u", 4.0)], "the targets disagree: t would be 3.0 % faster and u 4.0 % slower"),
        ([("A", "t", -3.0), ("B", "t", 4.0)], "the models disagree: A would be 3.0 % faster and B 4.0 % slower"),
        (
            [("A", "t", -3.0), ("B", "t", 2.0), ("C", "t", 1.5)],
            "the models disagree: A would be 3.0 % faster and B 2.0 % slower",
        ),
        (
            [("A", "t", -3.0), ("B", "u", 4.0)],
            "the models disagree: A on t would be 3.0 % faster and B on u 4.0 % slower",
        ),
    ],
)
def test_who_gains_and_who_loses(changes, said):
    assert disagreement([Slowdown(*change) for change in changes]) == said


def _graph() -> Graph:
    b = GraphBuilder()
    return b.build(b.conv(b.input((1, 3, 64, 64)), 64, 3))


@pytest.fixture
def priced(tmp_path) -> tuple[Plan, ModelReport]:
    plan = Plans({"targets": ["ethos-u85-1024"]}).of(tmp_path)
    model = ModelReport("Net", "net.py", "class", Span("net.py", 1, 1, 1, 1), "ok", graph=_graph())
    plan.advise(model)
    return plan, model


def test_the_same_sum_in_another_order_is_no_change(priced):
    plan, model = priced
    (costs,) = model.costs.values()
    model.costs = {"ethos-u85-1024": replace(costs, latency_us=costs.latency_us * (1 + 1e-12))}
    assert slowdowns(plan, [(model, _graph())]) == [Slowdown("Net", "ethos-u85-1024", 0.0)]


def test_a_cost_model_that_raises_is_named(priced, monkeypatch):
    def raising(*_):
        raise ArithmeticError("no such layer")

    monkeypatch.setattr("advisor.fixes.agreement.price", raising)
    with pytest.raises(Unfixable, match="what Net would cost with it is not known: the cost model of ethos"):
        slowdowns(priced[0], [(priced[1], _graph())])
