"""What parameters weigh as a target stores them."""

import pytest

from advisor.estimator.memory import stored_bytes
from advisor.targets import load
from tests.graphs import GraphBuilder, mobilenet_v2


def total(graph, name):
    return sum(stored_bytes(graph, t, load(name)) for t in graph.parameter_ids())


def test_a_floating_point_target_stores_every_parameter_in_its_type():
    graph = mobilenet_v2(64)
    assert total(graph, "cpu-x86") == 4 * 3_504_872
    assert total(graph, "nvidia-gpu-fp16") == 2 * 3_504_872


def test_int8_layers_have_a_scale_for_each_output_and_biases_of_four_bytes():
    b = GraphBuilder()
    x = b.conv(b.input((1, 8, 8, 8)), 16, 3, bias=True)
    x = b.bn(b.depthwise(x))
    graph = b.build(b.linear(b.flatten(x), 10, bias=False))
    conv = 16 * 8 * 9 + 16 * 4 + 16 * 4
    depthwise = 16 * 9 + 16 * 4 + 16 * 4  # the norm's factor is in the weights, its offset is the bias
    assert total(graph, "npu-64") == conv + depthwise + 10 * 16 * 64 + 10 * 4


def test_vela_compresses_weights_and_keeps_ten_bytes_an_output_channel_beside_them():
    # ethos-u-vela 5.2.0 stores MobileNetV2 (3.50 M parameters) in 3,485,296 bytes on U55, in 3,659,008 on U85
    assert total(mobilenet_v2(), "ethos-u55-128") == pytest.approx(3_485_296, rel=0.01)
    assert total(mobilenet_v2(), "ethos-u85-1024-shared") == pytest.approx(3_659_008, rel=0.03)
    b = GraphBuilder()
    graph = b.build(b.conv(b.input((1, 512, 8, 8)), 512))
    assert abs(total(graph, "ethos-u55-128") / (246_656 + 5120) - 1) < 0.01


def test_channels_that_fill_no_block_are_padded():
    def stored(channels):
        b = GraphBuilder()
        return total(b.build(b.conv(b.input((1, channels, 8, 8)), 64)), "ethos-u55-128")

    # 1 x 1: the input channels go to 32; the zeros cost a bit each, and a bit tells weights from them
    assert stored(33) / stored(32) > 1.1 and stored(64) < 1.03 * 2 * stored(32)


def test_a_convolution_in_groups_is_a_stream_a_group():
    def stored(groups):
        b = GraphBuilder()
        return total(b.build(b.conv(b.input((1, 128, 8, 8)), 128, groups=groups)), "ethos-u55-128")

    assert stored(1) > 2.5 * stored(4) > 0


@pytest.mark.parametrize("target", ["npu-64", "ethos-u55-128"])
def test_a_linear_layer_whose_weight_is_a_vector_has_one_output(target):
    def stored(*weight):
        b = GraphBuilder()
        y = b.op("linear", [b.input((1, 512))], (1, *weight[:-1]), weights={"weight": b.parameter(weight)})
        return total(b.build(y), target)

    assert stored(512) == stored(1, 512) > 400
