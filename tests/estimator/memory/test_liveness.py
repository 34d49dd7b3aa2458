"""Liveness: which activations are alive when."""

from dataclasses import replace

from advisor.estimator.simulated import Simulated
from advisor.targets import load
from tests.graphs import GraphBuilder, mobilenet_v2

NPU = load("npu-64")


def peak(graph, target=NPU):
    return Simulated().estimate(graph, target).peak


def test_a_kernel_holds_its_input_and_its_output():
    b = GraphBuilder()
    x = b.input((1, 4, 8, 8))
    y = b.conv_bn_act(x, 8)
    found = peak(b.build())
    assert (found.bytes, found.op, found.alive) == (12 * 64, 0, (x, y))


def test_what_a_later_kernel_reads_stays_alive():
    b = GraphBuilder()
    x = b.conv(b.input((1, 1, 8, 8)), 2)
    y = b.conv(x, 8)
    z = b.conv(y, 2)
    b.add(x, z)
    found = peak(b.build())
    assert (found.bytes, found.alive) == ((2 + 8 + 2) * 64, (x, y, b.ops[-1].outputs[0]))


def test_model_outputs_stay_alive_to_the_end():
    b = GraphBuilder()
    x = b.conv(b.input((1, 1, 8, 8)), 16)
    y = b.pool(x, 8)
    z = b.conv(y, 3)
    assert peak(b.build(z)).bytes == (16 + 1) * 64
    last = b.build(x, z)
    assert peak(last).bytes == (16 + 1) * 64 and set(peak(last).alive) >= {x}


def test_views_are_not_counted_twice():
    b = GraphBuilder()
    x = b.conv(b.input((1, 1, 8, 8)), 4)
    flat = b.flatten(x)
    b.linear(flat, 2)
    assert peak(b.build()).bytes == 64 + 4 * 64


def test_sizes_are_in_the_targets_type():
    graph = mobilenet_v2()
    single, half = load("cpu-x86"), load("nvidia-gpu-fp16")
    assert peak(graph, single).bytes == 2 * peak(graph, half).bytes


def test_mobilenet_v2_peaks_at_the_first_expansion():
    found = peak(mobilenet_v2())  # 16 channels at 112 x 112 become 96
    assert found.bytes == 96 * 112 * 112 + 96 * 56 * 56


def test_an_element_wise_result_overwrites_a_dying_operand_where_the_target_can():
    b = GraphBuilder()
    x = b.conv(b.input((1, 1, 8, 8)), 8)
    y = b.elementwise("mul", b.pool(x, 1), b.pool(x, 1, fn="avg"))
    graph = b.build(b.pool(y, 8))
    apart = replace(NPU, fusions=(), in_place=False)
    # at the multiplication: both operands and the result, or the result in the place of one operand
    assert peak(graph, apart).bytes == 3 * 8 * 64
    within = peak(graph, replace(apart, in_place=True))
    assert (within.bytes, within.op) == (3 * 8 * 64, 2)


def test_an_operand_that_is_read_again_is_not_overwritten():
    b = GraphBuilder()
    x = b.conv(b.input((1, 1, 8, 8)), 8)
    b.add(x, b.act(x, "tanh"))
    target = replace(NPU, fusions=(), in_place=True)
    assert peak(b.build(), target).bytes == 2 * 8 * 64


def test_scores_count_where_attention_runs_unfused():
    b = GraphBuilder()
    q, k, v = (b.input((1, 2, 64, 8), n) for n in "qkv")
    graph = b.build(b.attention(q, k, v))
    operands = 4 * 2 * 64 * 8
    assert peak(graph, replace(NPU, fused_attention=True)).bytes == operands
    assert peak(graph, replace(NPU, fused_attention=False)).bytes == operands + 2 * 64 * 64


def test_constants_are_no_activations():
    b = GraphBuilder()
    x = b.input((1, 4, 8, 8))
    table = b.op("activation", [b.parameter((1, 4, 8, 8))], (1, 4, 8, 8), fn="sigmoid")
    y = b.elementwise("mul", x, table)
    assert peak(b.build()).alive == (x, y)


def test_the_peak_is_that_of_the_best_order_and_the_models_own_stands_beside_it():
    b = GraphBuilder()
    x = b.conv(b.input((1, 1, 8, 8)), 1)
    wide = [b.conv(x, 16) for _ in range(3)]
    ends = [b.conv(y, 1) for y in wide]
    graph = b.build(b.concat(ends))
    found = peak(graph)
    # one wide tensor at a time, beside x and what is left of the branches before
    assert (found.bytes, found.own_order_bytes, found.exact) == ((2 + 16 + 1) * 64, (3 * 16 + 1) * 64, True)
    assert list(found.timeline) != [op.key for op in graph.ops] and sorted(found.timeline) == [o.key for o in graph.ops]
    assert found.arena_bytes == found.bytes


def test_an_arena_holds_more_than_what_is_alive_at_the_peak_where_gaps_are_left():
    graph = mobilenet_v2()
    for name in ("npu-64", "cpu-x86"):
        found = peak(graph, load(name))
        assert found.arena_bytes >= found.bytes


def test_an_output_is_not_overwritten():
    b = GraphBuilder()
    x = b.conv(b.input((1, 1, 8, 8)), 8)
    graph = b.build(x, b.act(x, "tanh"))
    assert peak(graph, replace(NPU, fusions=(), in_place=True)).bytes == 2 * 8 * 64
