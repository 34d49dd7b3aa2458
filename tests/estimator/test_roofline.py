"""The padded roofline: padding, limits, what is uncounted, and the traits of the Ethos targets.

Figures of Vela are per-op rows of ethos-u-vela 5.2.0 (vendor estimates), in thousands of cycles.
"""

from dataclasses import replace

import pytest

from advisor.costs import OpCost
from advisor.estimator import roofline
from advisor.estimator.kernels import decompose
from advisor.estimator.roofline import Priced, price
from advisor.estimator.simulated import Simulated
from advisor.graph import Graph, Op
from advisor.targets import Special, load
from tests.graphs import GraphBuilder, mobilenet_v2

NPU = load("npu-64")


def estimate(graph, target=NPU):
    return Simulated().estimate(graph, load(target) if isinstance(target, str) else target)


def conv(cin, cout, size=32, kernel=3, stride=1):
    b = GraphBuilder()
    b.conv(b.conv(b.input((1, 8, size, size)), cin), cout, kernel, stride)
    return b.build()


def kilocycles(target, *args, **kwargs):
    """Of the second convolution."""
    kernel = estimate(conv(*args, **kwargs), target).kernels[1]
    return (kernel.latency_us - load(target).overhead_us) * load(target).clock_hz / 1e9


def depthwise(channels, size=32, kernel=3):
    b = GraphBuilder()
    b.depthwise(b.conv(b.input((1, 8, size, size)), channels), kernel)
    return b.build()


def block(size, channels, fused):
    b = GraphBuilder()
    x = b.conv(b.input((1, channels, size, size)), channels)
    b.conv(b.inverted_bottleneck(x, channels, fused=fused), channels)
    return b.build()


def fused_ratio(target, size, channels):
    return (
        estimate(block(size, channels, True), target).latency_us
        / estimate(block(size, channels, False), target).latency_us
    )


# ---- the parts


def test_channels_are_padded_to_the_arrays_multiples():
    b = GraphBuilder()
    b.conv(b.input((1, 65, 16, 16)), 65, 3)
    kernel = estimate(b.build()).kernels[0]
    assert kernel.bound == "compute"
    assert kernel.latency_us == pytest.approx(NPU.overhead_us + 2 * 2 * 9 * 256 / 1e3)


def test_many_weights_for_few_positions_are_bound_by_memory():
    b = GraphBuilder()
    b.linear(b.input((1, 4096)), 4096, bias=False)
    kernel = estimate(b.build()).kernels[0]
    assert kernel.bound == "memory"
    assert kernel.latency_us == pytest.approx(NPU.overhead_us + (4096 * 4096 + 4096) / 16e9 * 1e6, rel=1e-3)


def test_a_tiny_kernel_is_bound_by_overhead():
    b = GraphBuilder()
    b.act(b.input((1, 8)), "relu")
    kernel = estimate(b.build()).kernels[0]
    assert kernel.bound == "overhead" and kernel.latency_us >= NPU.overhead_us


def test_activations_that_outgrow_the_sram_go_to_dram():
    def us(size):
        b = GraphBuilder()
        b.op("concat", [b.conv(b.input((1, 1, size, size)), 16)], (1, 16, size, size), dim=1)
        return estimate(b.build()).kernels[1].latency_us - NPU.overhead_us

    assert us(256) / us(128) > 4 * 2


def test_depthwise_uses_little_of_the_array():
    for target in ("npu-64", "ethos-u55-128", "ethos-u85-1024"):
        dense, thin = estimate(conv(64, 64), target).kernels[1], estimate(depthwise(64), target).kernels[1]
        assert thin.kind == "depthwise"
        assert thin.latency_us / thin.macs > 3 * dense.latency_us / dense.macs


def test_a_grouped_convolution_pads_every_group():
    b = GraphBuilder()
    x = b.input((1, 64, 16, 16))
    b.conv(x, 64, 3, groups=4)
    grouped = estimate(b.build()).kernels[0]
    assert grouped.kind == "conv" and grouped.macs == 256 * 9 * 64 * 16
    assert grouped.latency_us == pytest.approx(NPU.overhead_us + 16 * grouped.macs / 4096 / 1e3)


