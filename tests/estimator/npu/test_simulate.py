"""The tile-level simulation: what must hold of any specification."""

from pathlib import Path

import pytest

from advisor.estimator.backends.npu import BACKEND
from advisor.estimator.measuring import Unmeasurable
from advisor.estimator.npu import Simulation, simulate
from advisor.graph import Graph
from advisor.targets import Target, load
from tests.graphs import GraphBuilder, mobilenet_v2


@pytest.fixture(scope="module")
def npu() -> Target:
    return load("npu-64")


@pytest.fixture
def changed(tmp_path: Path):
    """The generic NPU with other values."""

    def make(text: str, name: str = "mine") -> Target:
        path = tmp_path / f"{name}.toml"
        path.write_text(f'inherits = "npu-64"\ndescription = "mine"\n{text}\n', encoding="utf-8")
        return load(path)

    return make


def convolution(channels: int, size: int = 32, kernel: int = 3, out: int | None = None) -> Graph:
    b = GraphBuilder()
    return b.build(b.conv(b.input((1, channels, size, size)), out or channels, kernel))


def cycles(graph: Graph, target: Target) -> float:
    return simulate(graph, target).cycles


def test_no_kernel_is_quicker_than_its_array_port_and_memories_allow(npu):
    for step in simulate(mobilenet_v2(), npu).steps:
        assert step.cycles >= max(step.array, step.port)
        assert all(step.cycles >= busy * 0.999 for name, busy in step.memory.items() if name == "sram")


def test_the_array_is_busy_at_least_as_long_as_its_macs_need_when_full(npu):
    for step in simulate(mobilenet_v2(), npu).steps:
        for engine, macs in step.macs.items():
            assert step.array >= macs / npu.engines[engine].macs_per_cycle * 0.999


def test_channels_step_where_the_array_ends(npu):
    at = {c: cycles(convolution(c), npu) for c in (33, 48, 64, 65, 72)}
    assert at[33] == pytest.approx(at[64], rel=0.02)
    assert at[65] > 1.5 * at[64]
    assert at[72] == pytest.approx(at[65], rel=0.02)


def test_double_buffering_hides_transfers(npu, changed):
    alone = changed("[array]\ndouble_buffered = false")
    assert cycles(mobilenet_v2(), alone) > 1.05 * cycles(mobilenet_v2(), npu)


def test_small_buffers_fetch_again(npu, changed):
    small = changed("[array]\nbuffer_bytes = 2048\nweight_bytes = 4096\naccumulators = 1024")
    graph = convolution(256, 56)

    def moved(s: Simulation) -> int:
        return sum(sum(step.bytes.values()) for step in s.steps)

    assert moved(simulate(graph, small)) > 2 * moved(simulate(graph, npu))


def test_weights_are_fetched_behind_the_kernel_before(npu, changed):
    b = GraphBuilder()
    x = b.conv(b.input((1, 64, 64, 64)), 64, 3)
    graph = b.build(b.conv(b.conv(x, 512, 1, 8), 512, 3))
    waiting = simulate(graph, changed("[array]\nprefetch = false")).steps
    ahead = simulate(graph, npu).steps
    assert ahead[1].cycles < waiting[1].cycles


def test_activations_go_to_the_slow_memory_only_where_the_fast_one_is_full(npu, changed):
    graph = convolution(64, 64)
    roomy = simulate(graph, npu).steps[0]
    assert roomy.bytes["sram"] >= 2 * 64 * 64 * 64
    full = simulate(graph, changed(MEMORIES.format(sram=300_000))).steps[0]
    assert full.bytes["dram"] > roomy.bytes["dram"] + 64 * 64 * 64 - 1
    assert full.cycles > roomy.cycles


MEMORIES = """
[[memory]]
name = "sram"
bytes = {sram}
bytes_per_s = 128e9
roles = ["activations"]
latency_cycles = 4

[[memory]]
name = "dram"
bytes_per_s = 16e9
roles = ["activations", "weights"]
latency_cycles = 100
granule_bytes = 64
"""


@pytest.mark.parametrize("faster", ["clock_hz = 2_000_000_000\noverhead_us = 0.25", MEMORIES.format(sram=4_194_304)])
def test_a_better_accelerator_is_no_slower(npu, changed, faster):
    graph = mobilenet_v2()
    better = changed(faster)
    before = BACKEND.measure(graph, npu).latency_us
    assert BACKEND.measure(graph, better).latency_us <= before * 1.0001


def test_a_measurement_has_a_row_for_each_kernel_and_names_its_source(npu):
    graph = mobilenet_v2()
    m = BACKEND.measure(graph, npu)
    assert BACKEND.covers(npu)
    assert m.label == "simulated" and m.source.startswith("tile-level simulation")
    assert sum(row.latency_us for row in m.rows) == pytest.approx(m.latency_us)
    told = [key for row in m.rows for key in row.ops]
    assert len(told) == len(set(told))
    assert {"conv", "linear"} <= {graph.by_key[key].op for key in told}
    assert m.weights_bytes == pytest.approx(3.5e6, rel=0.1)
    assert m.peak_bytes == 112 * 112 * (96 + 24) or m.peak_bytes


def test_what_cannot_be_run_is_named(npu):
    b = GraphBuilder()
    x = b.conv(b.input((1, 8, 8, 8)), 8)
    y = b.op("mystery", [x], (1, 8, 8, 8))
    graph = b.build(b.conv(y, 8))
    with pytest.raises(Unmeasurable) as e:
        simulate(graph, npu)
    assert e.value.reasons == {1: "no cost model for mystery"}


def test_targets_without_an_array_are_not_covered():
    assert not BACKEND.covers(load("ethos-u55-128"))
