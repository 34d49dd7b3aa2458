"""The estimator's interface: sums, labels, and re-estimates equal to estimates made afresh."""

import gc
from dataclasses import replace
from weakref import ref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimator import SIMULATED
from advisor.estimator import plan as module
from advisor.estimator.simulated import Simulated
from advisor.moves import SwapActivation
from advisor.targets import Special, available, load
from tests.graphs import GraphBuilder, mobilenet_v2

from .edits import GRAPHS, bypass, edits, resize

TARGETS = [load(name) for name in sorted(available())]


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_the_parts_sum_to_the_whole(name, target):
    graph = GRAPHS[name]
    costs = Simulated().estimate(graph, target)
    assert (costs.target, costs.label, costs.uncounted) == (target.name, "simulated", ())
    assert sum(k.latency_us for k in costs.kernels) == costs.latency_us
    assert sum(costs.op_latency_us.values()) == pytest.approx(costs.latency_us)
    assert all(us >= 0 for us in costs.op_latency_us.values())
    assert sum(costs.op_macs.values()) == costs.macs == sum(k.macs for k in costs.kernels)
    assert sorted(costs.op_latency_us) == [op.key for op in graph.ops]
    assert costs.traffic_bytes == sum(k.bytes for k in costs.kernels)


def test_mobilenet_v2_has_the_published_size():
    # arXiv 1801.04381, table 4: 3.4 M parameters, 300 M multiply-adds
    costs = SIMULATED.estimate(mobilenet_v2(), load("npu-64"))
    assert (costs.macs, costs.params) == (300_774_272, 3_504_872)


def test_a_shared_parameter_counts_once():
    b = GraphBuilder()
    x = b.linear(b.input((1, 8)), 8, bias=False)
    graph = b.build(b.op("linear", [x], (1, 8), weights=dict(b.ops[0].weights)))
    assert Simulated().estimate(graph, load("npu-64")).params == 64


def test_work_on_constants_counts_as_macs_but_takes_no_time():
    b = GraphBuilder()
    x = b.input((1, 8, 8))
    table = b.matmul(b.parameter((1, 8, 16)), b.parameter((1, 16, 8)))
    b.add(x, table)
    costs = Simulated().estimate(b.build(), load("npu-64"))
    assert costs.op_latency_us[0] == 0 and costs.op_macs[0] == 8 * 16 * 8


# ---- re-estimates


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_reestimate_equals_an_estimate(data):
    before = data.draw(st.sampled_from(sorted(GRAPHS)).map(GRAPHS.__getitem__))
    target = data.draw(st.sampled_from(TARGETS))
    after = data.draw(edits(before))
    model = Simulated()
    again = model.restimate(model.estimate(before, target), before, after, target)
    fresh = Simulated().estimate(after, target)
    assert again == fresh and again.peak == fresh.peak


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_reestimates_can_be_chained(data):
    target = data.draw(st.sampled_from(TARGETS))
    model = Simulated()
    graph = GRAPHS["tower"]
    costs = model.estimate(graph, target)
    for _ in range(3):
        after = data.draw(edits(graph))
        costs = model.restimate(costs, graph, after, target)
        fresh = Simulated().estimate(after, target)
        assert costs == fresh and costs.peak == fresh.peak
        graph = after


def test_only_kernels_that_changed_are_costed_again(monkeypatch):
    before, target = mobilenet_v2(64), load("ethos-u85-1024")
    model = Simulated()
    base = model.estimate(before, target)
    seen = []
    real = module.price
    monkeypatch.setattr(module, "price", lambda graph, group, target: seen.append(group) or real(graph, group, target))
    made = before.ops[3].outputs[0]
    model.restimate(base, before, resize(before, made, 2), target)
    assert 0 < len(seen) <= 2
    model.restimate(base, before, bypass(before, 5), target)
    assert len(seen) <= 2 + 4


def test_an_estimated_graph_is_not_kept_alive():
    model = Simulated()
    graph = mobilenet_v2(64)
    model.estimate(graph, TARGETS[0])
    seen = ref(graph)
    del graph
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize(("before", "after"), [("relu6", "mish"), ("mish", "relu6")])
def test_a_swap_to_or_from_a_function_without_a_rate_is_restimated_as_estimated(before, after):
    b = GraphBuilder()
    b.conv(b.conv_bn_act(b.input((1, 3, 16, 16)), 16, fn=before), 16)
    graph, known = b.build(), load("ethos-u55-128")
    rateless = Special("activation", "mish", None, "relu6", "none", "test")
    target = replace(known, specials=(*known.specials, rateless))
    moved = SwapActivation((2,), after).apply(graph)
    again = Simulated().restimate(Simulated().estimate(graph, target), graph, moved, target)
    assert again == Simulated().estimate(moved, target)
    assert again.uncounted == ((2,) if after == "mish" else ())
