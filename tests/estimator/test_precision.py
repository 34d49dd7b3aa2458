"""What a layer costs in another precision."""

from dataclasses import astuple, replace

import pytest

from advisor.estimator.learned.columns import kind_of
from advisor.estimator.measuring import Unmeasurable, own_precision
from advisor.estimator.memory import stored_bytes
from advisor.estimator.roofline import price
from advisor.estimator.simulated import Simulated
from advisor.moves import SetPrecision
from advisor.targets import available, load
from tests.graphs import GraphBuilder, mobilenet_v2

NPU = load("npu-64")
TARGETS = [load(name) for name in sorted(available())]


def wide(depth=3):
    """Convolutions that are bound by the array."""
    b = GraphBuilder()
    x = b.input((1, 256, 32, 32))
    for _ in range(depth):
        x = b.conv_bn_act(x, 256, 3)
    return b.build(x)


def latencies(graph, target=NPU):
    return [k.latency_us - target.overhead_us for k in Simulated().estimate(graph, target).kernels]


def test_a_layer_takes_as_long_as_the_rates_say():
    graph = wide()
    own = latencies(graph)
    all_int16 = latencies(SetPrecision((0, 3, 6), "int16").apply(graph))
    assert all_int16[1] == pytest.approx(own[1] / NPU.precisions["int16"].macs)
    u55 = load("ethos-u55-256")
    doubled = latencies(SetPrecision((0, 3, 6), "int16").apply(graph), u55)
    assert doubled[1] == pytest.approx(2 * latencies(graph, u55)[1])


def test_conversions_stand_at_the_borders():
    graph = wide()
    own = latencies(graph)
    mixed = latencies(SetPrecision((3,), "int16").apply(graph))
    elements = 256 * 32 * 32
    move = elements / NPU.throughput["move"] / NPU.clock_hz * 1e6
    # the layer behind reads int16, which its stream of results has to convert
    assert mixed[0] == own[0] and mixed[1] > 3.9 * own[1]
    fast = replace(NPU, throughput={**NPU.throughput, "move": NPU.throughput["move"] / 100})
    slow = latencies(SetPrecision((3,), "int16").apply(graph), fast)
    assert slow[2] == pytest.approx(100 * move, rel=0.2) and slow[0] == own[0]


def test_activations_and_weights_have_the_bytes_of_their_precision():
    graph = wide()
    moved = SetPrecision((0, 3, 6), "int16").apply(graph)
    own, other = Simulated().estimate(graph, NPU), Simulated().estimate(moved, NPU)
    assert other.peak.bytes == 2 * own.peak.bytes  # at the second layer: neither is a model input
    weight = moved.by_key[3].weights["weight"]
    scales = 4 * 256
    assert stored_bytes(moved, weight, NPU) - scales == 2 * (stored_bytes(graph, weight, NPU) - scales)
    u55 = load("ethos-u55-128")
    assert stored_bytes(moved, weight, u55) == stored_bytes(graph, weight, u55)  # int16 x int8
    half = load("nvidia-gpu-fp16")
    single = SetPrecision((0, 3, 6), "float32").apply(graph)
    assert Simulated().estimate(single, half).peak.bytes == 2 * Simulated().estimate(graph, half).peak.bytes


def test_velas_sram_counts_wide_activations():
    graph, u55 = wide(), load("ethos-u55-128")
    moved = SetPrecision((0, 3, 6), "int16").apply(graph)
    own, other = (Simulated().estimate(g, u55).peak.bytes for g in (graph, moved))
    assert other - own == 2 * 256 * 32 * 32  # what the fullest layer reads and writes


def test_a_target_without_the_type_cannot_run_the_layer():
    moved = SetPrecision((3,), "float16").apply(wide())
    assert Simulated().estimate(moved, NPU).uncounted == (3, 4, 5)
    in_its_own = SetPrecision((3,), "int8").apply(wide())
    assert Simulated().estimate(in_its_own, NPU).uncounted == ()


def test_products_in_another_type_take_the_energy_of_those_they_are_made_of():
    graph = wide()
    moved = SetPrecision((0, 3, 6), "int16").apply(graph)
    assert NPU.energy is not None
    assert Simulated().estimate(moved, NPU).energy_uj > 2 * Simulated().estimate(graph, NPU).energy_uj


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_a_reestimate_equals_an_estimate(target):
    graph = mobilenet_v2(64)
    dtype = next(iter(target.precisions), "int16")
    moved = SetPrecision((3, 6, 11), dtype).apply(graph)
    model = Simulated()
    again = model.restimate(model.estimate(graph, target), graph, moved, target)
    fresh = Simulated().estimate(moved, target)
    assert again == fresh and again.peak == fresh.peak
    assert bool(again.uncounted) != bool(target.precisions)


def test_no_regressor_knows_other_precisions():
    graph = wide()
    moved = SetPrecision((3,), "int16").apply(graph)
    assert kind_of(moved.tensors, moved.by_key[3]) == "conv int16"
    assert kind_of(graph.tensors, graph.by_key[3]) == "conv"


def test_ground_truth_is_measured_in_the_targets_own_type_only():
    graph = wide()
    own_precision(graph)
    with pytest.raises(Unmeasurable, match="op 3: set to int16"):
        own_precision(SetPrecision((3,), "int16").apply(graph))


def test_a_kernel_in_its_own_precision_is_priced_as_before():
    graph = wide()
    group = next(iter(Simulated()._of(graph, NPU).plan.groups))
    assert astuple(price(graph, group, NPU)) == astuple(price(graph, group, replace(NPU, precisions={})))
