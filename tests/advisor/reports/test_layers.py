"""Layer rows: what is alive, what is shared, and what a sum of rows is."""

import pytest

from advisor.graph import Span
from advisor.report import ModelReport
from advisor.reports.layers import grouped, relative, rows
from tests.graphs import GraphBuilder

from .samples import report


def model_of(graph):
    return ModelReport("Net", "net.py", "class", Span("net.py", 1, 1, 1, 4), "ok", graph=graph)


def test_a_shared_parameter_counts_at_its_first_reader():
    b = GraphBuilder()
    weight = b.parameter((8, 8))
    x = b.input((1, 8))
    x = b.op("linear", [x], (1, 8), weights={"weight": weight}, path="a")
    b.op("linear", [x], (1, 8), weights={"weight": weight}, path="b")
    assert [r.params for r in rows(model_of(b.build()))] == [64, 0]


def test_memory_reaches_the_totals_and_never_exceeds_them(tmp_path):
    model = report(tmp_path).models[0]
    costs = model.costs["npu-64"]
    table = rows(model)
    assert max(r.live_bytes or 0 for r in table) == costs.peak.bytes > 0
    assert next(r for r in table if r.op.key == costs.peak.op).live_bytes == costs.peak.bytes
    assert table[-1].weights_bytes == costs.weights_bytes
    assert [r.weights_bytes for r in table] == sorted(r.weights_bytes or 0 for r in table)


def test_without_costs_memory_is_unknown():
    b = GraphBuilder()
    b.conv(b.input((1, 3, 8, 8)), 4, 3)
    (row,) = rows(model_of(b.build()))
    assert (row.live_bytes, row.weights_bytes, row.macs) == (None, None, None)


def test_grouping_keeps_the_sums(tmp_path):
    model = report(tmp_path).models[0]
    flat, sums = rows(model), grouped(model, 1)
    assert 0 < len(sums) < len(flat)
    assert sum(r.params for r in sums) == sum(r.params for r in flat)
    assert sum(r.macs or 0 for r in sums) == sum(r.macs or 0 for r in flat)
    us = model.costs["npu-64"].latency_us
    assert sum(r.latency_us["npu-64"] or 0.0 for r in sums) == pytest.approx(us)


def test_a_sum_with_an_unknown_part_is_unknown(tmp_path):
    model = report(tmp_path).models[1]
    assert model.graph is not None
    for op in model.graph.ops:
        op.path = "body." + str(op.key)
    (body,) = grouped(model, 1)
    assert body.macs is None
    assert body.latency_us == {"npu-64": None}


@pytest.mark.parametrize(
    ("file", "expected"),
    [("/repo/a/b.py", "a/b.py"), ("a/b.py", "a/b.py"), ("/elsewhere/b.py", "/elsewhere/b.py")],
)
def test_relative(file, expected):
    assert relative(file, "/repo") == expected
