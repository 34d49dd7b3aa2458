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
from advisor.graph import Graph, Op
from advisor.moves import SwapActivation
from advisor.targets import available, load
from tests.graphs import GraphBuilder, mobilenet_v2

TARGETS = [load(name) for name in sorted(available())]


def tower() -> Graph:
    """Every kind of edge: residuals, squeeze and excite, concat, views, attention, a shared weight."""
    b = GraphBuilder()
    x = b.conv_bn_act(b.input((1, 3, 32, 32)), 16, 3, 2)
    x = b.inverted_bottleneck(x, 16)
    x = b.inverted_bottleneck(x, 24, stride=2)
    gate = b.act(b.conv(b.act(b.conv(b.global_pool(x), 8)), 24), "sigmoid")
    x = b.elementwise("mul", x, gate)
    y = b.act(b.conv(x, 24, 3), "hardswish")
    x = b.concat([x, y])
    left, right = b.split(x, [24, 24])
    x = b.add(left, right)
    x = b.permute(b.reshape(x, (1, 24, 64)), (0, 2, 1))
    x = b.add(x, b.attention(b.linear(x, 24), b.linear(x, 24), b.linear(x, 24)))
    x = b.layer_norm(x)
    shared = b.ops[-4].weights
    x = b.op("linear", [x], b.shape(x), weights=dict(shared), path="shared")
    return b.build(b.linear(b.op("reduce", [x], (1, 24), fn="mean", dims=[1], keepdim=False), 10))


GRAPHS = {"tower": tower(), "mobilenet": mobilenet_v2(64)}


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
    assert costs.weights_bytes == costs.params


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


def resize(graph: Graph, tensor: int, factor: int) -> Graph:
    """One tensor scaled in one dimension: no valid model, but a valid question to a cost model."""
    old = graph.tensors[tensor]
    at = min(1, len(old.shape) - 1)
    shape = tuple(d * factor if i == at else d for i, d in enumerate(old.shape))
    return graph.replace(tensors={**graph.tensors, tensor: old._replace(shape=shape)})


def swap(graph: Graph, position: int, fn: str) -> Graph:
    """Another function for an activation or element-wise op, or stride attributes of its own for anything else."""
    op = graph.ops[position]
    ops = list(graph.ops)
    attrs = {**op.attrs, "fn": fn} if op.op in ("activation", "elementwise") else dict(op.attrs)
    ops[position] = replace(op, attrs=attrs)
    return graph.replace(ops=ops)


def bypass(graph: Graph, position: int) -> Graph:
    """An op taken out, its readers reading its first input; the graph itself where that op has several outputs."""
    op = graph.ops[position]
    if len(op.outputs) != 1 or not op.inputs:
        return graph
    (old,), new = op.outputs, op.inputs[0]

    def renamed(ids):
        return tuple(new if t == old else t for t in ids)

    ops = [replace(o, inputs=renamed(o.inputs)) if old in o.inputs else o for o in graph.ops if o is not op]
    return graph.replace(ops=ops, outputs=renamed(graph.outputs))


def insert(graph: Graph, position: int) -> Graph:
    """An activation behind an op of one output, read by all that read the op's."""
    op = graph.ops[position]
    if len(op.outputs) != 1:
        return graph
    (old,), new = op.outputs, max(graph.tensors) + 1
    added = Op(max(graph.by_key) + 1, "activation", "relu", {"fn": "relu"}, (old,), (new,))

    def renamed(ids):
        return tuple(new if t == old else t for t in ids)

    ops = [replace(o, inputs=renamed(o.inputs)) if old in o.inputs else o for o in graph.ops]
    ops.insert(position + 1, added)
    tensors = {**graph.tensors, new: graph.tensors[old]}
    return graph.replace(ops=ops, tensors=tensors, outputs=renamed(graph.outputs))


def cut(graph: Graph, position: int) -> Graph:
    """An op that reads nothing any more: it becomes a constant, and so may what follows."""
    ops = list(graph.ops)
    ops[position] = replace(ops[position], op="create", attrs={"fn": "zeros"}, inputs=(), weights={})
    return graph.replace(ops=ops)


def turn(graph: Graph, position: int) -> Graph:
    """An op becomes unknown to every cost model."""
    ops = list(graph.ops)
    ops[position] = replace(ops[position], op="other", attrs={"fn": "x"})
    return graph.replace(ops=ops)


@st.composite
def edits(draw, graph: Graph) -> Graph:
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["resize", "resize", "swap", "bypass", "insert", "cut", "turn", "keep"]))
        position = draw(st.integers(0, len(graph.ops) - 1))
        if kind == "resize":
            graph = resize(graph, draw(st.sampled_from(sorted(graph.tensors))), draw(st.integers(2, 5)))
        elif kind == "swap":
            graph = swap(graph, position, draw(st.sampled_from(["relu", "hardswish", "sigmoid", "add", "mul"])))
        elif kind == "bypass":
            graph = bypass(graph, position)
        elif kind == "insert":
            graph = insert(graph, position)
        elif kind == "cut":
            graph = cut(graph, position)
        elif kind == "turn":
            graph = turn(graph, position)
    return graph


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_reestimate_equals_an_estimate(data):
    before = data.draw(st.sampled_from(sorted(GRAPHS)).map(GRAPHS.__getitem__))
    target = data.draw(st.sampled_from(TARGETS))
    after = data.draw(edits(before))
    model = Simulated()
    again = model.restimate(model.estimate(before, target), before, after, target)
    assert again == Simulated().estimate(after, target)


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
        assert costs == Simulated().estimate(after, target)
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
    graph, target = b.build(), load("ethos-u55-128")
    moved = SwapActivation((2,), after).apply(graph)
    again = Simulated().restimate(Simulated().estimate(graph, target), graph, moved, target)
    assert again == Simulated().estimate(moved, target)
    assert again.uncounted == ((2,) if after == "mish" else ())
