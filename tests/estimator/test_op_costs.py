"""Operators that the cost models do not know get a price by one entry point of the group ``advisor.op_costs``."""

import logging

import pytest

from advisor import packs
from advisor.costs import OpCost
from advisor.estimator.learned.model import Learned
from advisor.estimator.simulated import Simulated
from advisor.graph import Graph
from advisor.targets import Target, load
from tests.estimator.learned.predictors import random_predictor
from tests.graphs import GraphBuilder

TARGET = load("ethos-u55-128")


@pytest.fixture
def handlers(monkeypatch):
    """Installs (name, handler) pairs as if their packages announced them."""

    def install(*pairs):
        monkeypatch.setattr(packs, "_op_costs", lambda: pairs)

    return install


def model() -> Graph:
    """A convolution, an operator that nobody knows, another convolution."""
    b = GraphBuilder()
    x = b.op("other", [b.conv(b.input((1, 8, 8, 8)), 16)], (1, 16, 8, 8), fn="mylib.warp", target="mylib.warp")
    return b.build(b.conv(x, 16))


def warp(graph, op, target):
    return OpCost(5000, 2048, 77) if op.attrs.get("fn") == "mylib.warp" else None


def test_a_handler_gives_the_price_the_traffic_and_the_macs(handlers):
    graph = model()
    before = Simulated().estimate(graph, TARGET)
    assert before.uncounted == (1,)
    handlers(("mylib", warp))
    costs = Simulated().estimate(graph, TARGET)
    (kernel,) = [k for k in costs.kernels if k.ops == (1,)]
    assert kernel.latency_us == pytest.approx(5000 / TARGET.clock_hz * 1e6 + TARGET.overhead_us)
    assert (kernel.kind, kernel.bytes, kernel.macs, costs.uncounted) == ("other", 2048, 77, ())
    assert costs.latency_us == pytest.approx(before.latency_us + kernel.latency_us)
    assert costs.op_macs[1] == 77


def test_two_numbers_are_enough(handlers):
    handlers(("mylib", lambda graph, op, target: (100.0, 10)))
    (kernel,) = [k for k in Simulated().estimate(model(), TARGET).kernels if k.ops == (1,)]
    assert (kernel.bytes, kernel.macs) == (10, 0)


def test_the_next_one_is_asked_where_one_does_not_know(handlers):
    handlers(("a", lambda graph, op, target: None), ("b", warp))
    assert Simulated().estimate(model(), TARGET).uncounted == ()


def test_one_that_raises_knows_nothing_and_is_named(handlers, caplog):
    def broken(graph, op, target):
        raise KeyError("size")

    handlers(("broken", broken))
    with caplog.at_level(logging.WARNING):
        assert Simulated().estimate(model(), TARGET).uncounted == (1,)
    assert "advisor.op_costs 'broken' raised KeyError on mylib.warp" in caplog.text


def test_an_operator_that_the_target_does_not_support_can_be_priced(handlers):
    def gather(graph, op, target: Target):
        return (7.0, 1) if op.op == "local_response_norm" else None

    b = GraphBuilder()
    graph = b.build(b.op("local_response_norm", [b.input((1, 8, 4, 4))], (1, 8, 4, 4), size=5))
    assert Simulated().estimate(graph, TARGET).uncounted == (0,)
    handlers(("host", gather))
    assert Simulated().estimate(graph, TARGET).uncounted == ()


def test_the_learned_model_takes_the_price_and_says_that_it_is_not_learned(handlers):
    handlers(("mylib", warp))
    costs = Learned(random_predictor(TARGET)).estimate(model(), TARGET)
    assert [k.ops for k in costs.kernels if k.simulated] == [(1,)]
    assert costs.high_us is not None and costs.high_us > costs.latency_us