def test_an_expanded_view_is_read_once():
    b = GraphBuilder()
    x = b.conv(b.input((1, 1, 1, 1)), 64)
    wide = b.op("expand", [x], (1, 64, 32, 32))
    b.pool(wide, 32)
    assert estimate(b.build()).kernels[2].bytes == 64 + 64


def test_an_embedding_reads_the_rows_it_returns():
    b = GraphBuilder()
    ids = b.input((1, 10), dtype="int64")
    b.op("embedding", [ids], (1, 10, 64), weights={"weight": b.parameter((30000, 64))})
    assert estimate(b.build()).kernels[0].bytes <= 3 * 640


def test_attention_costs_its_scores_where_it_runs_unfused():
    def us(target):
        b = GraphBuilder()
        q, k, v = (b.input((1, 8, 512, 64), n) for n in "qkv")
        return estimate(b.build(b.attention(q, k, v)), target).latency_us

    assert us(replace(NPU, fused_attention=False)) > us(replace(NPU, fused_attention=True))


def test_a_recurrent_layer_pays_for_its_steps():
    def us(steps, batch):
        b = GraphBuilder()
        x = b.input((batch, steps, 64))
        attrs = {
            "kind": "lstm",
            "hidden": 64,
            "layers": 1,
            "bidirectional": False,
            "batch_first": True,
            "projection": 0,
        }
        b.op("rnn", [x], (batch, steps, 64), weights={"weight": b.parameter((256, 128))}, **attrs)
        return estimate(b.build(), "nvidia-gpu-fp16").latency_us

    assert us(256, 1) > us(1, 256)


def test_a_slow_function_behind_a_convolution_bears_what_it_adds():
    def shares(fn):
        b = GraphBuilder()
        b.conv_bn_act(b.input((1, 16, 64, 64)), 96, fn=fn)
        costs = estimate(b.build(), "ethos-u55-128")
        return costs.latency_us, costs.op_latency_us[2]

    plain, slow = shares("relu6"), shares("hardswish")
    assert plain[1] == 0 and slow[1] == pytest.approx(slow[0] - plain[0])


# ---- what cannot be costed


def test_an_unknown_operator_is_uncounted_not_free():
    b = GraphBuilder()
    x = b.op("other", [b.conv(b.input((1, 4, 8, 8)), 4)], (1, 4, 8, 8), fn="fft")
    b.conv(x, 4)
    costs = estimate(b.build())
    assert costs.uncounted == (1,)
    assert 1 not in costs.op_latency_us and len(costs.kernels) == 2


def test_an_op_of_unknown_shape_is_uncounted():
    b = GraphBuilder()
    b.op("activation", [b.input((1, 4, 8, 8))], (1, -1), fn="relu")
    assert estimate(b.build()).uncounted == (0,)


@pytest.mark.parametrize("target", ["ethos-u55-128", "cpu-x86", "npu-64"])
def test_ops_read_off_the_source_have_no_tensors_and_are_uncounted(target):
    attrs = {"kernel": [3, 3], "groups": 1}
    ops = [
        Op(i, op, op, attrs if op == "conv" else {"fn": "relu"}, (), ())
        for i, op in enumerate(("conv", "activation", "elementwise", "attention", "reshape", "concat"))
    ]
    costs = estimate(Graph(ops, {}, {}, (), ()), target)
    assert set(costs.uncounted) == {0, 1, 2, 3, 5} and costs.peak.bytes == 0


def test_an_operator_the_target_cannot_run_is_uncounted():
    b = GraphBuilder()
    b.op("local_response_norm", [b.input((1, 4, 8, 8))], (1, 4, 8, 8), size=5)
    assert estimate(b.build(), "ethos-u55-128").uncounted == (0,)
    assert estimate(b.build(), "cpu-x86").uncounted == ()


