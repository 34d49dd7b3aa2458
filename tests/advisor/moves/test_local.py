"""Moves that change one operator or remove some: depthwise, activation, gate, bias, merging."""

from __future__ import annotations

import pytest

from advisor.equivalence import equivalent
from advisor.graph import Graph
from advisor.moves import (
    DepthwiseToStandard,
    MergeLinear,
    MoveError,
    RemoveBias,
    RemoveSE,
    StandardToDepthwise,
    SwapActivation,
    find_mergeable,
    find_redundant_bias,
    find_se,
    from_plain,
    kinds,
)
from tests.advisor import families
from tests.graphs import GraphBuilder


def _keys(graph: Graph, op: str) -> list[int]:
    return [o.key for o in graph.ops if o.op == op]


# ---- depthwise


def _filtered(groups: int, channels: int = 16) -> Graph:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 16, 16)), channels)
    return b.build(b.conv(b.conv(x, channels, 3, groups=groups), 4))


def test_depthwise_and_standard_are_inverse() -> None:
    depthwise, standard = _filtered(16), _filtered(1)
    assert equivalent(DepthwiseToStandard(1).apply(depthwise), standard) == []
    assert equivalent(StandardToDepthwise(1).apply(standard), depthwise) == []
    assert equivalent(StandardToDepthwise(1).apply(_filtered(4)), depthwise) == []


@pytest.mark.parametrize(
    ("move", "reason"),
    [
        (DepthwiseToStandard(2), "not depthwise"),
        (StandardToDepthwise(2), "not as many outputs"),
        (StandardToDepthwise(1), "already"),
        (DepthwiseToStandard(99), "no operation 99"),
    ],
)
def test_depthwise_refusals(move: DepthwiseToStandard | StandardToDepthwise, reason: str) -> None:
    with pytest.raises(MoveError, match=reason):
        move.apply(_filtered(16))


# ---- activation


def test_swapped_activation() -> None:
    def build(fn: str) -> Graph:
        b = GraphBuilder()
        return b.build(b.conv(b.act(b.conv(b.input((1, 3, 8, 8)), 8), fn), 4))

    graph = build("hardswish")
    move = SwapActivation((1,), "relu")
    assert move.describe(graph) == "swap hardswish for relu"
    assert equivalent(move.apply(graph), build("relu")) == []
    assert graph.by_key[1].attrs == {"fn": "hardswish"}


def test_a_swapped_prelu_loses_its_parameters() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 8)
    slope = b.parameter((8,), "act.weight")
    b.op("activation", [x], b.shape(x), weights={"weight": slope}, path="act", fn="prelu")
    moved = SwapActivation((1,), "relu").apply(b.build())
    assert slope not in moved.tensors
    assert moved.by_key[1].weights == {}


@pytest.mark.parametrize(
    ("ops", "fn", "reason"),
    [
        ((1,), "relu", "already"),
        ((1,), "maxout", "not an activation"),
        ((0,), "silu", "not a activation"),
        ((), "silu", "no activation"),
    ],
)
def test_activation_refusals(ops: tuple[int, ...], fn: str, reason: str) -> None:
    b = GraphBuilder()
    b.act(b.conv(b.input((1, 3, 8, 8)), 8), "relu")
    with pytest.raises(MoveError, match=reason):
        SwapActivation(ops, fn).apply(b.build())


# ---- squeeze and excite


def test_removed_gates_leave_the_network_without_them() -> None:
    graph = families.mobilenet(se=8)
    gates = find_se(graph)
    assert len(gates) == 2
    for gate in gates:
        graph = RemoveSE(gate.gate).apply(graph)
        graph.check()
    assert equivalent(graph, families.mobilenet()) == []


def test_a_gate_of_another_tensor_is_no_squeeze_and_excite() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 8)
    y = b.conv(x, 8)
    g = b.act(b.conv(b.global_pool(y), 8), "sigmoid")
    product = b.elementwise("mul", x, g)
    graph = b.build(b.add(product, y))
    assert find_se(graph) == []
    with pytest.raises(MoveError, match="not the product"):
        RemoveSE(b.ops[-2].key).apply(graph)


def test_a_gate_read_elsewhere_stays() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 8)
    g = b.act(b.conv(b.global_pool(x), 8), "sigmoid")
    assert find_se(b.build(b.elementwise("mul", x, g), g)) == []


# ---- merging


def test_merged_linears() -> None:
    b = GraphBuilder()
    x = b.linear(b.input((1, 32)), 64)
    graph = b.build(b.linear(x, 16, bias=False))
    assert find_mergeable(graph) == [(0, 1)]
    direct = GraphBuilder()
    expected = direct.build(direct.linear(direct.input((1, 32)), 16))
    assert equivalent(MergeLinear(0, 1).apply(graph), expected) == []


def test_merged_convolutions_keep_the_first_geometry() -> None:
    b = GraphBuilder()
    x = b.bn(b.conv(b.input((1, 3, 16, 16)), 8, 3, stride=2))
    graph = b.build(b.act(b.conv(x, 24)))
    assert find_mergeable(graph) == [(0, 2)]
    direct = GraphBuilder()
    expected = direct.build(direct.act(direct.conv(direct.input((1, 3, 16, 16)), 24, 3, stride=2, bias=True)))
    moved = MergeLinear(0, 2).apply(graph)
    moved.check()
    assert equivalent(moved, expected) == []


def test_a_norm_after_the_merged_convolution_takes_the_constant() -> None:
    b = GraphBuilder()
    graph = b.build(b.bn(b.conv(b.bn(b.conv(b.input((1, 3, 16, 16)), 8)), 24)))
    moved = MergeLinear(0, 2).apply(graph)
    assert find_redundant_bias(moved) == []
    assert [sorted(op.weights) for op in moved.ops if op.op == "conv"] == [["weight"]]


def test_nothing_merges_across_a_nonlinearity_or_a_second_reader() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 16, 16)), 8)
    y = b.conv(b.act(x), 8)
    b.build(b.add(b.conv(y, 8), y))
    graph = b.build()
    assert find_mergeable(graph) == []
    with pytest.raises(MoveError, match="not adjacent"):
        MergeLinear(0, 2).apply(graph)


# ---- bias


def test_a_bias_before_batch_norm_is_redundant() -> None:
    def build(bias: bool) -> Graph:
        b = GraphBuilder()
        x = b.bn(b.conv(b.input((1, 3, 8, 8)), 8, 3, bias=bias))
        return b.build(b.conv(b.act(x), 4, bias=True))

    graph = build(True)
    assert find_redundant_bias(graph) == [0]
    moved = RemoveBias(0).apply(graph)
    assert equivalent(moved, build(False)) == []
    assert len(moved.tensors) == len(graph.tensors) - 1
    with pytest.raises(MoveError, match="no normalisation"):
        RemoveBias(3).apply(graph)
    with pytest.raises(MoveError, match="has no bias"):
        RemoveBias(0).apply(moved)


# ---- the registry


def test_every_kind_reads_its_plain_form_back() -> None:
    moves = [DepthwiseToStandard(1), SwapActivation((1, 2), "relu"), MergeLinear(0, 1), RemoveBias(3), RemoveSE(4)]
    for move in moves:
        assert from_plain(move.to_plain()) == move
    assert len(kinds()) == 14
    with pytest.raises(MoveError, match="unknown move 'nonsense'"):
        from_plain({"kind": "nonsense"})
    with pytest.raises(MoveError, match="malformed"):
        from_plain({"kind": "remove_se", "gates": 3})
