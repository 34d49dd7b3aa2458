"""ONNX Runtime as a backend: what is written, what ran as one, and what is refused by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from advisor import live
from advisor.estimator.backends import backend_for
from advisor.estimator.backends.onnx_cpu import BACKEND
from advisor.estimator.measuring import Measurement, Unmeasurable
from advisor.graph import Graph
from advisor.targets import available, load
from tests.graphs import GraphBuilder

TARGET = load("cpu-onnx")

pytestmark = pytest.mark.skipif(not BACKEND.covers(TARGET), reason="needs the extra [onnx]")


def network(width: int = 16) -> Graph:
    b = GraphBuilder()
    x = b.conv_bn_act(b.input((1, 3, 32, 32)), width, 3, 2)
    y = b.conv_bn_act(x, width, 3)
    z = b.act(b.add(b.bn(b.conv(y, width, 3)), x))
    return b.build(b.linear(b.flatten(b.global_pool(z)), 10))


class Whole(nn.Module):
    def __init__(self, forward: Callable[..., torch.Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.run = forward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.run(*self.layers, x)


def shapes_agree(graph: Graph) -> bool:
    """Whether ONNX Runtime's outputs are of the shapes that the graph says."""
    import onnxruntime

    from advisor.estimator.backends.onnx_cpu.model import feeds, written

    session = onnxruntime.InferenceSession(written(graph).SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, feeds(graph))
    return [tuple(o.shape) for o in found] == [graph.shape(t) for t in dict.fromkeys(graph.outputs)]


def test_it_covers_the_targets_that_name_its_runtime() -> None:
    assert [name for name in available() if BACKEND.covers(load(name))] == ["cpu-onnx"]
    assert backend_for(TARGET) is BACKEND
    assert BACKEND.source(TARGET).startswith("onnxruntime 1.")
    assert BACKEND.source(TARGET).endswith(", one thread")


def test_rows_are_the_nodes_that_ran_and_sum_to_the_total() -> None:
    graph = network()
    measured = BACKEND.measure(graph, TARGET)
    assert measured.label == "measured"
    assert sum(row.latency_us for row in measured.rows) == pytest.approx(measured.latency_us)
    assert all(row.latency_us > 0 for row in measured.rows)
    keys = [key for row in measured.rows for key in row.ops]
    assert sorted(keys) == [op.key for op in graph.ops]
    fused = {row.ops for row in measured.rows}
    assert (0, 1, 2) in fused  # convolution, batch norm and activation run as one
    assert any({6, 7, 8} <= set(ops) for ops in fused)  # and a sum behind them
    assert measured.weights_bytes == sum(
        t.numel * 4 for t in graph.tensors.values() if t.role in ("parameter", "buffer")
    )


def test_several_graphs_keep_their_order_and_a_bad_one_spoils_nothing() -> None:
    b = GraphBuilder()
    unknown = b.build(b.op("other", [b.input((1, 8))], (1, 8), fn="somebody.function"))
    small, bad, large = BACKEND.measure_all([network(8), unknown, network(256)], TARGET, rounds=2)
    assert isinstance(small, Measurement) and isinstance(large, Measurement)
    assert small.weights_bytes is not None and large.weights_bytes is not None
    assert small.weights_bytes < large.weights_bytes
    assert isinstance(bad, Unmeasurable)
    assert "somebody.function" in bad.reasons[0]
    with pytest.raises(Unmeasurable, match=r"op 0: not written as ONNX: somebody\.function"):
        BACKEND.measure(unknown, TARGET)


def test_a_model_that_the_runtime_refuses_is_told() -> None:
    b = GraphBuilder()
    b.op("concat", [b.input((1, 8, 2, 2)), b.input((1, 8, 3, 3), "y")], (1, 16, 2, 2), dim=1)
    with pytest.raises(Unmeasurable, match="ONNX Runtime refuses the model"):
        BACKEND.measure(b.build(), TARGET)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(4, 6, 3, 2, 1), (1, 4, 9, 9)),
        (nn.ConvTranspose2d(4, 6, 3, 2, 1, 1), (1, 4, 5, 5)),
        (nn.Linear(8, 3), (2, 5, 8)),
        (nn.BatchNorm2d(4), (2, 4, 5, 5)),
        (nn.LayerNorm(8), (2, 5, 8)),
        (nn.RMSNorm(8), (2, 5, 8)),
        (nn.GroupNorm(2, 4), (1, 4, 5, 5)),
        (nn.InstanceNorm2d(4), (1, 4, 5, 5)),
        (nn.PReLU(4), (1, 4, 5, 5)),
        (nn.LogSoftmax(1), (2, 8)),
        (nn.MaxPool2d(3, 2, 1, ceil_mode=True), (1, 4, 8, 8)),
        (nn.AvgPool2d(3, 2, 1), (1, 4, 8, 8)),
        (nn.AdaptiveAvgPool2d((2, 3)), (1, 4, 8, 9)),
        (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 4, 5, 5)),
        (nn.PixelShuffle(2), (1, 8, 3, 3)),
        (nn.PixelUnshuffle(2), (1, 2, 4, 4)),
        (nn.ChannelShuffle(2), (1, 4, 3, 3)),
        (nn.ReflectionPad2d(1), (1, 4, 5, 5)),
        *((act, (2, 6)) for act in (nn.ReLU6(), nn.Hardswish(), nn.GELU(), nn.Mish(), nn.SiLU(), nn.Hardsigmoid())),
    ],
    ids=str,
)
def test_layers_are_written_as_their_graph_says(layer: nn.Module, shape: tuple[int, ...]) -> None:
    graph, _ = live.trace(Whole(lambda own, x: own(x * 2), layer), shape)
    assert shapes_agree(graph)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.cat([x, 1 - x, x.roll(1, 2), x.flip(1)], 1),
        lambda x: torch.stack(x.chunk(2, 1), 0),
        lambda x: x.permute(0, 2, 3, 1).reshape(1, -1, 4).transpose(1, 2) @ torch.ones(1, 36, 2),
        lambda x: x[:, 1:, None, ::2, 0].squeeze(2).repeat(1, 2, 1).contiguous(),
        lambda x: F.scaled_dot_product_attention(x, x, x),
        lambda x: torch.einsum("nchw,nchv->nwv", x, x).sum((1, 2)),
        lambda x: x.mean((2, 3), keepdim=True).expand(-1, -1, 6, 6) * x.std(1, keepdim=True) + x.amax(1, keepdim=True),
        lambda x: torch.where(x > 0.5, x, x.clamp(0, 0.2)),
        lambda x: x.exp().pow(2).unsqueeze(0).clone() / 3 + x.unbind(1)[2].norm(dim=1, keepdim=True),
        lambda x: F.interpolate(F.pad(x, (1, 2)), size=(4, 4)) + torch.zeros(4, 4),
        lambda x: x.argmax(1).to(torch.float32),
    ],
)
def test_functions_are_written_as_their_graph_says(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    graph, info = live.trace(Whole(function), (1, 4, 6, 6))
    assert info.status == "ok"
    assert shapes_agree(graph)
