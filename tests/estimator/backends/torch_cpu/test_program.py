"""Graphs as torch programs: every operator gives what the graph says, and what cannot be run is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from advisor import live
from advisor.estimator.backends.torch_cpu.program import Program, build, check
from advisor.estimator.measuring import Unmeasurable
from tests.graphs import GraphBuilder, mobilenet_v2


class Whole(nn.Module):
    """A forward of its own around layers."""

    def __init__(self, forward: Callable[..., torch.Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.run = forward

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.run(*self.layers, *inputs)


def program(model: nn.Module, *shapes: tuple[int, ...]) -> Program:
    graph, info = live.trace(model, tuple(torch.rand(shape) for shape in shapes))
    assert info.status == "ok"
    made = build(graph)
    check(made)
    return made


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(4, 6, 3, 2, 1), (1, 4, 9, 9)),
        (nn.Conv2d(4, 8, (1, 3), padding="same", groups=4), (1, 4, 9, 9)),
        (nn.Conv1d(4, 6, 3, dilation=2), (2, 4, 16)),
        (nn.Conv3d(2, 3, 3), (1, 2, 5, 5, 5)),
        (nn.ConvTranspose2d(4, 6, 3, 2, 1, 1), (1, 4, 5, 5)),
        (nn.Linear(8, 3), (2, 5, 8)),
        (nn.LSTM(8, 6, 2, bidirectional=True, batch_first=True), (2, 5, 8)),
        (nn.GRU(8, 6), (5, 2, 8)),
        (nn.GRUCell(8, 6), (2, 8)),
        (nn.BatchNorm2d(4), (2, 4, 5, 5)),
        (nn.LayerNorm((5, 8)), (2, 5, 8)),
        (nn.RMSNorm(8), (2, 5, 8)),
        (nn.GroupNorm(2, 4), (1, 4, 5, 5)),
        (nn.InstanceNorm2d(4), (1, 4, 5, 5)),
        (nn.LocalResponseNorm(3), (1, 4, 5, 5)),
        (nn.PReLU(4), (1, 4, 5, 5)),
        (nn.Softmax(1), (2, 8)),
        (nn.MaxPool2d(3, 2, 1, ceil_mode=True), (1, 4, 8, 8)),
        (nn.AvgPool2d(2), (1, 4, 8, 8)),
        (nn.LPPool2d(2, 2), (1, 4, 8, 8)),
        (nn.AdaptiveAvgPool2d((2, 3)), (1, 4, 7, 7)),
        (nn.AdaptiveMaxPool1d(2), (1, 4, 7)),
        (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 4, 5, 5)),
        (nn.Unfold(3, padding=1), (1, 4, 5, 5)),
        (nn.PixelShuffle(2), (1, 8, 3, 3)),
        (nn.PixelUnshuffle(2), (1, 2, 4, 4)),
        (nn.ChannelShuffle(2), (1, 4, 3, 3)),
        (nn.ReflectionPad2d(1), (1, 4, 5, 5)),
        *(
            (act, (2, 6))
            for act in (nn.ReLU6(), nn.Hardswish(), nn.GELU(), nn.Mish(), nn.LogSigmoid(), nn.Threshold(0, 1))
        ),
    ],
    ids=lambda value: str(value),
)
def test_layers_run_as_their_graph_says(layer: nn.Module, shape: tuple[int, ...]) -> None:
    assert program(Whole(lambda own, x: own(x * 2), layer), shape).run()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.cat([x, 1 - x, x.roll(1, 2), x.flip(1)], 1),
        lambda x: torch.stack(x.chunk(2, 1) + x.split([1, 3], 1)[:0], 0),
        lambda x: x.permute(0, 2, 3, 1).reshape(1, -1, 4).transpose(1, 2) @ torch.ones(1, 36, 2),
        lambda x: x[:, 1:, None, ::2, 0].squeeze(2).repeat(1, 2, 1).contiguous(),
        lambda x: F.scaled_dot_product_attention(x, x, x),
        lambda x: torch.einsum("nchw,nchv->nwv", x, x).sum((1, 2)),
        lambda x: x.mean((2, 3), keepdim=True).expand(-1, -1, 6, 6) * x.std(1, keepdim=True) + x.amax(1, keepdim=True),
        lambda x: torch.where(x > 0.5, x, x.clamp(0, 0.2)).masked_fill(x < 0.1, 3.0),
        lambda x: x.max(1)[0].exp().pow(2).__rsub__(1).unsqueeze(0).clone(),
        lambda x: x.argmax(1).to(torch.float32) / 3 + x.unbind(1)[2].norm(dim=1, keepdim=True),
        lambda x: F.interpolate(F.pad(x, (1, 2)), size=(4, 4)).tril(1) + torch.zeros(4, 4),
        lambda x: F.max_pool2d(x, 2, return_indices=True)[0] + F.normalize(x, dim=1)[..., :3, :3],
        lambda x: x[:, [0, 2]].flatten(1).index_select(1, torch.tensor([1, 2])),
    ],
)
def test_functions_run_as_their_graph_says(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    assert program(Whole(function), (1, 4, 6, 6)).run()


def test_a_computed_weight_is_an_operand() -> None:
    standardised = Whole(lambda conv, x: F.conv2d(x, conv.weight - conv.weight.mean(), conv.bias), nn.Conv2d(3, 4, 3))
    made = program(standardised, (1, 3, 8, 8))
    assert made.run()[0].shape == (1, 4, 6, 6)


def test_shared_and_integer_operands() -> None:
    table = nn.Embedding(10, 4)
    graph, _ = live.trace(
        Whole(lambda table, ids: table(ids) @ table.weight.T, table), torch.zeros(2, 5, dtype=torch.long)
    )
    made = build(graph)
    check(made)
    assert made.run()[0].shape == (2, 5, 10)
    assert made.weights_bytes == 10 * 4 * 4


def test_the_values_stay_finite_through_a_deep_network() -> None:
    made = build(mobilenet_v2())
    found = made.run()[0]
    assert torch.isfinite(found).all()
    assert 1e-6 < found.abs().max() < 1e6
    again = build(mobilenet_v2()).run()[0]
    assert torch.equal(found, again)


def test_activations_are_freed_after_their_last_reader() -> None:
    b = GraphBuilder()
    x = b.input((1, 8))
    y = b.act(x)
    z = b.act(y)
    made = build(b.build(b.add(z, x)))
    assert [len(step.frees) for step in made.steps] == [0, 1, 1]
    assert made.stored[made.steps[0].reads[0]] is not None


def test_it_runs_on_meta_in_half_precision() -> None:
    made = build(mobilenet_v2(), torch.float16, "meta")
    check(made)
    assert made.run()[0].dtype == torch.float16


def test_what_torch_cannot_run_is_named() -> None:
    b = GraphBuilder()
    x = b.input((1, 8))
    y = b.op("other", [x], (1, 8), fn="somebody.function")
    z = b.op("elementwise", [y], (1, 8), fn="add")
    with pytest.raises(Unmeasurable) as caught:
        build(b.build(z))
    assert set(caught.value.reasons) == {0, 1}
    assert "somebody.function" in caught.value.reasons[0]
    assert "other operand" in caught.value.reasons[1]


def test_a_result_of_another_shape_is_an_error() -> None:
    b = GraphBuilder()
    b.op("pixel_shuffle", [b.input((1, 8, 2, 2))], (1, 4, 4, 4), factor=2)
    with pytest.raises(Unmeasurable, match=r"\[1, 2, 4, 4\] where the graph says \[1, 4, 4, 4\]"):
        check(build(b.build()))


def test_an_error_of_torch_is_told_with_its_op() -> None:
    b = GraphBuilder()
    x = b.input((1, 8, 2, 2))
    b.op("matmul", [x, b.parameter((3, 3))], (1, 8, 2, 3))
    with pytest.raises(Unmeasurable, match="op 0: torch cannot run matmul"):
        check(build(b.build()))
