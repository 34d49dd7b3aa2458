"""Batch norms folded into the layers before them."""

from __future__ import annotations

from advisor.estimator.backends.folding import folded
from tests.graphs import GraphBuilder, mobilenet_v2


def test_every_norm_behind_a_convolution_is_taken_in() -> None:
    graph = mobilenet_v2()
    after, rows = folded(graph)
    after.check()
    assert {op.op for op in graph.ops} - {op.op for op in after.ops} == {"batch_norm"}
    assert all(graph.by_key[a].op == "conv" and graph.by_key[b].op == "batch_norm" for a, b in rows.values())
    assert len(rows) == sum(op.op == "batch_norm" for op in graph.ops)
    assert all("bias" in op.weights for op in after.ops if op.key in rows)
    assert after.outputs == graph.outputs


def test_a_result_that_somebody_else_reads_keeps_its_norm() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 4, 3)
    both = b.build(b.add(b.bn(x), x))
    assert folded(both)[1] == {}
    c = GraphBuilder()
    y = c.conv(c.input((1, 3, 8, 8)), 4, 3)
    assert folded(c.build(c.bn(y), y))[1] == {}


def test_a_norm_behind_something_else_stays() -> None:
    b = GraphBuilder()
    x = b.act(b.conv(b.input((1, 3, 8, 8)), 4, 3))
    graph = b.build(b.bn(x))
    after, rows = folded(graph)
    assert rows == {}
    assert after.ops == graph.ops
