"""The learned model behind the estimator's interface: re-estimates, intervals, marks, and what it falls back to."""

import math
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.channels import analyse
from advisor.estimator import roofline
from advisor.estimator.learned.features import FLOOR_CYCLES, NAMES, RANGED, features
from advisor.estimator.learned.model import Learned
from advisor.estimator.simulated import Simulated
from advisor.moves import SetWidth
from advisor.targets import Special, load
from tests.estimator.edits import GRAPHS, edits, resize
from tests.graphs import GraphBuilder, mobilenet_v2

from .predictors import random_predictor

TARGET = load("ethos-u85-1024")
PREDICTOR = random_predictor(TARGET)
TARGETS = [TARGET, load("ethos-u55-128"), load("ethos-u65-512"), load("npu-64")]
"""What is worked out of kernels in context differs: placement in a small SRAM, weights fetched ahead, neither."""


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_reestimate_equals_an_estimate(data):
    graph = data.draw(st.sampled_from(sorted(GRAPHS)).map(GRAPHS.__getitem__))
    target = data.draw(st.sampled_from(TARGETS))
    model = Learned(PREDICTOR)
    costs = model.estimate(graph, target)
    for _ in range(2):
        after = data.draw(edits(graph))
        costs = model.restimate(costs, graph, after, target)
        with patch.object(roofline, "_kept", {}):  # no kernel was ever seen
            assert costs == Learned(PREDICTOR).estimate(after, target)
        graph = after


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_another_width_costs_what_its_network_does(target):
    """What a kernel leaves to those behind it changes with its width, and theirs did not."""
    predictor = random_predictor(TARGET, count=60, depth=6)
    around = ("slack", "transfer/slack", "alive_after", "simulated_near", "chain_weights", "staged", "operand_slow")
    predictor.forest.feature[:] = np.resize([NAMES.index(name) for name in around], predictor.forest.feature.shape)
    graph = GRAPHS["mobilenet"]
    model = Learned(predictor)
    costs = model.estimate(graph, target)
    found = [group for group in analyse(graph).groups if not group.pinned][::2]
    assert len(found) > 8
    for group in found:
        after = SetWidth(group.key, group.width + 8 * group.multiple).apply(graph)
        with patch.object(roofline, "_kept", {}):
            assert model.restimate(costs, graph, after, target) == Learned(predictor).estimate(after, target)


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_parts_sum_to_the_whole_and_lie_in_their_intervals(name):
    costs = Learned(PREDICTOR).estimate(GRAPHS[name], TARGET)
    assert (costs.label, costs.basis) == ("predicted", "a test, no truth")
    assert costs.low_us is not None and costs.high_us is not None
    assert costs.low_us < costs.latency_us < costs.high_us
    assert sum(costs.op_latency_us.values()) == pytest.approx(costs.latency_us)
    assert costs.cycles == pytest.approx(costs.latency_us * TARGET.clock_hz / 1e6)
    for kernel in costs.kernels:
        assert not kernel.outside and not kernel.simulated
        if kernel.kind not in ("free", "folded"):
            assert kernel.low_us is not None and kernel.high_us is not None
            assert kernel.low_us <= kernel.latency_us <= kernel.high_us


def test_what_differs_from_the_simulated_model_is_the_latency():
    graph = GRAPHS["tower"]
    learned, simulated = Learned(PREDICTOR).estimate(graph, TARGET), Simulated().estimate(graph, TARGET)
    assert [(k.ops, k.kind, k.macs, k.bytes) for k in learned.kernels] == [
        (k.ops, k.kind, k.macs, k.bytes) for k in simulated.kernels
    ]
    assert (learned.peak, learned.weights_bytes, learned.op_macs) == (
        simulated.peak,
        simulated.weights_bytes,
        simulated.op_macs,
    )
    assert learned.latency_us != simulated.latency_us


def test_a_kernel_costs_its_price_times_the_forests_answer():
    graph = GRAPHS["mobilenet"]
    rows = features(graph, TARGET)
    first = np.array([PREDICTOR.kinds[kind].first for kind in rows.kinds])
    bias = np.array([PREDICTOR.kinds[kind].bias for kind in rows.kinds])
    ratio = PREDICTOR.forest.sums(rows.matrix, first, PREDICTOR.count) + bias
    floor = FLOOR_CYCLES / TARGET.clock_hz * 1e6
    expected = np.maximum((rows.staged / TARGET.clock_hz * 1e6 + floor) * np.exp(ratio) - floor, 0)
    by_ops = {k.ops: k.latency_us for k in Learned(PREDICTOR).estimate(graph, TARGET).kernels}
    assert [by_ops[ops] for ops in rows.ops] == pytest.approx(expected.tolist())


