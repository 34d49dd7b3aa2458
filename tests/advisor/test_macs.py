"""MACs against ``torch.utils.flop_counter`` on meta tensors, op by op."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from advisor.macs import op_macs
from tests.graphs import GraphBuilder


def counted(run) -> int:
    with FlopCounterMode(display=False) as mode:
        run()
    return mode.get_total_flops() // 2


def empty(*shape: int) -> torch.Tensor:
    return torch.empty(*shape, device="meta")


def only(b: GraphBuilder) -> int | None:
    graph = b.build()
    return op_macs(graph, graph.ops[-1])


@pytest.mark.parametrize("groups", [1, 4, 16])
def test_convolution(groups):
    b = GraphBuilder()
    b.conv(b.input((2, 16, 9, 9)), 32, 3, 2, groups=groups, bias=True)
    module = nn.Conv2d(16, 32, 3, 2, 1, groups=groups, device="meta")
    assert only(b) == counted(lambda: module(empty(2, 16, 9, 9)))


def test_transposed_convolution():
    b = GraphBuilder()
    weight = {"weight": b.parameter((16, 8, 4, 4))}
    attrs = {"kernel": [4, 4], "groups": 1, "transposed": True}
    b.op("conv", [b.input((2, 16, 7, 7))], (2, 8, 14, 14), weights=weight, **attrs)
    module = nn.ConvTranspose2d(16, 8, 4, 2, 1, device="meta")
    assert only(b) == counted(lambda: module(empty(2, 16, 7, 7)))


def test_linear_and_products():
    b = GraphBuilder()
    b.linear(b.input((2, 5, 16)), 32)
    assert only(b) == counted(lambda: nn.Linear(16, 32, device="meta")(empty(2, 5, 16)))
    b.matmul(b.input((2, 3, 5, 7), "a"), b.input((2, 3, 7, 4), "b"))
    assert only(b) == counted(lambda: empty(2, 3, 5, 7) @ empty(2, 3, 7, 4))
    b.op("addmm", [b.input((4,), "c"), b.input((5, 7), "d"), b.input((7, 4), "e")], (5, 4))
    assert only(b) == counted(lambda: torch.addmm(empty(4), empty(5, 7), empty(7, 4)))


def test_attention():
    b = GraphBuilder()
    q, k, v = b.input((2, 4, 10, 8), "q"), b.input((2, 4, 12, 8), "k"), b.input((2, 4, 12, 8), "v")
    b.attention(q, k, v)
    shapes = ((2, 4, 10, 8), (2, 4, 12, 8), (2, 4, 12, 8))
    assert only(b) == counted(lambda: F.scaled_dot_product_attention(*(empty(*s) for s in shapes)))


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
        ("bhid,bhjd->bhij", [(2, 3, 4, 5), (2, 3, 6, 5)]),
        ("...ij,jk->...ik", [(2, 7, 3, 4), (4, 5)]),
        ("bhwc,hkc->bhwk", [(2, 3, 4, 5), (3, 6, 5)]),
        ("ij,jk", [(3, 4), (4, 5)]),
        ("ab,bc,cd->ad", [(2, 3), (3, 4), (4, 5)]),
    ],
)
def test_einsum(equation, shapes):
    b = GraphBuilder()
    result = torch.einsum(equation, *(empty(*s) for s in shapes)).shape
    b.op("einsum", [b.input(s, str(i)) for i, s in enumerate(shapes)], tuple(result), equation=equation)
    with torch.backends.opt_einsum.flags(enabled=False):
        assert only(b) == counted(lambda: torch.einsum(equation, *(empty(*s) for s in shapes)))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("lstm", {}),
        ("gru", {"bidirectional": True, "num_layers": 2}),
        ("rnn", {"num_layers": 3}),
        ("lstm", {"proj_size": 4, "bidirectional": True, "num_layers": 2}),
    ],
)
def test_recurrent_layers(kind, options):
    b = GraphBuilder()
    b.op(
        "rnn",
        [b.input((2, 6, 8))],
        (2, 6, 16),
        kind=kind,
        hidden=16,
        layers=options.get("num_layers", 1),
        bidirectional=options.get("bidirectional", False),
        batch_first=True,
        projection=options.get("proj_size", 0),
    )
    module = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[kind](8, 16, batch_first=True, device="meta", **options)
    assert only(b) == counted(lambda: module(empty(2, 6, 8)))


def test_what_multiplies_nothing_is_zero_and_what_is_unknown_is_none():
    b = GraphBuilder()
    x = b.input((1, 4, 8, 8))
    b.act(x)
    assert only(b) == 0
    b.op("other", [x], (1, 4, 8, 8), fn="fft")
    assert only(b) is None
    b.op("matmul", [x, x], (1, 4, 8, -1))
    assert only(b) is None