def test_an_unsupported_function_stays_out_of_the_kernel_before_it():
    def costs(fn):
        target = replace(NPU, specials=(Special("activation", "mish", None, "", "none", "test"),))
        b = GraphBuilder()
        b.conv_bn_act(b.input((1, 4, 8, 8)), 4, fn=fn)
        return estimate(b.build(), target)

    lacking, whole = costs("softsign"), costs("relu")
    assert lacking.uncounted == (2,)
    assert lacking.latency_us == pytest.approx(whole.latency_us)
    assert sum(lacking.op_macs.values()) == lacking.macs == whole.macs > 0


def test_macs_are_unknown_only_for_operators_that_nobody_knows():
    b = GraphBuilder()
    x = b.act(b.conv(b.input((1, 4, 8, 8)), 4), "softsign")
    b.op("other", [x], (1, 4, 8, 8), fn="fft")
    costs = estimate(b.build(), "ethos-u55-128")
    assert costs.uncounted == (1, 2)
    assert costs.op_macs == {0: 4 * 4 * 64, 1: 0}


@pytest.mark.parametrize("target", ["cpu-x86", "npu-64"])
def test_a_function_without_an_entry_is_no_cheaper_than_the_ones_that_are_known_to_be_slow(target):
    def us(fn):
        b = GraphBuilder()
        b.conv_bn_act(b.input((1, 16, 64, 64)), 96, fn=fn)
        return estimate(b.build(), target).latency_us

    assert us("mish") >= us("silu") > us("relu")


def test_a_model_over_a_memory_without_one_behind_it_is_costed_there():
    def us(size):
        memory = [replace(m, bytes=size if m.name == "dram" else m.bytes) for m in NPU.memories]
        b = GraphBuilder()
        b.op("concat", [b.conv(b.input((1, 1, 512, 512)), 16)], (1, 16, 512, 512), dim=1)
        return estimate(b.build(), replace(NPU, memories=tuple(memory))).latency_us

    assert us(1024) == us(None)


# ---- traits of the Ethos targets


@pytest.mark.parametrize(
    ("target", "cin", "cout", "kernel", "vela"),
    [
        ("ethos-u55-128", 64, 8, 3, 39.2),
        ("ethos-u55-128", 64, 64, 3, 305.9),
        ("ethos-u55-128", 33, 64, 3, 304.1),
        ("ethos-u55-128", 32, 64, 3, 153.5),
        ("ethos-u55-128", 16, 64, 3, 102.9),
        ("ethos-u55-128", 4, 64, 3, 52.1),
        ("ethos-u55-128", 16, 64, 1, 34.5),
        ("ethos-u55-256", 64, 64, 3, 159.0),
        ("ethos-u65-512", 64, 64, 3, 76.4),
        ("ethos-u65-512", 17, 64, 1, 8.8),
        ("ethos-u85-1024", 64, 64, 3, 52.6),
        ("ethos-u85-1024", 64, 24, 3, 26.6),
        ("ethos-u85-1024", 33, 64, 3, 38.7),
        ("ethos-u85-1024", 8, 64, 3, 7.1),
        ("ethos-u85-2048", 64, 128, 3, 51.5),
        ("ethos-u85-2048", 65, 64, 3, 33.4),
    ],
)
def test_single_convolutions_cost_about_what_vela_says(target, cin, cout, kernel, vela):
    assert kilocycles(target, cin, cout, kernel=kernel) == pytest.approx(vela, rel=0.15)


@pytest.mark.parametrize(("target", "step"), [("ethos-u55-128", 8), ("ethos-u65-512", 8), ("ethos-u85-1024", 16)])
def test_output_channels_are_a_staircase(target, step):
    level = kilocycles(target, 64, 4 * step)
    assert kilocycles(target, 64, 3 * step + 1) == pytest.approx(level, rel=0.02)
    assert kilocycles(target, 64, 4 * step + 1) > 1.15 * level


@pytest.mark.parametrize(("target", "borders"), [("ethos-u55-128", (8, 16, 32, 64)), ("ethos-u85-1024", (16, 32, 64))])
def test_input_channels_jump_behind_the_arrays_depth(target, borders):
    for c in borders:
        assert kilocycles(target, c + 1, 64) > 1.15 * kilocycles(target, c, 64)


