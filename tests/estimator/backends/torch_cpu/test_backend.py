"""The CPU as a backend: rows, what is refused, and nothing loaded before it measures."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from advisor.estimator.backends import backend_for
from advisor.estimator.backends.torch_cpu import BACKEND, timing
from advisor.estimator.measuring import Measurement, Unmeasurable
from advisor.graph import Graph
from advisor.targets import available, load
from tests.graphs import GraphBuilder

CPU = load("cpu")


def network(width: int = 8) -> Graph:
    b = GraphBuilder()
    x = b.conv_bn_act(b.input((1, 3, 16, 16)), width, 3, 2)
    return b.build(b.linear(b.flatten(b.global_pool(x)), 10))


def unknown() -> Graph:
    b = GraphBuilder()
    return b.build(b.op("other", [b.input((1, 8))], (1, 8), fn="somebody.function"))


def test_it_covers_the_targets_that_name_its_runtime() -> None:
    assert [name for name in available() if BACKEND.covers(load(name))] == ["cpu"]
    assert backend_for(CPU) is BACKEND
    assert BACKEND.source(CPU) == f"torch {torch.__version__} eager, one thread, timing 2"


def test_every_op_has_a_row_and_they_sum_to_the_total() -> None:
    graph = network()
    measured = BACKEND.measure(graph, CPU)
    assert measured.label == "measured"
    assert [row.ops for row in measured.rows] == [(op.key,) for op in graph.ops]
    assert all(row.latency_us > 0 for row in measured.rows)
    assert sum(row.latency_us for row in measured.rows) == pytest.approx(measured.latency_us)
    assert measured.weights_bytes == sum(
        t.numel * 4 for t in graph.tensors.values() if t.role in ("parameter", "buffer")
    )


def test_numbers_too_small_to_be_normal_are_zero_while_it_measures_and_only_then(monkeypatch) -> None:
    seen = []

    def interleaved(programs, rounds):
        seen.append(float(torch.tensor(1e-40) * 1))
        return timed(programs, rounds)

    timed = timing.interleaved
    monkeypatch.setattr(timing, "interleaved", interleaved)
    BACKEND.measure(network(), CPU)
    assert seen == [0.0]
    assert float(torch.tensor(1e-40) * 1) > 0


def test_several_graphs_keep_their_order_and_a_bad_one_spoils_nothing() -> None:
    small, bad, large = BACKEND.measure_all([network(4), unknown(), network(256)], CPU, rounds=3)
    assert isinstance(small, Measurement) and isinstance(large, Measurement)
    assert isinstance(bad, Unmeasurable)
    assert small.weights_bytes is not None and large.weights_bytes is not None
    assert small.weights_bytes < large.weights_bytes
    with pytest.raises(Unmeasurable, match=r"somebody\.function"):
        BACKEND.measure(unknown(), CPU)


def test_the_number_of_threads_is_put_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        BACKEND.measure(network(), CPU)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_torch_is_loaded_when_measuring_only() -> None:
    check = (
        "import sys; from advisor.estimator.backends import backends; from advisor.targets import load\n"
        "print([b.covers(load('cpu')) for b in backends() if b.name == 'cpu'], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, cwd="/")
    assert done.stdout.strip() == "[True] False", done.stderr
