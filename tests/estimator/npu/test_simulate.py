"""The tile-level simulation: what must hold of any specification."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from advisor import packs
from advisor.estimator.backends.npu import BACKEND
from advisor.estimator.measuring import Unmeasurable
from advisor.estimator.npu import Simulation, simulate
from advisor.estimator.plan import planned
from advisor.graph import Graph
from advisor.moves import SetPrecision
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
    assert m.peak_bytes is not None and 112 * 112 * 16 < m.peak_bytes < 112 * 112 * 120


def test_what_cannot_be_run_is_named(npu):
    b = GraphBuilder()
    x = b.conv(b.input((1, 8, 8, 8)), 8)
    y = b.op("mystery", [x], (1, 8, 8, 8))
    graph = b.build(b.conv(y, 8))
    with pytest.raises(Unmeasurable) as e:
        simulate(graph, npu)
    assert e.value.reasons == {1: "no cost model for mystery"}


def test_a_layer_of_another_precision_takes_the_time_and_the_bytes_of_that(npu):
    b = GraphBuilder()
    x = b.input((1, 256, 32, 32))
    for _ in range(3):
        x = b.conv_bn_act(x, 256, 3)
    graph = b.build(x)
    own = simulate(graph, npu)
    mixed = simulate(SetPrecision((3,), "int16").apply(graph), npu)
    other = npu.precisions["int16"]
    assert mixed.steps[1].array == pytest.approx(own.steps[1].array / other.macs)
    assert mixed.steps[0].array == own.steps[0].array
    assert mixed.weights_bytes - own.weights_bytes == 256 * 256 * 9
    assert mixed.peak_bytes > own.peak_bytes
    # the layer behind has to convert what it reads
    assert mixed.steps[2].port == pytest.approx(own.steps[2].port + 256 * 32 * 32 / npu.throughput["move"])
    assert mixed.energy_uj is not None and own.energy_uj is not None and mixed.energy_uj > own.energy_uj


def test_an_operator_that_only_a_handler_knows_takes_what_that_says(npu, monkeypatch):
    b = GraphBuilder()
    x = b.op("other", [b.conv(b.input((1, 8, 8, 8)), 16)], (1, 16, 8, 8), fn="mylib.warp", target="mylib.warp")
    graph = b.build(b.conv(x, 16))
    monkeypatch.setattr(packs, "_op_costs", lambda: (("mylib", lambda graph, op, target: (5000.0, 2048)),))
    step = simulate(graph, npu).steps[1]
    assert step.ops == (1,)
    assert step.cycles >= 5000 + npu.overhead_us * npu.clock_hz / 1e6


def test_targets_without_an_array_are_not_covered():
    assert not BACKEND.covers(load("ethos-u55-128"))


def test_fusing_a_bottleneck_gains_early_and_hurts_late(npu):
    def ratio(size: int, channels: int) -> float:
        fused, inverted = GraphBuilder(), GraphBuilder()
        for b in (fused, inverted):
            b.inverted_bottleneck(b.conv_bn_act(b.input((1, 3, size, size)), channels), channels, fused=b is fused)
        return cycles(fused.build(), npu) / cycles(inverted.build(), npu)

    assert ratio(112, 16) < 1 < 1.3 < ratio(14, 96) < ratio(7, 160)


def expansion(size: int, channels: int) -> Graph:
    b = GraphBuilder()
    x = b.conv_bn_act(b.input((1, 3, size * 2, size * 2)), channels, 3, 2)
    return b.build(b.inverted_bottleneck(x, channels))


def test_what_would_spill_is_passed_on_in_stripes(npu, changed):
    graph = expansion(112, 16)  # 96 channels of 112 x 112 are more than the SRAM
    steps = simulate(graph, npu).steps
    wide = [step for step in steps if step.stripes > 1]
    assert [graph.by_key[step.ops[0]].op for step in wide[:2]] == ["conv", "conv"]
    assert simulate(graph, npu).peak_bytes < 112 * 112 * 96
    assert all(step.bytes["dram"] < 112 * 112 * 96 for step in wide)
    # the same array with room for all of it needs no stripes, and is hardly quicker
    roomy = simulate(graph, changed(MEMORIES.format(sram=8_388_608)))
    assert all(step.stripes == 1 for step in roomy.steps)
    assert roomy.peak_bytes > 2 * simulate(graph, npu).peak_bytes
    assert roomy.cycles == pytest.approx(simulate(graph, npu).cycles, rel=0.1)


def test_stripes_are_left_where_their_weights_would_be_fetched_too_often(changed):
    tiny = changed(MEMORIES.format(sram=49_152))
    early, late = simulate(expansion(56, 16), tiny), simulate(expansion(7, 384), tiny)
    assert any(step.stripes > 1 for step in early.steps)
    assert all(step.stripes == 1 for step in late.steps)


def test_what_is_fetched_again_draws_energy_again(npu, changed):
    small = changed("[array]\nbuffer_bytes = 2048\nweight_bytes = 0\naccumulators = 1024")
    graph = convolution(256, 56)
    energy = simulate(graph, npu).energy_uj
    more = simulate(graph, small).energy_uj
    assert energy is not None and more is not None and more > 1.5 * energy
    assert energy > 56 * 56 * 256 * 256 * 9 * 0.3 / 1e6


def test_a_network_is_simulated_in_the_time_of_a_few_estimates(npu):
    """MobileNetV2 takes 15 ms or so; compared, in processor time, with the roofline's plan of it."""
    graph = mobilenet_v2()
    simulate(graph, npu)

    def least(run: Callable[[], object]) -> float:
        def once() -> float:
            started = time.process_time()
            run()
            return time.process_time() - started

        return min(once() for _ in range(5))

    assert least(lambda: simulate(graph, npu)) < 8 * least(lambda: planned(graph, npu))