@pytest.mark.parametrize("target", ["ethos-u85-1024", "ethos-u85-2048"])
def test_early_fusion_gains_and_late_fusion_loses_on_large_accelerators(target):
    early = [fused_ratio(target, 112, 16), fused_ratio(target, 56, 24)]
    late = [fused_ratio(target, 14, 96), fused_ratio(target, 7, 160)]
    assert max(early) < 0.95 and min(late) > 1.5


def test_fusion_never_gains_on_a_small_accelerator():
    assert min(fused_ratio("ethos-u55-128", s, c) for s, c in ((112, 16), (56, 24), (28, 32), (14, 96), (7, 160))) > 1.1


@pytest.mark.parametrize(
    ("target", "plain_ms", "fused_ms"),
    [
        ("ethos-u55-128", 15.43, 16.85),
        ("ethos-u55-256", 11.68, 12.03),
        ("ethos-u65-512", 3.99, 3.36),
        ("ethos-u85-1024", 2.30, 1.60),
        ("ethos-u85-1024-shared", 8.72, 8.49),
        ("ethos-u85-2048", 1.64, 1.20),
    ],
)
def test_whole_networks_are_near_vela(target, plain_ms, fused_ms):
    # MobileNetV2 at 224 pixels, and with its first six expanded blocks fused
    assert estimate(mobilenet_v2(), target).latency_us / 1e3 == pytest.approx(plain_ms, rel=0.2)
    assert estimate(mobilenet_v2(fused=6), target).latency_us / 1e3 == pytest.approx(fused_ms, rel=0.2)


def test_silu_is_a_pass_of_its_own_and_hardswish_is_free_on_u85():
    def costs(fn):
        b = GraphBuilder()
        b.conv_bn_act(b.input((1, 16, 64, 64)), 96, fn=fn)
        return estimate(b.build(), "ethos-u85-1024")

    assert costs("hardswish").latency_us == costs("relu6").latency_us
    assert len(costs("silu").kernels) == 2 and costs("silu").latency_us > 1.2 * costs("hardswish").latency_us


@pytest.mark.parametrize(("target", "vela"), [("ethos-u55-128", 4220.0), ("ethos-u85-1024-shared", 12.8)])
def test_products_of_activations_are_slow_on_u55_only(target, vela):
    b = GraphBuilder()
    graph = b.build(b.matmul(b.input((1, 256, 64), "a"), b.input((1, 64, 256), "b")))
    kernel = estimate(graph, target).kernels[0]
    assert (kernel.latency_us - load(target).overhead_us) * load(target).clock_hz / 1e9 == pytest.approx(vela, rel=0.05)


# ---- prices that are kept


def test_a_kernel_that_is_what_another_was_has_its_price():
    def prices(width: int, stride: int = 1) -> list[Priced]:
        b = GraphBuilder()
        x = b.conv_bn_act(b.input((1, 16, 32, 32)), 64, 3)
        graph = b.build(b.conv(x, width, 1, stride))
        return [price(graph, group, NPU) for group in decompose(graph, NPU).groups]

    first, again, wider, strided = prices(32), prices(32), prices(48), prices(32, 2)
    assert all(a is b for a, b in zip(first, again, strict=True))
    assert wider[0] is strided[0] is first[0]
    assert len({prices[1].kernel for prices in (first, wider, strided)}) == 3


def test_what_a_handler_tells_is_asked_of_it_each_time(monkeypatch: pytest.MonkeyPatch):
    told = iter([OpCost(10.0), OpCost(20.0)])
    monkeypatch.setattr(roofline, "op_cost", lambda graph, op, target: next(told))
    b = GraphBuilder()
    graph = b.build(b.op("other", [b.input((1, 8))], (1, 8), fn="fold"))
    (group,) = decompose(graph, NPU).groups
    found = [price(graph, group, NPU).kernel for _ in range(2)]
    assert found[0] is not None and found[1] is not None
    assert found[0].latency_us < found[1].latency_us
