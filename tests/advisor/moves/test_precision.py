"""Layers in another precision: what the move takes along, and what it leaves as it was."""

import pytest

from advisor.equivalence import equivalent
from advisor.graph import pack, unpack
from advisor.moves import MoveError, SetPrecision, from_plain
from advisor.moves.live import surgery_plan
from tests.graphs import GraphBuilder, mobilenet_v2


def precisions(graph):
    return {op.key: p for op in graph.ops if (p := op.attrs.get("precision"))}


def test_norms_and_activations_go_with_their_layer():
    graph = mobilenet_v2(64)
    moved = SetPrecision((3,), "int16").apply(graph)
    assert precisions(moved) == dict.fromkeys((3, 4, 5), "int16")
    conv, act = moved.by_key[3], moved.by_key[5]
    assert moved.tensors[act.outputs[0]].precision == moved.tensors[conv.weights["weight"]].precision == "int16"
    assert precisions(graph) == {} and moved.by_key[6] is graph.by_key[6]


def test_what_others_read_too_is_not_fused_but_views_go_along():
    b = GraphBuilder()
    x = b.conv(b.input((1, 8, 8, 8)), 8)
    y = b.act(x, "relu")
    z = b.reshape(x, (1, 8, 64))
    moved = SetPrecision((0,), "int16").apply(b.build(y, z))
    assert precisions(moved) == dict.fromkeys((0, 2), "int16")


def test_a_layer_can_be_set_back():
    graph = mobilenet_v2(64)
    moved = SetPrecision((3, 6), "int16").apply(graph)
    assert equivalent(moved, graph) != []
    back = SetPrecision((3, 6), "").apply(moved)
    assert equivalent(back, graph) == [] and back.tensors == graph.tensors


def test_what_cannot_be_done_is_said():
    graph = mobilenet_v2(64)
    moved = SetPrecision((3,), "int16").apply(graph)
    with pytest.raises(MoveError, match="in int16 already"):
        SetPrecision((3,), "int16").apply(moved)
    with pytest.raises(MoveError, match="in the precision of the target already"):
        SetPrecision((3,), "").apply(graph)
    with pytest.raises(MoveError, match="no operation 999"):
        SetPrecision((999,), "int16").apply(graph)
    with pytest.raises(MoveError, match="no layer is named"):
        SetPrecision((), "int16").apply(graph)


def test_weights_that_others_read_are_not_taken_along():
    b = GraphBuilder()
    x = b.linear(b.input((1, 8)), 8)
    graph = b.build(b.op("linear", [x], (1, 8), weights=dict(b.ops[0].weights)))
    with pytest.raises(MoveError, match="shares its weights"):
        SetPrecision((0,), "int16").apply(graph)
    assert len(precisions(SetPrecision((0, 1), "int16").apply(graph))) == 2


def test_the_plain_form_keeps_precisions_and_is_as_it_was_without():
    graph = mobilenet_v2(64)
    moved = SetPrecision((3,), "int16").apply(graph)
    assert unpack(pack(moved)).tensors == moved.tensors
    assert all(len(t) == 6 for t in graph.to_plain()["tensors"])
    move = SetPrecision((3, 6), "int16")
    assert from_plain(move.to_plain()) == move


def test_a_live_module_stays_as_it_is():
    graph = mobilenet_v2(64)
    plan = surgery_plan(graph, SetPrecision((0, 3), "int16").apply(graph))
    assert plan == {"layers": {}, "parameters": {}}


def test_it_is_said_in_words():
    graph = mobilenet_v2(64)
    assert SetPrecision((3, 6), "int16").describe(graph) == "run 2 layers in int16"
    assert SetPrecision((3,), "").describe(graph) == "run conv3 in the precision of the target"
    assert SetPrecision((3, 999), "int16").surviving(graph) == SetPrecision((3,), "int16")