def test_a_kind_without_a_regressor_falls_back_and_says_so():
    graph = GRAPHS["tower"]
    costs = Learned(random_predictor(TARGET, without=("layer_norm",))).estimate(graph, TARGET)
    plain = {k.ops: k for k in Simulated().estimate(graph, TARGET).kernels}
    (fallen,) = [k for k in costs.kernels if k.simulated]
    assert fallen.kind == "layer_norm" and fallen.low_us is None
    assert fallen.latency_us == plain[fallen.ops].latency_us


def test_a_kernel_outside_the_range_of_the_training_is_marked_and_less_certain():
    graph, predictor = mobilenet_v2(64), random_predictor(TARGET)
    within = Learned(PREDICTOR).estimate(graph, TARGET)
    predictor.kinds["depthwise"].high = np.full(len(RANGED), 200, np.float32)
    costs = Learned(predictor).estimate(graph, TARGET)
    outside = {k.ops for k in costs.kernels if k.outside}
    assert outside and all(k.kind == "depthwise" for k in costs.kernels if k.ops in outside)
    for a, b in zip(within.kernels, costs.kernels, strict=True):
        assert a.latency_us == b.latency_us
        if b.outside:
            assert b.high_us is not None and a.high_us is not None and b.high_us > a.high_us
    assert costs.high_us is not None and within.high_us is not None and costs.high_us > within.high_us


def test_what_no_model_can_cost_stays_uncounted():
    b = GraphBuilder()
    graph = b.build(b.conv(b.op("other", [b.input((1, 8, 8, 8))], (1, 8, 8, 8), fn="fold"), 16))
    costs = Learned(PREDICTOR).estimate(graph, TARGET)
    assert costs.uncounted == (0,) and costs.latency_us > 0


def test_the_macs_of_what_is_not_counted_follow_its_size():
    unable = Special("linear", None, None, "", "it has none", "a test")
    target = replace(TARGET, specials=(*TARGET.specials, unable))
    b = GraphBuilder()
    graph = b.build(b.linear(b.act(b.linear(b.input((1, 16)), 32)), 8))
    after = resize(graph, graph.ops[0].outputs[0], 2)
    model = Learned(PREDICTOR)
    costs = model.restimate(model.estimate(graph, target), graph, after, target)
    assert costs.uncounted == (0, 2)
    assert costs == Learned(PREDICTOR).estimate(after, target)
    assert costs.macs == model.estimate(graph, target).macs + 16 * 32


def test_an_empty_model_costs_nothing():
    b = GraphBuilder()
    x = b.input((1, 3, 8, 8))
    costs = Learned(PREDICTOR).estimate(b.build(x), TARGET)
    assert (costs.latency_us, costs.low_us, costs.high_us) == (0, 0, 0)


def test_a_networks_interval_is_relative_to_its_kernels():
    graph = GRAPHS["mobilenet"]
    costs = Learned(PREDICTOR).estimate(graph, TARGET)
    assert costs.low_us is not None and costs.high_us is not None
    width = math.log(costs.high_us / costs.latency_us)
    assert math.log(costs.latency_us / costs.low_us) == pytest.approx(width)
    # all kernels have a spread of 5 %: some of it averages out, what they have in common does not
    assert 0.3 * 0.05 * 1.5 < width < 0.05 * 1.5


@pytest.mark.parametrize("name", ["ethos-u55-128", "ethos-u85-1024", "ethos-u85-1024-shared"])
def test_a_batch_of_images_costs_about_as_many_times_what_one_does(name):
    target = load(name)
    model = Learned(random_predictor(target))

    def latency(batch: int) -> float:
        b = GraphBuilder()
        x = b.input((batch, 16, 56, 56))
        graph = b.build(b.conv(b.conv(x, 64, 3), 32, 1))
        return model.estimate(graph, target).latency_us

    assert type(latency(1)) is float
    assert 8 < latency(32) / latency(1) < 128


@pytest.mark.parametrize("changed", [{"groups": 4}, {"precision": "int16"}])
@pytest.mark.parametrize("joined", ["concat", "mul"])
def test_another_kind_of_kernel_is_placed_anew(joined, changed):
    """What a compiler writes in place, or takes into a layer, depends on the kinds of the kernels around it."""
    b = GraphBuilder()
    x = b.conv(b.input((1, 16, 64, 64)), 32, 3)
    y = b.conv(x, 32, 3)
    both = b.concat([y, b.conv(x, 32, 3)]) if joined == "concat" else b.elementwise("mul", y, x)
    graph = b.build(b.conv(both, 32))
    ops, tensors = list(graph.ops), dict(graph.tensors)
    ops[1] = replace(ops[1], attrs={**ops[1].attrs, **changed})
    key = ops[1].weights["weight"]
    tensors[key] = tensors[key]._replace(shape=(32, 32 // changed.get("groups", 1), 3, 3))
    after = graph.replace(ops=ops, tensors=tensors)
    model = Learned(PREDICTOR)
    assert model.restimate(model.estimate(graph, TARGET), graph, after, TARGET) == Learned(PREDICTOR).estimate(
        after, TARGET
    )
