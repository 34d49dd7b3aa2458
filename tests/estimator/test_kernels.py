"""Decomposition: which ops run as one kernel on which target."""

import pytest

from advisor.estimator.kernels import decompose
from advisor.targets import available, load
from tests.graphs import GraphBuilder, mobilenet_v2

CPU, U55, NPU = load("cpu-x86"), load("ethos-u55-128"), load("npu-64")


def kernels(graph, target=NPU):
    """The operators of each kernel that does work."""
    return [[op.op for op in g.ops] for g in decompose(graph, target).groups if g.role == "work"]


def roles(graph, target=NPU):
    return {g.ops[0].key: g.role for g in decompose(graph, target).groups}


@pytest.mark.parametrize("name", sorted(available()))
def test_every_op_is_in_exactly_one_kernel(name):
    graph = mobilenet_v2()
    keys = [op.key for g in decompose(graph, load(name)).groups for op in g.ops]
    assert sorted(keys) == [op.key for op in graph.ops]


def test_convolution_batch_norm_and_activation_are_one_kernel():
    b = GraphBuilder()
    b.conv_bn_act(b.input((1, 3, 8, 8)), 4)
    assert kernels(b.build()) == [["conv", "batch_norm", "activation"]]


def test_batch_norm_before_a_convolution_stands_alone():
    b = GraphBuilder()
    b.conv(b.act(b.bn(b.input((1, 3, 8, 8)))), 4)
    assert kernels(b.build()) == [["batch_norm"], ["activation"], ["conv"]]


def test_a_value_that_is_read_twice_ends_the_kernel():
    b = GraphBuilder()
    x = b.conv(b.input((1, 4, 8, 8)), 4)
    y = b.act(x)
    b.add(x, y)
    assert kernels(b.build(), U55) == [["conv"], ["activation"], ["elementwise"]]


def test_a_model_output_ends_the_kernel():
    b = GraphBuilder()
    x = b.conv(b.input((1, 4, 8, 8)), 4)
    y = b.act(x)
    assert kernels(b.build(x, y)) == [["conv"], ["activation"]]


def test_the_residual_add_joins_the_convolution_that_comes_last():
    b = GraphBuilder()
    x = b.input((1, 4, 8, 8))
    left, right = b.conv(x, 4), b.conv(x, 4)
    b.add(left, right)
    assert kernels(b.build()) == [["conv"], ["conv", "elementwise"]]
    assert kernels(b.build(), U55) == [["conv"], ["conv"], ["elementwise"]]


def test_an_operand_that_widens_the_result_does_not_fuse():
    b = GraphBuilder()
    x = b.conv(b.input((1, 4, 8, 8)), 4)
    scale = b.conv(b.global_pool(x), 4)
    b.add(scale, x)
    assert kernels(b.build())[-1] == ["elementwise"]


def test_dropout_inside_a_chain_does_not_break_it():
    b = GraphBuilder()
    x = b.conv(b.input((1, 4, 8, 8)), 4)
    b.act(b.op("identity", [x], b.shape(x)))
    assert kernels(b.build()) == [["conv", "identity", "activation"]]


def test_views_are_free_and_share_the_storage_of_their_source():
    b = GraphBuilder()
    x = b.conv(b.input((1, 4, 8, 8)), 4)
    flat = b.flatten(x)
    b.linear(flat, 10)
    plan = decompose(b.build(), NPU)
    assert [g.role for g in plan.groups] == ["work", "free", "work"]
    assert plan.storage == {flat: x}
    assert plan.groups[-1].reads == ((flat, x),)


def test_a_slice_is_free_only_where_the_target_says_so():
    b = GraphBuilder()
    x = b.conv(b.input((1, 4, 8, 8)), 4)
    b.op("slice", [x], (1, 2, 8, 8), index=[None, [0, 2, 1]])
    graph = b.build()
    assert (roles(graph, U55)[1], roles(graph, NPU)[1]) == ("free", "work")


def test_constants_are_folded_and_then_stored_like_weights():
    b = GraphBuilder()
    x = b.input((1, 4, 8, 8))
    table = b.op("activation", [b.parameter((1, 4, 1, 1))], (1, 4, 1, 1), fn="sigmoid")
    b.elementwise("mul", x, table)
    plan = decompose(b.build(), NPU)
    assert [g.role for g in plan.groups] == ["folded", "work"]
    assert plan.groups[1].weights == (table,)


def test_nothing_is_folded_where_the_edges_were_lost():
    b = GraphBuilder()
    b.input((1, 4, 8, 8))
    b.op("conv", [b.parameter((1, 4, 8, 8))], (1, 4, 8, 8))
    assert roles(b.build()) == {0: "work"}


def test_an_unknown_operator_is_said_to_be_unknown():
    b = GraphBuilder()
    b.op("other", [b.input((1, 4))], (1, 4), fn="fft")
    assert roles(b.build()) == {0: "unknown"}
