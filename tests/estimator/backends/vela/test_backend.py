"""Graphs through Arm's compiler: rows by op, totals, and what cannot be measured."""

from __future__ import annotations

import re

import pytest

from advisor.estimator.backends.vela import VELA
from advisor.estimator.measuring import Measurement, Unmeasurable
from advisor.graph import Graph
from advisor.targets import Target, available, load
from tests.graphs import GraphBuilder, mobilenet_v2

SETUPS = [name for name in available() if load(name).vela is not None]
U55, U85 = load("ethos-u55-128"), load("ethos-u85-1024")

pytestmark = pytest.mark.skipif(not VELA.covers(U55), reason="needs the extra [vela]")


def cycles(measured: Measurement, target: Target, key: int) -> float:
    """Of the row that holds the op."""
    return next(r.latency_us for r in measured.rows if key in r.ops) * target.clock_hz / 1e6


def chain() -> Graph:
    b = GraphBuilder()
    x = b.conv_bn_act(b.input((1, 3, 32, 32)), 16, 3, 2)
    y = b.conv_bn_act(x, 16, 3, fn="hardswish")
    z = b.act(b.add(x, y), "relu")
    return b.build(b.linear(b.flatten(b.global_pool(z)), 10))


@pytest.mark.parametrize("name", SETUPS)
def test_every_setup_estimates_a_network_and_its_rows_are_the_whole(name: str) -> None:
    target, graph = load(name), chain()
    measured = VELA.measure(graph, target)
    assert measured.label == "vendor estimate"
    assert measured.source == VELA.source(target)
    assert sum(r.latency_us for r in measured.rows) == pytest.approx(measured.latency_us)
    assert measured.latency_us > 0
    named = [key for row in measured.rows for key in row.ops]
    assert len(named) == len(set(named)), "an op is in one row"
    assert set(named) <= set(graph.by_key)
    assert measured.peak_bytes is not None and measured.peak_bytes >= 16 * 16 * 16
    assert measured.weights_bytes is not None and measured.weights_bytes > 1000


def test_ops_that_run_as_one_share_a_row_and_views_have_none() -> None:
    graph = chain()
    measured = VELA.measure(graph, U55)
    rows = {key: row.ops for row in measured.rows for key in row.ops}
    kinds = {key: graph.by_key[key].op for key in rows}
    first = next(op.key for op in graph.ops if op.op == "conv")
    assert [kinds[key] for key in rows[first]] == ["conv", "batch_norm", "activation"]
    total = next(op.key for op in graph.ops if op.op == "elementwise")
    assert [kinds[key] for key in rows[total]] == ["elementwise", "activation"]
    assert not any(graph.by_key[key].op == "reshape" for key in rows)


def test_equal_graphs_cost_the_same() -> None:
    assert VELA.measure(chain(), U55) == VELA.measure(chain(), U55)


def test_a_convolution_in_context_climbs_the_staircase_of_its_accelerator() -> None:
    found = {}
    for channels in (16, 20, 32, 36):
        b = GraphBuilder()
        x = b.input((1, channels, 32, 32))
        y = b.conv(b.conv(b.conv(x, channels, 3), channels, 3), channels, 3)
        found[channels] = cycles(VELA.measure(b.build(y), U55), U55, 1)
    assert found[20] == pytest.approx(found[32], rel=0.05), "padded to the same step"
    assert found[20] > 2.5 * found[16]
    assert found[36] > 2 * found[32]


def test_the_memory_mode_is_part_of_the_target() -> None:
    graph = mobilenet_v2(96)
    dedicated, shared = (VELA.measure(graph, load(name)) for name in ("ethos-u85-1024", "ethos-u85-1024-shared"))
    assert shared.latency_us > 1.5 * dedicated.latency_us


def test_an_op_without_a_form_is_named_before_anything_is_compiled() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 32, 32)), 16, 3)
    y = b.op("other", [x], (1, 16, 32, 32), fn="torch.fft.fft")
    with pytest.raises(Unmeasurable) as caught:
        VELA.measure(b.build(b.conv(y, 8)), U55)
    assert list(caught.value.reasons) == [1]
    assert "torch.fft.fft" in caught.value.reasons[1]


def test_the_source_tells_compilers_and_lowerings_apart() -> None:
    assert re.fullmatch(r"ethos-u-vela \d+\.\d+\.\d+, lowering \d+", VELA.source(U55))


def test_what_stays_on_the_cpu_is_named_with_the_compilers_reason(capfd: pytest.CaptureFixture[str]) -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 32, 32)), 16, 3)
    found = b.op("reduce", [b.conv(x, 200)], (1, 32, 32), fn="argmax", dims=[1], keepdim=False)
    with pytest.raises(Unmeasurable) as caught:
        VELA.measure(b.build(found), U55)
    assert list(caught.value.reasons) == [2]
    assert re.search(r"CPU, ARG_?MAX: .*depth", caught.value.reasons[2])
    assert capfd.readouterr().out == "", "what the compiler prints is not the caller's"


def test_an_op_that_the_compiler_fails_on_is_found() -> None:
    b = GraphBuilder()
    x = b.act(b.conv(b.input((1, 3, 64, 64)), 8, 3))
    stem = b.conv(x, 16, 7, stride=4, padding=3)
    with pytest.raises(Unmeasurable, match="Vela failed") as caught:
        VELA.measure(b.build(b.conv(b.act(stem), 8)), U55)
    assert list(caught.value.reasons) == [2, 3], "the convolution, with the activation that it applies"


def test_a_target_of_another_vendor_is_not_covered() -> None:
    assert not VELA.covers(load("npu-64"))
    with pytest.raises(ValueError, match=r"npu-64.*\[vela\]"):
        VELA.measure(chain(), load("npu-64"))
