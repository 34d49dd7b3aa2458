"""Edited graphs: their indexes are those of a graph made afresh, whatever they were taken over from."""

from __future__ import annotations

import pytest

from advisor.channels import analyse
from advisor.edit import GraphEdit
from advisor.graph import INDEXES, Graph
from advisor.moves import FuseIBN, SetWidth, SwapActivation, UnfuseIBN, find_ibn
from tests.graphs import GraphBuilder, mobilenet_v2


def indexes(graph: Graph) -> dict[str, object]:
    return {name: getattr(graph, name) for name in sorted(INDEXES)}


def afresh(graph: Graph) -> Graph:
    return Graph(graph.ops, graph.tensors, graph.modules, graph.inputs, graph.outputs)


@pytest.mark.parametrize("known", [True, False], ids=["indexed", "not indexed"])
def test_an_edited_graph_is_indexed_as_one_made_afresh(known: bool):
    base = mobilenet_v2(64)
    if known:
        indexes(base)
    ibns = [ibn for ibn in find_ibn(base) if ibn.depthwise is not None]
    graph = base
    for ibn in ibns[:3]:
        assert ibn.depthwise is not None
        graph = FuseIBN(ibn.expand, ibn.depthwise).apply(graph)
        assert indexes(graph) == indexes(afresh(graph))
    graph = UnfuseIBN(ibns[0].expand).apply(graph)
    assert indexes(graph) == indexes(afresh(graph))
    keys = tuple(op.key for op in graph.ops if op.op == "activation" and op.attrs["fn"] == "relu6")
    graph = SwapActivation(keys, "hardswish").apply(graph)
    assert indexes(graph) == indexes(afresh(graph))
    wide = next(g for g in analyse(graph).groups if not g.pinned and g.producers)
    graph = SetWidth(wide.key, 2 * wide.width).apply(graph)
    assert indexes(graph) == indexes(afresh(graph))


def test_removing_an_op_takes_it_out_of_the_indexes():
    b = GraphBuilder()
    x = b.input((1, 8, 4, 4))
    graph = b.build(b.add(b.act(x), x))
    readers = graph.consumers[x]
    assert [op.op for op in readers] == ["activation", "elementwise"]
    edit = GraphEdit(graph)
    edit.bypass(graph.ops[0].key, x)
    moved = edit.finish()
    assert indexes(moved) == indexes(afresh(moved))
    assert [op.op for op in moved.consumers[x]] == ["elementwise"]
    assert [op.op for op in graph.consumers[x]] == ["activation", "elementwise"], "the base is as it was"
