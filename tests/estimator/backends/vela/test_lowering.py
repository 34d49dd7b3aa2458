"""What graphs become in the TFLite schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from advisor.estimator.backends.vela.lowering import lower
from advisor.estimator.measuring import Unmeasurable
from advisor.graph import Graph
from tests.graphs import GraphBuilder


def codes(graph: Graph) -> list[str]:
    return [op.code for op in lower(graph).network.ops]


def stem(b: GraphBuilder, size: int = 16, channels: int = 8) -> int:
    return b.conv(b.input((1, 3, size, size)), channels, 3)


def test_batch_norm_and_activation_go_into_the_layer_before() -> None:
    b = GraphBuilder()
    x = b.conv_bn_act(b.input((1, 3, 16, 16)), 8, 3, fn="relu6")
    y = b.act(b.bn(b.depthwise(x)), "hardswish")
    lowered = lower(b.build(y))
    assert [op.code for op in lowered.network.ops] == ["CONV_2D", "DEPTHWISE_CONV_2D", "HARD_SWISH"]
    assert lowered.keys == (frozenset({0, 1, 2}), frozenset({3, 4}), frozenset({5}))


def test_a_batch_norm_whose_convolution_is_read_elsewhere_stays() -> None:
    b = GraphBuilder()
    x = stem(b)
    assert codes(b.build(b.add(b.bn(x), x))) == ["CONV_2D", "MUL", "ADD", "ADD"]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "expected"),
    [
        (16, 3, 1, 1, ["CONV_2D"]),
        (16, 3, 1, 0, ["CONV_2D"]),
        (16, 3, 2, 1, ["PAD", "CONV_2D"]),  # the schema pads an even size behind
        (17, 3, 2, 1, ["CONV_2D"]),
        (16, 2, 1, 1, ["PAD", "CONV_2D"]),  # grows
    ],
)
def test_paddings_that_the_schema_lacks_are_operators(
    size: int, kernel: int, stride: int, padding: int, expected: list[str]
) -> None:
    b = GraphBuilder()
    assert codes(b.build(b.conv(b.input((1, 4, size, size)), 8, kernel, stride, padding=padding))) == expected


def test_padding_adds_just_what_windows_read() -> None:
    b = GraphBuilder()
    network = lower(b.build(b.conv(b.input((1, 4, 16, 16)), 8, 3, 2, padding=1))).network
    sides = network.tensors[network.ops[0].inputs[1]].data
    assert sides is not None and sides.tolist() == [[0, 0], [1, 0], [1, 0], [0, 0]]
    assert network.tensors[network.ops[0].outputs[0]].shape == (1, 17, 17, 4)


def test_images_lie_channels_last_and_transformers_need_no_transposition_to_get_there() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 32, 32)), 16, 4, stride=4, padding=0)
    tokens = b.permute(b.reshape(x, (1, 16, 64)), (0, 2, 1))
    made = [code for code in codes(b.build(b.linear(tokens, 8))) if code != "RESHAPE"]
    assert made == ["CONV_2D", "FULLY_CONNECTED"]


def test_a_flattened_image_meets_weights_in_its_own_sequence() -> None:
    b = GraphBuilder()
    assert "TRANSPOSE" not in codes(b.build(b.linear(b.flatten(stem(b)), 10)))


def test_attention_turns_its_result_once() -> None:
    b = GraphBuilder()
    x = b.input((1, 64, 96), dtype="float32")
    parts = []
    for _ in range(3):
        parts.append(b.permute(b.reshape(b.linear(x, 96), (1, 64, 4, 24)), (0, 2, 1, 3)))
    y = b.reshape(b.permute(b.attention(*parts), (0, 2, 1, 3)), (1, 64, 96))
    counts = Counter(codes(b.build(b.linear(y, 96))))
    assert counts["BATCH_MATMUL"] == 2
    assert counts["SOFTMAX"] == 1
    assert counts["TRANSPOSE"] <= 4, "queries, keys, values and the result"


def test_layer_norm_is_made_of_sums_and_products() -> None:
    b = GraphBuilder()
    counts = Counter(codes(b.build(b.layer_norm(b.linear(b.input((1, 64, 96)), 96)))))
    assert counts["SUM"] == 2
    assert counts["LOGISTIC"] == 1, "epsilon and inverse root in one table"
    assert (counts["SUB"], counts["MUL"], counts["ADD"]) == (1, 3, 1)


def test_a_scale_by_channel_lies_along_the_channels() -> None:
    b = GraphBuilder()
    x = stem(b, channels=8)
    scale = b.parameter((8, 1, 1), "gamma")
    network = lower(b.build(b.op("elementwise", [x, scale], (1, 8, 16, 16), fn="mul"))).network
    factor = network.tensors[network.ops[-1].inputs[1]]
    assert factor.shape == (1, 1, 1, 8)
    assert factor.data is not None


def test_what_is_computed_before_the_first_inference_is_a_constant() -> None:
    b = GraphBuilder()
    x = stem(b)
    shift = b.op("elementwise", [b.parameter((1, 8, 1, 1))], (1, 8, 1, 1), fn="exp")
    assert codes(b.build(b.add(x, shift))) == ["CONV_2D", "ADD"]


def test_an_expansion_is_left_to_who_broadcasts() -> None:
    b = GraphBuilder()
    x = stem(b)
    gate = b.op("expand", [b.global_pool(x)], (1, 8, 16, 16))
    made = [code for code in codes(b.build(b.elementwise("mul", x, gate))) if code != "RESHAPE"]
    assert made == ["CONV_2D", "MEAN", "MUL"]


def test_few_slices_are_summed_one_by_one() -> None:
    b = GraphBuilder()
    x = stem(b)
    both = b.op("stack", [x, b.act(x, "tanh")], (1, 2, 8, 16, 16), dim=1)
    y = b.op("reduce", [both], (1, 8, 16, 16), fn="sum", dims=[1], keepdim=False)
    counts = Counter(codes(b.build(y)))
    assert counts["ADD"] == 1
    assert counts["SUM"] == counts["MEAN"] == 0


@pytest.mark.parametrize(("scale", "expected"), [(2, "RESIZE_NEAREST_NEIGHBOR"), (3, "FULLY_CONNECTED")])
def test_factors_that_the_accelerator_lacks_are_matrices(scale: int, expected: str) -> None:
    b = GraphBuilder()
    x = stem(b)
    out = (1, 8, 16 * scale, 16 * scale)
    y = b.op("resize", [x], out, mode="nearest", scale=[float(scale)] * 2, size=None)
    assert expected in codes(b.build(y))


def shapes_of(graph: Graph) -> Sequence[tuple[int, ...]]:
    network = lower(graph).network
    return [network.tensors[t].shape for t in network.outputs]


def test_results_have_the_graphs_shape_in_their_order() -> None:
    b = GraphBuilder()
    x = stem(b)
    shuffled = b.op("pixel_shuffle", [x], (1, 2, 32, 32), factor=2)
    first, second = b.split(x, [3, 5])
    turned = b.op("roll", [x], (1, 8, 16, 16), shifts=[3], dims=[2])
    assert shapes_of(b.build(shuffled, first, second, turned)) == [
        (1, 32, 32, 2),
        (1, 16, 16, 3),
        (1, 16, 16, 5),
        (1, 16, 16, 8),
    ]


def test_every_op_without_a_form_is_named_at_once() -> None:
    b = GraphBuilder()
    x = stem(b)
    y = b.op("other", [x], (1, 8, 16, 16), fn="torch.fft.fft")
    z = b.op("elementwise", [y, x], (1, 8, 16, 16), fn="atan2")
    with pytest.raises(Unmeasurable) as caught:
        lower(b.build(b.conv(z, 4)))
    assert sorted(caught.value.reasons) == [1, 2]
    assert "atan2" in caught.value.reasons[2]


def test_equal_layers_have_weights_of_their_own() -> None:
    b = GraphBuilder()
    network = lower(b.build(b.conv(b.conv(stem(b), 8, 3), 8, 3))).network
    first, second = (network.tensors[op.inputs[1]].data for op in network.ops[1:3])
    assert first is not None and second is not None
    assert first.shape == second.shape
    assert (first != second).any()
    assert abs(first.astype(int)).max(axis=(1, 2, 3)).tolist() == [127] * 8
